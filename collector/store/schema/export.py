"""Tables of one subject: what has been written to time-series stores."""

from typing import Final

from collector.store.schema.migration import Migration

STEP: Final = Migration(
    12,
    "what has been written to time-series stores",
    (
        "CREATE INDEX result_by_arrival ON result (received_at)",
        """CREATE TABLE export_cursor (
            store TEXT PRIMARY KEY NOT NULL,
            settled_at {int} NOT NULL,
            holder TEXT NOT NULL,
            held_until {int} NOT NULL
        ){strict}""",
        # results that arrived after settled_at and were written already
        """CREATE TABLE export_written (
            store TEXT NOT NULL,
            received_at {int} NOT NULL,
            agent_id TEXT NOT NULL,
            result_id TEXT NOT NULL,
            PRIMARY KEY (store, received_at, agent_id, result_id)
        ){strict}""",
    ),
)
