"""Tables of one subject: what facts said before they were changed or taken back."""

from typing import Final

from collector.store.schema.migration import Migration

STEP: Final = Migration(
    15,
    "what facts said before",
    (
        # the row as it stood; its version is never given again
        """CREATE TABLE fact_past (
            school_code TEXT NOT NULL REFERENCES school (code),
            key TEXT NOT NULL,
            grade TEXT NOT NULL,
            value TEXT NOT NULL,
            source TEXT NOT NULL,
            noted_on TEXT NOT NULL,
            noted_by TEXT NOT NULL,
            version {int} NOT NULL,
            PRIMARY KEY (school_code, key, grade, version)
        ) {strict}""",
    ),
)
