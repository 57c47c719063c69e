"""The pages in headless Chromium: they fit both widths and run without a console error."""

import base64
import io
import json
import shutil
import subprocess
import sys
import time
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pypdf import PdfReader

from tests.browser.served import served_city
from tests.browser.tab import SCRIPT, Tab, screenshots
from tests.conftest import CityCopy

PAGES = (
    "/",
    "/?lang=en",
    "/?status=undetermined&sort=margin",
    "/schools/E023",
    "/schools/E023?lang=en",
    "/schools/E011",
)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(shutil.which("chromium") is None, reason="Chromium is not installed"),
]


@pytest.fixture(scope="module")
def url(city_copy: CityCopy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the fictional city is served."""
    with served_city(city_copy, tmp_path_factory.mktemp("browser")) as city:
        yield city.url


def _shoot(*arguments: str) -> tuple[int, list[dict[str, Any]]]:
    ended = subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert ended.returncode in (0, 1), ended.stderr
    assert ended.stdout, ended.stderr
    return ended.returncode, [json.loads(line) for line in ended.stdout.splitlines()]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_and_run_clean(url: str, tmp_path: Path, scheme: str) -> None:
    """No sideways scrolling at 1280 and 390 pixels, no console error, a chart on each school."""
    addresses = [url + path for path in PAGES]
    code, found = _shoot("--out", str(tmp_path), "--scheme", scheme, *addresses)
    assert len(found) == 2 * len(PAGES)
    for page in found:
        assert page["errors"] == [], page
        assert page["wide"] == [], page
        assert page["scroll"] <= page["client"], page
        assert page["canvases"] == ("/schools/" in page["url"]), page
    assert code == 0
    pictures = list(tmp_path.glob("*.png"))
    assert len(pictures) == len(found)
    assert all(picture.stat().st_size > 20_000 for picture in pictures)


RED_PIXELS = """(() => {
  const chart = document.getElementById("chart");
  const canvas = chart.querySelector("canvas");
  const context = canvas.getContext("2d");
  const {plotTop, failedBottom} = chart.dataset;
  const ratio = devicePixelRatio || 1;
  const red = (top, bottom) => {
    const {data} = context.getImageData(0, top * ratio, canvas.width, (bottom - top) * ratio);
    let count = 0;
    for (let at = 0; at < data.length; at += 4) {
      const [r, g, b, a] = data.slice(at, at + 4);
      if (a > 200 && r > 170 && g < 90 && b < 40) count += 1;
    }
    return count;
  };
  return {crosses: JSON.parse(document.getElementById("chart-data").textContent)
            .failed.filter((why) => why !== null).length,
          above: red(0, Number(failedBottom)),
          below: red(Number(failedBottom), canvas.height / ratio),
          gap: Number(plotTop) - Number(failedBottom)};
})()"""


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_failed_tests_stand_outside_the_scale(url: str, size: str) -> None:
    """Their crosses are in a strip above the plot: no pixel of them lies where a speed is read."""
    program = screenshots()
    browser = program.Chromium(shutil.which("chromium"), 60.0)
    try:
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        browser.call("Page.enable", session)
        width, height, mobile = program.SIZES[size]
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
        browser.call("Emulation.setDeviceMetricsOverride", session, **metrics)
        browser.call("Page.navigate", session, url=f"{url}/schools/E023")
        browser.wait_for("Page.loadEventFired")
        time.sleep(0.3)
        answer = browser.call(
            "Runtime.evaluate", session, expression=RED_PIXELS, returnByValue=True
        )
    finally:
        browser.close()
    found = answer["result"]["value"]
    assert found["crosses"] > 0
    assert found["above"] > 0
    assert found["below"] == 0
    assert found["gap"] >= 4


DRAWN = """(() => {
  const box = document.getElementById("network");
  let ink = 0;
  for (const canvas of box.querySelectorAll("canvas")) {
    if (!canvas.width || !canvas.height) continue;
    const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    for (let at = 3; at < data.length; at += 4) ink += data[at] > 200;
  }
  return {nodes: Number(box.dataset.nodes), edges: Number(box.dataset.edges), ink,
          named: box.getAttribute("aria-label"), styles: document.querySelectorAll("style").length};
})()"""


def test_the_network_of_a_school_is_drawn(url: str) -> None:
    """Every device, the way out and the agent; both widths and schemes fit without any error.

    An error would be what the content security policy refuses, too.
    """
    page = f"{url}/schools/E001/network"
    known = httpx.get(f"{page}/network.json", trust_env=False, timeout=60).json()
    assert len(known["devices"]) >= 8
    for scheme in ("light", "dark"):
        code, found = _shoot("--scheme", scheme, page, f"{page}?lang=en")
        assert [one["errors"] + one["wide"] for one in found] == [[]] * 4
        assert code == 0
    browser = screenshots().Chromium(shutil.which("chromium"), 60.0)
    try:
        for width in (1280, 390):
            tab = Tab(browser, width, 900)
            tab.open(page)
            drawn = tab.run(DRAWN)
            assert drawn["nodes"] == len(known["devices"]) + 2
            assert drawn["edges"] == len(known["links"]) + 2
            assert drawn["ink"] > 1_000
            assert drawn["styles"] == 0
            assert tab.faults() == []
    finally:
        browser.close()


PRINTED = (
    "/",
    "/schools/E023",
    "/schools/E001/network",
    "/programme/measures",
    "/programme/findings",
)
PAPER_PIXELS = 710
"""Width of A4 between the margins, at 96 pixels an inch."""
ON_PAPER = """(() => {
  dispatchEvent(new Event("beforeprint"));
  const seen = (node) => node.getClientRects().length > 0;
  const canvas = document.querySelector("canvas.printed");
  const drawn = canvas
    && canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  const found = {
    pressed: [...document.querySelectorAll("nav, form, button, input, select")].filter(seen).length,
    cut: [...document.querySelectorAll("main *")].filter(seen)
      .filter((node) => node.getBoundingClientRect().right > innerWidth + 1 && !node.closest("svg"))
      .map((node) => node.outerHTML.slice(0, 100)),
    scrolled: [...document.querySelectorAll("main *")].filter((node) => seen(node)
      && /auto|scroll/.test(getComputedStyle(node).overflowX)).length,
    paper: getComputedStyle(document.documentElement).backgroundColor,
    ink: getComputedStyle(document.documentElement).color,
    drawn: drawn ? drawn.filter((value, at) => at % 4 === 3 && value > 200).length : null,
  };
  dispatchEvent(new Event("afterprint"));
  return found;
})()"""


def test_pages_print_on_white_paper_and_nothing_is_cut(url: str) -> None:
    """Also of a dark screen: A4 with date, source and page numbers; nothing to press or scroll."""
    dark = [{"name": "prefers-color-scheme", "value": "dark"}]
    browser = screenshots().Chromium(shutil.which("chromium"), 60.0)
    try:
        tab = Tab(browser, PAPER_PIXELS, 1000)
        for path in PRINTED:
            tab.call("Emulation.setEmulatedMedia", media="", features=dark)
            tab.open(url + path)
            printed = tab.call("Page.printToPDF", preferCSSPageSize=True)
            tab.call("Emulation.setEmulatedMedia", media="print", features=dark)
            found = tab.run(ON_PAPER)
            assert found["pressed"] == found["scrolled"] == 0, path
            assert found["cut"] == [], path
            assert (found["paper"], found["ink"]) == ("rgb(255, 255, 255)", "rgb(0, 0, 0)"), path
            assert (found["drawn"] is None) == (not path.endswith("/network"))
            assert found["drawn"] is None or found["drawn"] > 1_000
            sheets = PdfReader(io.BytesIO(base64.b64decode(printed["data"]))).pages
            assert [round(float(side)) for side in sheets[0].mediabox[2:]] == [595, 842]
            text = unicodedata.normalize("NFKC", sheets[0].extract_text())  # of ligatures
            first = "".join(text.split())
            for said in ("現在", url + path, f"1/{len(sheets)}"):
                assert said in first, (path, said)
    finally:
        browser.close()


def test_the_check_itself_sees_what_is_wrong() -> None:
    """A page that is too wide, and one that throws, are both reported."""
    wide = "data:text/html,<div style='width:3000px;background:red'>x</div>"
    broken = "data:text/html,<script>throw new Error('boom')</script>"
    code, found = _shoot("--size", "phone", wide, broken)
    assert code == 1
    assert found[0]["wide"]
    assert any("boom" in error for error in found[1]["errors"])
