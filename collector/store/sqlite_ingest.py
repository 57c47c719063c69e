"""Writing batches into SQLite: the one path where speed counts."""

from collections.abc import Sequence
from typing import Final

from collector.store.ingest_rows import RESULT_COLUMNS, gather, insert_rest
from collector.store.interface import Batch
from collector.store.sql import Sql

_RESULT: Final = f"""INSERT INTO result VALUES ({", ".join("?" * RESULT_COLUMNS)})
    ON CONFLICT (agent_id, started_at, result_id) DO NOTHING"""  # noqa: S608 - constants


def insert_batches(connection: Sql, batches: Sequence[Batch]) -> None:
    """Insert all of it inside the transaction of the caller."""
    group = gather(batches)
    new = bool(group.results) and connection.executemany(_RESULT, group.results).rowcount > 0
    insert_rest(connection, group, new_results=new)
