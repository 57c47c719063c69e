"""What stands on each sheet of the workbook."""

from collections.abc import Sequence

from collector.judge.model import Figure
from collector.judge.week import local
from collector.pages import format as fmt
from collector.report.csv_text import mbps
from collector.report.document_programme import Comparison
from collector.report.document_schools import FigureLine, Group, SchoolLine
from collector.report.present_schools import method
from collector.report.present_week import changed
from collector.report.say import Say
from collector.report.sheet import Cell, Formula, Table

_FIGURE = ("median", "low", "high", "runs", "failed", "days")


def schools_table(say: Say, labels: dict[str, str]) -> Table:
    """One row a school: everything the report says of it."""
    columns = (
        *("code", "school", "kind", "region", "band", "pupils", "line", "contracted", "group"),
        *("sample", "required", "upper", "quiet", *(f"quiet_{one}" for one in _FIGURE)),
        *("quiet_reasons", "margin", "lesson", *(f"lesson_{one}" for one in _FIGURE)),
        *("lesson_reasons", "survey", "state", "findings", "odd"),
    )
    return Table(
        columns=columns,
        heads=tuple(_head(say, one) for one in columns),
        rows=tuple(_school(say, line, labels) for line in say.report.schools),
        speeds=frozenset(
            one
            for one in columns
            if one in {"contracted", "required", "upper", "margin"}
            or one.endswith(("_median", "_low", "_high"))
        ),
    )


def _head(say: Say, column: str) -> str:
    text = say.words
    figure, _, rest = column.partition("_")
    if figure in ("quiet", "lesson"):
        named = text(f"figure.{figure}")
        return f"{named} {text(f'report_column.{rest}')}" if rest else named
    return text(f"report_column.{column}")


def _school(say: Say, line: SchoolLine, labels: dict[str, str]) -> tuple[Cell, ...]:
    text = say.words
    separator = text("site.separator")
    met = "none" if line.baseline_met is None else "met" if line.baseline_met else "not_met"
    return (
        line.code,
        line.name,
        text.either(f"kind.{line.kind}", "site.none"),
        line.region,
        labels.get(line.band, text("site.none")),
        line.pupils,
        text.either(f"line.{line.line}", "site.none"),
        mbps(line.contracted_bps),
        line.aggregation_group,
        text("value.yes" if line.sample else "value.no"),
        mbps(line.required_bps),
        mbps(line.upper_bps),
        *_figure(say, line.quiet),
        mbps(line.margin_bps),
        *_figure(say, line.lesson),
        text(f"baseline.{met}"),
        text(f"progress_state.{line.state.value}"),
        separator.join(say.finding(one) for one in line.findings),
        separator.join(say.odd(one) for one in line.odd),
    )


def _figure(say: Say, figure: FigureLine) -> tuple[Cell, ...]:
    text = say.words
    return (
        text(f"status.{figure.status.value}"),
        mbps(figure.median_bps),
        mbps(figure.low_bps),
        mbps(figure.high_bps),
        figure.runs,
        figure.failed_runs,
        figure.days,
        text("site.separator").join(text(f"reason.{one.value}") for one in figure.reasons),
    )


def groups_tables(say: Say, schools: Table) -> list[Table]:
    """Size bands and regions, counted by formulas over the sheet of schools."""
    labels: dict[str, str] = {}
    for line, row in zip(say.report.schools, schools.rows, strict=True):
        labels[line.band] = str(row[schools.columns.index("band")])
    return [
        _groups(say, schools, "band", say.report.bands, labels),
        _groups(say, schools, "region", say.report.regions, {}),
    ]


def _groups(
    say: Say, schools: Table, column: str, groups: Sequence[Group], labels: dict[str, str]
) -> Table:
    text = say.words
    name = text("report_sheet.schools")
    own = schools.range_of(name, column)
    quiet, lesson = schools.range_of(name, "quiet"), schools.range_of(name, "lesson")
    survey, pupils = schools.range_of(name, "survey"), schools.range_of(name, "pupils")
    met = text("status.met")
    rows: list[tuple[Cell, ...]] = []
    for group in groups:
        if not group.schools:
            continue
        label = labels.get(group.label, group.label)
        mine = f'--({own}="{label.replace(chr(34), chr(34) * 2)}")'

        def among(where: str, word: str, value: int, mine: str = mine) -> Formula:
            return Formula(f'=SUMPRODUCT({mine},--({where}="{word}"))', value)

        count = f"SUMPRODUCT({mine})"
        rows.append(
            (
                label,
                Formula(f"={count}", group.schools),
                Formula(f"=SUMPRODUCT({mine},{pupils})", group.pupils),
                among(quiet, met, group.met),
                among(quiet, text("status.undetermined"), group.undetermined),
                among(quiet, text("status.not_met"), group.not_met),
                Formula(
                    f'=IF({count}=0,0,SUMPRODUCT({mine},--({quiet}="{met}"))/{count})',
                    group.met / group.schools,
                    share=True,
                ),
                among(lesson, met, group.lesson_met),
                text("city.baseline_none")
                if group.baseline_met is None
                else among(survey, text("baseline.met"), group.baseline_met),
            )
        )
    columns = (
        "schools",
        "pupils",
        "met",
        "undetermined",
        "not_met",
        "share",
        "lesson_met",
        "survey",
    )
    return Table(
        columns=(column, *columns),
        heads=tuple(text(f"report_column.{one}") for one in (column, *columns)),
        rows=tuple(rows),
        title=text(f"report_column.{column}"),
    )


