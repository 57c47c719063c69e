"""Tables of one subject: slots of throughput tests, rehearsals."""

from typing import Final

from collector.store.schema.migration import Migration

STEP: Final = Migration(
    10,
    "slots of throughput tests, rehearsals",
    (
        # only the public half: the private one is a file of the collector that made it
        """CREATE TABLE slot_key (
            key_id TEXT NOT NULL PRIMARY KEY,
            public_key {bytes} NOT NULL,
            made_at {int} NOT NULL,
            retired_at {int}
        ) {strict}""",
        """CREATE TABLE responder (
            name TEXT NOT NULL PRIMARY KEY,
            target TEXT NOT NULL UNIQUE,
            capacity_bps {int} NOT NULL,
            capacity_tests {int} NOT NULL,
            added_at {int} NOT NULL
        ) {strict}""",
        # payload: the claims of the token, for a reply that was lost; without a signature they
        # are no credential. holds_until: nobody else before that, unless released_at is set
        """CREATE TABLE slot (
            token_id TEXT NOT NULL PRIMARY KEY,
            request_id TEXT NOT NULL,
            agent_id TEXT NOT NULL,
            school_code TEXT NOT NULL,
            upstream TEXT NOT NULL,
            responder TEXT NOT NULL,
            purpose TEXT NOT NULL,
            reserved_bps {int} NOT NULL,
            payload {bytes} NOT NULL,
            granted_at {int} NOT NULL,
            likely_until {int} NOT NULL,
            holds_until {int} NOT NULL,
            released_at {int},
            rehearsal_id TEXT,
            waited_seconds {real} NOT NULL,
            UNIQUE (agent_id, request_id)
        ) {strict}""",
        "CREATE INDEX slot_by_end ON slot (holds_until)",
        "CREATE INDEX slot_by_rehearsal ON slot (rehearsal_id)",
        # one place in the line for an agent; number says who came first
        """CREATE TABLE slot_wait (
            agent_id TEXT NOT NULL PRIMARY KEY,
            number {int} NOT NULL UNIQUE,
            upstream TEXT NOT NULL,
            responder TEXT NOT NULL,
            reserved_bps {int} NOT NULL,
            likely_seconds {real} NOT NULL,
            asked_at {int} NOT NULL,
            keep_until {int} NOT NULL
        ) {strict}""",
        """CREATE TABLE rehearsal (
            rehearsal_id TEXT NOT NULL PRIMARY KEY,
            upstream TEXT NOT NULL,
            responder TEXT NOT NULL,
            started_by TEXT NOT NULL,
            made_at {int} NOT NULL,
            starts_at {int} NOT NULL,
            ends_at {int} NOT NULL,
            stopped_at {int},
            stopped_by TEXT
        ) {strict}""",
        "CREATE INDEX rehearsal_by_end ON rehearsal (ends_at)",
    ),
)
