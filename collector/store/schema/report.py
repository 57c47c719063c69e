"""Table of one subject: which collector hands reports out at the moment."""

from typing import Final

from collector.store.schema.migration import Migration

STEP: Final = Migration(
    14,
    "who delivers reports",
    (
        # one row; of several collectors the one that holds it issues and delivers
        """CREATE TABLE report_lease (
            name TEXT PRIMARY KEY NOT NULL,
            holder TEXT NOT NULL,
            held_until {int} NOT NULL
        ) {strict}""",
    ),
)
