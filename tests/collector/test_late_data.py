"""Late and odd data: revisions of published weeks, clocks that are off, years 1970 and 2100."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from collector import clocks, resources
from collector.compliance import ensure_week, judge_dirty
from collector.judge.calendar import Calendars
from collector.judge.calendar_file import load_calendars
from collector.judge.criteria_file import load_criteria
from collector.judge.model import Figure
from collector.judge.week import Week
from collector.revisions import rows
from collector.revisions.diff import PUBLISHED_AFTER, Cause, Change, merged
from collector.revisions.rows import Revision
from collector.rollup.keeper import roll_all
from collector.store.interface import Batch, Store
from tests.collector.conftest import Maker, Serve, Serving, a_school
from wire.codec import encode
from wire.messages import encode_batch

CRITERIA = load_criteria(resources.default_criteria())
CALENDARS = load_calendars(resources.default_calendar())
WEEK = Week.parse("2026-W20")
PUBLISHED = WEEK.end + PUBLISHED_AFTER


def measured(
    store: Store, make: Maker, received_at: datetime, bps: float = 6e8, days: int = 5
) -> None:
    """Quiet results of school A1 on so many days of the week, two a day."""
    made = [
        make.row(started_at=WEEK.start + timedelta(days=day, hours=hour), download_bps=bps)
        for day in range(days)
        for hour in (7, 18)
    ]
    store.submit(Batch(made[0].agent_id, received_at, made)).result(60)


def judged(store: Store, now: datetime, calendars: Calendars = CALENDARS) -> None:
    """What the judging thread does."""
    judge_dirty(store, CRITERIA, calendars, now=now)
    ensure_week(store, CRITERIA, calendars, week=WEEK, simulated=False, now=now)


def revisions(store: Store) -> list[Revision]:
    """Revisions of the week, newest first."""
    return store.read(lambda sql: rows.of_week(sql, str(WEEK), simulated=False))


def test_late_data_of_a_published_week_make_a_revision(store: Store, make: Maker) -> None:
    """From what to what, why, and without an alert; what came before publication makes none."""
    judged(store, WEEK.end - timedelta(hours=1))
    measured(store, make, WEEK.end, days=1)
    judged(store, WEEK.end + timedelta(hours=1))
    assert revisions(store) == []
    measured(store, make, PUBLISHED)
    judged(store, PUBLISHED + timedelta(days=3))
    (revision,) = revisions(store)
    assert (revision.number, revision.causes, revision.alerts) == (1, (Cause.LATE_DATA,), False)
    (change,) = revision.changes
    assert (change.school_code, change.figure) == ("A1", Figure.QUIET)
    assert (change.status_before, change.status_after) == ("undetermined", "met")
    assert (change.runs_before, change.runs_after) == (2, 12)
    judged(store, PUBLISHED + timedelta(days=4))
    assert len(revisions(store)) == 1, "judging again changes nothing"


def test_a_backlog_that_takes_a_while_is_one_revision(store: Store, make: Maker) -> None:
    """Passes within an hour add to one revision; what returns to where it was is no change."""
    judged(store, PUBLISHED)
    measured(store, make, PUBLISHED)
    judged(store, PUBLISHED + timedelta(minutes=1))
    assert len(revisions(store)[0].changes) == 1
    for _ in range(3):
        measured(store, make, PUBLISHED, bps=1e6)
    judged(store, PUBLISHED + timedelta(minutes=20))
    (revision,) = revisions(store)
    assert revision.number == 1
    (change,) = revision.changes
    assert (change.status_before, change.status_after) == ("undetermined", "not_met")
    for _ in range(9):
        measured(store, make, PUBLISHED)
    judged(store, PUBLISHED + timedelta(hours=5))
    assert [one.number for one in revisions(store)] == [2, 1]


def test_new_pupils_and_a_new_calendar_are_named_as_causes(store: Store, make: Maker) -> None:
    """A change of the requirement or of school days is not called late data."""
    measured(store, make, WEEK.end)
    judged(store, PUBLISHED)
    store.import_schools([a_school("A1", pupils=1_400)])
    judged(store, PUBLISHED + timedelta(days=1))
    assert [one.causes for one in revisions(store)] == [(Cause.CRITERIA,)]
    store.import_schools([a_school("A1", pupils=316)])
    judged(store, PUBLISHED + timedelta(days=2))
    closed = Calendars(
        version="x", default=replace(CALENDARS.default, school_weekdays=frozenset({6}))
    )
    judged(store, PUBLISHED + timedelta(days=3), closed)
    newest = revisions(store)[0]
    assert newest.causes == (Cause.CALENDAR,)
    assert {change.status_after for change in newest.changes} == {"undetermined"}


def test_a_change_and_its_return_leave_nothing() -> None:
    """Met, then not met, then met again within one revision: no change is left."""
    there = Change(
        school_code="A1",
        figure=Figure.QUIET,
        cause=Cause.LATE_DATA,
        status_before="met",
        status_after="not_met",
        median_before_bps=1.0,
        median_after_bps=2.0,
        runs_before=1,
        runs_after=2,
    )
    back = Change(
        school_code="A1",
        figure=Figure.QUIET,
        cause=Cause.LATE_DATA,
        status_before="not_met",
        status_after="met",
        median_before_bps=2.0,
        median_after_bps=3.0,
        runs_before=2,
        runs_after=3,
    )
    assert merged([there], [back]) == []


@dataclass
class LaterClock:
    """Days after the week was published."""

    at: datetime = PUBLISHED + timedelta(days=5)

    def now(self) -> datetime:
        """Wall clock."""
        return self.at

    def monotonic_seconds(self) -> float:
        """Stands still."""
        return 0.0


def test_the_week_s_page_and_the_api_show_the_revision(
    store: Store, make: Maker, serve: Serve
) -> None:
    """The city page of the week links to the diff, in both languages; the API has the figures."""
    judged(store, PUBLISHED)
    measured(store, make, PUBLISHED)
    judged(store, PUBLISHED + timedelta(days=1))
    client = serve(clock=LaterClock()).client
    city = client.get("/?week=2026-W20&lang=en").text
    assert "revised after it was published (revision 1)" in city
    assert 'href="/weeks/2026-W20/revisions"' in city
    page = client.get("/weeks/2026-W20/revisions?lang=ja").text
    assert "遅れて届いた測定" in page
    assert "学校A1" in page
    found = client.get("/v1/weeks/2026-W20/revisions").json()
    assert found["revisions"][0]["alerts"] is False
    assert found["revisions"][0]["changes"][0]["status_after"] == "met"
    assert client.get("/v1/weeks/2026-W19/revisions").json()["revisions"] == []
    assert client.get("/v1/weeks/soon/revisions").status_code == 400
    assert client.get("/weeks/soon/revisions").status_code == 404


def post(serving: Serving, make: Maker, *moments: datetime, **context: float) -> None:
    """Deliver results of these moments."""
    records = [
        make.record(
            serving.agent_id, started_at=moment, context={"agent_version": "0.1.0", **context}
        )
        for moment in moments
    ]
    assert serving.post(encode_batch(map(encode, records))).status_code == 200


def test_1970_and_2100_are_flagged_and_harmless(serve: Serve, make: Maker) -> None:
    """From the API to the pages: kept and shown as odd; verdicts and roll-ups as without."""
    serving = serve(clock=LaterClock())
    client, store = serving.client, serving.store
    judged(store, PUBLISHED)
    before = client.get("/v1/compliance?week=2026-W20").json()
    odd = (datetime(1970, 1, 1, 0, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
    post(serving, make, *odd)
    judged(store, PUBLISHED + timedelta(days=1))
    assert roll_all(store, PUBLISHED) == 0
    assert revisions(store) == []
    after = client.get("/v1/compliance?week=2026-W20").json()
    assert after == before
    latest = client.get("/v1/schools/A1").json()["latest"]
    assert len(latest) == 2
    assert all(one["clock_suspect"] for one in latest)
    (clock,) = client.get("/v1/schools/A1/clocks").json()["clocks"]
    assert (clock["suspect_results"], clock["wrong"], clock["skew_seconds"]) == (2, True, None)
    page = client.get("/schools/A1/clocks?lang=en").text
    assert "To be looked at" in page
    assert client.get("/schools/A1").status_code == 200
    assert client.get("/").status_code == 200
    assert client.get("/schools/XX/clocks").status_code == 404
    assert client.get("/v1/schools/XX/clocks").status_code == 404


def test_the_skew_of_a_clock_is_estimated_from_fresh_results(serve: Serve, make: Maker) -> None:
    """A clock an hour slow shows as an hour, though half of the results waited for days."""
    serving = serve(clock=LaterClock())
    now = LaterClock().at
    fresh = [now - timedelta(hours=1, seconds=12 + n) for n in range(8)]
    waited = [now - timedelta(days=2, hours=n) for n in range(7)]
    post(serving, make, *fresh, *waited, clock_offset_seconds=3600.0)
    (clock,) = serving.client.get("/v1/schools/A1/clocks").json()["clocks"]
    assert clock["skew_seconds"] == pytest.approx(3600, abs=10)  # results last 10 s
    assert clock["reported_offset_seconds"] == 3600.0
    assert clock["wrong"]
    assert clocks.estimate([1.0, 2.0]) is None
