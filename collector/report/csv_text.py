"""The schools of a report as CSV, for spreadsheets and programs. Formulas are neutralised.

A text that a spreadsheet would take for a formula gets an apostrophe in front; so does one that
begins with an apostrophe, so that :func:`plain` gives back exactly what was written.
"""

import csv
import io
from typing import Final

from collector.pages.i18n import Words, words
from collector.programme.exchange.cells import GUARD, guarded
from collector.report.document import Report
from collector.report.document_schools import FigureLine, SchoolLine
from collector.report.say import Say

BOM: Final = "\ufeff"
"""Without it Excel takes UTF-8 for the code page of the machine."""


def neutral(text: str) -> str:
    """Make a text no spreadsheet computes."""
    return guarded(text)


def plain(text: str) -> str:
    """Give back what :func:`neutral` was given."""
    return text.removeprefix(GUARD)


def csv_text(report: Report, language: str, *, bom: bool = False) -> bytes:
    """Write one line a school; speeds in Mbit/s, empty where nothing was measured."""
    text = words(language)
    say = Say(report, text)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")  # RFC 4180
    writer.writerow(_heads(text))
    for line in report.schools:
        writer.writerow([_cell(value) for value in _row(say, line)])
    return ((BOM if bom else "") + out.getvalue()).encode()


def _heads(text: Words) -> list[str]:
    quiet, lesson = text("figure.quiet"), text("figure.lesson")
    of_figure = ("status", "median", "low", "high", "runs", "failed", "days")
    named = {
        "status": text("column.status"),
        "median": f"{text('report_column.median')} Mbit/s",
        "low": f"{text('report_column.low')} Mbit/s",
        "high": f"{text('report_column.high')} Mbit/s",
        "runs": text("column.runs"),
        "failed": text("report_column.failed"),
        "days": text("report_column.days"),
    }
    return [
        text("report_column.week"),
        text("report_column.code"),
        text("report_column.school"),
        text("report_column.kind"),
        text("report_column.region"),
        text("report_column.pupils"),
        f"{text('report_column.required')} Mbit/s",
        f"{text('report_column.upper')} Mbit/s",
        *(f"{quiet} {named[one]}" for one in of_figure),
        f"{quiet} {text('report_column.reasons')}",
        *(f"{lesson} {named[one]}" for one in of_figure),
        f"{lesson} {text('report_column.reasons')}",
        text("report_column.survey"),
        text("report_column.sample"),
        text("report_column.state"),
        text("report_column.findings"),
        text("report_column.odd"),
    ]


def _row(say: Say, line: SchoolLine) -> list[str | float | int | None]:
    text = say.words
    met = "none" if line.baseline_met is None else "met" if line.baseline_met else "not_met"
    separator = text("site.separator")
    return [
        say.report.week,
        line.code,
        line.name,
        text.either(f"kind.{line.kind}", "site.none"),
        line.region,
        line.pupils,
        mbps(line.required_bps),
        mbps(line.upper_bps),
        *_figure(text, line.quiet),
        *_figure(text, line.lesson),
        text(f"baseline.{met}"),
        text("value.yes" if line.sample else "value.no"),
        text(f"progress_state.{line.state.value}"),
        separator.join(say.finding(one) for one in line.findings),
        separator.join(say.odd(one) for one in line.odd),
    ]


def _figure(text: Words, figure: FigureLine) -> list[str | float | int | None]:
    return [
        text(f"status.{figure.status.value}"),
        mbps(figure.median_bps),
        mbps(figure.low_bps),
        mbps(figure.high_bps),
        figure.runs,
        figure.failed_runs,
        figure.days,
        text("site.separator").join(text(f"reason.{one.value}") for one in figure.reasons),
    ]


def mbps(bps: int | None) -> float | None:
    """Mbit/s to three decimals: a bit/s more or less is no information."""
    return None if bps is None else round(bps / 1e6, 3)


def _cell(value: str | float | None) -> str:
    if value is None:
        return ""
    return neutral(value) if isinstance(value, str) else f"{value}"
