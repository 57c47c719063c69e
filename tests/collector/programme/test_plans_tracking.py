"""Where indicators stand: computed where the collector knows, noted by people elsewhere."""

from dataclasses import replace
from datetime import UTC, date, datetime
from fractions import Fraction
from functools import partial
from typing import Any

import pytest

from collector import resources
from collector.judge.calendar_file import load_calendars
from collector.judge.criteria_file import load_criteria
from collector.judge.reading import ConfigRefused
from collector.judge.week import Week
from collector.operators.audit import newest, verify
from collector.programme import assignment_rows, fact_rows, progress_rows
from collector.programme.cells import csv_bytes, plain, safe, xlsx_bytes
from collector.programme.model import Assignment, Fact, Grade, MeasureState, Progress, State
from collector.programme.plans.actuals import Actual, ActualStands, actuals, put_actuals
from collector.programme.plans.adopted import PLANS, adopt, adopted
from collector.programme.plans.automatic import Computed, Missing
from collector.programme.plans.exchange import parse, sheet
from collector.programme.plans.file import load_plans, parse_plans
from collector.programme.plans.read import tracked
from collector.programme.plans.tracking import Standing, Tracked, track
from collector.schools.table import ImportRefused
from collector.store.interface import Store
from tests.collector.conftest import Maker, a_school

ON_SQLITE = pytest.mark.parametrize("url", ["sqlite"], indirect=True)
NOW = datetime(2026, 5, 18, 3, tzinfo=UTC)
TODAY = date(2026, 5, 18)
CITY = load_plans(resources.configs_folder() / "plans" / "takasaki.toml")
TARGET = "https://koumu.example/"


def actual(indicator: str = "affairs.without_fax", value: float = 62.5, **changes: Any) -> Actual:
    """A noted value."""
    one = Actual(
        indicator_id=indicator,
        observed_on=TODAY,
        value=value,
        source="点検表",
        noted_at=NOW,
        noted_by="operator:aoi",
    )
    return replace(one, **changes)


def standing_of(
    indicator: str, today: date, value: float | None = None, computed: Computed | None = None
) -> Tracked:
    """One indicator, tracked."""
    noted = [] if value is None else [actual(indicator, value, observed_on=date(2025, 1, 1))]
    given = {} if computed is None else {indicator: computed}
    return next(
        one for one in track(CITY, given, noted, today) if one.indicator.indicator_id == indicator
    )


@pytest.mark.parametrize(
    ("indicator", "today", "value", "standing", "late"),
    [
        ("affairs.without_fax", date(2026, 3, 31), None, Standing.UNKNOWN, 0),
        ("affairs.without_fax", date(2026, 4, 1), None, Standing.OVERDUE, 1),
        ("affairs.without_fax", date(2026, 3, 31), 99.9, Standing.OPEN, 0),
        ("affairs.without_fax", date(2026, 4, 1), 99.9, Standing.OVERDUE, 1),
        ("affairs.without_fax", date(2027, 4, 1), 100.0, Standing.REACHED, 0),
        ("affairs.cloud_system", date(2026, 12, 31), 0.0, Standing.OPEN, 0),
        ("affairs.cloud_system", date(2027, 1, 1), 0.0, Standing.OVERDUE, 1),
        ("affairs.cloud_system", date(2027, 1, 1), 1.0, Standing.REACHED, 0),
        ("affairs.cloud_response", date(2030, 1, 1), 0.9, Standing.REACHED, 0),
        ("affairs.cloud_response", date(2030, 1, 1), 1.1, Standing.OPEN, 0),
    ],
)
def test_standing(
    indicator: str, today: date, value: float | None, standing: Standing, late: int
) -> None:
    """On the day itself nothing is overdue; what nobody noted is unknown, then overdue, never 0."""
    one = standing_of(indicator, today, value)
    assert (one.standing, one.days_overdue) == (standing, late)
    assert (one.value is None) == (value is None)


def test_what_is_computed_goes_before_what_was_noted() -> None:
    """And what cannot be computed falls back to it."""
    computed = Computed(value=Fraction(12), of=84)
    one = standing_of("network.met", TODAY, 80, computed)
    assert (one.value, one.by_collector, one.done_ratio) == (12, True, Fraction(12, 84))
    fallen = standing_of("network.met", TODAY, 80, Computed(value=None, missing=Missing.NO_SCHOOLS))
    assert (fallen.value, fallen.by_collector) == (80, False)


