"""What changed in the week: verdicts, findings, measures and their effect, agents, revisions."""

from typing import Final

from collector.pages import format as fmt
from collector.programme.model import MeasureState
from collector.report.document import Difference, Field
from collector.report.document_programme import MeasureLine
from collector.report.elements import Element, column, heading, paragraph, table
from collector.report.say import Say

MOST_AGENTS: Final = 12
_SPEEDS: Final = (Field.REQUIRED, Field.QUIET_MEDIAN, Field.LESSON_MEDIAN)
_STATUSES: Final = (Field.QUIET_STATUS, Field.LESSON_STATUS)


def week(say: Say) -> list[Element]:
    """Everything that is new."""
    words = say.words
    return [
        heading(words("report.changes"), 1),
        heading(words("report.changes_verdicts"), 2),
        _verdicts(say),
        heading(words("report.findings"), 2),
        *_events(say),
        *_standing(say),
        heading(words("report.measures"), 2),
        *_measures(say),
        heading(words("report.agents"), 2),
        *_agents(say),
    ]


def _verdicts(say: Say) -> Element:
    words = say.words
    changed = [
        line
        for line in say.report.schools
        if line.quiet_before is not None and line.quiet_before is not line.quiet.status
    ]
    if not changed:
        compared = say.report.before is not None
        return paragraph(words("report.changes_none" if compared else "report.no_comparison"))
    return table(
        [
            column(words("report_column.school"), 3),
            column(words("report_column.before")),
            column(words("report_column.after")),
            column(words("report_column.median"), number=True),
            column(words("report_column.interval"), number=True),
            column(words("report_column.required"), number=True),
            column(words("report_column.runs"), number=True),
        ],
        [
            [
                line.name,
                say.status(line.quiet_before) if line.quiet_before else "",
                say.status(line.quiet.status),
                say.number(line.quiet.median_bps),
                say.interval(line.quiet),
                say.required(line),
                say.runs(line.quiet),
            ]
            for line in changed
        ],
        label=words("report.changes_verdicts"),
        small=True,
    )


def _events(say: Say) -> list[Element]:
    words, report = say.words, say.report
    out = report.ruled_out
    ruled_out = (
        [paragraph(words("report.ruled_out", findings=out.findings, schools=out.schools))]
        if out.findings
        else []
    )
    if not report.events:
        return [paragraph(words("report.findings_none")), *ruled_out]
    listed = table(
        [
            column(words("report_column.day")),
            column(words("report_column.school"), 3),
            column(words("report_column.finding"), 4),
            column(words("report_column.decision")),
            column(words("report_column.grade")),
        ],
        [
            [
                say.day(one.decided_on),
                say.school(one.school_code),
                say.named(one.names, one.finding_id),
                words(f"decision.{one.decision.value}"),
                words(f"grade.{one.grade.value}"),
            ]
            for one in report.events
        ],
        label=words("report.findings"),
        small=True,
    )
    return [listed, *ruled_out]


def _standing(say: Say) -> list[Element]:
    words = say.words
    if not say.report.findings:
        return []
    return [
        heading(words("report.findings_standing"), 2),
        table(
            [
                column(words("report_column.finding"), 4),
                column(words("report_column.segment"), 2),
                column(words("report_column.owner"), 2),
                column(words("report_column.confirmed"), number=True),
                column(words("report_column.likely"), number=True),
            ],
            [
                [
                    say.named(one.names, one.finding_id),
                    words.either(f"report_segment.{one.segment}", "report_segment.unknown"),
                    words.either(f"report_owner.{one.owner}", "report_owner.unknown"),
                    f"{len(one.confirmed)}",
                    words("site.none") if one.likely is None else f"{one.likely}",
                ]
                for one in say.report.findings
            ],
            label=words("report.findings_standing"),
            small=True,
        ),
    ]


