"""The pages of the plans, and the table for the ministry's survey."""

import csv
import io
import re
import zipfile
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from collector import resources
from collector.operators.audit import newest
from collector.pages.i18n import words
from collector.pages.ministry_table import COLUMNS
from collector.programme import assignment_rows, decision_rows, fact_rows, progress_rows
from collector.programme.model import (
    Assignment,
    Decided,
    Decision,
    Fact,
    Grade,
    MeasureState,
    Progress,
    State,
)
from collector.programme.plans.actuals import actuals
from collector.programme.plans.adopted import PLANS, adopt
from collector.programme.plans.file import load_plans
from collector.store.interface import Batch, Store
from tests.collector.conftest import Maker, Serving, a_school

NOW = datetime(2026, 5, 18, 3, tzinfo=UTC)
TODAY = date(2026, 5, 18)
CITY = load_plans(resources.configs_folder() / "plans" / "takasaki.toml")
PATH = "/programme/indicators"


@pytest.fixture
def url(sqlite_url: str) -> str:
    """The database is not what these are about."""
    return sqlite_url


@pytest.fixture
def adopting(serving: Serving) -> Serving:
    """A collector whose city adopted plans that do not fit it."""
    adopt(serving.store, CITY, "cli:tester", NOW)
    return serving


def test_without_plans_the_page_says_how(serving: Serving) -> None:
    """No city finds another one's figures."""
    page = serving.client.get(PATH, params={"lang": "en"})
    assert page.status_code == 200
    assert "hakaru-collector plans adopt" in page.text
    assert "30,621" not in page.text


def test_plans_that_cannot_be_read_are_told(serving: Serving) -> None:
    """What an older release adopted does not take the page down."""
    serving.store.set_setting(PLANS, "[plans]\nsource = 1")
    page = serving.client.get(PATH)
    assert page.status_code == 200
    assert "登録された計画が読めません" in page.text


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        (
            "ja",
            [
                "整備上限台数", "30,621 台", "令和7年度", "期限超過", "（48 日）",
                "登録された学校数 2（city.schools）",
                "総学校数 84（network.schools） は 2 のはずです",
                "9 件の関係が成り立っています", "<small>仮</small>",
                "測定・記録から自動計算",
            ],
        ),
        (
            "en",
            [
                "Ceiling of devices", "30,621 devices", "fiscal 2025",
                "Overdue", "(by 48 days)",
                "imported schools 2 (city.schools)", "Schools 84 (network.schools) should be 2",
                "9 relations hold", "<small>proposed</small>", "computed by the collector",
            ],
        ),
    ],
)  # fmt: skip
def test_plans_are_shown(adopting: Serving, language: str, expected: list[str]) -> None:
    """Figures, what disagrees, targets and whose they are, and what is overdue."""
    page = adopting.client.get(PATH, params={"lang": language})
    assert page.status_code == 200
    missing = [text for text in expected if text not in page.text]
    assert missing == []
    assert page.text.count('<tr id="i-') == len(CITY.indicators)


def test_an_operator_notes_a_value(adopting: Serving) -> None:
    """It is kept and audited; another value of the same day asks first, showing both."""
    desk = adopting.desk("operator")
    sent = {
        "indicator": "affairs.without_fax",
        "value": "62.5",
        "on": "2026-05-18",
        "source": "<点検表>",
    }
    done = desk.send(PATH, **sent)
    assert (done.status_code, done.headers["location"]) == (303, f"{PATH}#i-affairs.without_fax")
    page = desk.get(PATH)
    assert "62.5 %" in page.text
    assert "&lt;点検表&gt;" in page.text
    asked = desk.send(PATH, **sent | {"value": "70"})
    assert asked.status_code == 409
    assert "62.5 %" in asked.text
    assert "70 %" in asked.text
    assert 'name="replace"' in asked.text
    assert [one.value for one in adopting.store.read(actuals)] == [62.5]
    assert desk.send(PATH, **sent | {"value": "70", "replace": "yes"}).status_code == 303
    (kept,) = adopting.store.read(actuals)
    assert (kept.value, kept.noted_by) == (70, f"operator:{desk.name}")
    (record,) = adopting.store.read(lambda sql: newest(sql, 1))
    assert (record.action, record.subject) == ("plans.actual", "affairs.without_fax")


