"""Every page under axe-core in headless Chromium: light and dark, wide and narrow, no violation."""

import json
import re
import shutil
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from collector.api.policy_of_routes import ROUTES
from collector.clock import SystemClock
from collector.operators import accounts, sessions
from collector.operators.administer import Administration
from collector.operators.model import Role
from collector.operators.sign_in import secret_sha256
from collector.operators.signed_in import form_token
from tests.browser.served import City, served_city
from tests.browser.tab import Tab, screenshots
from tests.conftest import CityCopy

AXE = Path(__file__).with_name("node_modules") / "axe-core" / "axe.min.js"
VIEWS = (("light", 1280, 900), ("dark", 390, 844))
FILES = re.compile(
    r"^/(v1|static)/|\.csv$|\.json$|/survey-table$|/attachments/|/spreadsheets/\{|/\{name\}$"
)
"""Routes that answer with a file or with data."""
NO_PAGE = {
    "/healthz", "/metrics",
    "/sign-in/provider", "/sign-in/provider/back",  # lead to an identity provider; none is there
}  # fmt: skip
STARTS = (
    "/", "/fleet", "/programme", "/policy", "/reports", "/rehearsals", "/operators", "/audit",
    "/account/password", "/sign-in", "/schools/E023", "/schools/E011?lang=en", "/schools/NONE",
    "/schools/E001/clocks", "/schools/E001/policy", "/schools/E001/assessment",
)  # fmt: skip
RULES = """(async () => {
  const found = await axe.run(document, {resultTypes: ["violations"]});
  return JSON.stringify(found.violations.map((one) => one.id + ": " + one.help + " | " +
    one.nodes.slice(0, 3).map((n) => n.target.join(" ") + " " + n.html.slice(0, 120)).join(" || ")
  ));
})()"""
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(shutil.which("chromium") is None, reason="Chromium is not installed"),
]


@pytest.fixture(scope="module")
def city(city_copy: CityCopy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    """The fictional city."""
    with served_city(city_copy, tmp_path_factory.mktemp("axe")) as found:
        yield found


@pytest.fixture(scope="module")
def session(city: City) -> str:
    """The session of an administrator, who may read every page."""
    administration = Administration(city.store, SystemClock(), keep_one=False)
    administration.add(
        "cli:test", "aoki", Role.ADMINISTRATOR, "correct horse battery", must_change=False
    )
    token = f"session {uuid.uuid4()}"

    def sign_in(sql: Any) -> None:
        operator = accounts.require(sql, "aoki")
        sessions.start(sql, operator.operator_id, secret_sha256(token), datetime.now(UTC))

    city.store.write(sign_in)
    return token


def patterns() -> dict[str, re.Pattern[str]]:
    """Addresses of pages by route of the table."""
    return {
        path: re.compile(re.sub(r"\{\w+\}", "[^/?#]+", path) + r"(\?.*)?")
        for method, path in (route.split(" ") for route in ROUTES)
        if method == "GET" and path not in NO_PAGE and not FILES.search(path)
    }


def links(text: str) -> list[str]:
    """Where a page leads to within the site."""
    return [found.replace("&amp;", "&") for found in re.findall(r'href="(/[^"#]*)', text)]


@pytest.fixture(scope="module")
def pages(city: City, session: str) -> dict[str, str]:
    """One address for each route that shows a page, found by following links."""
    wanted, waiting = patterns(), list(STARTS)
    found: dict[str, str] = {}
    seen: set[str] = set()
    with httpx.Client(
        base_url=city.url, cookies={"hakaru_session": session}, timeout=120
    ) as client:
        week = city.store.judged_weeks(simulated=True)[-2]
        issued = client.post("/reports", data={"csrf": form_token(session), "week": str(week)})
        assert issued.status_code == 303, issued.text
        waiting.append(f"/weeks/{week}/revisions")
        while waiting:
            path = waiting.pop(0)
            routes = [name for name, form in wanted.items() if form.fullmatch(path)]
            if path in seen or (path not in STARTS and not set(routes) - set(found)):
                continue
            seen.add(path)
            answer = client.get(path)
            if answer.status_code != 200 or "text/html" not in answer.headers["content-type"]:
                continue
            found |= {name: path for name in routes if name not in found}
            waiting += links(answer.text)
    assert set(wanted) - set(found) == set()
    extra = {path: path for path in STARTS if path not in found.values()}
    return found | extra


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("scheme", "width", "height"), VIEWS)
def test_no_page_has_a_violation(
    city: City, session: str, pages: dict[str, str], scheme: str, width: int, height: int
) -> None:
    """By all rules of axe-core, also those it calls best practice."""
    assert AXE.exists(), "make test-browser installs it: cd tests/browser && npm ci"
    rules = AXE.read_text("utf-8")
    browser = screenshots().Chromium(shutil.which("chromium"), 60.0)
    wrong: dict[str, list[str]] = {}
    try:
        tab = Tab(browser, width, height)
        tab.call("Network.enable")
        tab.call("Network.setCookie", name="hakaru_session", value=session, url=city.url)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        tab.call("Emulation.setEmulatedMedia", media="screen", features=features)
        for path in sorted(set(pages.values())):
            tab.open(city.url + path)
            tab.run(rules)
            answer = tab.call("Runtime.evaluate", expression=RULES, awaitPromise=True)
            if violations := json.loads(answer["result"]["value"]):
                wrong[path] = violations
    finally:
        browser.close()
    print(f"\n{scheme} at {width}: {len(set(pages.values()))} pages, {len(wrong)} with violations")
    assert wrong == {}, json.dumps(wrong, indent=1, ensure_ascii=False)


def test_the_check_itself_sees_what_is_wrong() -> None:
    """A picture without words and grey on grey are both named."""
    grey = "<p style='color:%23999;background:%23aaa'>grey"
    bad = f"data:text/html,<html lang=ja><title>x</title><main><h1>x</h1><img src=x>{grey}"
    browser = screenshots().Chromium(shutil.which("chromium"), 60.0)
    try:
        tab = Tab(browser, 800, 600)
        tab.open(bad)
        tab.run(AXE.read_text("utf-8"))
        answer = tab.call("Runtime.evaluate", expression=RULES, awaitPromise=True)
    finally:
        browser.close()
    named = {one.split(":")[0] for one in json.loads(answer["result"]["value"])}
    assert {"image-alt", "color-contrast"} <= named
