"""Questions of the roll-ups, in portable SQL."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from collector.rollup.figures import FIGURES, IN_COLUMNS
from collector.rollup.fold import DAY, Bucket, Raw, Series, pack, summary, unpack
from collector.store.ingest_rows import MARK_HOUR
from collector.store.sql import Sql
from collector.store.times import AFTER_ARRIVAL, BEFORE_ARRIVAL, MICROSECOND

Span = Literal["hour", "day"]
LOCK: Final = "rollup"
BELIEVED: Final = (
    f"(started_at BETWEEN received_at - {BEFORE_ARRIVAL // MICROSECOND} "
    f"AND received_at + {AFTER_ARRIVAL // MICROSECOND})"
)
_ASKED: Final = sorted(
    probe for probe, names in FIGURES.items() if any(name not in IN_COLUMNS for name in names)
)
_RAW: Final = f"""SELECT started_at, probe, target, segment, simulated, outcome, download_bps,
    upload_bps, CASE WHEN outcome = 'ok' AND probe IN ({", ".join("?" * len(_ASKED))})
    THEN record END
    FROM result WHERE school_code = ? AND started_at >= ? AND started_at < ? AND {BELIEVED}"""  # noqa: S608 - constants
_COUNTS: Final = """SELECT started_at, probe, target, segment, simulated, ok_count, failed_count,
    deferred_count, invalid_count FROM rollup
    WHERE school_code = ? AND span = ? AND started_at >= ? AND started_at < ?"""
_VALUES: Final = """SELECT started_at, probe, target, segment, simulated, name, value_count,
    value_sum, value_min, value_max, value_median, ordered FROM rollup_value
    WHERE school_code = ? AND span = ? AND started_at >= ? AND started_at < ?"""
_KEY: Final = "school_code = ? AND span = ? AND started_at = ?"


class Due(NamedTuple):
    """One hour or day of a school that is to be rolled up (again)."""

    started_at: int
    school_code: str
    generation: int


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored bucket, in the form in which a fresh one is compared with it."""

    counts: tuple[int, ...]
    values: Mapping[str, tuple[Any, ...]]
    """(count, sum, minimum, maximum, median) and, of an hour, all values, by name."""


def due(sql: Sql, span: Span, limit: int, before: int, now: int) -> list[Due]:
    """What is to be done, newest first: people look at today.

    A mark begins as the time of the first result since the last roll-up: only those that began
    before ``before`` are given, and those from later than ``now``, of a clock that went back.
    """
    rows = sql.execute(
        "SELECT started_at, school_code, generation FROM rollup_due WHERE span = ? "
        "AND NOT generation BETWEEN ? AND ? "
        "ORDER BY started_at DESC, school_code LIMIT ?",
        (span, before, now, limit),
    )
    return [Due(*row) for row in rows]


def waiting(sql: Sql) -> int:
    """How many hours and days are to be done."""
    count: int = sql.execute("SELECT count(*) FROM rollup_due").fetchone()[0]
    return count


def is_due(sql: Sql, span: Span, started_at: int, school_code: str) -> bool:
    """Whether this one is to be done."""
    found = sql.execute(
        "SELECT 1 FROM rollup_due WHERE span = ? AND started_at = ? AND school_code = ?",
        (span, started_at, school_code),
    )
    return found.fetchone() is not None


def take(sql: Sql, span: Span, one: Due) -> bool:
    """Clear a mark; False where results have come since, or someone else has done it."""
    done = sql.execute(
        "DELETE FROM rollup_due WHERE span = ? AND started_at = ? AND school_code = ? "
        "AND generation = ?",
        (span, one.started_at, one.school_code, one.generation),
    )
    return done.rowcount == 1


def closed(sql: Sql) -> dict[str, int]:
    """Start of what retention has left, by its class; nothing for a class it never touched."""
    return dict(sql.execute("SELECT class, before FROM retention_done").fetchall())


