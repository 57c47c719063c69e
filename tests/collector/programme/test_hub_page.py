"""The hub of the programme: what it counts, and which tabs it shows."""

from datetime import date
from typing import Any

import pytest

from collector.api.policy_of_routes import ROUTES
from collector.pages.programme_tabs import TABS, tabs
from collector.programme.model import Progress, State
from collector.programme.progress_rows import put_progress
from collector.programme.standing import DEADLINE, deadline_of, standing
from tests.collector.conftest import MONDAY, a_school


@pytest.fixture
def url(sqlite_url: str) -> str:
    """The database does not matter here."""
    return sqlite_url


def a_row(code: str, state: State, **changes: Any) -> Progress:
    """Where a school stands."""
    given: dict[str, Any] = {
        "school_code": code,
        "state": state,
        "since_on": date(2026, 5, 18),
        "planned_on": None,
        "assessor": "",
        "note": "",
        "version": 0,
    }
    return Progress(**given | changes)


def test_a_tab_stands_only_where_its_page_is() -> None:
    """A tab without a route would lead to 404."""
    assert ("overview", "/programme") in tabs()
    assert all(f"GET {path}" in ROUTES for _, path in tabs())
    missing = [one for one in TABS if f"GET {one[1]}" not in ROUTES]
    assert not set(missing) & set(tabs())


def test_a_school_without_a_row_has_not_been_started() -> None:
    """Both parts are counted apart; only identified and later count as done."""
    schools = [a_school("A1", sample=True), a_school("A2", sample=True), a_school("B1")]
    rows = [a_row("A1", State.IMPROVING), a_row("A2", State.INVESTIGATING)]
    found = standing(schools, rows, date(2026, 5, 18), date(2027, 3, 31))
    assert (found.samples.done, found.samples.total) == (1, 2)
    assert (found.others.done, found.others.total) == (0, 1)
    assert found.by_state[State.NOT_STARTED] == 1
    assert (found.all.done, found.all.open, found.days_left) == (1, 2, 317)


def test_the_deadline_is_the_citys_or_the_end_of_the_fiscal_year() -> None:
    """A setting that is no day is refused, not guessed."""
    assert deadline_of(None, date(2025, 3, 31)) == date(2025, 3, 31)
    assert deadline_of(None, date(2025, 4, 1)) == date(2026, 3, 31)
    assert deadline_of("2025-03-31", date(2026, 5, 1)) == date(2025, 3, 31)
    with pytest.raises(ValueError, match="Invalid isoformat"):
        deadline_of("next year", date(2026, 5, 1))


def test_the_hub_counts_and_says_how_late_it_is(serving: Any) -> None:
    """Both languages; the navigation leads there."""
    serving.store.write(
        lambda sql: put_progress(sql, a_row("A1", State.IDENTIFIED), "cli:x", MONDAY)
    )
    page = serving.desk("viewer").get("/programme?lang=en").text
    assert "1 of 2 schools" in page
    assert "318 days left" not in page
    assert "317 days left" in page
    assert 'href="/programme"' in page
    serving.store.set_setting(DEADLINE, "2025-03-31")
    page = serving.desk("viewer").get("/programme?lang=ja").text
    assert "413 日超過" in page
    assert "令和6年度" in page
