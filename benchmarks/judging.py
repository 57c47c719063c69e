"""What judging costs the database and the processor, and how the cost grows with the city.

Fills a temporary database at a named scale with the rows of the example schedule (7 throughput
tests a school day; light results beside them with ``--light``), then times what the collector
does: judge one week, judge everything again, and read the stored verdicts for the city page.

    python benchmarks/judging.py --scale 84x52 --scale 2000x8 --scale 30000x1

Without ``--database`` both kinds are measured; PostgreSQL is one of its own on a real disk, each
commit synced. Times are the least of ``--repeat`` runs (of one for everything at once): what the
machine can do while nothing else runs on it. Beside the wall clock stands processor time, of this
process and of PostgreSQL's: on a busy machine it is the figure to look at.
"""

import argparse
import contextlib
import itertools
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from collector import resources
from collector.compliance import judge_dirty
from collector.judge.calendar import Calendars
from collector.judge.calendar_file import load_calendars
from collector.judge.criteria import Criteria
from collector.judge.criteria_file import load_criteria
from collector.judge.week import JST, Week
from collector.schools.model import Kind, Line, School
from collector.store import create_store
from collector.store.interface import Store
from collector.store.postgres_partitions import Partitions
from collector.store.postgres_sql import PostgresSql
from collector.store.sql import Sql
from collector.store.times import to_micros, tokyo_day
from tests.postgres import Cluster

LAST_WEEK: Final = Week.parse("2026-W20")
TESTS: Final = ((6, 20), (7, 25), (9, 5), (11, 10), (14, 5), (17, 10), (18, 30))
"""Hours and minutes of a school day's throughput tests: two quiet, three in lessons, two quiet."""
LIGHT_PER_DAY: Final = 84
"""Light results a day in the example schedule."""
CHUNK_ROWS: Final = 20_000
RECORD: Final = b"{" + b"x" * 500 + b"}"
_INSERT: Final = """INSERT INTO result (agent_id, started_at, result_id, school_code, received_at,
    stream, seq, probe, target, segment, outcome, failure_code, failure_text, download_bps,
    upload_bps, cross_traffic_during_bps, appliance_ceiling_bps, simulated, record)
    VALUES (?, ?, ?, ?, ?, 'stream', ?, ?, 'centre.example:4443', ?, ?, ?, NULL, ?, ?, ?, ?, 0,
    ?)"""


@dataclass(frozen=True, slots=True)
class Scale:
    """A city of so many schools over so many weeks."""

    schools: int
    weeks: int


@dataclass(frozen=True, slots=True)
class Took:
    """One row of the table."""

    database: str
    scale: Scale
    what: str
    school_weeks: int
    seconds: float
    cpu_seconds: float


