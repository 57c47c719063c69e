"""Measurements of schools that do not exist: seeded, marked ``simulated``, never counted as real.

Every school day has quiet tests (before 08:00 and after 16:30) and lesson-hour tests in minutes
when all schools are in lesson; each throughput test has a latency test near it. Same seed, same
records, byte for byte.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Final

from collector.demo.profiles import WEEKS, Path, Plan
from collector.judge.week import JST
from collector.schools.model import School
from wire.failure import Failure, FailureCode, Operation, Outcome
from wire.ids import uuid4, uuid7
from wire.measurement import Fields, Json, Measurement

SEED: Final = 2026
TARGET: Final = "centre.simulated.example:4443"
AGENT_VERSION: Final = "simulated"
TEST_SECONDS: Final = 10.0
NO_ECHO: Final = (
    FailureCode.NO_REPLY,
    Operation.RECEIVE,
    "none of 20 echo requests was answered within 2 s",
)

QUIET_SLOTS: Final = ((time(6, 30), 75), (time(16, 45), 150))
"""Start and length in minutes of the slots outside lessons."""
LESSON_SLOTS: Final = ((time(8, 56), 30), (time(10, 51), 30), (time(13, 56), 16))
SCHOOL_DAYS_A_WEEK: Final = 5


@dataclass(frozen=True, slots=True)
class SimulatedAgent:
    """One agent of one school and all it measured, by start."""

    school: School
    agent_id: str
    measurements: tuple[Measurement, ...]


@dataclass(frozen=True, slots=True)
class _Slot:
    started_at: datetime
    lesson: bool
    evening: bool


def simulate(
    city: Sequence[School], plans: Mapping[str, Plan], seed: int = SEED
) -> Iterator[SimulatedAgent]:
    """Make the four weeks of every school, one agent a school."""
    for school in city:
        # a generator of its own for each school: changing one school leaves the others as they are
        random = Random(f"{seed}:{school.code}")  # noqa: S311 - a simulation, no secret
        yield _agent(school, plans[school.code], random)


def _agent(school: School, plan: Plan, random: Random) -> SimulatedAgent:
    agent_id, stream, boot_id = (uuid4(random.getrandbits(128)) for _ in range(3))
    booted_at = moment_of(WEEKS[0], 0, time(5, 0))
    measurements: list[Measurement] = []
    for index, (week, path) in enumerate(zip(WEEKS, plan, strict=True)):
        if path.falls_silent and index >= len(WEEKS) // 2:
            continue
        for slot in _slots(week, path, random):
            for probe in ("throughput", "latency"):
                delay = timedelta(seconds=40 if probe == "latency" else 0)
                started_at = slot.started_at + delay
                measurements.append(
                    _measurement(
                        probe=probe,
                        path=path,
                        slot=slot,
                        random=random,
                        agent_id=agent_id,
                        stream=stream,
                        boot_id=boot_id,
                        seq=len(measurements) + 1,
                        started_at=started_at,
                        uptime_seconds=(started_at - booted_at).total_seconds(),
                    )
                )
    return SimulatedAgent(school, agent_id, tuple(measurements))


def _slots(week: str, path: Path, random: Random) -> Iterator[_Slot]:
    for day in range(SCHOOL_DAYS_A_WEEK):
        if path.quiet_per_day < 1 and random.random() > path.quiet_per_day:
            continue
        slots = [
            *((start, minutes, False) for start, minutes in QUIET_SLOTS),
            *((start, minutes, True) for start, minutes in LESSON_SLOTS),
        ]
        if path.quiet_per_day < 1:  # an appliance that is switched on in the morning only
            slots = [slots[0], slots[2]]
        for start, minutes, lesson in sorted(slots):
            moment = moment_of(week, day, start) + timedelta(
                seconds=random.uniform(0, minutes * 60)
            )
            yield _Slot(moment, lesson, evening=start > time(12) and not lesson)


def _measurement(  # noqa: PLR0913 - identity, place and chance of one record
    *,
    probe: str,
    path: Path,
    slot: _Slot,
    random: Random,
    agent_id: str,
    stream: str,
    boot_id: str,
    seq: int,
    started_at: datetime,
    uptime_seconds: float,
) -> Measurement:
    failed = random.random() < path.failure_ratio
    failure = None
    values: Fields
    context: dict[str, Json] = {
        "agent_version": AGENT_VERSION,
        "simulated_cause": path.cause,
        "appliance_ceiling_bps": round(path.ceiling_bps),
        "link_speed_bps": 100_000_000 if path.cause == "port_100m" else 1_000_000_000,
    }
    if failed:
        code, operation, text = random.choice(path.failures)
        if probe == "latency":
            code, operation, text = NO_ECHO
        failure, values = Failure(code, operation, text), {}
    elif probe == "throughput":
        values = _throughput(path, slot, random, context)
    else:
        values = _latency(path, slot, random)
    milliseconds = int(started_at.timestamp() * 1000)
    return Measurement(
        result_id=uuid7(milliseconds, random.getrandbits(74)),
        agent_id=agent_id,
        stream=stream,
        seq=seq,
        probe=probe,
        target=TARGET if probe == "throughput" else TARGET.partition(":")[0],
        segment="internet",
        started_at=started_at,
        boot_id=boot_id,
        monotonic_start_seconds=round(uptime_seconds, 3),
        duration_seconds=round(random.uniform(0.2, 10.0), 3) if failed else 2 * TEST_SECONDS,
        outcome=Outcome.FAILED if failed else Outcome.OK,
        failure=failure,
        values=values,
        context=context,
        simulated=True,
    )


def _throughput(path: Path, slot: _Slot, random: Random, context: dict[str, Json]) -> Fields:
    capacity = path.capacity_bps * (path.evening_ratio if slot.evening else 1.0)
    capacity = min(capacity * math.exp(random.gauss(0, path.spread_ratio)), path.ceiling_bps)
    used = 0.0
    if slot.lesson:
        used = min(0.97, max(0.02, random.gauss(path.lesson_use_ratio, 0.12)))
    if path.counted:
        context["cross_traffic_during_bps"] = round(capacity * used)
    return {
        "download_bps": round(capacity * (1 - used)),
        "upload_bps": round(capacity * path.upload_ratio * (1 - used * 0.4)),
    }


def _latency(path: Path, slot: _Slot, random: Random) -> Fields:
    queue = 0.04 * path.lesson_use_ratio**4 if slot.lesson else 0.0
    low = path.round_trip_seconds * random.uniform(0.97, 1.03)
    median = low + queue * random.uniform(0.5, 1.5) + random.uniform(0.0001, 0.001)
    high = median + queue * random.uniform(1, 3) + random.uniform(0.001, 0.006)
    lost = random.choice((0, 0, 0, 1)) if slot.lesson and path.lesson_use_ratio > 0.8 else 0
    return {
        "rtt_min_seconds": round(low, 6),
        "rtt_median_seconds": round(median, 6),
        "rtt_p95_seconds": round(high, 6),
        "rtt_max_seconds": round(high * 1.2, 6),
        "jitter_seconds": round((high - median) / 3, 6),
        "loss_ratio": lost / 20,
        "sent_count": 20,
        "received_count": 20 - lost,
    }


def moment_of(week: str, day: int, moment: time) -> datetime:
    """The moment of a weekday (0 = Monday) of an ISO week in Asia/Tokyo, in UTC."""
    year, number = week.split("-W")
    local = date.fromisocalendar(int(year), int(number), day + 1)
    return datetime.combine(local, moment, JST).astimezone(UTC)