def test_a_value_of_tomorrow_does_not_count_today() -> None:
    """Only what was noted up to the day."""
    noted = [actual(value=10.0), actual(value=90.0, observed_on=date(2026, 5, 19))]
    found = {one.indicator.indicator_id: one for one in track(CITY, {}, noted, TODAY)}
    assert found["affairs.without_fax"].value == 10


def test_actuals_are_kept_and_audited(store: Store) -> None:
    """Each change is a record; the same again is none; another value needs a word of its own."""
    assert store.write(lambda sql: put_actuals(sql, [actual()], replace=False)) == 1
    assert store.write(lambda sql: put_actuals(sql, [actual()], replace=False)) == 0
    with pytest.raises(ActualStands, match=r"62\.5 \(点検表, operator:aoi\), yours is 70"):
        store.write(
            lambda sql: put_actuals(
                sql, [actual("usage.training", 5), actual(value=70)], replace=False
            )
        )
    assert store.read(actuals) == [actual()]  # of two, none was kept
    assert store.write(lambda sql: put_actuals(sql, [actual(value=70)], replace=True)) == 1
    assert [one.value for one in store.read(actuals)] == [70]
    records = store.read(lambda sql: newest(sql, 10))
    assert [one.action for one in records] == ["plans.actual", "plans.actual"]
    assert '"before":"62.5"' in records[0].detail
    assert store.read(verify) == []


def test_adopted_plans_are_in_the_database(store: Store) -> None:
    """Nothing is tracked before; the file is kept as it was, with its record."""
    assert adopted(store) is None
    adopt(store, CITY, "cli:tester", NOW)
    found = adopted(store)
    assert found is not None
    assert (found.figures, found.indicators) == (CITY.figures, CITY.indicators)
    assert store.setting(PLANS) == CITY.text
    assert store.read(lambda sql: newest(sql, 1))[0].action == "plans.adopt"
    store.set_setting(PLANS, "nonsense")
    with pytest.raises(ConfigRefused, match="the adopted plans"):
        adopted(store)


def test_what_the_collector_knows(store: Store, make: Maker) -> None:
    """Samples, desk surveys, measures, devices and the cloud service, out of the database."""
    text = CITY.text.replace(
        'automatic = "cloud_reachable_percent"',
        f'automatic = "cloud_reachable_percent"\nhttps_target = "{TARGET}"',
    ).replace(
        'automatic = "cloud_response_seconds"',
        f'automatic = "cloud_response_seconds"\nhttps_target = "{TARGET}"',
    )
    plans = parse_plans(text.encode(), "f")

    def known() -> dict[str, Tracked]:
        found = tracked(
            store,
            plans,
            load_criteria(resources.default_criteria()),
            load_calendars(resources.default_calendar()),
            week=Week.parse("2026-W20"),
            simulated=False,
            now=NOW,
        )
        return {one.indicator.indicator_id: one for one in found}

    store.import_schools([a_school("A1", sample=True), a_school("B1", 70)])
    before = known()
    assert before["network.met"].value == 0
    assert before["network.sample_identified"].value == 0
    assert before["network.measures_begun"].value == 0
    assert {
        name: before[name].computed and before[name].computed.missing
        for name in ("network.measures_done", "devices.provided_by_now", "affairs.cloud_response")
    } == {
        "network.measures_done": Missing.NO_MEASURES,
        "devices.provided_by_now": Missing.DEVICES_NOT_KNOWN,
        "affairs.cloud_response": Missing.NO_TESTS,
    }
    for code, state in (("A1", State.COMPLETE), ("B1", State.IDENTIFIED)):
        store.write(
            lambda sql, code=code, state=state: progress_rows.put_progress(
                sql,
                Progress(
                    school_code=code, state=state, since_on=TODAY, planned_on=None,
                    assessor="", note="", version=0,
                ),
                "operator:aoi", NOW,
            )
        )  # fmt: skip
        store.write(
            lambda sql, code=code: fact_rows.put_fact(
                sql,
                Fact(
                    school_code=code, key="device.count", grade=Grade.DESK, value=100.0,
                    source="台帳", noted_on=TODAY, noted_by="operator:aoi",
                ),
            )
        )  # fmt: skip
    for number, state in enumerate(
        (MeasureState.DONE, MeasureState.PLANNED, MeasureState.CANCELLED)
    ):
        store.write(
            lambda sql, number=number, state=state: assignment_rows.put_assignment(
                sql,
                Assignment(
                    assignment_id=f"m{number}", school_code="A1", measure_id="line_10g",
                    state=state, planned_on=None, done_on=None, cost_yen=None, subsidy_yen=None,
                    findings=(), note="",
                ),
                "operator:aoi", NOW,
            )
        )  # fmt: skip
    records = [
        b'{"values":{"v4_total_seconds":%s}}' % seconds for seconds in (b"0.2", b"0.4", b"0.9")
    ]
    rows = [make.row(probe="https", target=TARGET, record=record) for record in records]
    rows.append(make.row(probe="https", target=TARGET, outcome="failed", failure_code="timeout"))
    rows.append(
        make.row(probe="https", target=TARGET, outcome="deferred", failure_code="line_busy")
    )
    rows.append(make.row(probe="https", target="https://other.example/", outcome="failed"))
    store.submit(make.batch(rows)).result(30)
    after = known()
    assert {name: after[name].value for name in (
        "network.sample_identified", "network.desk_identified", "network.improved",
        "network.measures_begun", "network.measures_done", "devices.provided_by_now",
        "affairs.cloud_reachable",
    )} == {
        "network.sample_identified": 1, "network.desk_identified": 1, "network.improved": 1,
        "network.measures_begun": 1, "network.measures_done": 50, "devices.provided_by_now": 200,
        "affairs.cloud_reachable": 75,
    }  # fmt: skip
    assert float(after["affairs.cloud_response"].value or 0) == pytest.approx(0.4)


