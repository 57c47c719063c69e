"""Tables for IT staff, evidence for the line operator, and the method."""

from collector.judge.model import Figure
from collector.pages import format as fmt
from collector.report import charts
from collector.report.document_schools import Evidence, Group, SchoolLine
from collector.report.elements import (
    MARKS,
    Element,
    bullets,
    column,
    heading,
    paragraph,
    table,
    together,
)
from collector.report.say import Say


def schools(say: Say, band_labels: dict[str, str]) -> list[Element]:
    """Bands, regions, the margin, and every school."""
    words = say.words
    found: list[Element] = [
        heading(words("report.for_staff"), 1, new_page=True),
        paragraph(words("report.staff_note"), small=True),
        _school_table(say),
    ]
    odd = [line for line in say.report.schools if line.odd]
    if odd:
        found += [
            heading(words("report.odd_title"), 2),
            table(
                [column(words("report_column.school"), 2), column(words("report_column.odd"), 5)],
                [
                    [line.name, words("site.separator").join(say.odd(one) for one in line.odd)]
                    for line in odd
                ],
                label=words("report.odd_title"),
                small=True,
            ),
        ]
    found += [
        together([charts.margin(say)]),
        together(
            [
                heading(words("report_column.band"), 2),
                _groups(say, "report_column.band", say.report.bands, band_labels),
            ]
        ),
        together(
            [
                heading(words("report_column.region"), 2),
                _groups(say, "report_column.region", say.report.regions, {}),
            ]
        ),
    ]
    return found


def _school_table(say: Say) -> Element:
    words = say.words
    return table(
        [
            column(words("report_column.code")),
            column(words("report_column.school"), 3),
            column(words("report_column.pupils"), number=True),
            column(words("report_column.required"), number=True),
            column(words("report_column.quiet")),
            column(words("report_column.median"), number=True),
            column(words("report_column.interval"), number=True),
            column(words("report_column.runs"), number=True),
            column(words("report_column.margin"), number=True),
            column(words("report_column.lesson")),
            column(words("report_column.survey")),
            column(words("report_column.state")),
        ],
        [_row(say, line) for line in say.report.schools],
        label=words("report.for_staff"),
        small=True,
    )


def _row(say: Say, line: SchoolLine) -> list[str]:
    words, none = say.words, say.words("site.none")
    met = "none" if line.baseline_met is None else "met" if line.baseline_met else "not_met"
    margin = none
    if line.margin_bps is not None and line.required_bps and line.upper_bps:
        least_bps = line.margin_bps - (line.upper_bps - line.required_bps)
        margin = fmt.margin_percent(
            words, least_bps / line.upper_bps, line.margin_bps / line.required_bps
        )
    return [
        line.code,
        f"{line.name} ※" if line.odd else line.name,
        none if line.pupils is None else f"{line.pupils:,}",
        say.required(line),
        say.status(line.quiet.status),
        say.number(line.quiet.median_bps),
        say.interval(line.quiet),
        say.runs(line.quiet),
        margin,
        MARKS[line.lesson.status.value],
        MARKS.get(met, none),
        words(f"progress_state.{line.state.value}"),
    ]


def _groups(say: Say, head: str, groups: tuple[Group, ...], labels: dict[str, str]) -> Element:
    words = say.words
    return table(
        [
            column(words(head), 2),
            column(words("report_column.schools"), 1, number=True),
            column(words("report_column.pupils"), 1, number=True),
            column(words("report_column.met"), 1, number=True),
            column(words("report_column.undetermined"), 1, number=True),
            column(words("report_column.not_met"), 1, number=True),
            column(words("report_column.share"), 1, number=True),
            column(words("report_column.lesson_met"), 1, number=True),
            column(words("report_column.survey"), 1, number=True),
        ],
        [
            [
                labels.get(group.label, group.label) or words("site.none"),
                f"{group.schools}",
                f"{group.pupils:,}",
                f"{group.met}",
                f"{group.undetermined}",
                f"{group.not_met}",
                f"{fmt.percent(group.met, group.schools)} %",
                f"{group.lesson_met}",
                words("site.none") if group.baseline_met is None else f"{group.baseline_met}",
            ]
            for group in groups
            if group.schools
        ],
        label=words(head),
        small=True,
    )


def evidence(say: Say) -> list[Element]:
    """One part a school that is NOT MET."""
    words, report = say.words, say.report
    found: list[Element] = [
        heading(words("report.for_operator"), 1, new_page=True),
        paragraph(words("report.operator_note"), small=True),
    ]
    if not report.evidence:
        found.append(paragraph(words("report.evidence_none")))
    for one in report.evidence:
        line = report.school(one.school_code)
        if line is not None:
            found.append(together(_one(say, line, one)))
    if report.evidence_left_out:
        found.append(paragraph(words("report.evidence_left_out", n=report.evidence_left_out)))
    return found