@pytest.mark.parametrize(
    "changes",
    [
        {"indicator": "nothing.such"},
        {"value": "many"},
        {"value": "-1"},
        {"value": ""},
        {"indicator": "affairs.cloud_system", "value": "1"},
        {"on": "2999-01-01"},
        {"on": "yesterday"},
        {"source": " "},
        {"source": "x" * 201},
        {"source": "two\nlines"},
    ],
)
def test_a_wrong_value_is_refused(adopting: Serving, changes: dict[str, str]) -> None:
    """The page says what is allowed and keeps nothing."""
    sent = {"indicator": "usage.training", "value": "5", "on": "2026-05-18", "source": "s"}
    done = adopting.desk("operator").send(PATH, **sent | changes)
    assert done.status_code == 422
    assert 'role="alert"' in done.text
    assert adopting.store.read(actuals) == []


def test_a_viewer_changes_nothing(adopting: Serving) -> None:
    """Viewers see no form, and a form they send is refused."""
    desk = adopting.desk("viewer")
    assert "<form" not in re.sub(r"<form[^>]*sign-out.*?</form>", "", desk.get(PATH).text)
    assert desk.send(PATH, indicator="usage.training", value="5").status_code == 403
    assert adopting.store.read(actuals) == []


def test_demand_is_shown(serving: Serving) -> None:
    """Every lesson, both figures, both languages; a wrong share is said and the usual one shown."""
    for lesson in ("digital_textbook", "online_test", "video_conference", "nonsense"):
        for figure in ("quiet", "lesson"):
            asked = {"lesson": lesson, "figure": figure, "concurrency": "0.5", "lang": "en"}
            page = serving.client.get("/programme/demand", params=asked)
            assert page.status_code == 200
            assert page.text.count("Cannot tell") >= 2
    for wrong in ("1.5", "1e-4000", "NaN", "-1", "x"):  # a fraction with 4,000 digits is none
        page = serving.client.get("/programme/demand", params={"concurrency": wrong})
        assert 'role="alert"' in page.text
        assert 'value="0.4"' in page.text


def test_network_is_shown(serving: Serving, make: Maker) -> None:
    """The administration system of the plans, and days of updates."""
    target = "https://koumu.example/"
    automatic = 'automatic = "cloud_reachable_percent"'
    text = CITY.text.replace(automatic, f'{automatic}\nhttps_target = "{target}"')
    assert "https_target" in serving.client.get("/programme/network").text
    serving.store.set_setting(PLANS, text)
    record = b'{"values":{"v6_total_seconds":0.25}}'
    rows = [make.row(probe="https", target=target, record=record) for _ in range(6)]
    rows += [make.row(probe="https", target=target, outcome="failed", failure_code="timeout")] * 1
    serving.store.submit(make.batch(rows)).result(30)
    page = serving.client.get("/programme/network", params={"lang": "en"}).text
    assert target in page
    assert "85.7" in page
    assert "250 ms" in page
    assert "Cannot tell" in page


def test_update_days_are_shown(serving: Serving, make: Maker) -> None:
    """A school that is slow on two update days, with both medians and how often it was measured."""
    rows = [
        make.row(
            started_at=datetime(2026, month, day, 0, 5 + minute, tzinfo=UTC),  # 09:05 in Japan
            download_bps=4e7 if day in (13, 15) else 1e8,
        )
        for month, days in ((4, (13, 14, 15, 16, 17)), (5, (11, 12, 13, 14, 15)))
        for day in days
        for minute in (0, 3)
        if (month, day) not in {(4, 13), (4, 16), (5, 14), (5, 15)}
    ]
    serving.store.submit(Batch("agent-of-A1", datetime(2026, 5, 18, tzinfo=UTC), rows)).result(30)
    page = serving.client.get("/programme/network", params={"lang": "en"}).text
    assert "Wed 15 Apr 2026, Wed 13 May 2026 (publications: 2)" in page
    assert "built-in" not in page
    line = re.sub(r"<[^>]+>", " ", page[page.index("<tbody>") : page.index("</tbody>")]).split()
    told = "学校A1 40.0 Mbit/s 4 runs 100 Mbit/s 8 runs"
    assert line == [*told.split(), "\N{MINUS SIGN}60.0", "%"]
    assert "Cannot tell" in page  # one school gives no interval


