"""Tables of one subject: who approved which check of a school's network."""

from typing import Final

from collector.store.schema.migration import Migration

STEP: Final = Migration(
    16,
    "approvals of checks of the LAN",
    (
        # kept for ever. checks and networks: words with blanks between; holds from valid_from until
        # before valid_until while revoked_at is null
        """CREATE TABLE lan_approval (
            number {int} PRIMARY KEY NOT NULL,
            school_code TEXT NOT NULL REFERENCES school (code),
            approved_by TEXT NOT NULL,
            approver_role TEXT NOT NULL,
            checks TEXT NOT NULL,
            networks TEXT NOT NULL,
            note TEXT NOT NULL,
            valid_from {int} NOT NULL,
            valid_until {int} NOT NULL,
            granted_at {int} NOT NULL,
            granted_by TEXT NOT NULL,
            revoked_at {int},
            revoked_by TEXT
        ) {strict}""",
        "CREATE INDEX lan_approval_by_school ON lan_approval (school_code, valid_until)",
    ),
)
