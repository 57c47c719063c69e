"""Measured facts: made from what is stored, left out where too little was measured."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from collector import resources
from collector.cli import main
from collector.clock import Clock
from collector.judge.calendar_file import load_calendars
from collector.judge.model import Figure, Requirement, Status, Verdict
from collector.operators import audit
from collector.programme import fact_rows
from collector.programme.facts_catalogue import load_facts
from collector.programme.measured_facts import Heavy, Hour, Measured, measured_values
from collector.programme.measured_refresh import REFRESHED_ON, DailyRefresh, refresh
from collector.programme.model import Fact, Grade
from collector.rollup.keeper import roll_all
from collector.shown import Shown
from collector.store.interface import Batch, Store
from tests.collector.conftest import MONDAY, Maker

CALENDARS = load_calendars(resources.default_calendar())
EARLY = datetime(2026, 5, 10, 22, 0, tzinfo=UTC)  # Monday 07:00 in Japan
LESSON = datetime(2026, 5, 11, 0, 0, tzinfo=UTC)  # 09:00
LATE = datetime(2026, 5, 11, 8, 0, tzinfo=UTC)  # 17:00


def heavy(at: datetime, down: float | None = 1e8, **changes: Any) -> Heavy:
    """Make a throughput result."""
    one = Heavy(
        probe="throughput",
        started_at=at,
        outcome="ok",
        failure_code=None,
        download_bps=down,
        upload_bps=None,
        cross_traffic_bps=None,
    )
    return replace(one, **changes)


def values(**given: Any) -> dict[str, Any]:
    """Give the values of a school with these measurements."""
    measured = Measured(since=EARLY - timedelta(days=7), **given)
    return dict(measured_values(measured, CALENDARS.default))


def days(at: datetime, number: int = 5) -> list[datetime]:
    """The same hour of the days of a school week."""
    return [at + timedelta(days=day) for day in range(number)]


def test_speeds_by_window() -> None:
    """Evening over morning, lessons over quiet, use of the line from counted traffic."""
    found = values(
        quiet_bps=9e7,
        heavy=[
            *(heavy(at, 2e8, upload_bps=5e7) for at in days(EARLY)),
            *(heavy(at, 1e8, upload_bps=5e7) for at in days(LATE)),
            *(heavy(at, 2e7, cross_traffic_bps=8e7) for at in days(LESSON)),
        ],
    )
    assert found["line.quiet_median_bps"] == 9e7
    assert found["line.evening_ratio"] == 0.5
    assert found["line.lesson_leftover_median_bps"] == 2e7
    assert found["line.lesson_ratio"] == pytest.approx(2e7 / 1.5e8)
    assert found["line.lesson_use_ratio"] == 0.8
    assert found["line.upload_median_bps"] == 5e7
    assert "line.lesson_median_bps" not in found  # no verdict has one


def test_too_few_results_are_no_value() -> None:
    """Four results have no median; nothing measured gives nothing, never 0."""
    assert values() == {}
    four = values(heavy=[heavy(at) for at in days(EARLY, 4)])
    assert not any(key.startswith("line.") and "ratio" not in key for key in four)
    assert "line.failure_ratio" not in four


def test_failures_by_code() -> None:
    """Interception is a share of what was tried; what was deferred was not tried."""
    found = values(
        heavy=[
            *(heavy(at) for at in days(EARLY)),
            *(
                heavy(at, None, outcome="failed", failure_code="intercepted")
                for at in days(LATE, 3)
            ),
            *(
                heavy(at, None, outcome="failed", failure_code="dns_failed")
                for at in days(LESSON, 2)
            ),
            *(heavy(at, None, outcome="deferred", failure_code="line_busy") for at in days(LATE)),
        ],
        counts={"dns": (85, 5), "latency": (100, 0)},
    )
    assert found["router.intercepted_ratio"] == 0.3
    assert found["internet.dns_failure_ratio"] == pytest.approx(7 / 100)
    assert found["line.failure_ratio"] == pytest.approx(10 / 200)


def test_delays_come_from_whole_hours_of_a_window() -> None:
    """06:00 is quiet, 09:00 is mostly lessons, 08:00 is neither."""

    def hour(at: datetime, median: float) -> Hour:
        return Hour(
            probe="latency",
            name="rtt_median_seconds",
            started_at=at,
            count=3,
            total=3 * median,
            median=median,
        )

    eight = EARLY + timedelta(hours=1)
    found = values(
        hours=[
            *(hour(at, 0.010) for at in days(EARLY, 3)),
            *(hour(at, 0.014) for at in days(LATE, 2)),
            *(hour(at, 0.050) for at in days(LESSON, 2)),
            *(hour(at, 9.0) for at in days(eight, 5)),
        ]
    )
    assert found["line.rtt_median_seconds"] == 0.010
    assert found["line.lesson_rtt_increase_seconds"] == pytest.approx(0.040)
    assert found["carrier.evening_rtt_increase_seconds"] == pytest.approx(0.004)
    assert found.get("line.loss_ratio") is None


def test_days_of_updates_need_two_publications() -> None:
    """One slow Wednesday is no pattern; two publications in nine weeks are compared."""
    may, june = datetime(2026, 5, 13, tzinfo=UTC), datetime(2026, 6, 10, tzinfo=UTC)
    plain = [heavy(at, 1e8) for at in days(LESSON, 2) + days(LESSON + timedelta(days=7), 5)]
    slow = [heavy(may + timedelta(minutes=n), 3e7) for n in range(5)]
    assert "line.update_day_ratio" not in values(heavy=[*plain, *slow])
    more = [heavy(june + timedelta(minutes=n), 3e7) for n in range(5)]
    assert values(heavy=[*plain, *slow, *more])["line.update_day_ratio"] == pytest.approx(0.3)


def test_context_and_path_mtu() -> None:
    """What the newest records say of the appliance and of large packets."""
    found = values(
        context={"appliance_ceiling_bps": 9e8, "link_speed_bps": 10**8, "link_duplex": "half"},
        path={"path_mtu_bytes": 1454, "black_hole": False, "mss_upload_black_hole": True},
    )
    assert found == {
        "appliance.ceiling_bps": 9e8,
        "appliance.link_speed_bps": 1e8,
        "appliance.link_duplex": "half",
        "line.path_mtu_bytes": 1454.0,
        "line.mtu_black_hole": True,
    }
    assert values(context={"link_duplex": 7, "link_speed_bps": "fast"}) == {}


def test_every_measured_fact_is_one_of_the_list_that_says_so() -> None:
    """The list of facts and what is made agree, key by key."""
    told = {key for key, one in load_facts().items() if one.measured}
    every = set(measured_values(Measured(since=EARLY, quiet_bps=1.0), CALENDARS.default))
    assert every <= told
    folder = resources.configs_folder().parent / "programme"
    if not (folder / "measured_facts.py").exists():
        # in a checkout the data files stand beside the packages
        folder = resources.configs_folder().parent / "collector" / "programme"
    names = ("measured_facts.py", "measured_devices.py")
    text = "".join((folder / name).read_text("utf-8") for name in names)
    assert all(f'"{key}"' in text for key in told)


def a_verdict(median_bps: float | None, week: str) -> Verdict:
    """Make a quiet verdict of school A1."""
    return Verdict(
        school_code="A1",
        week=week,
        figure=Figure.QUIET,
        status=Status.NOT_MET,
        reasons=(),
        requirement=Requirement(
            pupils=1, required_bps=1, upper_bps=1, outside_table=False, table_version="t"
        ),
        runs=10,
        failed_runs=0,
        days=5,
        school_days=5,
        statistic="median",
        median_bps=median_bps,
        low_bps=None,
        high_bps=None,
        simulated=False,
    )


def stored(store: Store, make: Maker) -> None:
    """Give school A1 a week of measurements and two verdicts."""
    context = {"appliance_ceiling_bps": 5e8, "link_speed_bps": 10**9, "link_duplex": "full"}
    record = json.dumps({"context": context, "values": {}}).encode()
    rows = [
        *(make.row(started_at=at, download_bps=1e8, record=record) for at in days(EARLY)),
        *(make.row(started_at=at, download_bps=5e7, record=record) for at in days(LATE)),
        *(
            make.row(started_at=at, download_bps=9e9, segment="lan", record=record)
            for at in days(EARLY)
        ),
        make.row(
            probe="path_mtu",
            download_bps=None,
            record=b'{"values":{"path_mtu_bytes":1454,"black_hole":true}}',
        ),
        *(
            make.row(
                started_at=at + timedelta(minutes=1),
                probe="latency",
                download_bps=None,
                record=b'{"values":{"rtt_median_seconds":0.01,"loss_ratio":0.0}}',
            )
            for at in days(EARLY)
        ),
    ]
    received = MONDAY + timedelta(days=5)
    store.submit(Batch(rows[0].agent_id, received, rows)).result(60)
    roll_all(store, received)
    one_run = replace(a_verdict(1e7, "2026-W20"), runs=1)
    store.save_verdicts([a_verdict(8e7, "2026-W19"), one_run], received)
    store.set_setting("shown_week", "2026-W20")


class Noon:
    """A clock that stands at noon of a Saturday."""

    def now(self) -> datetime:
        """The moment."""
        return MONDAY + timedelta(days=5, hours=3)

    def monotonic_seconds(self) -> float:
        """Nothing goes by."""
        return 0.0


def measured(store: Store) -> dict[str, Any]:
    """The measured facts of school A1."""
    found = store.read(lambda sql: fact_rows.facts(sql, "A1"))
    return {one.key: one.value for one in found if one.grade is Grade.AGENT}


def test_a_refresh_replaces_measured_facts_and_no_other(store: Store, make: Maker) -> None:
    """From both databases: the newest median, windows, context; what people noted stays."""
    noted = Fact(
        school_code="A1",
        key="line.upload_median_bps",
        grade=Grade.DESK,
        value=1.0,
        source="x",
        noted_on=MONDAY.date(),
        noted_by="cli:t",
    )
    stale = replace(noted, grade=Grade.AGENT, key="line.shared", value=True)
    store.write(lambda sql: fact_rows.put_fact(sql, noted))
    store.write(lambda sql: fact_rows.put_fact(sql, stale))
    stored(store, make)
    clock: Clock = Noon()
    done = refresh(store, CALENDARS, Shown(store, clock), "cli:tester", clock.now())
    assert done.weeks == ("2026-W20", "2026-W19", "2026-W18", "2026-W17")
    found = measured(store)
    assert found["line.quiet_median_bps"] == 8e7  # of W19: one run of W20 is no median
    assert found["line.evening_ratio"] == 0.5
    assert found["line.rtt_median_seconds"] == 0.01
    assert found["appliance.link_duplex"] == "full"
    assert found["line.mtu_black_hole"] is True
    assert found["router.intercepted_ratio"] == 0.0
    assert "line.shared" not in found
    assert "line.lesson_ratio" not in found
    desk = [one for one in store.read(fact_rows.facts) if one.grade is Grade.DESK]
    assert [one.key for one in desk] == [noted.key]
    assert store.read(lambda sql: audit.newest(sql, 1))[0].action == "fact.measure"


def test_the_daily_refresh_is_done_once_a_day(store: Store, make: Maker) -> None:
    """Of several collectors one refreshes; the next day it is done again."""
    stored(store, make)
    clock: Clock = Noon()
    daily = DailyRefresh(store, CALENDARS, Shown(store, clock), clock)
    assert daily.once() is not None
    assert daily.once() is None
    assert store.setting(REFRESHED_ON) == "2026-05-16"
    store.set_setting(REFRESHED_ON, "2026-05-15")
    assert daily.once() is not None


def test_the_command_refreshes(
    store: Store, make: Maker, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """``survey refresh`` says how many facts it made."""
    stored(store, make)
    assert main(["survey", "refresh", "--database", url]) == 0
    assert "facts of 2 schools from 2026-W17 to 2026-W20" in capsys.readouterr().out
    assert measured(store)["line.quiet_median_bps"] == 8e7
