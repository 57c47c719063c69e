"""What is known of schools' networks, in portable SQL.

A change names the version it was made from; raises :class:`EditedMeanwhile` where another stands.
"""

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Any, Final

from collector.programme.model import Fact, Grade
from collector.programme.row_parts import next_version, where_of
from collector.store.sql import Sql

_FACT: Final = "school_code, key, grade, value, source, noted_on, noted_by, version"
_ONE: Final = "WHERE school_code = ? AND key = ? AND grade = ?"


def facts(sql: Sql, school_code: str | None = None) -> list[Fact]:
    """Facts of one school, or of all; by school, key and grade."""
    where, given = where_of(school_code)
    rows = sql.execute(
        f"SELECT {_FACT} FROM fact {where} ORDER BY school_code, key, grade",  # noqa: S608 - constants
        given,
    )
    return [_fact(row) for row in rows]


def past_facts(sql: Sql, school_code: str) -> list[Fact]:
    """What was changed or taken back of one school's facts; by key, grade and version."""
    rows = sql.execute(
        f"SELECT {_FACT} FROM fact_past WHERE school_code = ? ORDER BY key, grade, version",  # noqa: S608 - constants
        (school_code,),
    )
    return [_fact(row) for row in rows]


def put_fact(sql: Sql, fact: Fact) -> Fact:
    """Keep a fact; ``fact.version`` is the one it was made from (0: there is none).

    What it replaces is kept among :func:`past_facts`. A fact that was taken back and is noted
    again goes on with the next version, so that nobody's older page fits it.
    """
    key = (fact.school_code, fact.key, fact.grade.value)
    _require(sql, key, fact.version)
    newest = sql.execute(f"SELECT max(version) FROM fact_past {_ONE}", key).fetchone()[0]  # noqa: S608 - constants
    version = max(fact.version, newest or 0) + 1
    _to_past(sql, key)
    _keep_fact(sql, fact, version)
    return replace(fact, version=version)


def replace_measured(sql: Sql, school_codes: Iterable[str], measured: Iterable[Fact]) -> None:
    """Replace all facts of grade agent of these schools: they are recomputed, not edited."""
    for code in school_codes:
        sql.execute("DELETE FROM fact WHERE school_code = ? AND grade = ?", (code, Grade.AGENT))
    for fact in measured:
        _keep_fact(sql, fact, 1)


def remove_fact(sql: Sql, school_code: str, key: str, grade: Grade, version: int) -> None:
    """Take a fact back; what it said is kept among :func:`past_facts`. Raises as put_fact."""
    of = (school_code, key, grade.value)
    _require(sql, of, version)
    _to_past(sql, of)
    sql.execute(f"DELETE FROM fact {_ONE}", of)  # noqa: S608 - constants


def _require(sql: Sql, key: tuple[str, str, str], version: int) -> None:
    school_code, name, grade = key
    sql.lock(f"fact {school_code}")
    found = sql.execute(f"SELECT version FROM fact {_ONE}", key).fetchone()  # noqa: S608 - constants
    next_version(found, version, f"{name} of {school_code} ({grade})")


def _to_past(sql: Sql, key: tuple[str, str, str]) -> None:
    sql.execute(
        f"INSERT INTO fact_past ({_FACT}) SELECT {_FACT} FROM fact {_ONE}",  # noqa: S608 - constants
        key,
    )


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


def _fact(row: Any) -> Fact:  # noqa: ANN401 - a row as it was asked for
    return Fact(
        school_code=row[0],
        key=row[1],
        grade=Grade(row[2]),
        value=json.loads(row[3]),
        source=row[4],
        noted_on=date.fromisoformat(row[5]),
        noted_by=row[6],
        version=row[7],
    )