def _measures(say: Say) -> list[Element]:
    words = say.words
    shown = [one for one in say.report.measures if one.state is not MeasureState.CANCELLED]
    if not shown:
        return [paragraph(words("report.measures_none"))]
    return [
        paragraph(words("report.measures_note"), small=True),
        table(
            [
                column(words("report_column.school"), 3),
                column(words("report_column.measure"), 3),
                column(words("report_column.measure_state")),
                column(words("report_column.day")),
                column(words("report_column.before"), number=True),
                column(words("report_column.after"), number=True),
                column(words("report_column.shift"), number=True),
                column(words("report_column.days"), number=True),
                column(words("report_column.effect")),
            ],
            [_measure(say, one) for one in shown],
            label=words("report.measures"),
            small=True,
        ),
    ]


def _measure(say: Say, one: MeasureLine) -> list[str]:
    done = one.state is MeasureState.DONE
    none, found = say.words("site.none"), one.compared
    return [
        say.school(one.school_code),
        say.named(one.names, one.measure_id),
        say.words(f"report_measure_state.{one.state.value}"),
        say.day(one.done_on if done else one.planned_on),
        say.number(None if found is None else found.before_bps),
        say.number(None if found is None else found.after_bps),
        none if found is None else say.shift(found),
        none if found is None else f"{found.days_before}/{found.days_after}",
        say.words(f"report_effect.{one.effect.value}") if done else none,
    ]


def _agents(say: Say) -> list[Element]:
    words, agents = say.words, say.report.agents
    found: list[Element] = [
        paragraph(
            words(
                "report.agents_text",
                time=fmt.moment(words, agents.as_of),
                fresh=agents.counts["fresh"],
                late=agents.counts["late"],
                silent=agents.counts["silent"],
                never=agents.counts["never_enrolled"],
            )
        )
    ]
    if not agents.lines:
        return found
    found.append(
        table(
            [
                column(words("report_column.school"), 3),
                column(words("report_column.agent"), 2),
                column(words("report_column.heard"), 3),
            ],
            [
                [
                    say.school(one.school_code),
                    words(f"agent.{one.health.value}"),
                    words("site.none")
                    if one.last_heard_at is None
                    else fmt.moment(words, one.last_heard_at),
                ]
                for one in agents.lines[:MOST_AGENTS]
            ],
            label=words("report.agents"),
            small=True,
        )
    )
    if len(agents.lines) > MOST_AGENTS:
        found.append(
            paragraph(words("report.agents_more", n=len(agents.lines) - MOST_AGENTS), small=True)
        )
    return found


def differences(say: Say) -> list[Element]:
    """What changed since the former revision; nothing in a first one."""
    words, report = say.words, say.report
    if not report.differences:
        return []
    return [
        heading(words("report.differences"), 1),
        paragraph(words("report.differences_note", before=report.revision - 1), small=True),
        table(
            [
                column(words("report_column.school"), 3),
                column(words("report_column.what"), 3),
                column(words("report_column.before"), 2),
                column(words("report_column.after"), 2),
            ],
            [
                [
                    say.school(one.school_code) if one.school_code else say.city(),
                    words(f"report_field.{one.field.value}"),
                    *changed(say, one),
                ]
                for one in report.differences
            ],
            label=words("report.differences"),
            small=True,
        ),
    ]


def changed(say: Say, one: Difference) -> tuple[str, str]:
    """Before and after in words."""
    return _value(say, one.field, one.before), _value(say, one.field, one.after)


def _value(say: Say, field: Field, value: str) -> str:
    words = say.words
    if not value:
        return words("site.none")
    if field in _SPEEDS:
        return fmt.mbps(words, float(value))
    if field in _STATUSES:
        return words(f"status.{value}")
    if field is Field.BASELINE:
        return words(f"baseline.{value}")
    if field is Field.STATE:
        return words(f"progress_state.{value}")
    if field is Field.FINDINGS:
        return words("site.separator").join(say.finding(one) for one in value.split())
    return value
