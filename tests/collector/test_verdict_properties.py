"""What holds for any week of results: invariants of the judge."""

from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from collector import resources
from collector.judge.calendar_file import load_calendars
from collector.judge.model import Observation, Reason, Requirement, Status
from collector.judge.verdict import judge
from collector.judge.week import JST, Week

CALENDAR = load_calendars(resources.default_calendar()).default
MONDAY = datetime(2026, 5, 11, tzinfo=JST)
SPEEDS = st.sampled_from([1e6, 50e6, 99e6, 100e6, 110e6, 120e6, 121e6, 200e6])
HOURS = st.sampled_from([0.0, 6.0, 7.9, 9.0, 9.2, 11.0, 13.0, 14.0, 17.0, 23.9])


def _observation(
    day: int, hour: float, download: float | None, cross: float | None, code: str
) -> Observation:
    return Observation(
        started_at=MONDAY + timedelta(days=day, hours=hour),
        ok=download is not None,
        failure_code=None if download is not None else code,
        download_bps=download,
        cross_traffic_during_bps=cross,
    )


OBSERVATIONS = st.lists(
    st.builds(
        _observation,
        st.integers(-1, 7),
        HOURS,
        st.one_of(SPEEDS, SPEEDS, st.none()),
        st.one_of(st.none(), SPEEDS),
        st.sampled_from(["timeout", "intercepted", "line_busy"]),
    ),
    max_size=60,
)
REQUIREMENTS = st.builds(
    lambda required, gap: Requirement(
        pupils=60,
        required_bps=required,
        upper_bps=required + gap,
        outside_table=False,
        table_version="test",
    ),
    st.sampled_from([2_000_000, 100_000_000, 120_000_000]),
    st.sampled_from([0, 20_000_000]),
)


def _judge(observations: list[Observation], requirement: Requirement) -> list[Status]:
    verdicts = judge(
        observations, requirement, CALENDAR, Week.parse("2026-W20"), "E001", simulated=True
    )
    return [verdict.status for verdict in verdicts]


@given(OBSERVATIONS, REQUIREMENTS)
def test_every_verdict_rests_on_its_evidence(
    observations: list[Observation], requirement: Requirement
) -> None:
    """MET has a lower end that reaches, NOT MET an upper end below, both 6 runs; all a reason."""
    for verdict in judge(
        observations, requirement, CALENDAR, Week.parse("2026-W20"), "E001", simulated=True
    ):
        assert verdict.reasons
        assert verdict.simulated
        assert verdict.runs + verdict.failed_runs <= len(observations)
        if verdict.status is Status.MET:
            assert verdict.low_bps is not None
            assert verdict.low_bps >= requirement.upper_bps
        if verdict.status is Status.NOT_MET:
            assert verdict.high_bps is not None
            assert verdict.high_bps < requirement.required_bps
        if verdict.status is not Status.UNDETERMINED:
            assert verdict.runs >= 6
        decided = {Reason.LOWER_BOUND_REACHES, Reason.UPPER_BOUND_BELOW} & set(verdict.reasons)
        assert bool(decided) == (verdict.status is not Status.UNDETERMINED)


@given(OBSERVATIONS, REQUIREMENTS, st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(
    observations: list[Observation], requirement: Requirement, random: Random
) -> None:
    """Late or reordered results give the same verdicts as timely ones."""
    shuffled = list(observations)
    random.shuffle(shuffled)
    assert _judge(shuffled, requirement) == _judge(observations, requirement)


@given(OBSERVATIONS, REQUIREMENTS)
def test_faster_results_never_make_it_worse(
    observations: list[Observation], requirement: Requirement
) -> None:
    """Doubling every speed never turns MET into anything else, nor anything into NOT MET."""
    rank = {Status.NOT_MET: 0, Status.UNDETERMINED: 1, Status.MET: 2}
    doubled = [
        replace(item, download_bps=item.download_bps and 2 * item.download_bps)
        for item in observations
    ]
    for before, after in zip(
        _judge(observations, requirement), _judge(doubled, requirement), strict=True
    ):
        assert rank[after] >= rank[before]


@given(OBSERVATIONS, REQUIREMENTS)
def test_without_counters_lessons_are_never_not_met(
    observations: list[Observation], requirement: Requirement
) -> None:
    """Where no cross traffic was counted no left-over, however low, gives NOT MET in lessons."""
    uncounted = [replace(item, cross_traffic_during_bps=None) for item in observations]
    assert _judge(uncounted, requirement)[1] is not Status.NOT_MET


@given(OBSERVATIONS, REQUIREMENTS)
def test_counting_only_sharpens_lessons(
    observations: list[Observation], requirement: Requirement
) -> None:
    """A MET without counters stays MET when the same tests had them (their traffic only adds)."""
    uncounted = [replace(item, cross_traffic_during_bps=None) for item in observations]
    if _judge(uncounted, requirement)[1] is Status.MET:
        assert _judge(observations, requirement)[1] is Status.MET
