"""One school's odd data never stop a report: its line says so, and nothing it holds is obeyed."""

import csv
import io
import math
import re
import zipfile
from dataclasses import replace
from typing import Any

import pypdf
import pytest

from collector.judge.model import Figure, Status, Verdict
from collector.report.build import build
from collector.report.csv_text import neutral, plain
from collector.report.document import Report
from collector.report.document_schools import OddKind
from collector.report.formats import Format, Manner, write
from collector.report.gather import Material
from collector.schools.model import School
from tests.collector.report.conftest import STATED

LONG = "と" * 100
POISON: dict[str, dict[str, Any]] = {
    "E001": {"name": LONG},
    "E002": {"name": "\u202e校学小\u202c\x1b[31m<b>"},
    "E003": {"name": "<script>alert('x')</script>"},
    "E004": {"name": "=cmd|' /C calc'!A0"},
    "E005": {"name": "髙﨑・渡邊小学校"},
    "E006": {"name": "#set page(fill: red) $x^2$ \\u{41} @label"},
    "E007": {"pupils": 0},
    "E008": {"pupils": 10_000_000},
    "E009": {"name": "\x00\x07"},
    "E010": {"name": "W" * 60, "region": "+北"},
    "E011": {"pupils": None},
}
NAN = ("E020", "E021", "E022")
MISSING = "E023"


def poisoned(material: Material) -> Material:
    """The city with odd schools."""
    schools: list[School] = [
        replace(school, **POISON.get(school.code, {})) for school in material.schools
    ]
    verdicts: dict[tuple[str, Figure], Verdict] = dict(material.verdicts)
    for code, value in zip(NAN, (math.nan, math.inf, -5.0), strict=True):
        key = (code, Figure.QUIET)
        verdicts[key] = replace(verdicts[key], median_bps=value, status=Status.MET)
    del verdicts[MISSING, Figure.QUIET]
    return replace(
        material, schools=schools, verdicts=verdicts, unreadable={"E024": "KeyError: 'x'"}
    )


@pytest.fixture(scope="module")
def odd(material: Material) -> Report:
    """Its report."""
    return build(poisoned(material), stated_at=STATED)


@pytest.fixture(scope="module")
def files(odd: Report) -> dict[Format, bytes]:
    """All four formats of it."""
    return {one: write(odd, one, Manner(language="ja")) for one in Format}


def pdf_text(content: bytes) -> str:
    """All text of a PDF, without blanks and breaks."""
    pages = [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages]
    return re.sub(r"\s|\u200b|\u00a0", "", "".join(pages))


def test_each_odd_school_says_what_is_odd_and_all_schools_are_counted(odd: Report) -> None:
    """84 lines; figures that are no figures are UNDETERMINED, never 0 and never MET."""
    assert len(odd.schools) == 84
    assert odd.city.met + odd.city.not_met + odd.city.undetermined == 84
    kinds = {line.code: {one.kind for one in line.odd} for line in odd.schools if line.odd}
    assert kinds == {
        "E001": {OddKind.NAME_CLEANED},
        "E002": {OddKind.NAME_CLEANED},
        "E007": {OddKind.PUPILS_UNUSABLE},
        "E008": {OddKind.PUPILS_UNUSABLE},
        "E009": {OddKind.NAME_CLEANED},
        "E011": {OddKind.UNREADABLE},
        **{code: {OddKind.FIGURE_NOT_A_NUMBER} for code in NAN},
        MISSING: {OddKind.VERDICT_MISSING},
        "E024": {OddKind.UNREADABLE},
    }
    for code in ("E007", "E008"):
        line = odd.school(code)
        assert line is not None
        assert (line.quiet.status, line.required_bps) == (Status.UNDETERMINED, None)
    for code in (*NAN, MISSING):
        line = odd.school(code)
        assert line is not None
        assert (line.quiet.status, line.quiet.median_bps) == (Status.UNDETERMINED, None)


def test_the_pdf_prints_odd_names_as_text(files: dict[Format, bytes]) -> None:
    """Markup of typst stays text; 髙﨑 and 渡邊 have their letters; long names do not stop it."""
    text = pdf_text(files[Format.PDF])
    assert "髙﨑・渡邊小学校" in text
    assert "<script>alert('x')</script>" in text
    assert "=cmd|'/CcalcA0" in text.replace("'!A0", "A0")
    assert "#setpage(fill:red)$x^2$\\u{41}@label" in text
    assert "測定値が数ではありません" in text
    assert "と" * 20 in text


def test_the_html_holds_no_script_and_nothing_from_elsewhere(files: dict[Format, bytes]) -> None:
    """Names are escaped; no directions of writing, no escape sequences."""
    page = files[Format.HTML].decode()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert not re.search(r'(?:src|href)="', page)
    assert not re.search(r"[\x00-\x08\x1b\u202a-\u202e\u2066-\u2069]", page)


def test_the_csv_holds_no_formula_and_gives_back_what_was_written(
    files: dict[Format, bytes], odd: Report
) -> None:
    """An apostrophe before what a spreadsheet would compute; taken off, the text is the same."""
    rows = list(csv.reader(io.StringIO(files[Format.CSV].decode())))
    assert len(rows) == 85
    assert all(not cell.startswith(("=", "+", "@", "\t", "\r")) for row in rows for cell in row)
    names = {row[1]: row[2] for row in rows[1:]}
    assert names["E004"] == "'=cmd|' /C calc'!A0"
    assert {code: plain(name) for code, name in names.items()} == {
        line.code: line.name for line in odd.schools
    }


@pytest.mark.parametrize("text", ["=1+1", "+81", "-5", "@x", "\tx", "\rx", "'x", "''=x", "x", ""])
def test_neutralising_round_trips(text: str) -> None:
    """Also of what begins with an apostrophe itself."""
    assert plain(neutral(text)) == text
    assert not neutral(text).startswith(("=", "+", "-", "@", "\t", "\r"))


def test_the_workbook_holds_odd_names_as_texts(files: dict[Format, bytes]) -> None:
    """No formula but ours, no link."""
    with zipfile.ZipFile(io.BytesIO(files[Format.XLSX])) as book:
        sheets = [book.read(name).decode() for name in book.namelist() if "worksheets/" in name]
    formulas = [formula for sheet in sheets for formula in re.findall(r"<f>(.*?)</f>", sheet)]
    assert len(formulas) > 100
    assert all(one.startswith(("SUMPRODUCT(", "ROWS(", "IF(")) for one in formulas)
    assert not any("hyperlink" in sheet for sheet in sheets)
