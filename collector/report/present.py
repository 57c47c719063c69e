"""A report in one language, as the pages of PDF and HTML show it. Pure."""

from dataclasses import dataclass

from collector.judge.bands import Band
from collector.pages.i18n import Words, words
from collector.pages.listing import band_words
from collector.report.document import Report
from collector.report.elements import Element, paragraph
from collector.report.present_board import blocks, board
from collector.report.present_schools import evidence, method, schools
from collector.report.present_week import differences, week
from collector.report.say import Say


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """What is on the pages. ``footer`` stands on every one."""

    language: str
    title: str
    city: str
    week: str
    revision: str
    stated: str
    footer: str
    banner: str
    page: str
    """Words for 'page N of M', with {page} and {pages}."""
    body: tuple[Element, ...]


def present(report: Report, language: str) -> Presented:
    """Put a report into words."""
    text = words(language)
    say = Say(report, text)
    labels = band_labels(report, text)
    notes = [
        *([] if report.complete else [text("report.incomplete")]),
        *([] if not report.differences else [text("report.differs", n=len(report.differences))]),
        *(text("report.trouble", text=one) for one in report.troubles),
    ]
    return Presented(
        language=text.language,
        title=text("report.title"),
        city=say.city(),
        week=say.week(report.week),
        revision=text("report.revision", number=report.revision),
        stated=text("report.stated", time=say.stated()),
        footer=text(
            "report.footer",
            week=report.week,
            schools=report.measured_schools,
            quiet=f"{report.method.quiet_runs:,}",
            lesson=f"{report.method.lesson_runs:,}",
            table=report.method.table_name,
            version=report.method.table_version,
        ),
        banner=text("report.simulated") if report.simulated else "",
        page=text.table["report.page"],
        body=(
            *(paragraph(one, small=True) for one in notes),
            *board(say, labels),
            *blocks(say),
            *differences(say),
            *week(say),
            *schools(say, labels),
            *evidence(say),
            *method(say),
        ),
    )


def band_labels(report: Report, text: Words) -> dict[str, str]:
    """Size bands in words, by their label."""
    found = {}
    for group in report.bands:
        first, _, last = group.label.strip("<=>").partition("-")
        if group.label.startswith("<="):
            band = Band(1, int(first))
        elif group.label.startswith(">"):
            band = Band(int(first) + 1, None)
        else:
            band = Band(int(first), int(last))
        found[group.label] = band_words(text, band)
    return found
