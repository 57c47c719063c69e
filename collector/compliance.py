"""From stored results to verdicts, and from verdicts to what pages, API and reports show.

Everything works on the :class:`~collector.store.interface.Store` protocol alone. The views
are plain data: no text for people is made here.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from collector.judge.calendar import Calendars
from collector.judge.criteria import Criteria
from collector.judge.model import SEGMENTS_BESIDE_THE_LINE, Figure, Observation, Verdict
from collector.judge.verdict import judge
from collector.judge.week import Week, last_complete_week
from collector.revisions.save import save_judged
from collector.rollup import rows as rollup_rows
from collector.rollup.keeper import HEAVY_CLASS
from collector.schools.model import School
from collector.store.interface import SchoolWeek, Store
from collector.store.times import to_micros
from collector.views import (
    AgentHealth,
    CityView,
    FigureCount,
    GroupCount,
    Point,
    SchoolRow,
    SchoolView,
)
from collector.views_build import Past, Sources, build_city, build_school

__all__ = [
    "AgentHealth",
    "CityView",
    "FigureCount",
    "GroupCount",
    "Point",
    "SchoolRow",
    "SchoolView",
    "city_view",
    "ensure_week",
    "judge_dirty",
    "judge_marked",
    "judge_weeks",
    "results_gone",
    "school_view",
    "shown_week",
]


WEEKS_OF_POINTS: Final = 4
SAVED_AT_ONCE: Final = 2_000
"""School weeks whose verdicts one transaction saves: results that arrive do not wait for long."""


def judge_weeks(
    store: Store,
    criteria: Criteria,
    calendars: Calendars,
    weeks: Iterable[tuple[str, str, bool]],
) -> list[Verdict]:
    """Judge each (school_code, ISO week, simulated); give two verdicts for each. Saves nothing.

    Schools the store does not know are passed over.
    """
    schools = {school.code: school for school in store.schools()}
    wanted: dict[tuple[str, bool], list[School]] = defaultdict(list)
    for code, label, simulated in sorted(set(weeks)):
        if code in schools:
            wanted[label, simulated].append(schools[code])
    verdicts: list[Verdict] = []
    for (label, simulated), of_week in wanted.items():
        week = Week.parse(label)
        observations = _observations(store, week, of_week, simulated=simulated)
        for school in of_week:
            verdicts += judge(
                observations.get(school.code, ()),
                criteria.requirement(school.pupils),
                calendars.for_school(school.code),
                week,
                school.code,
                simulated,
            )
    return verdicts


def judge_dirty(store: Store, criteria: Criteria, calendars: Calendars, *, now: datetime) -> int:
    """Judge and save every school week that got results since it was judged; give their number."""
    return judge_marked(store, criteria, calendars, store.dirty_weeks(), now=now)


def judge_marked(
    store: Store,
    criteria: Criteria,
    calendars: Calendars,
    dirty: Mapping[SchoolWeek, int],
    *,
    now: datetime,
) -> int:
    """Judge and save these weeks, with the generations of their marks; give their number.

    Results that arrive while this runs leave their week marked for the next time. Verdicts of a
    week that retention has reached stay: what came late is not all there was.
    """
    waiting: list[Verdict] = []
    marks: dict[SchoolWeek, int] = {}
    for group in _by_week(dirty):
        _, label, simulated = group[0]
        stay: set[str] = set()
        if results_gone(store, Week.parse(label)):
            stay = {code for code, _ in store.verdicts(label, simulated=simulated)}
        verdicts = _by_school(
            judge_weeks(store, criteria, calendars, [one for one in group if one[0] not in stay])
        )
        for one in group:
            waiting += verdicts.get(one[0], ())
            marks[one] = dirty[one]
            if len(marks) >= SAVED_AT_ONCE:
                save_judged(store, waiting, now, marks)
                waiting, marks = [], {}
    if marks:
        save_judged(store, waiting, now, marks)
    return len(dirty)


def ensure_week(
    store: Store,
    criteria: Criteria,
    calendars: Calendars,
    *,
    week: Week,
    simulated: bool,
    now: datetime,
) -> list[Verdict]:
    """Judge and save what a week lacks, so that every school has both verdicts; give the new.

    A verdict against another requirement than today's (pupils or table changed), or by another
    calendar of the school, is judged again. A school without results is UNDETERMINED with its
    reason.
    """
    saved = store.verdicts(str(week), simulated=simulated)
    lacking = _lacking(store, week, store.schools(), saved, (criteria, calendars))
    verdicts = judge_weeks(
        store, criteria, calendars, [(code, str(week), simulated) for code in lacking]
    )
    for start in range(0, len(verdicts), 2 * SAVED_AT_ONCE):
        save_judged(store, verdicts[start : start + 2 * SAVED_AT_ONCE], now)
    return verdicts


def results_gone(store: Store, week: Week) -> bool:
    """Whether retention has begun to delete the results of a week: its verdicts are all there is.

    To judge it again would be to judge what is left of it.
    """
    closed = store.read(rollup_rows.closed).get(HEAVY_CLASS)
    return closed is not None and to_micros(week.start) < closed


def shown_week(store: Store, *, simulated: bool, now: datetime) -> Week:
    """Give the week to show where none is named: the last complete one.

    Simulated results keep fixed dates, so there it is the newest complete week that has
    verdicts, and the last complete one only when there is none.
    """
    complete = last_complete_week(now)
    if simulated:
        for label in store.judged_weeks(simulated=True):
            if Week.parse(label) <= complete:
                return Week.parse(label)
    return complete


def city_view(
    store: Store,
    criteria: Criteria,
    calendars: Calendars,
    *,
    week: Week,
    simulated: bool,
    now: datetime,
    wall: datetime | None = None,
) -> CityView:
    """Give the whole city in one week. Reads only.

    Ages count from ``now``. ``wall`` is the wall clock where ``now`` is another moment (that of
    a simulated city); it decides which weeks have ended.

    Every school is in it with both verdicts: one not saved yet is judged here, so that met,
    not met and undetermined always add up to the number of schools.
    """
    schools = store.schools()
    return build_city(
        Sources(
            criteria=criteria,
            schools=schools,
            baseline=store.baseline(),
            verdicts=_complete(store, criteria, calendars, week, schools, simulated=simulated),
            newest=store.newest_by_school(simulated=simulated),
            agents=store.agents(),
        ),
        week=week,
        simulated=simulated,
        now=now,
        wall=wall or now,
    )


def school_view(
    store: Store,
    criteria: Criteria,
    calendars: Calendars,
    code: str,
    *,
    week: Week,
    simulated: bool,
    now: datetime,
    limit: int = 20,
) -> SchoolView | None:
    """Give one school in one week with its history; None when there is no such school.

    ``points`` are its throughput results over the line of four weeks up to ``week``; ``latest`` and
    ``failures`` hold up to ``limit`` newest results of every probe, simulated or not (each
    says which).
    """
    school = store.school(code)
    if school is None:
        return None
    verdicts = _complete(store, criteria, calendars, week, [school], simulated=simulated)
    results = store.results_between(
        code, week.plus(1 - WEEKS_OF_POINTS).start, week.end, probe="throughput"
    )
    return build_school(
        Sources(
            criteria=criteria,
            schools=[school],
            baseline=store.baseline(),
            verdicts=verdicts,
            newest=store.newest_by_school(simulated=simulated),
            agents=store.agents(),
        ),
        calendars.for_school(code),
        week=week,
        simulated=simulated,
        now=now,
        past=Past(
            results=[
                item
                for item in results
                if item.simulated == simulated and item.segment not in SEGMENTS_BESIDE_THE_LINE
            ],
            history=store.verdict_history(code, simulated=simulated),
            latest=store.latest_results(code, limit=limit),
            failures=store.latest_results(code, limit=limit, failures_only=True),
        ),
    )


def _by_week(dirty: Iterable[SchoolWeek]) -> list[list[SchoolWeek]]:
    """School weeks that one question to the store answers, in order of the weeks."""
    found: dict[tuple[str, bool], list[SchoolWeek]] = defaultdict(list)
    for one in sorted(dirty):
        found[one[1], one[2]].append(one)
    return [found[key] for key in sorted(found)]


def _by_school(verdicts: Iterable[Verdict]) -> dict[str, list[Verdict]]:
    found: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        found[verdict.school_code].append(verdict)
    return found


def _observations(
    store: Store, week: Week, schools: Sequence[School], *, simulated: bool
) -> Mapping[str, Sequence[Observation]]:
    if len(schools) == 1:
        return store.observations_between(
            week.start, week.end, simulated=simulated, school_code=schools[0].code
        )
    return store.observations_between(week.start, week.end, simulated=simulated)


def _lacking(
    store: Store,
    week: Week,
    schools: Iterable[School],
    saved: Mapping[tuple[str, Figure], Verdict],
    by: tuple[Criteria, Calendars],
) -> list[str]:
    """Schools of which a verdict is missing or was made by other rules than today's."""
    criteria, calendars = by
    lacking = [
        school.code
        for school in schools
        if any(
            (verdict := saved.get((school.code, figure))) is None
            or verdict.requirement != criteria.requirement(school.pupils)
            or verdict.calendar != calendars.for_school(school.code).fingerprint
            for figure in Figure
        )
    ]
    if not lacking or not results_gone(store, week):
        return lacking
    return [code for code in lacking if any((code, figure) not in saved for figure in Figure)]


def _complete(
    store: Store,
    criteria: Criteria,
    calendars: Calendars,
    week: Week,
    schools: Sequence[School],
    *,
    simulated: bool,
) -> Mapping[tuple[str, Figure], Verdict]:
    """Give saved verdicts of a week, and judge (without saving) those that are lacking."""
    verdicts = dict(store.verdicts(str(week), simulated=simulated))
    lacking = _lacking(store, week, schools, verdicts, (criteria, calendars))
    judged = judge_weeks(
        store, criteria, calendars, [(code, str(week), simulated) for code in lacking]
    )
    return verdicts | {(verdict.school_code, verdict.figure): verdict for verdict in judged}
