"""The report as one HTML file: no script, nothing from elsewhere, printable, light and dark."""

from functools import cache
from pathlib import Path
from typing import Final

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from collector.report.document import Report
from collector.report.present import present
from collector.report.svg import draw

_HERE: Final = Path(__file__).resolve().parent


def html(report: Report, language: str) -> bytes:
    """Write the report. Every text is escaped."""
    page = msgspec.to_builtins(present(report, language))
    return _environment().get_template("report.html").render(page=page, draw=draw).encode()


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
