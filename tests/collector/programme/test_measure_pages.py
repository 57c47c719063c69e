"""Pages of measures over real HTTP: what is given, changed, asked and planned; who may do what."""

import re
from datetime import timedelta

import pytest

from collector.programme import assignment_rows, decision_rows
from collector.programme.model import Assignment, MeasureState
from collector.store.interface import Batch, Store
from tests.collector.conftest import MONDAY, Desk, Maker, Serve, Serving
from tests.collector.programme.test_measure_command import confirmed


@pytest.fixture
def url(sqlite_url: str) -> str:
    """The database does not matter here."""
    return sqlite_url


@pytest.fixture
def serving(store: Store, make: Maker, serve: Serve) -> Serving:
    """A1 measured 200 Mbit/s, its line confirmed to be saturated; B1 never measured."""
    rows = [
        make.row(
            started_at=MONDAY + timedelta(days=day, hours=-2, minutes=2 * run),
            download_bps=200e6 + 1e6 * run,
        )
        for day in range(5)
        for run in range(4)
    ]
    store.submit(Batch("agent-of-A1", MONDAY + timedelta(days=5), rows, [])).result(60)
    store.write(lambda sql: decision_rows.decide(sql, confirmed(), MONDAY))
    return serve()


@pytest.fixture
def desk(serving: Serving) -> Desk:
    """The browser of an operator."""
    return serving.desk("operator")


def assigned(serving: Serving) -> list[Assignment]:
    """What schools have."""
    return serving.store.read(assignment_rows.assignments)


def test_a_measure_is_given_and_changed_from_the_pages(serving: Serving, desk: Desk) -> None:
    """It stands in the list, on the school's page and in the audit log."""
    sent = desk.send(
        "/programme/measures", school="A1", measure="line_10g", planned_on="2027-08-01",
        cost_yen="250,000", note="<b>夏休み</b>",
    )  # fmt: skip
    assert sent.status_code == 303
    one = assigned(serving)[0]
    page = desk.get(sent.headers["location"] + "?lang=en")
    assert page.status_code == 200
    assert "&lt;b&gt;夏休み" in page.text
    assert "250,000 yen" in page.text
    assert "Line to 10 Gbit/s" in desk.get("/schools/A1?lang=en").text
    assert "回線を10ギガに変更" in desk.get("/programme/measures?school=A1&lang=ja").text
    path = f"/programme/measures/{one.assignment_id}"
    changed = desk.send(path, state="ordered", version="1", planned_on="2027-08-02")
    assert changed.status_code == 303
    assert assigned(serving)[0].state is MeasureState.ORDERED
    audit = serving.desk("administrator").get("/audit?lang=en").text
    assert "measure.assign" in audit
    assert "measure.change" in audit


def test_an_old_page_does_not_overwrite_and_shows_both(serving: Serving, desk: Desk) -> None:
    """409: what stands, and what was written, are both on the page."""
    desk.send("/programme/measures", school="A1", measure="ipoe", note="一つ目")
    path = f"/programme/measures/{assigned(serving)[0].assignment_id}"
    assert desk.send(path, state="planned", version="1", note="二つ目").status_code == 303
    late = desk.send(path, state="planned", version="1", note="三つ目")
    assert late.status_code == 409
    assert "二つ目" in late.text
    assert "三つ目" in late.text
    assert "現在の版 2、この画面の版 1" in late.text
    assert assigned(serving)[0].note == "二つ目"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"school": "Z9", "measure": "ipoe"}, "there is no school"),
        ({"school": "A1", "measure": "ipo"}, "did you mean ipoe?"),
        ({"school": "A1", "measure": "ipoe", "cost_yen": "many"}, "a whole number of yen"),
        ({"school": "A1", "measure": "ipoe", "planned_on": "soon"}, "a day such as 2027-08-01"),
        ({}, "there is no school"),
    ],
)
def test_a_wrong_form_keeps_what_was_written(
    desk: Desk, serving: Serving, fields: dict[str, str], said: str
) -> None:
    """422 with what is allowed; nothing is kept."""
    answer = desk.send("/programme/measures", **fields)
    assert answer.status_code == 422
    assert said in answer.text
    assert assigned(serving) == []


def test_viewers_ask_and_operators_take_over(serving: Serving, desk: Desk) -> None:
    """What-if by GET with its assumptions; one button gives the measures."""
    viewer = serving.desk("viewer")
    asked = "/programme/what-if?lang=en&measure=line_10g&schools=all&measure=&schools="
    page = viewer.get(asked)
    assert page.status_code == 200
    assert "of 1 that can be told" in page.text
    assert "not measured outside lessons" in page.text
    assert "median of what a shared 10 Gbit/s line gives" in page.text
    assert "/programme/measures/several" not in page.text
    assert viewer.send("/programme/measures/several", want="A1 line_10g").status_code == 403
    wants = re.findall(r'name="want" value="([^"]+)"', desk.get(asked).text)
    assert wants == ["A1 line_10g", "B1 line_10g"]
    sent = desk.client.post(
        "/programme/measures/several",
        data={"csrf": _csrf(desk, asked), "want": wants},
    )
    assert sent.status_code == 303
    assert {(one.school_code, one.measure_id) for one in assigned(serving)} == {
        ("A1", "line_10g"),
        ("B1", "line_10g"),
    }


def test_a_question_that_cannot_be_understood_is_answered_with_what_can(serving: Serving) -> None:
    """422 for the wrong school; nothing is calculated."""
    page = serving.desk("viewer").get("/programme/what-if?measure=ipoe&schools=Z9")
    assert page.status_code == 422
    assert "school: found" in page.text


def test_a_plan_is_made_from_budgets_and_taken_over(serving: Serving, desk: Desk) -> None:
    """In 10,000 yen; the days are the first of the fiscal years."""
    form = desk.get("/programme/plan?lang=en")
    assert "Budget of fiscal 2026" in form.text
    asked = "/programme/plan?lang=en&y2026=&y2027=100&y2028=50&by=pupils&costs=low"
    page = desk.get(asked)
    assert page.status_code == 200
    assert "Against greed" in page.text
    wants = re.findall(r'name="want" value="([^"]+)"', page.text)
    assert wants[0] == "A1 line_10g 2027-04-01"
    sent = desk.send("/programme/measures/several", want=wants[0])
    assert sent.status_code == 303
    assert str(assigned(serving)[0].planned_on) == "2027-04-01"
    again = desk.get(asked)
    assert 'name="want" value="A1 line_10g' not in again.text


@pytest.mark.parametrize("budget", ["-1", "lots", "1e9", "1" * 50])
def test_a_wrong_budget_is_refused(serving: Serving, budget: str) -> None:
    """With its year and what is allowed."""
    page = serving.desk("viewer").get(f"/programme/plan?y2027={budget}")
    assert page.status_code == 422
    assert "令和9年度の予算" in page.text


def test_a_measure_that_is_not_there_is_missing(desk: Desk) -> None:
    """404 in words, for reading and for changing 422."""
    assert desk.get("/programme/measures/nothing").status_code == 404


def _csrf(desk: Desk, path: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', desk.get(path).text)
    assert found is not None
    return found[1]
