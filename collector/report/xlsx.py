"""The report as a workbook: sums and shares are formulas over the sheet of schools.

Each formula carries the value it has, for readers that do not compute. Texts are written as
texts, whatever they begin with. The same report gives the same bytes.
"""

import io
from collections.abc import Mapping
from typing import Final

import xlsxwriter

from collector.judge.week import local
from collector.pages.i18n import words
from collector.report.document import Report
from collector.report.present import band_labels
from collector.report.say import Say
from collector.report.sheet import Book, Cell, Formula, Table, width_of
from collector.report.sheets import (
    agents_table,
    differences_table,
    evidence_table,
    findings_table,
    groups_tables,
    measures_table,
    method_lines,
    schools_table,
)

_FILLS: Final[Mapping[str, Mapping[str, object]]] = {
    "met": {"fill": {"color": "#0B4F8A"}},
    "undetermined": {
        "pattern": {"pattern": "percent_20", "fg_color": "#555555", "bg_color": "#FFFFFF"}
    },
    "not_met": {
        "pattern": {"pattern": "wide_upward_diagonal", "fg_color": "#555555", "bg_color": "#FFFFFF"}
    },
}
"""Fills of the chart that are told apart in grey."""


def xlsx(report: Report, language: str) -> bytes:
    """Write the workbook."""
    say = Say(report, words(language))
    out = io.BytesIO()
    workbook = xlsxwriter.Workbook(
        out,
        {
            "in_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
        },
    )
    workbook.set_properties(
        {
            "title": f"{say.words('report.title')} {say.city()} {say.week(report.week)}",
            "author": "hakaru",
            "created": local(report.stated_at).replace(tzinfo=None),
        }
    )
    workbook.set_calc_mode("auto")
    book = Book(workbook, _footer(say))
    schools = schools_table(say, band_labels(report, say.words))
    _summary(book, say, schools)
    book.table(say.words("report_sheet.schools"), schools, landscape=True)
    book.tables(say.words("report_sheet.bands"), groups_tables(say, schools))
    book.table(say.words("report_sheet.findings"), findings_table(say))
    book.table(say.words("report_sheet.measures"), measures_table(say), landscape=True)
    book.table(say.words("report_sheet.agents"), agents_table(say))
    book.table(say.words("report_sheet.evidence"), evidence_table(say), landscape=True)
    if report.differences:
        book.table(say.words("report_sheet.differences"), differences_table(say))
    book.lines(say.words("report_sheet.method"), method_lines(say))
    workbook.close()
    return out.getvalue()


def _footer(say: Say) -> str:
    method = say.report.method
    return say.words(
        "report.footer",
        week=say.report.week,
        schools=say.report.measured_schools,
        quiet=f"{method.quiet_runs:,}",
        lesson=f"{method.lesson_runs:,}",
        table=method.table_name,
        version=method.table_version,
    )


def _summary(book: Book, say: Say, schools: Table) -> None:
    """Counts of the city as formulas, and the trend as a table with its chart."""
    text, report = say.words, say.report
    city, name = report.city, text("report_sheet.schools")
    quiet = schools.range_of(name, "quiet")
    lesson = schools.range_of(name, "lesson")
    survey = schools.range_of(name, "survey")

    def count(where: str, word: str, value: int) -> Formula:
        return Formula(f'=SUMPRODUCT(--({where}="{word}"))', value)

    total = Formula(f"=ROWS({quiet})", city.schools)
    rows: list[tuple[str, Cell]] = [
        (text("report.title"), say.city()),
        (text("report_column.week"), say.week(report.week)),
        (text("report.revision", number=report.revision), say.stated()),
    ]
    if report.simulated:
        rows.append((text("banner.simulated"), text("report.simulated")))
    first = len(rows)
    rows += [
        (text("report_column.schools"), total),
        (
            f"{text('figure.quiet')} {text('status.met')}",
            count(quiet, text("status.met"), city.met),
        ),
        (
            f"{text('figure.quiet')} {text('status.undetermined')}",
            count(quiet, text("status.undetermined"), city.undetermined),
        ),
        (
            f"{text('figure.quiet')} {text('status.not_met')}",
            count(quiet, text("status.not_met"), city.not_met),
        ),
        (
            f"{text('figure.quiet')} {text('report_column.share')}",
            Formula(
                f"=IF(B{first + 1}=0,0,B{first + 2}/B{first + 1})",
                city.met / city.schools if city.schools else 0,
                share=True,
            ),
        ),
        (
            f"{text('figure.lesson')} {text('status.met')}",
            count(lesson, text("status.met"), city.lesson_met),
        ),
        (
            text("report_column.survey"),
            text("city.baseline_none")
            if report.baseline is None
            else count(survey, text("baseline.met"), report.baseline.met),
        ),
    ]
    trend = Table(
        columns=("week", "met", "undetermined", "not_met"),
        heads=tuple(
            text(f"report_column.{one}") for one in ("week", "met", "undetermined", "not_met")
        ),
        rows=tuple((one.week, one.met, one.undetermined, one.not_met) for one in report.weeks),
    )
    sheet_name = text("report_sheet.summary")
    sheet = book.pairs(sheet_name, rows, trend, at=len(rows) + 1)
    chart = book.workbook.add_chart({"type": "column", "subtype": "stacked"})
    start = len(rows) + 2
    for number, fill in enumerate(("met", "undetermined", "not_met"), start=1):
        chart.add_series(
            {
                "name": [sheet_name, start - 1, number],
                "categories": [sheet_name, start, 0, start + len(trend.rows) - 1, 0],
                "values": [sheet_name, start, number, start + len(trend.rows) - 1, number],
                "border": {"color": "#333333", "width": 0.5},
                "gap": 60,
                **_FILLS[fill],
            }
        )
    chart.set_title({"name": text("report.trend"), "name_font": {"size": 11}})
    chart.set_legend({"position": "bottom"})
    chart.set_size({"width": 560, "height": 300})
    sheet.insert_chart(1, 5, chart, {"description": text("report.trend")})
    sheet.set_column(0, 0, max(width_of(row[0]) for row in rows) + 2)
