"""How an agent is: tolerance and hysteresis as properties, and every state by its facts."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.fleet.health import (
    HOLD_SECONDS,
    LATE_SECONDS,
    SILENT_SECONDS,
    Facts,
    Standing,
    State,
    raw_state,
    step,
)

NOON = datetime(2026, 5, 11, 3, 0, tzinfo=UTC)
EVER = NOON - timedelta(days=400)
TICK = 20.0


def at(seconds: float) -> datetime:
    """A moment after noon."""
    return NOON + timedelta(seconds=seconds)


def known(**changes: Any) -> Facts:
    """Facts of an agent that beat a moment ago."""
    given: dict[str, Any] = {
        "now": NOON,
        "listening_since": EVER,
        "last_beat_at": NOON - timedelta(seconds=30),
    }
    return Facts(**given | changes)


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        (known(), State.HEALTHY),
        (known(last_beat_at=None), State.NEVER_SEEN),
        (known(last_beat_at=at(-LATE_SECONDS)), State.HEALTHY),
        (known(last_beat_at=at(-LATE_SECONDS - 1)), State.LATE),
        (known(last_beat_at=at(-SILENT_SECONDS - 1)), State.SILENT),
        (known(last_beat_at=None, last_result_at=at(-3600 * 20)), State.HEALTHY),
        (known(last_beat_at=None, last_result_at=at(-3600 * 80)), State.SILENT),
        (known(intercepted=True), State.INTERCEPTED),
        (known(clock_offset_seconds=-61.0), State.CLOCK_WRONG),
        (known(clock_offset_seconds=59.0), State.HEALTHY),
        (known(wrong_place=True, intercepted=True), State.WRONG_PLACE),
        (known(cloned=True, wrong_place=True), State.CLONED),
        (known(cloned=True, revoked=True), State.REVOKED),
        (known(replaced=True, last_beat_at=None), State.REPLACED),
        (known(last_beat_at=at(-99_999), wrong_place=True), State.SILENT),
    ],
)
def test_each_state_has_its_facts(facts: Facts, state: State) -> None:
    """The first state that applies wins, in the order of the list."""
    assert raw_state(facts) is state


def live(beats: Sequence[float], until: float, **changes: Any) -> list[Standing]:
    """Look every 20 s at an agent that beats at these seconds after noon."""
    standing: Standing | None = None
    seen = []
    for count in range(int(until / TICK)):
        now = count * TICK
        heard = [beat for beat in beats if beat <= now]
        last = at(heard[-1]) if heard else NOON
        facts = known(now=at(now), last_beat_at=last, **changes)
        standing = step(standing, facts)
        seen.append(standing)
    return seen


GAPS = st.lists(st.floats(1.0, LATE_SECONDS - TICK), min_size=1, max_size=60)


@settings(max_examples=30, deadline=None)
@given(GAPS)
def test_jitter_and_backoff_leave_an_agent_healthy(gaps: list[float]) -> None:
    """However heartbeats come, gaps below the tolerance never show."""
    beats = [sum(gaps[:count]) for count in range(len(gaps) + 1)]
    assert {each.state for each in live(beats, beats[-1])} <= {State.HEALTHY}


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(1.0, 4000.0), min_size=1, max_size=40))
def test_no_flicker(gaps: list[float]) -> None:
    """Between being said to be healthy and the loss before it lie at least the hold's seconds."""
    beats = [sum(gaps[:count]) for count in range(len(gaps) + 1)]
    seen = live(beats, beats[-1])
    for before, after in pairwise(seen):
        if after.state is State.HEALTHY and before.state is not State.HEALTHY:
            assert before.candidate_since is not None
            held = after.since - before.candidate_since
            assert held >= timedelta(seconds=HOLD_SECONDS[State.HEALTHY])


@settings(max_examples=15, deadline=None)
@given(st.floats(0.0, 3000.0))
def test_silence_is_told_in_time(last: float) -> None:
    """An agent that stops is late and then silent, each within a look of its threshold."""
    beats = [60.0 * count for count in range(int(last / 60) + 1)]
    seen = live(beats, last + SILENT_SECONDS + 100)
    since = {each.state: (each.since - at(beats[-1])).total_seconds() for each in seen}
    assert LATE_SECONDS < since[State.LATE] <= LATE_SECONDS + TICK
    assert SILENT_SECONDS < since[State.SILENT] <= SILENT_SECONDS + TICK


