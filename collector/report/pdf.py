"""The report as PDF, A4, by typst: tagged, with title, language and date (PDF/UA-1).

All text goes into the template as data. The same report and fonts give the same bytes.
"""

import json
import re
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import msgspec
import typst

from collector.pages.i18n import words
from collector.report.document import Report
from collector.report.elements import paragraph
from collector.report.letters import drawable, letters_of
from collector.report.present import present

_UNBROKEN: Final = re.compile(r"[!-~]{18,}")
_EVERY: Final = 12
_MOST_NAMED: Final = 20
_ZERO_WIDTH_SPACE: Final = "\u200b"
_UNIT: Final = re.compile(r"(?<=[0-9]) (?=(?:Mbit/s|%|校|人|回|日|件)(?![a-z]))")
_NO_BREAK_SPACE: Final = "\u00a0"


class PdfFailed(Exception):
    """typst refused; its words follow."""


def pdf(report: Report, language: str, fonts: Path) -> bytes:
    """Write the report. ``fonts`` is the folder of :func:`collector.report.fonts.fonts_folder`."""
    made = report.stated_at  # UTC: a PDF's date of typst says so
    document = msgspec.to_builtins(present(report, language))
    document["date"] = [made.year, made.month, made.day, made.hour, made.minute, made.second]
    lacking: set[str] = set()
    letters = letters_of(fonts)
    document = _printable(document, letters, lacking)
    if lacking:
        signs = " ".join(f"U+{ord(sign):04X}" for sign in sorted(lacking)[:_MOST_NAMED])
        said = words(language)("report.no_glyph", signs=signs)
        note = paragraph(drawable(said, letters, lacking), small=True)
        document["body"] = [*document["body"], note]
    data = json.dumps(document, ensure_ascii=False)
    try:
        written = typst.compile(
            _template(),
            format="pdf",
            font_paths=_fonts(str(fonts)),
            sys_inputs={"report": data},
            pdf_standards=["ua-1"],
            timestamp=made,
        )
    except typst.TypstError as error:
        raise PdfFailed(f"the PDF cannot be made: {error}") from error
    assert isinstance(written, bytes)
    return written


@lru_cache(maxsize=4)
def _fonts(folder: str) -> typst.Fonts:
    """Read the fonts once for each folder."""
    return typst.Fonts(
        include_system_fonts=False, include_embedded_fonts=False, font_paths=[folder]
    )


@lru_cache(maxsize=1)
def _template() -> bytes:
    return files("collector.report").joinpath("report.typ").read_bytes()


def _printable(value: Any, letters: frozenset[int], lacking: set[str]) -> Any:  # noqa: ANN401 - JSON
    """Every text fit for the page: with glyphs, long words breakable, figures by their units."""
    if isinstance(value, dict):
        return {key: _printable(one, letters, lacking) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_printable(one, letters, lacking) for one in value]
    return _breakable(drawable(value, letters, lacking)) if isinstance(value, str) else value


def _breakable(text: str) -> str:
    """Let long words (addresses, a name of many letters) break, and no figure from its unit."""
    return _UNBROKEN.sub(
        lambda found: _ZERO_WIDTH_SPACE.join(
            found[0][start : start + _EVERY] for start in range(0, len(found[0]), _EVERY)
        ),
        _UNIT.sub(_NO_BREAK_SPACE, text),
    )
