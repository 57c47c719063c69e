"""Tables of one subject: what agents say of themselves, and their identities.

Times are whole microseconds since 1970 UTC by the collector's clock. Of secrets only hashes are
kept; of networks only what the appliance hashed under its own key.
"""

from typing import Final

from collector.store.schema.migration import Migration

STEP: Final = Migration(
    8,
    "what agents say of themselves, and their identities",
    (
        # the newest heartbeat; body: its JSON text; sent_offset_seconds: arrival less the time
        # that it says it was sent
        """CREATE TABLE agent_beat (
            agent_id TEXT PRIMARY KEY NOT NULL REFERENCES agent (agent_id),
            received_at {int} NOT NULL,
            first_received_at {int} NOT NULL,
            life_id TEXT NOT NULL,
            sent_offset_seconds {real} NOT NULL,
            hints TEXT NOT NULL,
            body TEXT NOT NULL
        ) {strict}""",
        # one run of the program on one machine; two that overlap in time are two machines
        """CREATE TABLE agent_life (
            agent_id TEXT NOT NULL REFERENCES agent (agent_id),
            life_id TEXT NOT NULL,
            boot_id TEXT NOT NULL,
            began_by {int} NOT NULL,
            alive_at {int} NOT NULL,
            life_seconds {real} NOT NULL,
            first_order {int} NOT NULL,
            last_order {int} NOT NULL,
            PRIMARY KEY (agent_id, life_id)
        ) {strict}""",
        # where the agent is at home, and another place it has been seen at since
        """CREATE TABLE agent_place (
            agent_id TEXT PRIMARY KEY NOT NULL REFERENCES agent (agent_id),
            gateway TEXT,
            subnet TEXT,
            public_address TEXT,
            since {int} NOT NULL,
            other_gateway TEXT,
            other_subnet TEXT,
            other_public_address TEXT,
            other_count {int} NOT NULL DEFAULT 0
        ) {strict}""",
        # open while cleared_at is null
        """CREATE TABLE agent_flag (
            agent_id TEXT NOT NULL REFERENCES agent (agent_id),
            flag TEXT NOT NULL,
            raised_at {int} NOT NULL,
            detail TEXT NOT NULL,
            cleared_at {int},
            cleared_by TEXT,
            PRIMARY KEY (agent_id, flag, raised_at)
        ) {strict}""",
        """CREATE TABLE agent_standing (
            agent_id TEXT PRIMARY KEY NOT NULL REFERENCES agent (agent_id),
            state TEXT NOT NULL,
            since {int} NOT NULL,
            candidate TEXT,
            candidate_since {int}
        ) {strict}""",
        """CREATE TABLE agent_state_change (
            agent_id TEXT NOT NULL REFERENCES agent (agent_id),
            changed_at {int} NOT NULL,
            state TEXT NOT NULL,
            former TEXT,
            detail TEXT NOT NULL,
            PRIMARY KEY (agent_id, changed_at, state)
        ) {strict}""",
        # one row: when somebody last looked at the fleet, and since when heartbeats could arrive
        """CREATE TABLE fleet_watch (
            id {int} PRIMARY KEY NOT NULL CHECK (id = 1),
            ticked_at {int} NOT NULL,
            listening_since {int} NOT NULL
        ) {strict}""",
        """CREATE TABLE agent_secret (
            agent_id TEXT PRIMARY KEY NOT NULL REFERENCES agent (agent_id),
            issued_at {int} NOT NULL,
            offered_sha256 TEXT UNIQUE,
            offered_at {int}
        ) {strict}""",
        """CREATE TABLE agent_old_secret (
            token_sha256 TEXT PRIMARY KEY NOT NULL,
            agent_id TEXT NOT NULL REFERENCES agent (agent_id),
            retired_at {int} NOT NULL
        ) {strict}""",
        """CREATE TABLE agent_replacement (
            agent_id TEXT PRIMARY KEY NOT NULL REFERENCES agent (agent_id),
            asked_at {int} NOT NULL,
            asked_by TEXT NOT NULL,
            code_sha256 TEXT NOT NULL,
            successor_id TEXT REFERENCES agent (agent_id),
            replaced_at {int}
        ) {strict}""",
        """CREATE TABLE code_guess (
            guessed_at {int} NOT NULL,
            peer TEXT NOT NULL
        ) {strict}""",
        "CREATE INDEX code_guess_by_time ON code_guess (guessed_at)",
        "ALTER TABLE agent ADD COLUMN token_expires_at {int}",
    ),
)
