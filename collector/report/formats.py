"""The four formats of a report, by name, and what its files are called."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Final

from collector.report.csv_text import csv_text
from collector.report.document import Report
from collector.report.html import html
from collector.report.xlsx import xlsx


class Format(StrEnum):
    """What a report can be written as."""

    PDF = "pdf"
    XLSX = "xlsx"
    HTML = "html"
    CSV = "csv"


MEDIA_TYPES: Final[Mapping[Format, str]] = {
    Format.PDF: "application/pdf",
    Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    Format.HTML: "text/html; charset=utf-8",
    Format.CSV: "text/csv; charset=utf-8",
}
_TITLES: Final = {"ja": "学校ネットワーク週次報告", "en": "school-network-report"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How the files are written."""

    language: str
    fonts: Path | None = None
    """Where the fonts of the PDF are; None: in the usual folders."""
    bom: bool = False
    """Begin the CSV with a byte order mark, for Excel."""


def write(report: Report, wanted: Format, manner: Manner) -> bytes:
    """Write a report. Raises FontsMissing and PdfFailed, for the PDF alone."""
    makers: Mapping[Format, Callable[[Report, str], bytes]] = {
        Format.PDF: partial(_pdf, fonts=manner.fonts),
        Format.XLSX: xlsx,
        Format.HTML: html,
        Format.CSV: partial(csv_text, bom=manner.bom),
    }
    return makers[wanted](report, manner.language)


def file_name(report: Report, wanted: Format, language: str) -> str:
    """``学校ネットワーク週次報告_2026-W23_第1版.pdf``."""
    title = _TITLES.get(language, _TITLES["en"])
    revision = f"第{report.revision}版" if language == "ja" else f"revision-{report.revision}"
    return f"{title}_{report.week}_{revision}.{wanted.value}"


def plain_file_name(report: Report, wanted: Format) -> str:
    """The same in ASCII, for who cannot read the other."""
    return f"report-{report.week}-{report.revision}.{wanted.value}"


def _pdf(report: Report, language: str, *, fonts: Path | None) -> bytes:
    from collector.report.fonts import fonts_folder  # noqa: PLC0415 - typst loads where it is used
    from collector.report.pdf import pdf  # noqa: PLC0415

    return pdf(report, language, fonts_folder(fonts))
