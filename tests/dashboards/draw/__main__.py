"""Pictures of the dashboards: their committed JSON, drawn by Grafana's own libraries in Chromium.

Fills PostgreSQL and Prometheus as the tests of the queries do, asks every query of every panel,
and lets the bundle of main.jsx draw what came. Exits 1 where a panel is missing, says that it
failed or has no data.

Example: .venv/bin/python -m tests.dashboards.draw --out docs/screenshots/dashboards
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from deploy.dashboards.__main__ import FOLDER
from deploy.dashboards.boards import BOARDS
from deploy.dashboards.words import Text
from tests.browser import tab
from tests.dashboards.draw.frames import rows_of
from tests.dashboards.filled import City, filled

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
WIDTH_PIXELS = 1280
ROW_PIXELS, GAP_PIXELS, HEAD_PIXELS = 30, 8, 80
"""Of the grid, as Grafana has it; and the heading."""
MINUTES = 30
WAIT_SECONDS, DRAW_SECONDS = 40.0, 3.0
ELSEWHERE = Text("※ここでは表で示す", "(drawn as a table here)")
PAGE = """<!doctype html><html lang="{language}"><meta charset="utf-8"><title>{title}</title>
<link rel="stylesheet" href="{style}"><style>
#root{{height:100vh;display:flex;flex-direction:column;padding:0 16px;background:#f4f5f5}}
#root h1{{font-size:20px;margin:16px 0 12px}}</style>
<div id="root"></div><script>window.drawn = {drawn}</script>
<script src="{bundle}"></script></html>"""
FAULTS = """[...document.querySelectorAll("section")].map((node) => node.innerText)
  .filter((text) => /unexpected error|no panel component|Loading plugin|No data/.test(text))
  .map((text) => text.split("\\n").slice(0, 3).join(": "))"""
PANELS = """[...document.querySelectorAll('section[data-testid*="Panel header"]')].length"""


def bundle(folder: Path) -> Path:
    """One script of the libraries and ours."""
    out = folder / "bundle.js"
    subprocess.run(["node", str(HERE / "bundle.mjs"), str(out)], check=True)
    return out


def page(folder: Path, script: Path, city: City, file: Path, language: str) -> Path:
    """A page that draws one dashboard."""
    dashboard = json.loads(file.read_text("utf-8"))
    elsewhere = ELSEWHERE.ja if language == "ja" else ELSEWHERE.en
    drawn = {"dashboard": dashboard, "rows": rows_of(city, dashboard), "elsewhere": elsewhere}
    text = json.dumps(drawn, ensure_ascii=False).replace("<", "\\u003c")
    out = folder / f"{file.stem}-{language}.html"
    out.write_text(
        PAGE.format(
            language=language,
            title=dashboard["uid"],
            drawn=text,
            bundle=script.as_uri(),
            style=script.with_suffix(".css").as_uri(),
        )
    )
    return out


def height_of(dashboard: dict[str, list[dict[str, dict[str, int]]]]) -> int:
    """Of the whole page, in pixels."""
    rows = max(one["gridPos"]["y"] + one["gridPos"]["h"] for one in dashboard["panels"])
    return HEAD_PIXELS + rows * (ROW_PIXELS + GAP_PIXELS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "screenshots" / "dashboards")
    parser.add_argument("--language", choices=["ja", "en"], default="ja")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--keep", type=Path, help="folder for the pages, to look at in a browser")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.keep or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        script = bundle(folder)
        pages = {}
        with filled(Path(temporary), minutes=MINUTES, hostile=False) as city:
            for board in BOARDS:
                file = FOLDER / options.language / f"{board.key}.json"
                pages[file] = page(folder, script, city, file, options.language)
        wrong = pictures(pages, options.out, options.chromium)
    print("\n".join(wrong) or f"{len(pages)} dashboards in {options.out}")
    return 1 if wrong else 0


def pictures(pages: dict[Path, Path], out: Path, chromium: str) -> list[str]:
    """Take them; give what was wrong."""
    wrong = []
    browser = tab.screenshots().Chromium(chromium, 120.0)
    try:
        for file, html in pages.items():
            dashboard = json.loads(file.read_text("utf-8"))
            view = tab.Tab(browser, WIDTH_PIXELS, height_of(dashboard))
            view.call("Emulation.setTimezoneOverride", timezoneId="Asia/Tokyo")
            view.open(html.as_uri())
            expected = sum(one["type"] != "row" for one in dashboard["panels"])
            seen = settled(view, expected)
            view.picture(out / f"{file.stem}.png")
            print(f"{file.stem}: {seen} of {expected} panels", file=sys.stderr)
            if seen != expected:
                wrong.append(f"{file.stem}: {seen} of {expected} panels are there")
            wrong += [f"{file.stem}: {one}" for one in view.run(FAULTS)]
    finally:
        browser.close()
    return wrong


def settled(view: tab.Tab, expected: int) -> int:
    """Wait until the panels are there and drawn; give how many."""
    ends = time.monotonic() + WAIT_SECONDS
    while view.run(PANELS) < expected and time.monotonic() < ends:
        time.sleep(0.2)
    time.sleep(DRAW_SECONDS)
    return int(view.run(PANELS))


if __name__ == "__main__":
    sys.exit(main())
