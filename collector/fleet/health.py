"""How an agent is: one state, with tolerance and hysteresis. Pure.

Theory of operation. :func:`raw_state` says what the facts of this moment amount to; the rows of
:class:`State` stand in the order in which they win. :func:`step` keeps the state that was until
the new one has held for its :data:`HOLD_SECONDS`, so that an agent at the edge does not flicker.

Silence is measured by the collector's clock alone, from the arrival of the last heartbeat to now,
and only over the time in which the collector was there to hear one: neither a wrong clock of an
appliance nor a pause of the collector makes an agent silent.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

LATE_SECONDS: Final = 300.0
"""Five heartbeats missed, or one back-off at its cap."""
SILENT_SECONDS: Final = 1800.0
RESULTS_LATE_SECONDS: Final = 26 * 3600.0
RESULTS_SILENT_SECONDS: Final = 72 * 3600.0
"""Of an older agent that sends results but no heartbeats: at night it has nothing to send."""
CLOCK_WRONG_SECONDS: Final = 60.0
"""The agent itself goes by corrected time above this."""
CLOCK_RIGHT_SECONDS: Final = 30.0
"""A wrong clock is right again below this."""


class State(StrEnum):
    """How an agent is. The first that applies wins."""

    REVOKED = "revoked"
    """Its token was withdrawn."""
    REPLACED = "replaced"
    """Another appliance has taken its place; it may still deliver what waits on it."""
    CLONED = "cloned"
    """Two machines use its identity."""
    NEVER_SEEN = "never_seen"
    """Enrolled, and not heard of since."""
    SILENT = "silent"
    WRONG_PLACE = "wrong_place"
    """It stands in another network than before."""
    LATE = "late"
    INTERCEPTED = "intercepted"
    """Somebody else answers its deliveries: a filter, a login page, TLS inspection."""
    CLOCK_WRONG = "clock_wrong"
    HEALTHY = "healthy"


NEEDS_ATTENTION: Final = frozenset(State) - {State.HEALTHY, State.REVOKED, State.REPLACED}
IN_SERVICE: Final = frozenset(State) - {State.REVOKED, State.REPLACED}
_QUIET: Final = frozenset({State.LATE, State.SILENT})
_HEARD: Final = frozenset({State.LATE, State.INTERCEPTED, State.CLOCK_WRONG, State.HEALTHY})
_PASSING: Final = frozenset({State.LATE, State.SILENT, State.INTERCEPTED, State.CLOCK_WRONG})
HOLD_SECONDS: Final = {State.HEALTHY: 180.0, State.INTERCEPTED: 120.0, State.CLOCK_WRONG: 120.0}
"""How long a state must hold before an agent is said to be in it; the others count at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of an agent at one moment. Times are the collector's."""

    now: datetime
    listening_since: datetime
    """Since when the collector could have heard a heartbeat."""
    last_beat_at: datetime | None = None
    last_result_at: datetime | None = None
    revoked: bool = False
    replaced: bool = False
    cloned: bool = False
    wrong_place: bool = False
    intercepted: bool = False
    clock_offset_seconds: float | None = None
    """Arrival of the last heartbeat less the time it says it was sent; None: not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The state an agent is said to be in, and one that is about to follow."""

    state: State
    since: datetime
    candidate: State | None = None
    candidate_since: datetime | None = None


def raw_state(facts: Facts, before: State | None = None) -> State:
    """What the facts of this moment amount to; ``before`` decides between two thresholds."""
    silence = _silence(facts)
    offset = abs(facts.clock_offset_seconds or 0.0)
    allowed = CLOCK_RIGHT_SECONDS if before is State.CLOCK_WRONG else CLOCK_WRONG_SECONDS
    rules = (
        (State.REVOKED, facts.revoked),
        (State.REPLACED, facts.replaced),
        (State.CLONED, facts.cloned),
        (State.NEVER_SEEN, silence is None),
        (State.SILENT, silence is State.SILENT),
        (State.WRONG_PLACE, facts.wrong_place),
        (State.LATE, silence is State.LATE),
        (State.INTERCEPTED, facts.intercepted),
        (State.CLOCK_WRONG, offset > allowed),
    )
    return next((state for state, applies in rules if applies), State.HEALTHY)


def step(before: Standing | None, facts: Facts) -> Standing:
    """Give the state an agent is in from now on."""
    if before is None:
        return Standing(state=raw_state(facts), since=facts.now)
    if before.since > facts.now:  # the collector's clock went back
        before = replace(before, since=facts.now)
    raw = raw_state(facts, before.state)
    if before.state in _QUIET and raw in _HEARD and not _heard_since(facts, before.since):
        raw = before.state  # only that the collector was away for a while
    if raw is before.state:
        return replace(before, candidate=None, candidate_since=None)
    if before.state is State.SILENT and raw in HOLD_SECONDS:
        # heard again: no longer silent, and not well before it has kept on for a while
        return Standing(state=State.LATE, since=facts.now, candidate=raw, candidate_since=facts.now)
    since = before.candidate_since if raw is before.candidate else None
    if since is None or since > facts.now:  # a new one, or the collector's clock went back
        since = facts.now
    hold = HOLD_SECONDS.get(raw, 0.0) if before.state in _PASSING | {State.HEALTHY} else 0.0
    if facts.now - since >= timedelta(seconds=hold):
        return Standing(state=raw, since=facts.now)
    return replace(before, candidate=raw, candidate_since=since)


def _heard_since(facts: Facts, moment: datetime) -> bool:
    signs = [sign for sign in (facts.last_beat_at, facts.last_result_at) if sign is not None]
    return max(signs, default=moment) > moment


def _silence(facts: Facts) -> State | None:
    """LATE or SILENT by the newest sign of life, HEALTHY where there is one, None for never."""
    if facts.last_beat_at is not None:
        last, late, silent = facts.last_beat_at, LATE_SECONDS, SILENT_SECONDS
    elif facts.last_result_at is not None:
        last = facts.last_result_at
        late, silent = RESULTS_LATE_SECONDS, RESULTS_SILENT_SECONDS
    else:
        return None
    seconds = (facts.now - max(last, min(facts.listening_since, facts.now))).total_seconds()
    if seconds > silent:
        return State.SILENT
    return State.LATE if seconds > late else State.HEALTHY
