"""The report's workbook in LibreOffice: it opens, and its formulas come to the values we wrote."""

import csv
import re
import shutil
import subprocess
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from collector import resources
from collector.judge.calendar_file import load_calendars
from collector.judge.criteria_file import load_criteria
from collector.judge.week import Week
from collector.report.build import build
from collector.report.document import Report
from collector.report.formats import Format, Manner, write
from collector.report.gather import Inputs, gather
from collector.store import create_store
from tests.conftest import CityCopy

pytestmark = pytest.mark.browser

STATED = datetime(2026, 6, 8, tzinfo=UTC)
_CSV = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,false,false,false,false,{sheet}"
"""Comma, quotes, UTF-8, from the first line; cells as they are, of one sheet."""


@pytest.fixture(scope="module")
def report(city_copy: CityCopy, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """The report of the fictional city's last week."""
    store = create_store(city_copy(tmp_path_factory.mktemp("city")))
    criteria = load_criteria(resources.default_criteria())
    calendars = load_calendars(resources.default_calendar())
    inputs = Inputs(store=store, criteria=criteria, calendars=calendars)
    material = gather(inputs, Week.parse("2026-W23"), simulated=True, now=STATED, wall=STATED)
    store.close()
    return build(material, stated_at=STATED)


def forgetful(content: bytes, path: Path) -> Path:
    """Write the workbook without the values of its formulas, so that they must be computed."""
    path.write_bytes(content)
    bare = path.with_name("bare.xlsx")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(bare, "w") as new:
        for info in old.infolist():
            data = old.read(info)
            if "worksheets/sheet" in info.filename:
                data, count = re.subn(rb"(</f>)<v>[^<]*</v>", rb"\1", data)
                assert count or b"<f>" not in data
            new.writestr(info, data)
    return bare


def convert(book: Path, to: str, folder: Path) -> list[Path]:
    """Have LibreOffice write a workbook in another form."""
    program = shutil.which("soffice")
    assert program is not None, "install libreoffice-calc-nogui (make test-browser does)"
    folder.mkdir()
    subprocess.run(
        [
            program, "--headless", f"-env:UserInstallation=file://{folder}/profile",
            "--convert-to", to, "--outdir", str(folder), str(book),
        ],
        check=True, capture_output=True, timeout=240,
    )  # fmt: skip
    return sorted(path for path in folder.iterdir() if path.is_file())


def test_formulas_come_to_the_values_that_were_written(report: Report, tmp_path: Path) -> None:
    """Counts, shares and sums of the city and of every group, computed anew by LibreOffice."""
    bare = forgetful(write(report, Format.XLSX, Manner(language="ja")), tmp_path / "book.xlsx")
    (summary,) = convert(bare, _CSV.format(sheet=1), tmp_path / "one")
    found = {row[0]: row[1] for row in csv.reader(summary.read_text("utf-8").splitlines())}
    city = report.city
    assert int(found["学校数"]) == city.schools
    assert int(found["授業時間外 充足"]) == city.met
    assert int(found["授業時間外 不足"]) == city.not_met
    assert int(found["授業時間外 要確認"]) == city.undetermined
    assert int(found["授業時間中 充足"]) == city.lesson_met
    assert float(found["授業時間外 割合"].rstrip("%")) == pytest.approx(
        city.met / city.schools * (100 if "%" in found["授業時間外 割合"] else 1), abs=0.01
    )
    (groups,) = convert(bare, _CSV.format(sheet=3), tmp_path / "three")
    rows = list(csv.reader(groups.read_text("utf-8").splitlines()))
    numbers = [row for row in rows if len(row) > 8 and row[1].isdecimal()]
    expected = [group for group in (*report.bands, *report.regions) if group.schools]
    assert len(numbers) == len(expected)
    for row, group in zip(numbers, expected, strict=True):
        counts = [int(row[place]) for place in (1, 2, 3, 4, 5, 7, 8)]
        assert counts == [
            group.schools, group.pupils, group.met, group.undetermined, group.not_met,
            group.lesson_met, group.baseline_met or 0,
        ]  # fmt: skip


def test_it_prints(report: Report, tmp_path: Path) -> None:
    """As pages of A4, each sheet as wide as its page."""
    book = tmp_path / "book.xlsx"
    book.write_bytes(write(report, Format.XLSX, Manner(language="ja")))
    (printed,) = convert(book, "pdf", tmp_path / "pdf")
    assert printed.read_bytes().startswith(b"%PDF-")
    assert printed.stat().st_size > 20_000
