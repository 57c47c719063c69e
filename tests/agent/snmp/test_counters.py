"""Two readings of a counter: a difference that is never negative, or a reason."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.snmp.counters import Count, Moment, NoDifference, broken_between, difference

BITS = st.sampled_from([32, 64])
GIGABIT = 125_000_000.0


@given(
    BITS, BITS, st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1),
    st.floats(0, 1e6), st.none() | st.floats(1, 1e11),
)  # fmt: skip
def test_never_negative_and_never_more_than_fits(
    old: int, new: int, before: int, after: int, seconds: float, most: float | None
) -> None:
    """Whatever two readings say."""
    found = difference(Count(before % 2**old, old), Count(after % 2**new, new), seconds, most)
    if isinstance(found, NoDifference):
        return
    assert found >= 0
    assert old == new
    assert found <= 2 * (most or 1.25e9) * max(seconds, 1.0)


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**28))
def test_a_wrap_is_seen_through(before: int, rose: int) -> None:
    """A 32-bit counter of a slow port runs round once at most: the difference is exact."""
    after = (before + rose) % 2**32
    assert difference(Count(before, 32), Count(after, 32), 30.0, 12_500_000.0) == rose


@given(st.integers(0, 2**63), st.integers(0, 2**32))
def test_wide_counters_are_exact(before: int, rose: int) -> None:
    """64 bits at a gigabit a minute."""
    found = difference(Count(before, 64), Count(before + rose, 64), 60.0, GIGABIT)
    assert found == rose


@pytest.mark.parametrize(
    ("before", "after", "seconds", "most", "reason"),
    [
        (None, Count(5, 64), 60, None, NoDifference.FIRST_READING),
        (Count(5, 64), None, 60, None, NoDifference.NOT_SUPPORTED),
        (Count(5, 32), Count(9, 64), 60, None, NoDifference.TYPE_CHANGED),
        (Count(9, 64), Count(5, 64), 60, None, NoDifference.RAN_BACKWARDS),
        (Count(5, 32), Count(9, 32), 60, GIGABIT, NoDifference.WRAP_UNCLEAR),
        (Count(9, 32), Count(5, 32), 20, GIGABIT, NoDifference.WRAP_UNCLEAR),
        (Count(9, 32), Count(5, 32), 60, None, NoDifference.WRAP_UNCLEAR),
        (Count(0, 64), Count(2**40, 64), 1, GIGABIT, NoDifference.IMPLAUSIBLE),
        (Count(5, 64), Count(9, 64), 0, None, NoDifference.NO_TIME),
    ],
)
def test_why_there_is_no_difference(
    before: Count | None,
    after: Count | None,
    seconds: float,
    most: float | None,
    reason: NoDifference,
) -> None:
    """Each reason once; 32 bits of a gigabit run round in 34 s, so a minute is unclear."""
    assert difference(before, after, seconds, most) is reason


@pytest.mark.parametrize(
    ("before", "after", "elapsed", "broken"),
    [
        (100_000, 106_000, 60, None),
        (2**32 - 3_000, 3_000, 60, None),
        (100_000, 500, 60, NoDifference.RESTARTED),
        (500, 1_000, 600, NoDifference.RESTARTED),
        (100_000, 100_000, 60, None),
        (None, 500, 60, None),
        (100_000, 106_000, 0, NoDifference.NO_TIME),
        (100_000, 106_000, -5, NoDifference.NO_TIME),
    ],
    ids=["ran on", "round after 497 days", "restart", "restart soon after a restart",
         "a clock that stands", "no clock", "no time", "backwards"],
)  # fmt: skip
def test_a_restart_is_told_from_a_clock_that_ran_round(
    before: int | None, after: int, elapsed: float, broken: NoDifference | None
) -> None:
    """By sysUpTime against our own clock."""
    assert broken_between(Moment(0.0, before), Moment(elapsed, after)) is broken


@given(st.integers(0, 2**32 - 1), st.floats(20, 86_400), st.floats(0.95, 1.05))
def test_a_device_that_ran_on_is_never_called_restarted(
    ticks: int, elapsed: float, drift: float
) -> None:
    """Clocks up to 5 % wrong, also over the moment when the counter of time runs round."""
    after = (ticks + round(elapsed * drift * 100)) % 2**32
    assert broken_between(Moment(0.0, ticks), Moment(elapsed, after)) is None
