"""What is known of schools' networks, in portable SQL.

A change names the version it was made from; raises :class:`EditedMeanwhile` where another stands.
"""

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Final

from collector.programme.model import Fact, Grade
from collector.programme.row_parts import next_version, where_of
from collector.store.sql import Sql

_FACT: Final = "school_code, key, grade, value, source, noted_on, noted_by, version"


def facts(sql: Sql, school_code: str | None = None) -> list[Fact]:
    """Facts of one school, or of all; by school, key and grade."""
    where, given = where_of(school_code)
    rows = sql.execute(
        f"SELECT {_FACT} FROM fact {where} ORDER BY school_code, key, grade",  # noqa: S608 - constants
        given,
    )
    return [
        Fact(
            school_code=row[0],
            key=row[1],
            grade=Grade(row[2]),
            value=json.loads(row[3]),
            source=row[4],
            noted_on=date.fromisoformat(row[5]),
            noted_by=row[6],
            version=row[7],
        )
        for row in rows
    ]


def put_fact(sql: Sql, fact: Fact) -> Fact:
    """Keep a fact; ``fact.version`` is the one it was made from (0: there was none)."""
    key = (fact.school_code, fact.key, fact.grade.value)
    sql.lock(f"fact {fact.school_code}")
    version = next_version(
        sql.execute(
            "SELECT version FROM fact WHERE school_code = ? AND key = ? AND grade = ?", key
        ).fetchone(),
        fact.version,
        f"{fact.key} of {fact.school_code} ({fact.grade.value})",
    )
    _keep_fact(sql, fact, version)
    return replace(fact, version=version)


def replace_measured(sql: Sql, school_codes: Iterable[str], measured: Iterable[Fact]) -> None:
    """Replace all facts of grade agent of these schools: they are recomputed, not edited."""
    for code in school_codes:
        sql.execute("DELETE FROM fact WHERE school_code = ? AND grade = ?", (code, Grade.AGENT))
    for fact in measured:
        _keep_fact(sql, fact, 1)


def remove_fact(sql: Sql, school_code: str, key: str, grade: Grade, version: int) -> None:
    """Take a fact back; raises as :func:`put_fact`."""
    sql.lock(f"fact {school_code}")
    given = (school_code, key, grade.value)
    found = sql.execute(
        "SELECT version FROM fact WHERE school_code = ? AND key = ? AND grade = ?", given
    ).fetchone()
    next_version(found, version, f"{key} of {school_code} ({grade.value})")
    sql.execute("DELETE FROM fact WHERE school_code = ? AND key = ? AND grade = ?", given)


def _keep_fact(sql: Sql, fact: Fact, version: int) -> None:
    sql.execute(
        f"INSERT INTO fact ({_FACT}) VALUES (?, ?, ?, ?, ?, ?, ?, ?) "  # noqa: S608 - constants
        "ON CONFLICT (school_code, key, grade) DO UPDATE SET value = excluded.value, "
        "source = excluded.source, noted_on = excluded.noted_on, noted_by = excluded.noted_by, "
        "version = excluded.version",
        (
            fact.school_code,
            fact.key,
            fact.grade.value,
            json.dumps(fact.value, ensure_ascii=False),
            fact.source,
            fact.noted_on.isoformat(),
            fact.noted_by,
            version,
        ),
    )