def findings_table(say: Say) -> Table:
    """Findings that stand, each with its schools."""
    text = say.words
    columns = (
        "finding",
        "segment",
        "owner",
        "confirmed",
        "likely",
        "measures",
        "schedule",
        "school",
    )
    return Table(
        columns=columns,
        heads=tuple(text(f"report_column.{one}") for one in columns),
        rows=tuple(
            (
                say.named(one.names, one.finding_id),
                text.either(f"report_segment.{one.segment}", "report_segment.unknown"),
                text.either(f"report_owner.{one.owner}", "report_owner.unknown"),
                len(one.confirmed),
                one.likely,
                text("site.separator").join(say.measure(each) for each in one.measures),
                say.span(one.first_on, one.last_on),
                text("site.separator").join(say.school(code) for code in one.confirmed),
            )
            for one in say.report.findings
        ),
    )


def measures_table(say: Say) -> Table:
    """Measures at schools, before and after."""
    text = say.words
    columns = (
        *("code", "school", "measure", "measure_state", "planned_on", "done_on", "cost", "subsidy"),
        *("before", "after", "shift_low", "shift_high", "days_before", "days_after", "effect"),
        "finding",
    )
    return Table(
        columns=columns,
        heads=tuple(text(f"report_column.{one}") for one in columns),
        rows=tuple(
            (
                one.school_code,
                say.school(one.school_code),
                say.named(one.names, one.measure_id),
                text(f"report_measure_state.{one.state.value}"),
                one.planned_on,
                one.done_on,
                one.cost_yen,
                one.subsidy_yen,
                *_compared(one.compared),
                text(f"report_effect.{one.effect.value}"),
                text("site.separator").join(say.finding(each) for each in one.findings),
            )
            for one in say.report.measures
        ),
        speeds=frozenset({"before", "after", "shift_low", "shift_high"}),
    )


def _compared(found: Comparison | None) -> tuple[Cell, ...]:
    if found is None:
        return (None,) * 6
    return (
        mbps(found.before_bps),
        mbps(found.after_bps),
        mbps(found.low_bps),
        mbps(found.high_bps),
        found.days_before,
        found.days_after,
    )


def agents_table(say: Say) -> Table:
    """Schools whose agent was not heard as it should be."""
    text = say.words
    columns = ("code", "school", "agent", "heard")
    return Table(
        columns=columns,
        heads=tuple(text(f"report_column.{one}") for one in columns),
        rows=tuple(
            (
                one.school_code,
                say.school(one.school_code),
                text(f"agent.{one.health.value}"),
                text("site.none")
                if one.last_heard_at is None
                else fmt.moment(text, one.last_heard_at),
            )
            for one in say.report.agents.lines
        ),
    )


def evidence_table(say: Say) -> Table:
    """The figures of schools that are NOT MET, by hour of the day."""
    text = say.words
    columns = ("code", "school", "segment", "hour", "figure", "runs", "median", "least", "most")
    rows: list[tuple[Cell, ...]] = []
    for one in say.report.evidence:
        segments = text("site.separator").join(
            text.either(f"report_segment.{name}", "report_segment.unknown") for name in one.segments
        )
        rows += [
            (
                one.school_code,
                say.school(one.school_code),
                segments,
                say.clock(hour.hour),
                text(f"figure.{Figure(hour.window).value}"),
                hour.runs,
                mbps(hour.median_bps),
                mbps(hour.least_bps),
                mbps(hour.most_bps),
            )
            for hour in one.hours
        ]
    return Table(
        columns=columns,
        heads=tuple("N" if one == "runs" else text(f"report_column.{one}") for one in columns),
        rows=tuple(rows),
        speeds=frozenset({"median", "least", "most"}),
    )


def differences_table(say: Say) -> Table:
    """What changed since the former revision."""
    text = say.words
    columns = ("code", "school", "what", "before", "after")
    return Table(
        columns=columns,
        heads=tuple(text(f"report_column.{one}") for one in columns),
        rows=tuple(
            (
                one.school_code,
                say.school(one.school_code) if one.school_code else say.city(),
                text(f"report_field.{one.field.value}"),
                *changed(say, one),
            )
            for one in say.report.differences
        ),
    )


def method_lines(say: Say) -> list[str]:
    """How the figures are made, a sentence a line."""
    found = [say.words("report.method"), say.words("report.staff_note")]
    for element in method(say):
        items = element.get("items")
        if isinstance(items, list):
            found += [str(one) for one in items]
    made = local(say.report.stated_at)
    return [
        *found,
        f"{say.words('report.revision', number=say.report.revision)} {made:%Y-%m-%d %H:%M}",
    ]
