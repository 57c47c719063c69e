"""Whether a slot is granted now: a decision over what is held and who waits. Pure.

Rules. One test at a time on each shared upstream. On a responder no more tests than it takes at
once, and no more bits a second than it carries together. First come, first served: who waits keeps
a numbered place, and a later one is served before an earlier one only where that takes nothing from
the earlier one. So each place in line ahead of an agent can only go away, and nobody starves:

- on its upstream an agent is behind every earlier place of that upstream;
- on its responder room is kept for the first place of every upstream that is free, if it is
  earlier; places whose upstream is taken anyway keep nothing.

A place is lost when its agent does not come back in time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

SHORTEST_WAIT_SECONDS: Final = 5.0
LONGEST_WAIT_SECONDS: Final = 600.0
OVERDUE_SECONDS: Final = 10.0
"""What should have ended by now is expected to end this much later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Responder:
    """A far end, and what it takes at once."""

    name: str
    target: str
    capacity_bps: int
    capacity_tests: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A slot that somebody has."""

    upstream: str
    responder: str
    reserved_bps: int
    likely_until: datetime
    """When it will probably be given back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place in the line."""

    number: int
    agent_id: str
    upstream: str
    responder: str
    reserved_bps: int
    likely_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What an agent wants."""

    agent_id: str
    upstream: str
    responder: Responder
    reserved_bps: int
    likely_seconds: float


@dataclass(frozen=True, slots=True)
class Wait:
    """Not now."""

    until: datetime
    reason: str


def decide(ask: Ask, held: Sequence[Held], line: Sequence[Place], now: datetime) -> Wait | None:
    """Grant (None), or say when to ask again. ``line`` holds live places only."""
    own = next((place.number for place in line if place.agent_id == ask.agent_id), None)
    ahead = [
        place
        for place in sorted(line, key=lambda one: one.number)
        if place.agent_id != ask.agent_id and (own is None or place.number < own)
    ]
    blocked = _upstream(ask, held, ahead, now)
    full = _responder(ask, held, ahead, now)
    if blocked is None:
        return full
    return blocked if full is None or full.until <= blocked.until else full


def _upstream(ask: Ask, held: Sequence[Held], ahead: Sequence[Place], now: datetime) -> Wait | None:
    others = [one for one in held if one.upstream == ask.upstream]
    before = [one for one in ahead if one.upstream == ask.upstream]
    if not others and not before:
        return None
    free_at = max([now, *(_end(one, now) for one in others)])
    free_at += timedelta(seconds=sum(one.likely_seconds for one in before))
    what = "a test runs" if others else f"{len(before)} wait"
    return _wait(now, free_at, f"{what} on the same upstream, {len(before)} in line before")


def _responder(
    ask: Ask, held: Sequence[Held], ahead: Sequence[Place], now: datetime
) -> Wait | None:
    limit = ask.responder
    running = [one for one in held if one.responder == limit.name]
    taken = {one.upstream for one in held}
    kept: dict[str, Place] = {}
    for place in ahead:
        if place.responder == limit.name and place.upstream not in taken:
            kept.setdefault(place.upstream, place)
    tests = len(running) + len(kept)
    carried = sum(one.reserved_bps for one in running)
    carried += sum(one.reserved_bps for one in kept.values())
    if tests < limit.capacity_tests and carried + ask.reserved_bps <= limit.capacity_bps:
        return None
    ends = [_end(one, now) for one in running]
    ends += [now + timedelta(seconds=one.likely_seconds) for one in kept.values()]
    before = [one for one in ahead if one.responder == limit.name]
    turns, place_in_turn = divmod(len(before) - len(kept), len(ends) or 1)
    free_at = sorted(ends or [now])[place_in_turn]
    free_at += timedelta(seconds=turns * ask.likely_seconds)
    reason = f"the responder {limit.name} is taken, {len(before)} in line before"
    return _wait(now, free_at, reason)


def _end(one: Held, now: datetime) -> datetime:
    overdue = now + timedelta(seconds=OVERDUE_SECONDS)
    return one.likely_until if one.likely_until > now else overdue


def _wait(now: datetime, free_at: datetime, reason: str) -> Wait:
    seconds = (free_at - now).total_seconds()
    bounded = min(max(seconds, SHORTEST_WAIT_SECONDS), LONGEST_WAIT_SECONDS)
    return Wait(now + timedelta(seconds=bounded), reason)
