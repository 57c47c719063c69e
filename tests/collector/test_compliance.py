"""From stored results to the counts people see, on a real database."""

from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from random import Random

import pytest

from collector import resources
from collector.compliance import (
    AgentHealth,
    city_view,
    ensure_week,
    judge_dirty,
    judge_weeks,
    school_view,
    shown_week,
)
from collector.judge.calendar import DayRange, Period
from collector.judge.calendar_file import load_calendars
from collector.judge.criteria_file import load_criteria
from collector.judge.model import Figure, Reason, Status
from collector.judge.week import JST, Week
from collector.retention.policy import Kind as Class
from collector.retention.policy import Policy
from collector.retention.run import run
from collector.rollup.keeper import roll_all
from collector.schools.model import BaselineEntry, Kind, Line, School
from collector.store import create_store
from collector.store.interface import Batch, NewRow, Store
from collector.views import CityView
from collector.views_build import agent_health
from wire.ids import uuid4, uuid7

CRITERIA = load_criteria(resources.default_criteria())
CALENDARS = load_calendars(resources.default_calendar())
WEEK = Week.parse("2026-W20")
MONDAY = datetime(2026, 5, 11, tzinfo=JST)
NOW = datetime(2026, 5, 19, 3, tzinfo=UTC)
RANDOM = Random(20)
SCHOOLS = [
    School(
        code=f"E{number:03}",
        name=f"みほん第{number}小学校",
        kind=Kind.ELEMENTARY,
        region="北部" if number % 2 else "南部",
        pupils=pupils,
        line=Line.OTHER,
        contracted_mbps=None,
        sample=False,
        latitude=None,
        longitude=None,
        aggregation_group="",
    )
    for number, pupils in enumerate((60, 100, 212, 400, 900))
]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Give a database with five schools, of which E000 met the survey and E001 did not."""
    opened = create_store(f"sqlite:///{tmp_path}/city.db")
    opened.import_schools(SCHOOLS)
    opened.import_baseline(
        [
            BaselineEntry(
                school_code=code,
                met=code == "E000",
                measured_bps=None,
                surveyed_on="2025-06-16",
                source="架空の調査",
            )
            for code in ("E000", "E001")
        ]
    )
    yield opened
    opened.close()


def enrolled(store: Store, code: str) -> str:
    """Enrol an agent at a school; give its id."""
    agent_id = uuid4(RANDOM.getrandbits(128))
    secret = f"{RANDOM.getrandbits(256):064x}"
    store.add_enrolment_code(code, secret, NOW + timedelta(days=1))
    store.enrol(code_sha256=secret, agent_id=agent_id, token_sha256=secret[::-1], now=NOW)
    return agent_id


def send(
    store: Store,
    code: str,
    mbps: float | None,
    *,
    runs: int = 10,
    hour: float = 6,
    simulated: bool = False,
    monday: datetime = MONDAY,
    segment: str | None = None,
) -> None:
    """Store results of one speed (None: failed tests), spread over the five school days."""
    agent_id = enrolled(store, code)
    rows = []
    for number in range(runs):
        started_at = (monday + timedelta(days=number % 5, hours=hour, seconds=number)).astimezone(
            UTC
        )
        result_id = uuid7(int(started_at.timestamp() * 1000), RANDOM.getrandbits(74))
        rows.append(
            NewRow(
                result_id=result_id,
                agent_id=agent_id,
                school_code=code,
                stream=uuid4(RANDOM.getrandbits(128)),
                seq=number + 1,
                probe="throughput",
                target="responder.test:4443",
                segment=segment,
                started_at=started_at,
                outcome="failed" if mbps is None else "ok",
                failure_code="connect_timeout" if mbps is None else None,
                failure_text=None,
                download_bps=None if mbps is None else mbps * 1e6,
                upload_bps=None,
                cross_traffic_during_bps=None,
                appliance_ceiling_bps=None,
                agent_version="0",
                simulated=simulated,
                record=b"{}",
            )
        )
    store.submit(Batch(agent_id, NOW, rows)).result(timeout=30)


def view(store: Store, *, simulated: bool = False, week: Week = WEEK) -> CityView:
    """Give the city as shown at NOW."""
    return city_view(store, CRITERIA, CALENDARS, week=week, simulated=simulated, now=NOW)


def test_an_unmeasured_city_is_undetermined_everywhere(store: Store) -> None:
    """Without any result every school has both verdicts, undetermined for want of results."""
    made = ensure_week(store, CRITERIA, CALENDARS, week=WEEK, simulated=False, now=NOW)
    assert len(made) == 2 * len(SCHOOLS)
    assert {verdict.reasons for verdict in made} == {(Reason.NO_RESULTS,)}
    city = view(store).city
    assert (city.schools, city.quiet.undetermined, city.lesson.undetermined) == (5, 5, 5)
    assert (city.baseline_met, city.baseline_surveyed, city.baseline_share) == (1, 2, 0.2)
    assert city.quiet.met_share == 0.0


def test_results_move_the_count(store: Store) -> None:
    """One school above, one below, one inside the criterion's interval, one only failing."""
    send(store, "E000", 120)
    send(store, "E001", 100)
    send(store, "E002", 365)
    send(store, "E003", None)
    judge_dirty(store, CRITERIA, CALENDARS, now=NOW)
    ensure_week(store, CRITERIA, CALENDARS, week=WEEK, simulated=False, now=NOW)
    shown = view(store)
    by_code = {row.school.code: row for row in shown.rows}
    assert [row.quiet.status for row in shown.rows] == [
        Status.MET,
        Status.NOT_MET,
        Status.UNDETERMINED,
        Status.UNDETERMINED,
        Status.UNDETERMINED,
    ]
    assert [row.quiet.reasons[0] for row in shown.rows[2:]] == [
        Reason.CRITERION_INTERVAL,
        Reason.ALL_FAILED,
        Reason.NO_RESULTS,
    ]
    count = shown.city.count(Figure.QUIET)
    assert (count.met, count.not_met, count.undetermined) == (1, 1, 3)
    assert by_code["E000"].margin_bps == pytest.approx(12e6)
    assert by_code["E001"].margin_bps == pytest.approx(100e6 - 180e6)
    assert by_code["E003"].measured_bps is None
    assert by_code["E003"].margin_bps is None