def filled(store: Store) -> None:
    """One school in the middle of the programme, with a name that a spreadsheet would run."""
    store.import_schools([a_school("A1", name='=HYPERLINK("x")', sample=True)])
    store.write(
        lambda sql: progress_rows.put_progress(
            sql,
            Progress(
                school_code="A1", state=State.IMPROVING, since_on=TODAY, planned_on=None,
                assessor="", note="", version=0,
            ),
            "operator:aoi", NOW,
        )
    )  # fmt: skip
    for finding, decision in (
        ("port_100m", Decision.CONFIRMED), ("line_saturated", Decision.RESOLVED),
        ("dns_slow", Decision.REJECTED), ("gone_from_the_catalogue", Decision.CONFIRMED),
    ):  # fmt: skip
        decided = Decided(
            school_code="A1", finding_id=finding, decision=decision, grade=Grade.ON_SITE,
            evidence="e", decided_on=TODAY, decided_by="operator:aoi", version=0,
        )  # fmt: skip
        store.write(lambda sql, decided=decided: decision_rows.decide(sql, decided, NOW))
    for number, state in enumerate(MeasureState):
        assigned = Assignment(
            assignment_id=f"m{number}", school_code="A1", measure_id="line_10g", state=state,
            planned_on=date(2026, 8, 1), done_on=date(2026, 5, 1), cost_yen=None,
            subsidy_yen=None, findings=(), note="",
        )  # fmt: skip
        store.write(
            lambda sql, one=assigned: assignment_rows.put_assignment(sql, one, "operator:aoi", NOW)
        )
    noted = Fact(
        school_code="B1", key="core_switch.duplex", grade=Grade.AGENT, value="half",
        source="s", noted_on=TODAY, noted_by="operator:aoi",
    )  # fmt: skip
    spread = replace(noted, key="line.spread_ratio", value=0.4)
    store.write(lambda sql: fact_rows.replace_measured(sql, ["B1"], [noted, spread]))


def table_of(serving: Serving, **asked: str) -> list[dict[str, Any]]:
    """The table as CSV, by the names of its columns."""
    answer = serving.client.get("/programme/survey-table", params={"format": "csv"} | asked)
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == 'attachment; filename="survey-2026-W20.csv"'
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    text = words(asked.get("lang", "ja"))
    assert rows[0] == [text(f"ministry_column.{column}") for column in COLUMNS]
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows[1:]]


def test_the_ministrys_table(serving: Serving) -> None:
    """Each school with what is required, measured, decided, suspected and planned."""
    filled(serving.store)
    first, second = table_of(serving)
    assert first["name"] == '\'=HYPERLINK("x")'
    assert first["required"] == "422.4"
    assert (first["measured"], first["runs"], first["verdict"]) == ("", "0", "要確認")
    assert first["statistic"] == "測定なし"
    assert (first["part"], first["state"], first["state_on"]) == (
        "現地（サンプル校）", "改善中", "2026-05-18",
    )  # fmt: skip
    confirmed = first["confirmed"].split("\n")
    assert "gone_from_the_catalogue（現地、2026-05-18）" in confirmed
    assert len(confirmed) == 2
    assert len(first["resolved"].split("\n")) == 1
    assert [line[line.index("（") :] for line in first["measures"].split("\n")] == [
        "（予定 2026-08-01）", "（発注済 2026-08-01）", "（実施済 2026-05-01）",
    ]  # fmt: skip
    assert (second["part"], second["state"], second["state_on"]) == ("机上", "未着手", "")
    assert "半二重" in second["likely"]
    assert table_of(serving, lang="en")[1]["state"] == "Not started"


def test_the_table_as_xlsx_is_the_same_twice(serving: Serving) -> None:
    """Reproducible, and no cell holds a formula."""
    filled(serving.store)
    ask = {"format": "xlsx"}
    first, second = (serving.client.get("/programme/survey-table", params=ask) for _ in "12")
    assert first.content == second.content
    with zipfile.ZipFile(io.BytesIO(first.content)) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
        texts = book.read("xl/sharedStrings.xml").decode()
    assert "<f>" not in sheet
    assert "'=HYPERLINK(" in texts
    assert (
        serving.client.get("/programme/survey-table", params={"format": "pdf"}).status_code == 404
    )
