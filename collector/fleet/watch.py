"""Looks at the whole fleet three times a minute and keeps each change of state with its time."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from collector.clock import Clock
from collector.fleet.beats import LOCK
from collector.fleet.health import Facts, Standing, State, step
from collector.fleet.roster import (
    ALWAYS,
    Member,
    common_offset_seconds,
    facts,
    member,
    roster,
)
from collector.store.interface import Store, StoreError
from collector.store.sql import Sql
from collector.store.times import from_micros, to_micros

TICK_SECONDS: Final = 20.0
NOT_AGAIN_SECONDS: Final = 10.0
"""Of several collectors on one database one looks; the others see that it has."""
AWAY_SECONDS: Final = 180.0
"""After a longer pause nobody was there to hear heartbeats: silence counts from now."""
log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """An agent is in another state from now on."""

    agent_id: str
    changed_at: datetime
    state: State
    former: State | None
    detail: str


def tick(sql: Sql, wall: datetime, shown: datetime | None = None) -> list[Change]:
    """Look at every agent, keep what has changed and give it.

    ``shown``: the moment at which a simulated city is looked at, where that is another.
    """
    sql.lock(LOCK)
    listening_since = _listening_since(sql, wall)
    if listening_since is None:
        return []
    return _look(sql, roster(sql), shown or wall, listening_since)


def look_again(sql: Sql, agent_id: str, now: datetime) -> list[Change]:
    """Look at one agent at once, after a person has changed something about it."""
    sql.lock(LOCK)
    row = sql.execute("SELECT listening_since FROM fleet_watch WHERE id = 1").fetchone()
    since = ALWAYS if row is None else from_micros(row[0])
    found = member(sql, agent_id)
    return [] if found is None else _look(sql, [found], now, since)


def _look(
    sql: Sql, members: list[Member], now: datetime, listening_since: datetime
) -> list[Change]:
    common = common_offset_seconds(members, now)
    changes = []
    for each in members:
        known = facts(each, now, listening_since, common)
        after = step(each.standing, known)
        if after == each.standing:
            continue
        _save(sql, each.agent_id, after)
        former = None if each.standing is None else each.standing.state
        if after.state is not former:
            change = Change(
                agent_id=each.agent_id,
                changed_at=now,
                state=after.state,
                former=former,
                detail=_detail(after, known, each.flags),
            )
            _keep(sql, change)
            changes.append(change)
    return changes


def history(sql: Sql, agent_id: str, limit: int = 100) -> list[Change]:
    """The states an agent has been in, the newest first."""
    rows = sql.execute(
        "SELECT changed_at, state, former, detail FROM agent_state_change "
        "WHERE agent_id = ? ORDER BY changed_at DESC LIMIT ?",
        (agent_id, limit),
    )
    return [
        Change(
            agent_id=agent_id,
            changed_at=from_micros(row[0]),
            state=State(row[1]),
            former=None if row[2] is None else State(row[2]),
            detail=row[3],
        )
        for row in rows
    ]


class FleetWatch:
    """The thread that ticks. Start and stop it with the server."""

    def __init__(self, store: Store, clock: Clock, shown: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._shown = shown
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="fleet-watch", daemon=True)

    def start(self) -> None:
        """Start looking in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the look that goes on, then stop."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def once(self) -> list[Change]:
        """Look once; give what has changed. Raises :class:`StoreError`."""
        wall, shown = self._clock.now(), self._shown()
        changes = self._store.write(lambda sql: tick(sql, wall, shown))
        for change in changes:
            former = "" if change.former is None else f" (was {change.former})"
            log.info("agent %s is %s%s %s", change.agent_id, change.state, former, change.detail)
        return changes

    def _work(self) -> None:
        pause = 0.0
        while not self._stopping.wait(pause):
            started = self._clock.monotonic_seconds()
            try:
                self.once()
            except StoreError as error:
                log.warning("the fleet was not looked at, will be tried again: %s", error)
            except Exception:  # one odd agent must not end all looking
                log.exception("the fleet was not looked at, will be tried again")
            # a fleet of many thousands: at most a tenth of the time goes into looking
            pause = max(TICK_SECONDS, 9.0 * (self._clock.monotonic_seconds() - started))


def _listening_since(sql: Sql, now: datetime) -> datetime | None:
    """Since when heartbeats could arrive; None where somebody has looked a moment ago."""
    row = sql.execute("SELECT ticked_at, listening_since FROM fleet_watch WHERE id = 1").fetchone()
    since = ALWAYS
    if row is not None:
        away = now - from_micros(row[0])
        if timedelta() <= away < timedelta(seconds=NOT_AGAIN_SECONDS):
            return None
        there = timedelta() <= away <= timedelta(seconds=AWAY_SECONDS)
        since = from_micros(row[1]) if there else now
    sql.execute(
        "INSERT INTO fleet_watch (id, ticked_at, listening_since) VALUES (1, ?, ?) "
        "ON CONFLICT (id) DO UPDATE SET ticked_at = excluded.ticked_at, "
        "listening_since = excluded.listening_since",
        (to_micros(now), to_micros(since)),
    )
    return since


def _detail(after: Standing, known: Facts, flags: dict[str, str]) -> str:
    if after.state.value in flags:
        return flags[after.state.value]
    if after.state is State.CLOCK_WRONG and known.clock_offset_seconds is not None:
        return f"off by {known.clock_offset_seconds:+.0f} s"
    if after.state in (State.LATE, State.SILENT):
        last = known.last_beat_at or known.last_result_at
        return "" if last is None else f"last heard {(known.now - last).total_seconds():.0f} s ago"
    return ""


def _save(sql: Sql, agent_id: str, standing: Standing) -> None:
    candidate = None if standing.candidate is None else standing.candidate.value
    since = standing.candidate_since
    sql.execute(
        "INSERT INTO agent_standing (agent_id, state, since, candidate, candidate_since) "
        "VALUES (?, ?, ?, ?, ?) ON CONFLICT (agent_id) DO UPDATE SET state = excluded.state, "
        "since = excluded.since, candidate = excluded.candidate, "
        "candidate_since = excluded.candidate_since",
        (
            agent_id,
            standing.state.value,
            to_micros(standing.since),
            candidate,
            None if since is None else to_micros(since),
        ),
    )


def _keep(sql: Sql, change: Change) -> None:
    former = None if change.former is None else change.former.value
    sql.execute(
        "INSERT INTO agent_state_change (agent_id, changed_at, state, former, detail) "
        "VALUES (?, ?, ?, ?, ?) ON CONFLICT (agent_id, changed_at, state) DO NOTHING",
        (change.agent_id, to_micros(change.changed_at), change.state.value, former, change.detail),
    )
