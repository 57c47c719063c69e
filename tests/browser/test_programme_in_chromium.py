"""The programme in a real browser: an operator fills an assessment, also by keyboard alone.

Everything is done through the pages, in headless Chromium, at the width of a tablet. The checks of
names, headings, focus and targets are made on every page of the way.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from collector.clock import SystemClock
from collector.operators.administer import Administration
from collector.operators.model import Role
from collector.programme import attachment_rows, decision_rows, fact_rows, progress_rows
from collector.programme.model import Decision, Grade
from tests.browser.served import City, served_city
from tests.browser.tab import Tab, screenshots
from tests.collector.programme import pictures as made
from tests.conftest import CityCopy

NAME, PASSWORD = "aoki", "correct horse battery staple"
TABLET = (768, 1024)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(shutil.which("chromium") is None, reason="Chromium is not installed"),
]


@pytest.fixture(scope="module")
def city(city_copy: CityCopy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    """The fictional city with one operator."""
    with served_city(city_copy, tmp_path_factory.mktemp("programme")) as found:
        administration = Administration(found.store, SystemClock(), keep_one=False)
        administration.add("cli:test", NAME, Role.OPERATOR, PASSWORD, must_change=False)
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One Chromium for all."""
    started = screenshots().Chromium(shutil.which("chromium"), 60.0)
    yield started
    started.close()


@pytest.fixture(scope="module")
def tab(city: City, browser: Any) -> Tab:
    """A tab in which the operator has signed in through the page."""
    opened = Tab(browser, *TABLET)
    opened.open(f"{city.url}/sign-in")
    opened.fill(name=NAME, password=PASSWORD)
    opened.press("main form button")
    assert "/sign-in" not in opened.run("location.pathname"), opened.text()
    return opened


def sample_code(city: City) -> str:
    """A sample school."""
    return next(school.code for school in city.store.schools() if school.sample)


def test_a_sample_school_is_assessed_on_a_tablet(city: City, tab: Tab, tmp_path: Path) -> None:
    """Facts, a photograph and a finding, each through its form; nothing to stumble over."""
    code = sample_code(city)
    photo, plan = tmp_path / "ラック.jpg", tmp_path / "図面.pdf"
    photo.write_bytes(made.jpeg())
    plan.write_bytes(made.PDF)
    tab.open(f"{city.url}/schools/{code}/assessment")
    assert tab.faults() == []
    tab.fill(**{"fact:line.contract_bps": "1G", "fact:line.carrier": "髙﨑通信"})
    tab.press("#line button")
    assert tab.faults() == []
    tab.fill(**{"fact:router.model": "箱 1号"})
    tab.press("#router button")
    tab.choose_files("#file", photo, plan)
    tab.fill(note="職員室のラック")
    tab.press("#attachments form[enctype] button")
    assert "ラック.jpg" in tab.text()
    assert tab.faults() == []
    tab.run("document.getElementById('finding-port_100m').open = true")
    tab.set("#d-port_100m", "confirmed")
    tab.set("#e-port_100m", "ケーブルの印字 CAT5")
    tab.press("#finding-port_100m button")
    facts = {
        one.key: one.value
        for one in city.store.read(lambda sql: fact_rows.facts(sql, code))
        if one.grade is Grade.ON_SITE
    }
    assert facts["line.contract_bps"] == 1e9
    assert facts["line.carrier"] == "髙﨑通信"
    assert facts["router.model"] == "箱 1号"
    files = city.store.read(lambda sql: attachment_rows.attachments(sql, code))
    assert {one.file_name for one in files} >= {"ラック.jpg", "図面.pdf"}
    decided = city.store.read(lambda sql: decision_rows.decisions(sql, code))
    found = next(one for one in decided if one.finding_id == "port_100m")
    assert (found.decision, found.decided_by) == (Decision.CONFIRMED, f"operator:{NAME}")


