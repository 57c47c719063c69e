"""Tables of one subject: operators, their sessions, the audit log."""

from typing import Final

from collector.store.schema.migration import Migration

STEP: Final = Migration(
    7,
    "operators, their sessions, the audit log",
    (
        # must_change: somebody else knows the password, so it opens nothing but its own change
        # password_hash: argon2id in PHC form; NULL where only the identity provider signs them in
        """CREATE TABLE operator (
            operator_id TEXT NOT NULL PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            role TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'administrator')),
            password_hash TEXT,
            must_change {int} NOT NULL DEFAULT 0,
            provider_subject TEXT UNIQUE,
            created_at {int} NOT NULL,
            disabled_at {int}
        ) {strict}""",
        """CREATE TABLE operator_session (
            token_sha256 TEXT NOT NULL PRIMARY KEY,
            operator_id TEXT NOT NULL REFERENCES operator (operator_id),
            created_at {int} NOT NULL,
            last_used_at {int} NOT NULL
        ) {strict}""",
        "CREATE INDEX operator_session_by_operator ON operator_session (operator_id)",
        # browsers that signed in before: a lock made by strangers does not hold for them
        """CREATE TABLE operator_device (
            token_sha256 TEXT NOT NULL PRIMARY KEY,
            operator_id TEXT NOT NULL REFERENCES operator (operator_id),
            last_used_at {int} NOT NULL
        ) {strict}""",
        "CREATE INDEX operator_device_by_operator ON operator_device (operator_id)",
        # bucket: 'account NAME', 'address NETWORK' or 'device HASH'
        """CREATE TABLE sign_in_failure (
            bucket TEXT NOT NULL PRIMARY KEY,
            failures {int} NOT NULL,
            last_failed_at {int} NOT NULL,
            locked_until {int} NOT NULL
        ) {strict}""",
        # detail: JSON text, hashed as it stands; previous_sha256 is empty in the first record
        """CREATE TABLE audit_log (
            number {int} NOT NULL PRIMARY KEY,
            at {int} NOT NULL,
            actor TEXT NOT NULL,
            action TEXT NOT NULL,
            subject TEXT NOT NULL,
            detail TEXT NOT NULL,
            previous_sha256 TEXT NOT NULL,
            sha256 TEXT NOT NULL UNIQUE
        ) {strict}""",
        "CREATE INDEX audit_log_by_action ON audit_log (action, number)",
    ),
)