def test_bands_and_regions_add_up(store: Store) -> None:
    """Schools, pupils and each status of bands and of regions add up to the city's."""
    send(store, "E000", 120)
    send(store, "E003", 30)
    shown = view(store)
    assert [(group.label, group.schools) for group in shown.by_band] == [
        ("<=60", 1),
        ("61-120", 1),
        ("121-315", 1),
        ("316-560", 1),
        ("561-840", 0),
        (">840", 1),
    ]
    assert [group.label for group in shown.by_region] == ["北部", "南部"]
    for groups in (shown.by_band, shown.by_region):
        for name in ("schools", "pupils", "baseline_met"):
            total = sum(getattr(group, name) for group in groups)
            assert total == getattr(shown.city, name)
        for figure in Figure:
            for status in ("met", "not_met", "undetermined"):
                total = sum(getattr(group.count(figure), status) for group in groups)
                assert total == getattr(shown.city.count(figure), status)
    assert shown.by_band[4].quiet.met_share is None


@pytest.mark.parametrize("judged", [False, True])
def test_met_not_met_undetermined_are_all_schools(store: Store, judged: bool) -> None:
    """The three add up to the schools whether or not anything was judged and saved before."""
    send(store, "E000", 120)
    if judged:
        judge_dirty(store, CRITERIA, CALENDARS, now=NOW)
    for count in (view(store).city.quiet, view(store).city.lesson):
        assert count.met + count.not_met + count.undetermined == len(SCHOOLS)
    assert view(store).city.quiet.met == 1


def test_simulated_and_real_results_never_meet(store: Store) -> None:
    """Simulated results make simulated verdicts only, and the reverse."""
    send(store, "E000", 120, simulated=True)
    send(store, "E001", 900)
    judge_dirty(store, CRITERIA, CALENDARS, now=NOW)
    for simulated, met in ((True, "E000"), (False, "E001")):
        rows = view(store, simulated=simulated).rows
        assert [row.school.code for row in rows if row.quiet.status is Status.MET] == [met]
        seen = school_view(
            store, CRITERIA, CALENDARS, met, week=WEEK, simulated=not simulated, now=NOW
        )
        assert seen is not None
        assert (seen.points, seen.history, seen.row.newest_result_at) == ((), (), None)


