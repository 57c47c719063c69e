"""Writing batches into PostgreSQL: a binary COPY into a stage of this connection, then an INSERT.

COPY is the cheapest way in but knows no ON CONFLICT; the stage is a temporary table that empties
itself at each commit. Rows go on in the order of their key, so that two collectors that bring
the same results wait for each other in a row and not in a ring.
"""

from collections.abc import Sequence
from typing import Final

from collector.store.ingest_rows import Group, gather, insert_rest
from collector.store.interface import Batch
from collector.store.postgres_partitions import Partitions
from collector.store.postgres_sql import PostgresSql

STAGE: Final = """CREATE TEMPORARY TABLE IF NOT EXISTS result_stage (LIKE result)
    ON COMMIT DELETE ROWS"""
_TYPES: Final = (
    *("text", "int8", "text", "text", "int8", "text", "int8", "text", "text", "text", "text"),
    *("text", "text", "float8", "float8", "float8", "float8", "int8", "bytea"),
)
_COPY: Final = "COPY result_stage FROM STDIN (FORMAT BINARY)"
_INSERT: Final = """INSERT INTO result SELECT * FROM result_stage
    ORDER BY agent_id, started_at, result_id
    ON CONFLICT (agent_id, started_at, result_id) DO NOTHING"""


def insert_batches(sql: PostgresSql, batches: Sequence[Batch], partitions: Partitions) -> None:
    """Insert all of it inside the transaction of the caller."""
    group = gather(batches)
    partitions.ensure(sql, group.days)
    new = bool(group.results) and _insert_results(sql, group) > 0
    insert_rest(sql, group, new_results=new)


def _insert_results(sql: PostgresSql, group: Group) -> int:
    with sql.raw.cursor() as cursor:
        with cursor.copy(_COPY) as copy:
            copy.set_types(_TYPES)
            for row in group.results:
                copy.write_row(row)
        return cursor.execute(_INSERT).rowcount
