"""What is wrong at each fictional school: the path behind its simulated measurements.

A :class:`Path` says how fast a school's line is when nobody uses it, how much of it lessons
take, and what fails. Speeds are set relative to the required speed, so that the city's count
moves as told here whatever the criteria table says; causes shape everything else.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Final

from collector.schools.model import BaselineEntry, Line, School
from wire.failure import FailureCode, Operation

WEEKS: Final = ("2026-W20", "2026-W21", "2026-W22", "2026-W23")
"""Four weeks with lessons on all five days: no holiday, no vacation."""
MET_BY_WEEK: Final = (5, 7, 9, 12)
"""Schools that meet their required speed outside lessons, as improvements arrive."""

Failures = tuple[tuple[FailureCode, Operation, str], ...]

OCCASIONAL: Final[Failures] = (
    (FailureCode.CONNECT_TIMEOUT, Operation.CONNECT, "no answer within 10 s"),
    (FailureCode.STALLED, Operation.DOWNLOAD, "no data for 5 s"),
    (FailureCode.DNS_FAILED, Operation.RESOLVE, "no answer from the name server"),
    (FailureCode.EARLY_CLOSE, Operation.UPLOAD, "connection closed after 3.1 s"),
    (FailureCode.CONNECTION_RESET, Operation.DOWNLOAD, "connection reset by peer"),
)
FILTERED: Final[Failures] = (
    (FailureCode.INTERCEPTED, Operation.HANDSHAKE, "a block page answered instead of 101"),
)
DOWN: Final[Failures] = (
    (FailureCode.CONNECTION_REFUSED, Operation.CONNECT, "connection refused"),
    (FailureCode.HOST_UNREACHABLE, Operation.CONNECT, "no route to host"),
    (FailureCode.CONNECT_TIMEOUT, Operation.CONNECT, "no answer within 10 s"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """The network path of one school in one week."""

    cause: str
    capacity_bps: float
    """Median of the quiet capacity before lessons."""
    evening_ratio: float = 1.0
    """Capacity after lessons as a share of the one before."""
    spread_ratio: float = 0.05
    """Standard deviation of the logarithm of a test's result."""
    lesson_use_ratio: float = 0.5
    """Share of the capacity that pupils use during lessons."""
    counted: bool = True
    """Whether the WAN counters are read, so that pupils' traffic is known."""
    round_trip_seconds: float = 0.006
    upload_ratio: float = 0.6
    failure_ratio: float = 0.02
    failures: Failures = OCCASIONAL
    quiet_per_day: float = 2.0
    """Quiet tests a school day; below 1: one, on that share of the days."""
    falls_silent: bool = False
    """Whether nothing comes from the agent in the second half of the weeks."""
    ceiling_bps: float = 2.0e9
    """What the appliance itself could carry."""


Plan = tuple[Path, ...]
"""One path a week, in the order of :data:`WEEKS`."""


def plans(
    city: Sequence[School],
    baseline: Mapping[str, BaselineEntry],
    required_bps: Callable[[int], tuple[float, float]],
    random: Random,
) -> dict[str, Plan]:
    """Decide what each school's network is like, by school code.

    ``required_bps`` gives the required speed and its upper envelope for a number of pupils.
    """
    order = sorted(city, key=lambda school: school.code)
    random.shuffle(order)
    good = _good(order, baseline)
    troubles = list(TROUBLES)
    result: dict[str, Plan] = {}
    for school in order:
        required, upper = required_bps(school.pupils)
        poor = _poor(school, required, random)
        if school.code in good:
            fine = _fine(school, upper, random)
            first = good[school.code]
            result[school.code] = tuple(
                fine if index >= first else poor for index in range(len(WEEKS))
            )
        elif (trouble := _next_for(school, required, upper, troubles)) is not None:
            result[school.code] = (trouble(poor, required, upper),) * len(WEEKS)
        else:
            result[school.code] = (poor,) * len(WEEKS)
    return result


def _good(order: Sequence[School], baseline: Mapping[str, BaselineEntry]) -> dict[str, int]:
    """Schools that meet, with the week (index) from which on they do.

    Four of the five that met the survey do so from the start, and one that failed it: a survey
    by one Wi-Fi device and an agent on the wire need not agree.
    """
    surveyed = sorted(code for code, entry in baseline.items() if entry.met)
    others = [school.code for school in order if school.code not in surveyed]
    first = dict.fromkeys((*surveyed[:-1], others[0]), 0)
    position = 1
    for index in range(1, len(WEEKS)):
        for _ in range(MET_BY_WEEK[index] - MET_BY_WEEK[index - 1]):
            first[others[position]] = index
            position += 1
    return first


