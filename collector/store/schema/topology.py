"""Tables of one subject: what people know of a school's network, and how it was week by week."""

from typing import Final

from collector.store.schema.migration import Migration

STEP: Final = Migration(
    17,
    "topology",
    (
        # kept for ever; the newest of a school is in force. document: canonical JSON of all edits
        """CREATE TABLE topology_edit (
            school_code TEXT NOT NULL REFERENCES school (code),
            version {int} NOT NULL,
            document TEXT NOT NULL,
            changed_at {int} NOT NULL,
            changed_by TEXT NOT NULL,
            PRIMARY KEY (school_code, version)
        ) {strict}""",
        # document: JSON of devices and links as they stood last in that week
        """CREATE TABLE topology_week (
            school_code TEXT NOT NULL REFERENCES school (code),
            week TEXT NOT NULL,
            simulated {int} NOT NULL CHECK (simulated IN (0, 1)),
            document TEXT NOT NULL,
            made_at {int} NOT NULL,
            PRIMARY KEY (school_code, week, simulated)
        ) {strict}""",
    ),
)