@ON_SQLITE
def test_a_round_trip_changes_nothing(store: Store) -> None:
    """What is exported is read back as what was kept: odd texts and numbers too."""
    noted = [
        actual(value=62.512345678901),
        actual(value=1e-05, observed_on=date(2026, 4, 1)),
        actual("affairs.cloud_system", 1.0, source='=HYPERLINK("x")'),
        actual("devices.returned", 30257.0, source="'引用, 改行なし\"'"),
    ]
    store.write(lambda sql: put_actuals(sql, noted, replace=False))
    table = sheet(CITY, store.read(actuals), "ja")
    raw = csv_bytes(table)
    assert "\r\n=" not in raw.decode()
    assert ",=" not in raw.decode()
    for written in (raw, xlsx_bytes([table])):
        read = parse(written, "f", CITY, "operator:aoi", NOW, TODAY)
        assert len(read) == len(noted)
        assert store.write(partial(put_actuals, new=read, replace=False)) == 0
    assert csv_bytes(sheet(CITY, store.read(actuals), "ja")) == raw
    assert len(table.rows) == len(CITY.indicators) + 1  # one has two values


def test_a_bad_table_gives_nothing() -> None:
    """File, line, column, value and what is allowed, of every mistake."""
    raw = (
        "indicator,name,unit,target,due,observed_on,value,source\n"
        "usage.trainin,,,,,2026-05-01,5,s\n"
        "usage.training,,,,,2026-05-19,5,s\n"
        "usage.training,,,,,2026-05-01,many,s\n"
        "affairs.cloud_system,,,,,2026-05-01,1,s\n"
        "usage.training,,,,,2026-05-02,5,\n"
        "usage.home_learning,,,,,,,\n"
    )
    with pytest.raises(ImportRefused) as refused:
        parse(raw.encode(), "f.csv", CITY, "operator:aoi", NOW, TODAY)
    assert "\n".join(str(one) for one in refused.value.mistakes) == (
        "f.csv line 2, column indicator: found 'usage.trainin', allowed is the id of an "
        "indicator of the adopted plans\n"
        "f.csv line 3, column observed_on: found '2026-05-19', allowed is a day up to today, "
        "2026-05-18\n"
        "f.csv line 4, column value: found 'many', allowed is a number from 0 to 1,000,000,000 "
        "(percent)\n"
        "f.csv line 5, column value: found '1', allowed is yes or no\n"
        "f.csv line 6, column source: found nothing, allowed is one line of 1 to 200 characters: "
        "where it is from"
    )


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@x", "'", "'=1", "＝1", "\t1", "学校", "", "a'b"]
)
def test_cells_are_inert_and_read_back(text: str) -> None:
    """No cell begins as a formula does; what is read back is what was written."""
    written = safe(text)
    assert not written.startswith(tuple("=+-@＝＋－＠\t\r"))
    assert plain(written) == text


def test_the_same_table_gives_the_same_bytes() -> None:
    """An XLSX file holds no time of its making."""
    table = sheet(CITY, [actual()], "en")
    assert xlsx_bytes([table]) == xlsx_bytes([table])