def _one(say: Say, line: SchoolLine, one: Evidence) -> list[Element]:
    words = say.words
    separator, none = words("site.separator"), words("site.none")
    facts = words(
        "report.evidence_facts",
        line=words.either(f"line.{line.line}", "site.none"),
        contracted=none if line.contracted_bps is None else say.speed(line.contracted_bps),
        group=line.aggregation_group or none,
        segments=separator.join(
            words.either(f"report_segment.{name}", "report_segment.unknown")
            for name in one.segments
        )
        or none,
        targets=say.some(one.targets, 2),
    )
    more = [
        words(
            "report.evidence_required",
            required=f"{say.required(line)} Mbit/s",
            pupils=none if line.pupils is None else f"{line.pupils:,}",
        )
    ]
    if one.upload_median_bps is not None:
        more.append(words("report.evidence_upload", speed=say.speed(one.upload_median_bps)))
    if one.inside_median_bps is not None:
        speed = say.speed(one.inside_median_bps)
        more.append(words("report.evidence_inside", speed=speed, n=one.inside_runs))
    if one.failures:
        failures = [
            words(
                "report.evidence_failure",
                name=words.either(f"failure.{code}", "failure.unknown"),
                n=count,
            )
            for code, count in one.failures.items()
        ]
        more.append(words("report.evidence_failures", failures=separator.join(failures)))
    return [
        heading(f"{line.code}　{line.name}", 2),
        paragraph(facts, small=True),
        paragraph("　".join(more), small=True),
        {
            "t": "evidence",
            "chart": charts.strip(say, line, one),
            "keys": [
                words("report.strip_quiet"),
                words("report.strip_lesson"),
                words("report.strip_required"),
            ],
            "figures": _figures(say, line),
            "hours": _hours(say, one),
        },
    ]


def _figures(say: Say, line: SchoolLine) -> Element:
    words = say.words
    return table(
        [
            column(words("report_column.figure"), 1),
            column(words("report_column.runs"), number=True),
            column(words("report_column.days"), number=True),
            column(words("report_column.median"), number=True),
            column(words("report_column.interval"), number=True),
        ],
        [
            [
                words(f"figure.{figure.value}"),
                say.runs(line.figure(figure)),
                f"{line.figure(figure).days}/{line.figure(figure).school_days}",
                say.number(line.figure(figure).median_bps),
                say.interval(line.figure(figure)),
            ]
            for figure in Figure
        ],
        label=f"{line.name} {words('report.method')}",
        small=True,
    )


def _hours(say: Say, one: Evidence) -> Element:
    words = say.words
    shown = sorted(one.hours, key=lambda item: (item.median_bps, item.hour))[:4]
    return table(
        [
            column(words("report_column.hour"), 1),
            column("N", number=True),
            column(words("report_column.median"), number=True),
            column(words("report_column.least"), number=True),
            column(words("report_column.most"), number=True),
        ],
        [
            [
                say.clock(item.hour),
                f"{item.runs}",
                say.number(item.median_bps),
                say.number(item.least_bps),
                say.number(item.most_bps),
            ]
            for item in sorted(shown, key=lambda item: (item.hour, item.window.value))
        ],
        label=words("report.evidence_hours"),
        small=True,
    )


def method(say: Say) -> list[Element]:
    """How the figures are made."""
    words, made = say.words, say.report.method
    separator = words("site.separator")
    days = (
        f"{made.school_days_least}"
        if made.school_days_least == made.school_days_most
        else words("value.range", low=made.school_days_least, high=made.school_days_most)
    )
    return [
        heading(words("report.method"), 1),
        bullets(
            [
                words(
                    "report.method_numbers",
                    week=say.week(say.report.week),
                    quiet=f"{made.quiet_runs:,}",
                    quiet_failed=f"{made.quiet_failed:,}",
                    lesson=f"{made.lesson_runs:,}",
                    lesson_failed=f"{made.lesson_failed:,}",
                    days=days,
                ),
                words("method.windows"),
                words("method.statistic"),
                words("method.rule"),
                words(
                    "method.criteria",
                    version=made.table_version,
                    source=made.issued_by,
                ),
                words(
                    "report.method_statistics",
                    statistics=separator.join(
                        words(f"report_statistic.{one}") for one in made.statistics
                    )
                    or words("report.none"),
                    calendars=separator.join(made.calendars),
                ),
                words("report.method_survey"),
                words("report.method_made"),
            ]
        ),
    ]
