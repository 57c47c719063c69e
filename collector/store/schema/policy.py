"""Tables of one subject: policies, suppression, measuring now.

A scope is whom something is for: ``city`` (its name is empty), ``group`` (an aggregation group),
``list`` (a named list of schools) or ``school`` (its code).
"""

from typing import Final

from collector.store.schema.migration import Migration

_SCOPE: Final = """scope_kind TEXT NOT NULL
                CHECK (scope_kind IN ('city', 'group', 'list', 'school')),
            scope_name TEXT NOT NULL,"""

STEP: Final = Migration(
    9,
    "policies, suppression, measuring now",
    (
        # kept for ever; the newest of a scope is in force. document: canonical JSON, empty where
        # the layer was removed
        f"""CREATE TABLE policy_version (
            revision {{int}} PRIMARY KEY NOT NULL,
            {_SCOPE}
            document TEXT NOT NULL,
            sha256 TEXT NOT NULL,
            note TEXT NOT NULL,
            set_at {{int}} NOT NULL,
            set_by TEXT NOT NULL
        ) {{strict}}""",
        "CREATE INDEX policy_version_by_scope ON policy_version (scope_kind, scope_name, revision)",
        """CREATE TABLE school_list (
            name TEXT NOT NULL,
            school_code TEXT NOT NULL REFERENCES school (code),
            PRIMARY KEY (name, school_code)
        ) {strict}""",
        "CREATE INDEX school_list_by_school ON school_list (school_code)",
        # in force while until is to come and lifted_at is null
        f"""CREATE TABLE suppression (
            suppression_id {{int}} PRIMARY KEY NOT NULL,
            {_SCOPE}
            until {{int}} NOT NULL,
            reason TEXT NOT NULL,
            set_at {{int}} NOT NULL,
            set_by TEXT NOT NULL,
            lifted_at {{int}},
            lifted_by TEXT
        ) {{strict}}""",
        "CREATE INDEX suppression_by_end ON suppression (until)",
        # one use: agent_id is the first agent that it was given to; details: JSON of the test
        """CREATE TABLE measure_now (
            command_id TEXT PRIMARY KEY NOT NULL,
            school_code TEXT NOT NULL REFERENCES school (code),
            details TEXT NOT NULL,
            asked_at {int} NOT NULL,
            asked_by TEXT NOT NULL,
            expires_at {int} NOT NULL,
            agent_id TEXT,
            delivered_at {int},
            finished_at {int},
            result_id TEXT
        ) {strict}""",
        "CREATE INDEX measure_now_by_school ON measure_now (school_code, asked_at)",
    ),
)
