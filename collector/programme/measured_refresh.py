"""Make the facts of grade agent anew, for all schools, in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from collector.clock import Clock
from collector.judge.calendar import Calendars
from collector.judge.model import Figure
from collector.judge.week import local
from collector.operators.audit import audit
from collector.programme import fact_rows, measured_rows
from collector.programme.facts_catalogue import FactDefinition, load_facts
from collector.programme.measured_devices import Devices
from collector.programme.measured_facts import Measured, measured_values
from collector.programme.model import Fact, Grade, Value
from collector.shown import Shown
from collector.store import rows_schools
from collector.store.interface import Store
from collector.store.sql import Sql
from collector.topology.facts import topology_facts
from collector.topology.weekly import network

WEEKS: Final = 4
"""How many weeks back measured facts look; the week shown is the newest."""
WEEKS_OF_UPDATES: Final = 9
"""How far back days of updates are looked for: two publications lie in it, always."""
REFRESHED_ON: Final = "measured_facts_on"
"""Setting: the day (ISO 8601, Japan) of the newest refresh."""
NOTED_BY: Final = "collector"


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh did."""

    schools: int
    facts: int
    weeks: tuple[str, ...]


def refresh(
    store: Store, calendars: Calendars, shown: Shown, actor: str, now: datetime
) -> Refreshed:
    """Replace all measured facts by those of the last weeks. Raises StoreError.

    A value beyond the range of the list of facts is left out: no school's odd figure stops it.
    """
    definitions, simulated, week = load_facts(), shown.simulated(), shown.week()
    weeks = tuple(str(week.plus(-back)) for back in range(WEEKS))
    start, end = week.plus(1 - WEEKS).start, week.end
    first = week.plus(1 - WEEKS_OF_UPDATES).start
    day = min(local(now).date(), week.days[-1]) if simulated else local(now).date()
    newest = store.read(lambda sql: measured_rows.newest_records(sql, start, simulated=simulated))
    medians = store.read(lambda sql: measured_rows.medians(sql, weeks, simulated=simulated))
    made: list[Fact] = []
    schools = store.schools()
    codes = [school.code for school in schools]
    for school in schools:
        code = school.code
        asked = _Asked(code, school.pupils, first, start, end, simulated)
        of = store.read(partial(_measured, asked=asked, newest=newest, medians=medians))
        values = measured_values(of, calendars.for_school(code))
        made += [
            Fact(
                school_code=code,
                key=key,
                grade=Grade.AGENT,
                value=value,
                source=f"{weeks[-1]} - {weeks[0]}",
                noted_on=day,
                noted_by=NOTED_BY,
            )
            for key, value in values.items()
            if _fits(definitions, key, value)
        ]
    store.write(lambda sql: _keep(sql, codes, made, actor, now))
    return Refreshed(len(codes), len(made), weeks)


class DailyRefresh:
    """Refreshes once a day of Japan; several collectors share the day in the database."""

    def __init__(self, store: Store, calendars: Calendars, shown: Shown, clock: Clock) -> None:
        self._store = store
        self._calendars = calendars
        self._shown = shown
        self._clock = clock

    def once(self) -> Refreshed | None:
        """Refresh where today it was not done yet; None where it was. Raises StoreError."""
        now = self._clock.now()
        if self._store.setting(REFRESHED_ON) == local(now).date().isoformat():
            return None
        return refresh(self._store, self._calendars, self._shown, NOTED_BY, now)


@dataclass(frozen=True, slots=True)
class _Asked:
    code: str
    pupils: int
    first: datetime
    start: datetime
    end: datetime
    simulated: bool


def _measured(
    sql: Sql,
    asked: _Asked,
    newest: Mapping[tuple[str, str], Mapping[str, Any]],
    medians: Mapping[str, Mapping[str, float]],
) -> Measured:
    code, own = asked.code, medians.get(asked.code, {})
    span, simulated = (asked.start, asked.end), asked.simulated
    context = _part(newest.get((code, "throughput")), "context")
    return Measured(
        quiet_bps=own.get(Figure.QUIET),
        lesson_bps=own.get(Figure.LESSON),
        since=asked.start,
        heavy=measured_rows.heavy(sql, code, asked.first, asked.end, simulated=simulated),
        hours=measured_rows.hours(sql, code, *span, simulated=simulated),
        counts=measured_rows.counts(sql, code, *span, simulated=simulated),
        context=context,
        path=_part(newest.get((code, "path_mtu")), "values"),
        devices=Devices(
            reports=measured_rows.device_reports(sql, code, *span, simulated=simulated),
            hours=measured_rows.device_hours(sql, code, *span, simulated=simulated),
            pupils=asked.pupils,
            wan=_counted_at(context.get("cross_traffic_source")),
        ),
        topology=topology_facts(network(sql, code, asked.end, simulated=simulated)[0]),
    )


def _keep(sql: Sql, codes: Sequence[str], made: Sequence[Fact], actor: str, now: datetime) -> None:
    fact_rows.replace_measured(sql, codes, made)
    rows_schools.set_setting(sql, REFRESHED_ON, local(now).date().isoformat())
    if actor != NOTED_BY:  # a person asked for it; the daily one is no change by anybody
        audit(sql, actor, "fact.measure", "city", {"facts": len(made)}, now)


def _fits(definitions: Mapping[str, FactDefinition], key: str, value: Value) -> bool:
    try:
        definitions[key].check(value)
    except ValueError:
        return False
    return True


def _counted_at(source: object) -> tuple[str, str] | None:
    """Address and port of ``snmp ADDRESS PORT`` (agent/snmp/wan.py); None for another source."""
    if not isinstance(source, str):
        return None
    kind, _, rest = source.partition(" ")
    address, _, port = rest.partition(" ")
    return (address, port) if kind == "snmp" and address and port else None


def _part(record: Mapping[str, Any] | None, name: str) -> dict[str, Any]:
    found = {} if record is None else record.get(name)
    return found if isinstance(found, dict) else {}