def test_progress_is_changed_by_keyboard_alone(city: City, tab: Tab) -> None:
    """No pointer, no script of the page: every stop of Tab is seen, Enter sends the form."""
    code = next(one.code for one in city.store.schools() if not one.sample)
    held = city.store.read(lambda sql: progress_rows.progress(sql, code))
    version = held[0].version if held else 0
    tab.open(f"{city.url}/schools/{code}/progress?lang=en")
    before = tab.tab_to("state")["value"]
    tab.tab_to("assessor")
    tab.type("渡邊")
    tab.tab_to("note")
    tab.type("キーボードだけで")
    tab.tab_to("Save")
    tab.enter()
    kept = city.store.read(lambda sql: progress_rows.progress(sql, code))[0]
    assert (kept.assessor, kept.note) == ("渡邊", "キーボードだけで")
    assert (kept.state.value, kept.version) == (before, version + 1)
    assert "渡邊" in tab.text()


@pytest.mark.parametrize(
    "path",
    [
        "/programme",
        "/programme/sample",
        "/programme/spreadsheets",
        "/schools/{code}/progress",
        "/schools/{code}/assessment",
    ],
)
@pytest.mark.parametrize("width", [390, 768, 1280])
def test_nothing_to_stumble_over(city: City, tab: Tab, path: str, width: int) -> None:
    """Every field has a name, headings are in order, pages fit, targets are large enough."""
    metrics = {"width": width, "height": 1024, "deviceScaleFactor": 1, "mobile": False}
    tab.call("Emulation.setDeviceMetricsOverride", **metrics)
    try:
        for language in ("ja", "en"):
            page = path.format(code=sample_code(city))
            tab.open(f"{city.url}{page}?lang={language}")
            assert tab.faults() == []
    finally:
        tab.call(
            "Emulation.setDeviceMetricsOverride",
            **metrics | {"width": TABLET[0], "height": TABLET[1]},
        )


def test_the_checks_see_what_is_wrong(browser: Any) -> None:
    """A page with each fault is told of each."""
    bad = Tab(browser, *TABLET)
    bad.open(
        "data:text/html,<h1>a</h1><h3>b</h3><input name=x><p id=a></p><p id=a></p>"
        "<div style='width:3000px'>x</div>"
        "<div class=assess><button style='height:20px'>c</button></div>"
    )
    found = " ".join(bad.faults())
    for said in ("no name", "id twice", "heading 3 after 1", "wider", "too small"):
        assert said in found
    bad.open("data:text/html,<style>*{outline:none}</style><button>Go</button>")
    with pytest.raises(AssertionError, match="outline"):
        bad.tab_to("Go")


@pytest.mark.timeout(900)
def test_the_desk_survey_is_carried_to_75_of_75(city: City, tab: Tab, tmp_path: Path) -> None:
    """Every school without on-site assessment is confirmed on its page; the city's page counts."""
    schools = city.store.schools()
    samples = [one.code for one in schools if one.sample]
    others = [one.code for one in schools if not one.sample]
    assert (len(samples), len(others)) == (9, 75)
    clicks = 0
    for code in others:
        tab.open(f"{city.url}/schools/{code}/survey?lang=en")
        if not tab.run("!!document.querySelector('input[name=do][value=confirm]')"):
            continue  # the fictional city has some that are surveyed already
        tab.set("input[name=note]", "机上調査")
        tab.press("form:has(input[value=confirm]) button")
        clicks += 1
    held = {one.school_code: one for one in city.store.read(progress_rows.progress)}
    assert all(held[code].state.identifies for code in others)
    assert clicks >= 40
    tab.open(f"{city.url}/programme?lang=en")
    assert "75 of 75 schools" in tab.text()
    tab.picture(tmp_path / "programme.png")
    assert tab.faults() == []
    tab.open(f"{city.url}/programme/survey?lang=en")
    assert tab.faults() == []