JUMPS = st.lists(st.floats(-400 * 86400.0, 400 * 86400.0), min_size=10, max_size=40)


@settings(max_examples=30, deadline=None)
@given(JUMPS)
def test_no_wall_clock_of_an_appliance_makes_it_silent(jumps: list[float]) -> None:
    """With a heartbeat a minute, whatever it says of the time, it is never late or silent."""
    standing: Standing | None = None
    for count, jump in enumerate(jumps):
        now = at(60.0 * count)
        facts = known(now=now, last_beat_at=now, clock_offset_seconds=jump)
        standing = step(standing, facts)
        assert standing.state in (State.HEALTHY, State.CLOCK_WRONG)


def test_a_pause_of_the_collector_makes_nobody_silent() -> None:
    """After the collector was away for hours, silence counts from its return."""
    before = Standing(state=State.HEALTHY, since=NOON)
    back = at(7200)
    facts = known(now=back, last_beat_at=NOON, listening_since=back)
    assert step(before, facts).state is State.HEALTHY
    later = replace(facts, now=back + timedelta(seconds=LATE_SECONDS + 1))
    assert step(before, later).state is State.LATE


def test_a_pause_of_the_collector_makes_nobody_well() -> None:
    """Who was silent before the collector was away stays so until it is heard."""
    standing = Standing(state=State.SILENT, since=NOON)
    for seconds in range(0, 1000, 20):
        now = at(7200 + seconds)
        facts = known(now=now, last_beat_at=at(-4000), listening_since=at(7200))
        standing = step(standing, facts)
        assert standing.state is State.SILENT


def test_heard_again_is_late_first_then_healthy() -> None:
    """A silent agent that beats again is no longer silent at once, and well after the hold."""
    standing = Standing(state=State.SILENT, since=NOON)
    states = []
    for seconds in range(20, 400, 20):
        facts = known(now=at(seconds), last_beat_at=at(max(10, seconds - seconds % 60)))
        standing = step(standing, facts)
        states.append(standing.state)
    assert states[0] is State.LATE
    assert states[-1] is State.HEALTHY
    held = 20 * states.index(State.HEALTHY)
    assert HOLD_SECONDS[State.HEALTHY] <= held <= HOLD_SECONDS[State.HEALTHY] + 60


def test_wrong_clock_has_two_thresholds() -> None:
    """Wrong above 60 s for two minutes; right again below 30 s for three."""
    standing = Standing(state=State.HEALTHY, since=NOON)
    seconds = 0.0

    def after(offset: float, more: float) -> State:
        nonlocal standing, seconds
        for _ in range(int(more / TICK)):
            seconds += TICK
            facts = known(now=at(seconds), last_beat_at=at(seconds), clock_offset_seconds=offset)
            standing = step(standing, facts)
        return standing.state

    assert after(90.0, 100) is State.HEALTHY
    assert after(90.0, 60) is State.CLOCK_WRONG
    assert after(45.0, 900) is State.CLOCK_WRONG
    assert after(10.0, 160) is State.CLOCK_WRONG
    assert after(10.0, 60) is State.HEALTHY


@settings(max_examples=30, deadline=None)
@given(JUMPS, st.lists(st.booleans(), min_size=40, max_size=40))
def test_steps_of_the_collectors_clock_are_borne(jumps: list[float], heard: list[bool]) -> None:
    """Whatever the collector's own clock does, there is a state, and its time is not ahead."""
    standing: Standing | None = None
    wall, last = 0.0, 0.0
    for jump, beats in zip(jumps, heard, strict=False):
        wall += 20.0 + jump
        last = wall if beats else last
        facts = known(now=at(wall), last_beat_at=at(last), listening_since=at(wall))
        standing = step(standing, facts)
        assert standing.since <= facts.now
        assert standing.state in (State.HEALTHY, State.LATE, State.SILENT)