def main() -> None:
    """Fill, time, print."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="Example: python benchmarks/judging.py --scale 84x52",
    )
    parser.add_argument("--scale", action="append", type=_scale, help="SCHOOLSxWEEKS")
    parser.add_argument("--light", type=int, default=0, help=f"a day; schedule: {LIGHT_PER_DAY}")
    parser.add_argument("--database", action="append", choices=("sqlite", "postgresql"))
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="on a real disk")
    options = parser.parse_args()
    found: list[Took] = []
    scales = options.scale or [Scale(84, 52), Scale(2_000, 8), Scale(30_000, 1)]
    for name in options.database or ["sqlite", "postgresql"]:
        for scale in scales:
            with database(name, options.folder) as (store, server_cpu):
                started = time.perf_counter()
                rows = fill(store, scale, options.light)
                took_seconds = time.perf_counter() - started
                print(f"{name} {scale}: {rows} results in {took_seconds:.0f} s", flush=True)
                for took in measure(name, store, scale, options.repeat, server_cpu):
                    found.append(took)
                    print(_line(took), flush=True)
        print(*growth([took for took in found if took.database == name]), sep="\n", flush=True)


@contextlib.contextmanager
def database(name: str, folder: Path) -> Iterator[tuple[Store, Callable[[], float]]]:
    """Open an empty store of a kind, with what its server has used of processors; gone after."""
    server_cpu: Callable[[], float] = float
    with contextlib.ExitStack() as stack:
        if name == "sqlite":
            place = stack.enter_context(tempfile.TemporaryDirectory(dir=folder))
            url = f"sqlite:///{place}/judging.db"
        else:
            cluster = stack.enter_context(
                Cluster(durable=True, parent=folder, settings=["shared_buffers=256MB"])
            )
            url = cluster.new_database()
            server_cpu = partial(_family_seconds, cluster.pid)
        store = create_store(url)
        stack.callback(store.close)
        yield store, server_cpu


def fill(store: Store, scale: Scale, light_per_day: int) -> int:
    """Store schools and their results; give the number of results."""
    chance = random.Random(20)
    store.import_schools([_school(number) for number in range(scale.schools)])
    rows = 0
    chunk: list[tuple[object, ...]] = []

    def write() -> None:
        store.write(_insert)
        chunk.clear()

    def _insert(sql: Sql) -> None:
        if isinstance(sql, PostgresSql):
            Partitions().ensure(sql, {tokyo_day(int(str(row[1]))) for row in chunk})
        sql.executemany(_INSERT, chunk)

    for week in (LAST_WEEK.plus(-back) for back in reversed(range(scale.weeks))):
        for number in range(scale.schools):
            for row in _results(number, week, light_per_day, chance):
                chunk.append(row)
                rows += 1
            if len(chunk) >= CHUNK_ROWS:
                write()
    write()
    with contextlib.suppress(Exception):  # an ANALYZE by hand is what autovacuum does by itself
        store.write(lambda sql: sql.execute("ANALYZE"))
    return rows


def measure(
    name: str, store: Store, scale: Scale, repeat: int, server_cpu: Callable[[], float]
) -> Iterator[Took]:
    """Time what the collector does."""
    criteria = load_criteria(resources.default_criteria())
    calendars = load_calendars(resources.default_calendar())
    weeks = [str(LAST_WEEK.plus(-back)) for back in range(scale.weeks)]
    codes = [school.code for school in store.schools()]

    def judged(labels: Sequence[str]) -> tuple[float, float]:
        store.mark_dirty([(code, label, False) for label in labels for code in codes])
        return _timed(lambda: _judge(store, criteria, calendars), server_cpu)

    one = _least([judged(weeks[:1]) for _ in range(repeat)])
    yield Took(name, scale, "judge one week", scale.schools, *one)
    if scale.weeks > 1:
        yield Took(name, scale, "judge all weeks", scale.schools * scale.weeks, *judged(weeks))
    page = _least([_timed(lambda: _city(store, weeks), server_cpu) for _ in range(max(repeat, 5))])
    yield Took(name, scale, "city page: database", scale.schools, *page)


def growth(found: Sequence[Took]) -> Iterator[str]:
    """Say how cost grows from one scale to the next, and what that would make of larger ones."""
    ones = sorted(
        (took for took in found if took.what == "judge one week"), key=lambda t: t.school_weeks
    )
    yield ""
    for took in found:
        each = took.seconds / took.school_weeks * 1e6
        yield f"{_line(took)}  = {each:.0f} us a school week"
    for small, large in itertools.pairwise(ones):
        more = (large.seconds - small.seconds) / (large.school_weeks - small.school_weeks)
        yield (
            f"slope {small.school_weeks} -> {large.school_weeks} schools: {more * 1e6:.0f} us "
            "for each further school"
        )
        beyond = large.seconds + more * (10 * large.school_weeks - large.school_weeks)
        yield f"  extrapolated, not measured: {10 * large.school_weeks} schools {beyond:.0f} s"


def _judge(store: Store, criteria: Criteria, calendars: Calendars) -> None:
    while judge_dirty(store, criteria, calendars, now=datetime(2026, 7, 1, tzinfo=UTC)):
        pass


def _city(store: Store, weeks: Sequence[str]) -> None:
    """The questions of the city page, for its newest week."""
    store.schools()
    store.baseline()
    store.verdicts(weeks[0], simulated=False)
    store.newest_by_school(simulated=False)
    store.agents()
    store.judged_weeks(simulated=False)


def _timed(work: Callable[[], None], server_cpu: Callable[[], float]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time() + server_cpu()
    work()
    return time.perf_counter() - wall, time.process_time() + server_cpu() - cpu


def _family_seconds(parent: int) -> float:
    """Processor time of a process, its children that live, and those that have ended."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has just ended
            fields = path.read_text().rpartition(")")[2].split()
            if int(path.parts[-2]) == parent:
                ticks += sum(int(field) for field in fields[11:15])
            elif int(fields[1]) == parent:
                ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _least(runs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    return min(run[0] for run in runs), min(run[1] for run in runs)


def _line(took: Took) -> str:
    return (
        f"{took.database:<10} {took.scale.schools:>6} schools {took.scale.weeks:>3} weeks  "
        f"{took.what:<20} {took.seconds:>8.3f} s  cpu {took.cpu_seconds:>8.3f} s"
    )


def _school(number: int) -> School:
    return School(
        code=f"S{number:05d}",
        name=f"School {number}",
        kind=Kind.ELEMENTARY,
        region=f"region {number % 7}",
        pupils=40 + number * 37 % 1_300,
        line=Line.OTHER,
        contracted_mbps=None,
        sample=False,
        latitude=None,
        longitude=None,
        aggregation_group="",
    )


def _results(
    number: int, week: Week, light_per_day: int, chance: random.Random
) -> Iterator[tuple[object, ...]]:
    for day in week.days:
        if day.isoweekday() <= 5:
            for hour, minute in TESTS:
                at = datetime(day.year, day.month, day.day, hour, minute, tzinfo=JST)
                yield _row(number, at + timedelta(seconds=chance.random() * 900), True, chance)
        for slot in range(light_per_day):
            at = datetime(day.year, day.month, day.day, 6, tzinfo=JST)
            yield _row(number, at + timedelta(seconds=slot * 600 + chance.random()), False, chance)


def _row(number: int, at: datetime, heavy: bool, chance: random.Random) -> tuple[object, ...]:
    started = to_micros(at)
    ok = chance.random() > 0.03
    fast = ok and heavy
    return (
        f"00000000-0000-4000-8000-{number:012d}",
        started,
        f"{chance.getrandbits(128):032x}",
        f"S{number:05d}",
        started + 60_000_000,
        started // 1_000_000,
        "throughput" if heavy else "latency",
        "line" if heavy else None,
        "ok" if ok else "failed",
        None if ok else "no_reply",
        chance.lognormvariate(20.0, 0.3) if fast else None,
        chance.lognormvariate(19.5, 0.3) if fast else None,
        chance.random() * 1e7 if fast and chance.random() < 0.8 else None,
        9.4e8 if fast else None,
        RECORD,
    )


def _scale(text: str) -> Scale:
    schools, _, weeks = text.partition("x")
    try:
        return Scale(int(schools), int(weeks))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: allowed is SCHOOLSxWEEKS, 84x52") from None


if __name__ == "__main__":
    main()
