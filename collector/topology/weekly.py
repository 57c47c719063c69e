"""How each school's network is, kept once a week; and the network of a school at a moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from collector.clock import Clock
from collector.judge.week import Week, local
from collector.shown import Shown
from collector.store import rows_schools
from collector.store.interface import Store
from collector.store.sql import Sql
from collector.topology import rows
from collector.topology.assemble import assemble
from collector.topology.diff import Change, diff
from collector.topology.model import Topology
from collector.topology.rows import Kept

KEPT_ON: Final = "topology_kept_on"
"""Setting: the day (ISO 8601, Japan) on which snapshots were made last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What changed from one kept week to a later one."""

    before: str
    after: str
    changes: Sequence[Change]


def network(sql: Sql, code: str, now: datetime, *, simulated: bool) -> tuple[Topology, Kept]:
    """The network of a school as it is known now, with its edits."""
    kept = rows.edits(sql, code)
    return assemble(rows.reports(sql, code, now, simulated=simulated), kept.edits), kept


def compared(
    sql: Sql, code: str, *, simulated: bool, before: str = "", after: str = ""
) -> Compared | None:
    """Compare two kept weeks; without names the newest two. None: they are not kept."""
    known = rows.weeks(sql, code, simulated=simulated)
    after = after or (known[0] if known else "")
    earlier = [one for one in known if one < after]
    before = before or (earlier[0] if earlier else "")
    old = rows.week(sql, code, before, simulated=simulated) if before else None
    new = rows.week(sql, code, after, simulated=simulated) if after else None
    if old is None or new is None:
        return None
    return Compared(before=before, after=after, changes=diff(old, new))


def keep_weeks(store: Store, weeks: Sequence[Week], now: datetime, *, simulated: bool) -> int:
    """Keep how each school's network is at the end of these weeks, or now; give how many."""
    return sum(
        _keep(store, code, week, now, simulated=simulated)
        for code in [school.code for school in store.schools()]
        for week in weeks
    )


class DailySnapshot:
    """Keeps the running week once a day of Japan, and the one before it that has just ended."""

    def __init__(self, store: Store, shown: Shown, clock: Clock) -> None:
        self._store = store
        self._shown = shown
        self._clock = clock

    def once(self) -> int:
        """Keep where today it was not done yet; give how many networks. Raises StoreError."""
        now = self._clock.now()
        today = local(now).date().isoformat()
        if self._store.setting(KEPT_ON) == today:
            return 0
        simulated = self._shown.simulated()
        week = Week.containing(self._shown.now())
        count = keep_weeks(self._store, (week.plus(-1), week), now, simulated=simulated)
        self._store.write(lambda sql: rows_schools.set_setting(sql, KEPT_ON, today))
        return count


def _keep(store: Store, code: str, week: Week, now: datetime, *, simulated: bool) -> int:
    end = min(week.end, now)

    def read(sql: Sql) -> Topology | None:
        found = rows.reports(sql, code, end, simulated=simulated)
        newest = max((one.started_at for one in found if one.started_at is not None), default=None)
        if newest is None or newest < week.start:
            return None  # nothing was read in that week
        return assemble(found, rows.edits(sql, code).edits)

    of = store.read(read)
    if of is None:
        return 0
    store.write(lambda sql: rows.keep_week(sql, code, str(week), of, now, simulated=simulated))
    return 1
