"""Writing batches into PostgreSQL: a binary COPY, and an INSERT where a result is there already.

COPY is the cheapest way in but knows no ON CONFLICT. So new results, which nearly all are, are
copied straight into the table; where one of them is there already, all are taken back and copied
into a stage, a temporary table that empties itself at each commit, and inserted from there. Rows
go in the order of their key, so that two collectors that bring the same results wait for each
other in a row and not in a ring; those of several months, which lie in several tables, go by the
stage, since COPY does not keep the order between tables.
"""

from collections.abc import Sequence
from operator import itemgetter
from typing import Any, Final, LiteralString

import psycopg

from collector.store.ingest_rows import Group, gather, insert_rest
from collector.store.interface import Batch
from collector.store.postgres_partitions import Partitions, month_of
from collector.store.postgres_sql import PostgresSql

STAGE: Final = """CREATE TEMPORARY TABLE IF NOT EXISTS result_stage (LIKE result)
    ON COMMIT DELETE ROWS"""
_TYPES: Final = (
    *("text", "int8", "text", "text", "int8", "text", "int8", "text", "text", "text", "text"),
    *("text", "text", "float8", "float8", "float8", "float8", "int8", "bytea"),
)
_COPY_NEW: Final = "COPY result FROM STDIN (FORMAT BINARY)"
_COPY: Final = "COPY result_stage FROM STDIN (FORMAT BINARY)"
_INSERT: Final = """INSERT INTO result SELECT * FROM result_stage
    ORDER BY agent_id, started_at, result_id
    ON CONFLICT (agent_id, started_at, result_id) DO NOTHING"""

_KEY: Final = itemgetter(0, 1, 2)


def insert_batches(sql: PostgresSql, batches: Sequence[Batch], partitions: Partitions) -> None:
    """Insert all of it inside the transaction of the caller."""
    group = gather(batches)
    partitions.ensure(sql, group.days)
    new = bool(group.results) and _insert_results(sql, group) > 0
    insert_rest(sql, group, new_results=new)


def _insert_results(sql: PostgresSql, group: Group) -> int:
    """Give how many were new."""
    with sql.raw.cursor() as cursor:
        if not group.suspect and len({month_of(day) for day in group.days}) == 1:
            group.results.sort(key=_KEY)
            cursor.execute("SAVEPOINT all_new")
            try:
                _copy(cursor, _COPY_NEW, group)
            except psycopg.errors.UniqueViolation:
                cursor.execute("ROLLBACK TO SAVEPOINT all_new")
            else:
                return len(group.results)
        _copy(cursor, _COPY, group)
        return cursor.execute(_INSERT).rowcount


def _copy(cursor: psycopg.Cursor[Any], into: LiteralString, group: Group) -> None:
    with cursor.copy(into) as copy:
        copy.set_types(_TYPES)
        for row in group.results:
            copy.write_row(row)
