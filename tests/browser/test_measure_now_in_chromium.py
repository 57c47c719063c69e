"""A test asked for by 'measure now', watched on a school's page in Chromium until its end."""

import re
import shutil
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.browser.tab import Tab, screenshots
from tests.browser.test_axe import AXE, RULES
from tests.collector.conftest import Desk, Maker, Serving, make, serve, serving, sqlite_url, store
from tests.collector.test_policy_pages import heard, laid_down, result_for

FASTER = """(() => { const slow = window.setTimeout;
  window.setTimeout = (work, after) => slow(work, after / 20); })()"""
"""Asks every tenth of a second instead of every two."""
ASKED = "performance.getEntriesByType('resource').filter((one) => /commands/.test(one.name)).length"
HIDE = """Object.defineProperty(document, "hidden", {get: () => %s, configurable: true});
  document.dispatchEvent(new Event("visibilitychange"))"""
__all__ = ["make", "serve", "serving", "sqlite_url", "store"]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(shutil.which("chromium") is None, reason="Chromium is not installed"),
]


@pytest.fixture
def url(sqlite_url: str) -> str:
    """The pages are the same on both databases."""
    return sqlite_url


@pytest.fixture
def desk(serving: Serving) -> Desk:
    """An operator."""
    return serving.desk("operator")


@pytest.fixture
def tab(serving: Serving, desk: Desk) -> Iterator[Tab]:
    """Their browser."""
    browser = screenshots().Chromium(shutil.which("chromium"), 60.0)
    opened = Tab(browser, 1280, 900)
    opened.call("Network.enable")
    opened.call("Network.setCookie", name="hakaru_session", value=desk.token, url=serving.base_url)
    opened.call("Page.addScriptToEvaluateOnNewDocument", source=FASTER)
    yield opened
    wrong = [one for event in browser.events if (one := screenshots()._error(event))]
    browser.close()
    assert wrong == []


def until(said: Callable[[], bool], tab: Tab) -> None:
    """Wait for what the page says."""
    deadline = time.monotonic() + 10
    while not said():
        assert time.monotonic() < deadline, tab.text()
        time.sleep(0.02)


def told(tab: Tab) -> str:
    """What a screen reader hears."""
    return str(tab.run("document.querySelector('[role=status][aria-live=polite]').textContent"))


def fail(serving: Serving, make: Maker, command: Any) -> None:
    """The agent's answer to a command: it could not measure."""
    row = result_for(serving, make, command)
    row.outcome, row.failure_code, row.failure_text = "failed", "timeout", "no reply in 3 s"
    serving.store.submit(make.batch([row])).result(30)


def test_a_test_that_was_asked_for_is_followed(
    serving: Serving, desk: Desk, tab: Tab, make: Maker
) -> None:
    """Asked, measuring and failed with its reason: shown and told without loading the page again.

    Nothing is asked while the tab is hidden, nor when all has ended.
    """
    laid_down(desk)
    tab.open(f"{serving.base_url}/schools/A1/policy?lang=en")
    tab.press("#now button")
    assert "Waiting for the agent's next heartbeat" in tab.text()
    tab.open(f"{serving.base_url}/schools/A1?lang=en")
    assert tab.faults() == []
    tab.run("window.loaded_once = true")
    until(lambda: tab.run(ASKED) > 1, tab)
    assert told(tab) == ""
    (command,) = heard(serving).commands
    until(lambda: "The agent has it and is measuring" in told(tab), tab)
    assert "The agent has it and is measuring" in tab.run(
        "document.getElementById('asked-rows').innerText"
    )
    tab.run(HIDE % "true")
    hidden = tab.run(ASKED)
    fail(serving, make, command)
    time.sleep(0.5)
    assert tab.run(ASKED) <= hidden + 1  # one may have been under way
    assert "Failed" not in told(tab)
    tab.run(HIDE % "false")
    until(lambda: "Failed" in told(tab), tab)
    assert "no reply in 3 s" in told(tab)
    row = tab.run("document.getElementById('asked-rows').innerText")
    assert re.search(r"Failed\s.*Timed out.*no reply in 3 s", row, re.DOTALL), row
    assert "no reply in 3 s" in tab.run("document.getElementById('latest-results').innerText")
    ended = tab.run(ASKED)
    time.sleep(0.5)
    assert tab.run(ASKED) == ended
    assert tab.run("window.loaded_once")
    assert tab.faults() == []
    tab.run(AXE.read_text("utf-8"))
    answer = tab.call("Runtime.evaluate", expression=RULES, awaitPromise=True)
    assert answer["result"]["value"] == "[]"


def test_somebody_without_scripts_has_a_link(serving: Serving, desk: Desk, make: Maker) -> None:
    """It leads to another address than a part of this page, so that browsers load it anew."""
    laid_down(desk)
    desk.send("/schools/A1/measure", test="0")
    (command,) = heard(serving).commands
    for path in ("/schools/A1/policy", "/schools/A1"):
        page = desk.get(f"{path}?lang=en").text
        assert "is measuring" in page
        assert f'<a href="{path}">see how far it is</a>' in page
    serving.store.submit(make.batch([result_for(serving, make, command)])).result(30)
    for path in ("/schools/A1/policy", "/schools/A1"):
        page = desk.get(f"{path}?lang=en").text
        assert "see how far it is" not in page
        assert "Round trip 12.0 ms</a>" in page
