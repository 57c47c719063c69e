"""Rehearsals as operators and agents meet them: begun, stopped, told to the agents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

from collector.judge.calendar import Calendars, Window
from collector.schools.model import School
from collector.slots import rehearsals, rows
from collector.slots.decide import Responder
from collector.slots.grant import label, upstream_of
from collector.slots.rehearsals import LEAD_SECONDS, LONGEST_MINUTES, Rehearsal
from collector.store.interface import Agent, Store
from collector.store.sql import Sql
from wire.heartbeat import Command, Heartbeat
from wire.ids import uuid4
from wire.rehearsal import KIND, PERIOD_SECONDS

FEWEST_SCHOOLS: Final = 2
TEST_SECONDS: Final = 8
FLOWS: Final = 4


class RehearsalRefused(Exception):
    """A rehearsal is not begun. ``reason`` is also the key of its words."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What an operator asks for."""

    group: str
    responder: str | None = None
    """None: there is only one."""
    minutes: int = 5
    in_lessons: bool = False
    """Said to be wanted though schools of the group are in their lesson hours."""
    lead_seconds: float = LEAD_SECONDS
    """From now to the beginning."""


def members(schools: Sequence[School], upstream: str) -> list[School]:
    """The schools that share an upstream."""
    return [school for school in schools if upstream_of(school) == upstream]


def groups(schools: Sequence[School]) -> Mapping[str, int]:
    """Upstreams with enough schools for a rehearsal, and how many schools each has."""
    counts: dict[str, int] = {}
    for school in schools:
        counts[upstream_of(school)] = counts.get(upstream_of(school), 0) + 1
    return {name: count for name, count in sorted(counts.items()) if count >= FEWEST_SCHOOLS}


def begin(
    store: Store, calendars: Calendars, wanted: Wanted, actor: str, now: datetime, chance: Random
) -> Rehearsal:
    """Begin a rehearsal. Raises :class:`RehearsalRefused`."""
    upstream, minutes = label(wanted.group), wanted.minutes
    taking_part = members(store.schools(), upstream)
    starts_at = now + timedelta(seconds=wanted.lead_seconds)
    ends_at = starts_at + timedelta(minutes=minutes)
    if not 1 <= minutes <= LONGEST_MINUTES:
        raise RehearsalRefused("minutes", f"minutes: allowed is 1 to {LONGEST_MINUTES}")
    if len(taking_part) < FEWEST_SCHOOLS:
        count = len(taking_part)
        text = f"{count} schools share the upstream {wanted.group!r}: two or more are needed"
        raise RehearsalRefused("group", text)
    teaching = [one for one in taking_part if _teaches(calendars, one, starts_at, ends_at)]
    if teaching and not wanted.in_lessons:
        text = (
            f"{len(teaching)} of {len(taking_part)} schools would be in their lesson hours: choose "
            "another time, or confirm that lessons may be disturbed (--in-lessons)"
        )
        raise RehearsalRefused("lessons", text)

    def work(sql: Sql) -> Rehearsal:
        sql.lock(rows.LOCK)
        far_end = _responder(rows.responders(sql), wanted.responder)
        if far_end.capacity_tests < len(taking_part):
            text = (
                f"the responder {far_end.name} takes {far_end.capacity_tests} tests at once, the "
                f"group has {len(taking_part)} schools"
            )
            raise RehearsalRefused("capacity", text)
        if rehearsals.in_the_way(sql, upstream, far_end.name, now) is not None:
            text = "a rehearsal of this group or responder waits or runs: stop it first"
            raise RehearsalRefused("running", text)
        made = Rehearsal(
            rehearsal_id=uuid4(chance.getrandbits(128)),
            upstream=upstream,
            responder=far_end.name,
            started_by=actor,
            made_at=now,
            starts_at=starts_at,
            ends_at=ends_at,
        )
        rehearsals.start(sql, made)
        return made

    return store.write(work)


def stop_all(store: Store, actor: str, now: datetime, only: str | None = None) -> int:
    """Stop what waits or runs, or ``only`` one; tells how many were stopped."""

    def work(sql: Sql) -> int:
        sql.lock(rows.LOCK)
        found = [one.rehearsal_id for one in rehearsals.live(sql, now)]
        chosen = [one for one in found if only in (None, one)]
        return sum(rehearsals.stop(sql, one, actor, now) for one in chosen)

    return store.write(work)


class RehearsalProvider:
    """Tells the agents of a rehearsal's schools with their heartbeat, for as long as it is on.

    A rehearsal that is told no more is over for the agent: so a stop is heard with the next
    heartbeat, and before that by the slot that is refused.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def __call__(self, agent: Agent, _beat: Heartbeat, now: datetime) -> Mapping[str, Any]:
        """Give the commands."""
        live = self._store.read(lambda sql: rehearsals.live(sql, now))
        if not live:
            return {}
        school = self._store.school(agent.school_code)
        if school is None:
            return {}
        targets = {one.name: one.target for one in self._store.read(rows.responders)}
        return {
            "commands": [
                _command(one, targets[one.responder], now)
                for one in live
                if one.upstream == upstream_of(school) and one.responder in targets
            ]
        }


def _command(one: Rehearsal, target: str, now: datetime) -> Command:
    return Command(
        id=one.rehearsal_id,
        kind=KIND,
        expires_at=one.ends_at,
        details={
            "target": target,
            "starts_in_seconds": (one.starts_at - now).total_seconds(),
            "ends_in_seconds": (one.ends_at - now).total_seconds(),
            "period_seconds": PERIOD_SECONDS,
            "seconds": TEST_SECONDS,
            "flows": FLOWS,
            "direction": "download",
        },
    )


def _responder(found: Sequence[Responder], name: str | None) -> Responder:
    chosen = [one for one in found if name in (None, one.name)]
    if len(chosen) != 1:
        known = ", ".join(one.name for one in found) or "none"
        raise RehearsalRefused("responder", f"which responder? name one of: {known}")
    return chosen[0]


def _teaches(calendars: Calendars, school: School, start: datetime, end: datetime) -> bool:
    calendar = calendars.for_school(school.code)
    moment = start
    while moment < end:
        if calendar.classify(moment) is Window.LESSON:
            return True
        moment += timedelta(minutes=1)
    return calendar.classify(end) is Window.LESSON