def test_late_results_judge_their_week_again(store: Store) -> None:
    """Results that arrive after a week was judged change its verdict; then nothing is due."""
    send(store, "E000", 120, runs=5)
    assert judge_dirty(store, CRITERIA, CALENDARS, now=NOW) == 1
    assert view(store).city.quiet.met == 0
    send(store, "E000", 120)
    assert judge_dirty(store, CRITERIA, CALENDARS, now=NOW) == 1
    assert view(store).city.quiet.met == 1
    assert judge_dirty(store, CRITERIA, CALENDARS, now=NOW) == 0


def test_more_pupils_are_judged_against_more(store: Store) -> None:
    """After an import with other numbers of pupils the shown week is judged anew."""
    send(store, "E000", 120)
    ensure_week(store, CRITERIA, CALENDARS, week=WEEK, simulated=False, now=NOW)
    assert view(store).city.quiet.met == 1
    grown = School(
        **{name: getattr(SCHOOLS[0], name) for name in School.__slots__} | {"pupils": 120}
    )
    store.import_schools([grown])
    assert view(store).city.quiet.met == 0
    made = ensure_week(store, CRITERIA, CALENDARS, week=WEEK, simulated=False, now=NOW)
    assert {verdict.school_code for verdict in made} == {"E000"}
    assert ensure_week(store, CRITERIA, CALENDARS, week=WEEK, simulated=False, now=NOW) == []


def test_a_week_whose_results_are_gone_keeps_its_verdicts(store: Store) -> None:
    """Neither more pupils nor a late result judge again what retention has left of a week."""
    send(store, "E000", 200)
    judge_dirty(store, CRITERIA, CALENDARS, now=NOW)
    keep = Policy(dict.fromkeys(Class) | {Class.HEAVY_RESULTS: 60})
    later = NOW + timedelta(days=70)
    roll_all(store, later)
    run(store, keep, later, clock_is_right=True)
    assert not store.results_between("E000", WEEK.start, WEEK.end, probe="throughput")
    store.import_schools([replace(SCHOOLS[0], pupils=61)])
    assert view(store).rows[0].quiet.status is Status.MET
    ensure_week(store, CRITERIA, CALENDARS, week=WEEK, simulated=False, now=later)
    send(store, "E000", 1, runs=1)
    judge_dirty(store, CRITERIA, CALENDARS, now=later)
    assert not store.dirty_weeks()
    assert view(store).rows[0].quiet.runs == 10


def test_another_calendar_judges_the_week_again(store: Store) -> None:
    """A school whose days change is judged anew, shown and saved; the others are left alone."""
    send(store, "E000", 120)
    ensure_week(store, CRITERIA, CALENDARS, week=WEEK, simulated=False, now=NOW)
    assert view(store).city.quiet.met == 1
    closed = DayRange(first=(2026, 5, 1), last=(2026, 5, 31), reason="改修")
    own = replace(CALENDARS.default, closed=(*CALENDARS.default.closed, closed))
    changed = replace(CALENDARS, by_school={"E000": own})
    shown = city_view(store, CRITERIA, changed, week=WEEK, simulated=False, now=NOW)
    assert shown.city.quiet.met == 0
    made = ensure_week(store, CRITERIA, changed, week=WEEK, simulated=False, now=NOW)
    assert {(one.school_code, one.reasons[0]) for one in made} == {("E000", Reason.NO_SCHOOL_DAYS)}
    assert ensure_week(store, CRITERIA, changed, week=WEEK, simulated=False, now=NOW) == []
    again = ensure_week(store, CRITERIA, CALENDARS, week=WEEK, simulated=False, now=NOW)
    assert {one.school_code for one in again} == {"E000"}


def test_the_fingerprint_of_a_calendar_holds_every_field() -> None:
    """Each field alone changes it; the same file read again does not."""
    default = CALENDARS.default
    again = load_calendars(resources.default_calendar()).default
    assert default.fingerprint == again.fingerprint
    other = {
        "version": "x",
        "school_weekdays": frozenset({1}),
        "national_holidays": not default.national_holidays,
        "envelope": Period(default.envelope.start, time(18)),
        "lessons": default.lessons[:-1],
        "quiet_before": time(7),
        "quiet_after": time(20),
        "closed": (),
        "blackout": (DayRange(first=(None, 1, 1), last=(None, 1, 2), reason="r"),),
        "extra_school_days": frozenset({date(2026, 5, 16)}),
    }
    assert set(other) == {item.name for item in fields(default)}
    changed = {replace(default, **{name: value}).fingerprint for name, value in other.items()}
    assert len(changed - {default.fingerprint}) == len(other)