def raw_of(sql: Sql, school_code: str, start: int, end: int) -> list[tuple[int, Raw]]:
    """Results with start <= started_at < end and their start; none of a suspect clock."""
    rows = sql.execute(_RAW, (*_ASKED, school_code, start, end))
    return [(row[0], Raw(*row[1:])) for row in rows]


def hours_of(sql: Sql, school_code: str, day: int) -> list[tuple[Series, Bucket]]:
    """The hourly buckets of one day."""
    found: dict[tuple[int, Series], Bucket] = {}
    within = (school_code, "hour", day, day + DAY)
    for row in sql.execute(_COUNTS, within):
        found[row[0], Series(*row[1:5])] = Bucket(counts=list(row[5:9]))
    for row in sql.execute(_VALUES, within):
        if (bucket := found.get((row[0], Series(*row[1:5])))) is not None:
            bucket.values[row[5]] = unpack(row[11])
    return [(series, bucket) for (_, series), bucket in found.items()]


def replace(
    sql: Sql,
    span: Span,
    started_at: int,
    school_code: str,
    buckets: Mapping[Series, Bucket],
    probes_kept: Sequence[str] = (),
) -> None:
    """Put buckets in the place of what is stored, but for the probes that are to be kept."""
    kept = f" AND probe NOT IN ({', '.join('?' * len(probes_kept))})" if probes_kept else ""
    for table in ("rollup", "rollup_value"):
        sql.execute(
            f"DELETE FROM {table} WHERE {_KEY}{kept}",  # noqa: S608 - constants
            (school_code, span, started_at, *probes_kept),
        )
    at = (school_code, span, started_at)
    if not buckets:
        return
    sql.executemany(
        "INSERT INTO rollup VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [(*at, *series, *bucket.counts) for series, bucket in buckets.items()],
    )
    values = list(_value_rows(span, buckets))
    if values:
        sql.executemany(
            "INSERT INTO rollup_value VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(*at, *row) for row in values],
        )


def mark(sql: Sql, span: Span, wanted: Iterable[tuple[int, str]], arrived_at: int) -> None:
    """Have these (start, school) rolled up again."""
    sql.executemany(MARK_HOUR, [(span, at, code, arrived_at) for at, code in sorted(wanted)])


def stored(
    sql: Sql, span: Span, school_code: str, start: int, end: int
) -> dict[tuple[int, Series], Stored]:
    """Stored buckets with start <= started_at < end."""
    within = (school_code, span, start, end)
    values: dict[tuple[int, Series], dict[str, tuple[Any, ...]]] = {}
    for row in sql.execute(_VALUES, within):
        ordered = None if row[11] is None else tuple(unpack(row[11]))
        values.setdefault((row[0], Series(*row[1:5])), {})[row[5]] = (*row[6:11], ordered)
    found = {}
    for row in sql.execute(_COUNTS, within):
        key = row[0], Series(*row[1:5])
        found[key] = Stored(tuple(row[5:9]), values.pop(key, {}))
    for key, orphans in values.items():  # values without their counts: never right
        found[key] = Stored((), orphans)
    return found


def as_stored(span: Span, buckets: Mapping[Series, Bucket]) -> dict[Series, Stored]:
    """The same form for buckets that were just folded."""
    values: dict[Series, dict[str, tuple[Any, ...]]] = {}
    for row in _value_rows(span, buckets):
        ordered = None if row[10] is None else tuple(unpack(row[10]))
        values.setdefault(Series(*row[:4]), {})[row[4]] = (*row[5:10], ordered)
    return {
        series: Stored(tuple(bucket.counts), values.get(series, {}))
        for series, bucket in buckets.items()
    }


def _value_rows(
    span: Span, buckets: Mapping[Series, Bucket]
) -> Iterable[tuple[str, str, str, int, str, int, float, float, float, float, bytes | None]]:
    for series, bucket in buckets.items():
        for name, ordered in bucket.values.items():
            if ordered:
                made = summary(ordered)
                yield (
                    *series,
                    name,
                    made.count,
                    made.total,
                    made.minimum,
                    made.maximum,
                    made.median,
                    pack(ordered) if span == "hour" else None,
                )