Trouble = Callable[[Path, float, float], Path]
"""Changes a poor path so that no verdict is possible; takes the required speed and its envelope."""


def _inside_criterion(poor: Path, required: float, upper: float) -> Path:
    middle = (required + upper) / 2
    return replace(poor, capacity_bps=middle, spread_ratio=0.008, evening_ratio=1.0)


def _evening(poor: Path, required: float, _upper: float) -> Path:
    return replace(poor, cause="pppoe_evening", capacity_bps=required * 1.3, evening_ratio=0.45)


def _silent(poor: Path, _required: float, _upper: float) -> Path:
    return replace(poor, falls_silent=True)


def _few(poor: Path, _required: float, _upper: float) -> Path:
    return replace(poor, quiet_per_day=0.7)


def _borderline(poor: Path, required: float, _upper: float) -> Path:
    return replace(poor, capacity_bps=required * 1.01, spread_ratio=0.10, evening_ratio=1.0)


def _weak_box(poor: Path, required: float, _upper: float) -> Path:
    return replace(
        poor, cause="appliance", capacity_bps=required * 0.95, ceiling_bps=required * 1.02
    )


def _filtered(poor: Path, _required: float, _upper: float) -> Path:
    return replace(poor, cause="filter", failure_ratio=1.0, failures=FILTERED)


def _down(poor: Path, _required: float, _upper: float) -> Path:
    return replace(poor, cause="line_down", failure_ratio=1.0, failures=DOWN)


TROUBLES: Final[tuple[Trouble, ...]] = (
    *(_inside_criterion,) * 2,
    *(_evening,) * 4,
    _silent,
    *(_few,) * 3,
    *(_borderline,) * 4,
    *(_weak_box,) * 2,
    _filtered,
    _down,
)
"""Each is given to one school, the first that it suits."""


def _suits(trouble: Trouble, school: School, required: float, upper: float) -> bool:
    if trouble is _evening:
        return school.line is Line.BEST_EFFORT_PPPOE
    return trouble is not _inside_criterion or upper > required * 1.06


def _next_for(
    school: School, required: float, upper: float, troubles: list[Trouble]
) -> Trouble | None:
    for index, trouble in enumerate(troubles):
        if _suits(trouble, school, required, upper):
            return troubles.pop(index)
    return None


def _fine(school: School, upper: float, random: Random) -> Path:
    """A line that carries what the school needs: 10 Gbit/s access or IPoE with a new router."""
    return Path(
        cause="fine",
        capacity_bps=upper * random.uniform(1.25, 1.9),
        spread_ratio=0.04,
        evening_ratio=random.uniform(0.95, 1.02),
        lesson_use_ratio=random.uniform(0.15, 0.45),
        counted=random.random() < 0.8,
        round_trip_seconds=random.uniform(0.003, 0.008),
        failure_ratio=0.01,
        ceiling_bps=2.3e9 if school.pupils > 500 else 9.4e8,
    )


def _poor(school: School, required: float, random: Random) -> Path:
    """A path below the required speed, by a cause that suits the line."""
    causes = list(_causes(school, required))
    cause, low, high = causes[random.randrange(len(causes))]
    capacity = 94.1e6 if cause == "port_100m" else required * random.uniform(low, high)
    return Path(
        cause=cause,
        capacity_bps=capacity,
        spread_ratio=0.004 if cause == "port_100m" else random.uniform(0.03, 0.09),
        evening_ratio=random.uniform(0.5, 0.7) if "pppoe" in cause else 1.0,
        lesson_use_ratio=random.uniform(0.45, 0.92),
        counted=random.random() < 0.7,
        round_trip_seconds=random.uniform(0.005, 0.018),
        failure_ratio=random.choice((0.0, 0.01, 0.02, 0.05, 0.12)),
    )


def _causes(school: School, required: float) -> Iterator[tuple[str, float, float]]:
    """Causes with the share of the required speed that is left."""
    yield "shared_line_saturated", 0.35, 0.8
    if required > 150e6:
        yield "port_100m", 0.0, 0.0
    if required > 350e6:
        yield "router_limit", 0.5, 0.85
    if school.line is Line.BEST_EFFORT_PPPOE:
        yield "pppoe_congested", 0.25, 0.7
    if school.line is Line.CENTRE_AGGREGATED:
        yield "thin_aggregation", 0.2, 0.6
