"""How every school and every agent is at this moment, as samples of now. Pure but for the reading.

Results are written under the moment they were measured, and may come days late. What alerts go
by must be of now: so each minute the collector says of each school what holds today (calendar,
maintenance) and of each agent in service what its last heartbeat and the watch say.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from collector.export.protobuf import Labels
from collector.export.series import Sample
from collector.fleet.health import IN_SERVICE
from collector.fleet.roster import Member, roster
from collector.judge.bands import DEFAULT_BANDS, band_of
from collector.judge.calendar import Calendars
from collector.judge.criteria import MAX_PUPILS, Criteria
from collector.judge.week import local
from collector.policy.suppression import Suppressed, in_force
from collector.schools.model import School
from collector.store.interface import Store
from collector.store.sql import Sql
from wire.codec import Refused

EVERY_SECONDS: Final = 60.0
"""Well below the five minutes for which Prometheus takes a sample for the present."""
NO_GROUP: Final = "-"
"""What label ``network`` says of a school without a group, so that it can be chosen."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What is decided by files, not by the database."""

    criteria: Criteria
    calendars: Calendars


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """What is known at one moment."""

    moment: datetime
    schools: Sequence[School]
    members: Sequence[Member]
    maintained: frozenset[str]
    """Codes of schools that are told to measure nothing."""


def now(store: Store, rules: Rules, moment: datetime) -> list[Sample]:
    """Look everything up and make the samples. Raises StoreError."""
    return samples_of(read(store, moment), rules)


def read(store: Store, moment: datetime) -> Now:
    """Look it up. Raises :class:`collector.store.interface.StoreError`."""
    schools = store.schools()

    def look(sql: Sql) -> tuple[list[Member], frozenset[str]]:
        held = in_force(sql, moment)
        lists: dict[str, set[str]] = {}
        if any(one.scope.kind.value == "list" for one in held):
            for name, code in sql.execute("SELECT name, school_code FROM school_list").fetchall():
                lists.setdefault(name, set()).add(code)
        codes = {school.code for school in schools for one in held if _holds(one, school, lists)}
        return roster(sql), frozenset(codes)

    members, maintained = store.read(look)
    return Now(moment=moment, schools=schools, members=members, maintained=maintained)


def samples_of(now: Now, rules: Rules) -> list[Sample]:
    """Make the samples; all of one moment."""
    at = int(now.moment.timestamp() * 1000)
    found: list[Sample] = []
    for school in now.schools:
        for name, value, labels in _of_school(school, now, rules):
            found.append(_sample(f"hakaru_school_{name}", value, labels, at))
    for member in now.members:
        if member.state in IN_SERVICE:
            for name, value, labels in _of_agent(member, now.moment):
                found.append(_sample(f"hakaru_fleet_{name}", value, labels, at))
    return found


Said = Iterator[tuple[str, float, dict[str, str]]]


def _of_school(school: School, now: Now, rules: Rules) -> Said:
    own = {"school": school.code}
    yield (
        "info",
        1.0,
        own
        | {
            "name": school.name,
            "kind": school.kind.value,
            "region": school.region,
            "band": band_of(school.pupils, DEFAULT_BANDS).label,
            "line": school.line.value,
            "group": school.aggregation_group,
            "network": school.aggregation_group or NO_GROUP,
        },
    )
    calendar = rules.calendars.for_school(school.code)
    yield "day", float(calendar.is_school_day(local(now.moment).date())), own
    yield "lesson", float(calendar.classify(now.moment).value == "lesson"), own
    yield "maintenance", float(school.code in now.maintained), own
    yield "pupils", float(school.pupils), own
    if 1 <= school.pupils <= MAX_PUPILS:
        yield "required_bps", float(rules.criteria.requirement(school.pupils).required_bps), own


def _of_agent(member: Member, moment: datetime) -> Said:
    own = {"agent": member.agent_id, "school": member.school_code}
    yield "state", 1.0, own | {"state": member.state.value}
    if member.agent_version:
        yield "info", 1.0, own | {"version": member.agent_version}
    heard_at = member.last_beat_at or member.last_seen_at
    if heard_at is not None:
        yield "silence_seconds", max(0.0, (moment - heard_at).total_seconds()), own
    if member.sent_offset_seconds is not None:
        yield "clock_offset_seconds", member.sent_offset_seconds, own
    try:
        beat = member.beat()
    except Refused:  # of another release: what is not readable is not said
        return
    if beat is None:
        return
    yield "spool_results", float(beat.spool.waiting_count), own
    yield "spool_used_bytes", float(beat.spool.used_bytes), own
    yield "spool_dropped_results", float(beat.spool.dropped_count), own
    for name, value in (
        ("disk_free_bytes", beat.disk_free_bytes),
        ("cpu_utilisation_ratio", beat.cpu_utilisation_ratio),
        ("memory_bytes", beat.memory_bytes),
    ):
        if value is not None:
            yield name, float(value), own


def _holds(one: Suppressed, school: School, lists: dict[str, set[str]]) -> bool:
    """Whether a suppression is on a school; as :func:`collector.policy.suppression.on_school`."""
    kind, name = one.scope.kind.value, one.scope.name
    if kind == "list":
        return school.code in lists.get(name, set())
    if kind == "group":
        return bool(name) and school.aggregation_group == name
    return kind == "city" or name == school.code


def _sample(name: str, value: float, labels: dict[str, str], at: int) -> Sample:
    # an empty label is no label: stores refuse or drop it
    named: Labels = tuple(
        sorted((("__name__", name), *((key, text) for key, text in labels.items() if text)))
    )
    return Sample(named, (at, value))
