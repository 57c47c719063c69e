"""Medians of the line by part of the day: what several rules compare. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from collector.causes.path import Located, located
from collector.causes.seen import (
    QUIET,
    Part,
    Result,
    Run,
    Seen,
    middle,
    of_parts,
    ratio,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Of the tests that go furthest. bit/s; None: too few."""

    morning: Sequence[Run]
    evening: Sequence[Run]
    lesson: Sequence[Run]
    quiet_bps: float | None
    """What crossed the line in quiet hours, others' traffic included where it was read."""
    reference_bps: float | None
    """The same of the mornings; of all quiet hours where mornings are too few."""
    evening_ratio: float | None
    left_bps: float | None
    """What lessons leave."""
    left_ratio: float | None
    lesson_rtt_seconds: float | None
    """Round trip in lessons less that in quiet hours; may be below 0."""
    evening_rtt_seconds: float | None
    centre_lesson_ratio: float | None
    """Tests to the centre, lessons over quiet hours."""
    centre_evening_ratio: float | None
    centre_quiet_bps: float | None
    places: Sequence[Located]

    @property
    def quiet(self) -> list[Run]:
        """Runs of quiet hours."""
        return [*self.morning, *self.evening]

    @property
    def crossed(self) -> list[Run]:
        """Runs in lessons beside which others' traffic was read."""
        return [one for one in self.lesson if one.cross_bps is not None]


def figures_of(seen: Seen) -> Figures:
    """Make them."""
    fewest, far, centre = seen.number.fewest_runs, seen.far_runs(), seen.centre_runs()
    morning, evening = of_parts(far, Part.MORNING), of_parts(far, Part.EVENING)
    lesson = of_parts(far, Part.LESSON)
    quiet_bps = _whole([*morning, *evening], fewest)
    early, late = _whole(morning, fewest), _whole(evening, fewest)
    left = middle((one.left_bps for one in lesson), fewest)
    reference = early if early is not None else quiet_bps
    rtt = {part: _rtt(seen, part) for part in (Part.LESSON, Part.MORNING, Part.EVENING)}
    calm = rtt[Part.MORNING] if rtt[Part.MORNING] is not None else rtt[Part.EVENING]
    centre_quiet = _whole(of_parts(centre, *QUIET), fewest)
    centre_early = _whole(of_parts(centre, Part.MORNING), fewest)
    return Figures(
        morning=morning,
        evening=evening,
        lesson=lesson,
        quiet_bps=quiet_bps,
        reference_bps=reference,
        evening_ratio=ratio(late, early),
        left_bps=left,
        left_ratio=ratio(left, reference),
        lesson_rtt_seconds=_less(rtt[Part.LESSON], calm),
        evening_rtt_seconds=_less(rtt[Part.EVENING], rtt[Part.MORNING]),
        centre_lesson_ratio=ratio(
            middle((one.left_bps for one in of_parts(centre, Part.LESSON)), fewest), centre_quiet
        ),
        centre_evening_ratio=ratio(_whole(of_parts(centre, Part.EVENING), fewest), centre_early),
        centre_quiet_bps=centre_quiet,
        places=located(seen),
    )


def rtt_results(seen: Seen) -> list[Result]:
    """Results that tell the round trip to somewhere outside the school."""
    return [one for probe in ("latency", "stamp") for one in seen.good(probe, beside=False)]


def slow_days(runs: Iterable[Run], below_bps: float) -> int:
    """On how many days a run was below."""
    return len({one.result.day for one in runs if one.left_bps < below_bps})


def results(runs: Iterable[Run]) -> list[Result]:
    """Their results."""
    return [one.result for one in runs]


def _whole(runs: Iterable[Run], fewest: int) -> float | None:
    return middle((one.whole_bps for one in runs), fewest)


def _rtt(seen: Seen, part: Part) -> float | None:
    found = [one for one in rtt_results(seen) if one.part is part]
    told = middle((one.number("rtt_median_seconds") for one in found), seen.number.fewest_runs)
    if told is not None:
        return told
    runs = of_parts(seen.far_runs(), part)
    return middle(
        (one.result.number("download_min_rtt_seconds") for one in runs), seen.number.fewest_runs
    )


def _less(left: float | None, right: float | None) -> float | None:
    return None if left is None or right is None else left - right
