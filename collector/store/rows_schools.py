"""Schools, the survey baseline and settings, in portable SQL."""

from collections.abc import Sequence
from typing import Any, Final

from collector.schools.model import BaselineEntry, Kind, Line, School
from collector.store.sql import Sql

_COLUMNS: Final = """code, name, kind, region, pupils, line, contracted_mbps, sample, latitude,
    longitude, aggregation_group"""
_UPSERT: Final = f"""INSERT INTO school ({_COLUMNS}) VALUES ({", ".join("?" * 11)})
    ON CONFLICT (code) DO UPDATE SET (name, kind, region, pupils, line, contracted_mbps, sample,
    latitude, longitude, aggregation_group) = (excluded.name, excluded.kind, excluded.region,
    excluded.pupils, excluded.line, excluded.contracted_mbps, excluded.sample, excluded.latitude,
    excluded.longitude, excluded.aggregation_group)"""  # noqa: S608 - constants


def import_schools(connection: Sql, schools: Sequence[School]) -> None:
    """Insert or update all of them. Verdicts stand as they were judged."""
    connection.executemany(_UPSERT, [_values(school) for school in schools])


def all_schools(connection: Sql) -> list[School]:
    """All schools, by code."""
    rows = connection.execute(f"SELECT {_COLUMNS} FROM school ORDER BY code")  # noqa: S608 - constants
    return [_school(row) for row in rows]


def school(connection: Sql, code: str) -> School | None:
    """One school."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM school WHERE code = ?",  # noqa: S608 - constants
        (code,),
    ).fetchone()
    return None if row is None else _school(row)


def import_baseline(connection: Sql, entries: Sequence[BaselineEntry]) -> None:
    """Replace the survey baseline."""
    connection.lock("baseline")
    connection.execute("DELETE FROM baseline")
    connection.executemany(
        "INSERT INTO baseline (school_code, met, measured_bps, surveyed_on, source) "
        "VALUES (?, ?, ?, ?, ?)",
        [
            (entry.school_code, entry.met, entry.measured_bps, entry.surveyed_on, entry.source)
            for entry in entries
        ],
    )


def baseline(connection: Sql) -> dict[str, BaselineEntry]:
    """Survey baseline by school code."""
    rows = connection.execute(
        "SELECT school_code, met, measured_bps, surveyed_on, source FROM baseline"
    )
    return {
        code: BaselineEntry(
            school_code=code, met=bool(met), measured_bps=bps, surveyed_on=day, source=source
        )
        for code, met, bps, day, source in rows
    }


def setting(connection: Sql, name: str) -> str | None:
    """A setting."""
    row = connection.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])


def set_setting(connection: Sql, name: str, value: str) -> None:
    """Keep a setting."""
    connection.execute(
        "INSERT INTO setting VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, value),
    )


def _values(one: School) -> tuple[object, ...]:
    return (
        one.code,
        one.name,
        one.kind.value,
        one.region,
        one.pupils,
        one.line.value,
        one.contracted_mbps,
        one.sample,
        one.latitude,
        one.longitude,
        one.aggregation_group,
    )


def _school(row: tuple[Any, ...]) -> School:
    return School(
        code=row[0],
        name=row[1],
        kind=Kind(row[2]),
        region=row[3],
        pupils=row[4],
        line=Line(row[5]),
        contracted_mbps=row[6],
        sample=bool(row[7]),
        latitude=row[8],
        longitude=row[9],
        aggregation_group=row[10],
    )