def test_unknown_schools_are_passed_over(store: Store) -> None:
    """A mark for a school that is gone gives no verdict and stops nothing."""
    weeks = [("gone", str(WEEK), False), ("E000", str(WEEK), False)]
    assert [verdict.school_code for verdict in judge_weeks(store, CRITERIA, CALENDARS, weeks)] == [
        "E000",
        "E000",
    ]


def test_the_week_shown(store: Store) -> None:
    """Real results: the last complete week. Simulated: the newest judged one that has ended."""
    assert str(shown_week(store, simulated=False, now=NOW)) == "2026-W20"
    assert str(shown_week(store, simulated=True, now=NOW)) == "2026-W20"
    for weeks_ago in (-3, 2, 3):
        send(store, "E000", 120, simulated=True, monday=MONDAY - timedelta(weeks=weeks_ago))
    judge_dirty(store, CRITERIA, CALENDARS, now=NOW)
    assert str(shown_week(store, simulated=True, now=NOW)) == "2026-W18"
    assert str(shown_week(store, simulated=False, now=NOW)) == "2026-W20"


def test_one_school_shows_its_evidence(store: Store) -> None:
    """Points with their window, verdicts of its weeks, latest results and failures."""
    send(store, "E000", 120)
    send(store, "E000", 50, hour=9)
    send(store, "E000", None, runs=3, hour=17)
    send(store, "E000", 70, monday=MONDAY - timedelta(weeks=3))
    send(store, "E000", 70, monday=MONDAY - timedelta(weeks=4))
    judge_dirty(store, CRITERIA, CALENDARS, now=NOW)
    seen = school_view(
        store, CRITERIA, CALENDARS, "E000", week=WEEK, simulated=False, now=NOW, limit=4
    )
    assert seen is not None
    windows = [point.window.value for point in seen.points]
    assert (windows.count("quiet"), windows.count("lesson")) == (23, 10)
    assert [point.started_at for point in seen.points] == sorted(
        point.started_at for point in seen.points
    )
    assert [verdict.week for verdict in seen.history][::2] == ["2026-W20", "2026-W17", "2026-W16"]
    assert (len(seen.latest), len(seen.failures)) == (4, 3)
    assert seen.row.quiet.failed_runs == 3
    assert len(seen.row.agents) == 5
    newest = (MONDAY + timedelta(days=4, hours=9, seconds=9)).astimezone(UTC)
    assert seen.row.newest_result_at == newest
    assert seen.row.newest_result_age_seconds == (NOW - newest).total_seconds()


def test_the_chart_holds_tests_of_the_line_alone(store: Store) -> None:
    """What never left the school is not drawn, nor in the medians by day, as it is not judged."""
    send(store, "E000", 50)
    send(store, "E000", 900, segment="lan")
    judge_dirty(store, CRITERIA, CALENDARS, now=NOW)
    seen = school_view(store, CRITERIA, CALENDARS, "E000", week=WEEK, simulated=False, now=NOW)
    assert seen is not None
    assert seen.row.quiet.runs == 10
    assert [point.download_bps for point in seen.points] == [50e6] * 10


def test_an_unknown_school_is_none(store: Store) -> None:
    """There is no view of a school that was not imported."""
    assert (
        school_view(store, CRITERIA, CALENDARS, "E999", week=WEEK, simulated=False, now=NOW) is None
    )


@pytest.mark.parametrize(
    ("hours", "health"),
    [
        (None, AgentHealth.NEVER_ENROLLED),
        (0, AgentHealth.FRESH),
        (2, AgentHealth.FRESH),
        (2.01, AgentHealth.LATE),
        (24, AgentHealth.LATE),
        (24.01, AgentHealth.SILENT),
        (-1, AgentHealth.FRESH),  # its clock or ours is a little off
    ],
)
def test_agent_health(hours: float | None, health: AgentHealth) -> None:
    """Never enrolled, heard within two hours, within a day, or silent."""
    seen_at = None if hours is None else NOW - timedelta(hours=hours)
    assert agent_health(seen_at, NOW) is health


def test_only_enrolled_schools_have_an_agent(store: Store) -> None:
    """The city shows which schools have an agent and when it was heard."""
    send(store, "E000", 120)
    rows = view(store).rows
    assert rows[0].agent_health is AgentHealth.FRESH
    assert {row.agent_health for row in rows[1:]} == {AgentHealth.NEVER_ENROLLED}
