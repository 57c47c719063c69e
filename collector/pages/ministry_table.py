"""The table for the ministry's survey in words of one language, as XLSX and CSV."""

from collections.abc import Sequence
from datetime import date
from typing import Final

from collector.judge.model import Figure
from collector.pages import format as fmt
from collector.pages.i18n import Words
from collector.programme.cells import Cell, Sheet, csv_bytes, xlsx_bytes
from collector.programme.findings_catalogue import load_findings
from collector.programme.measures_catalogue import load_measures
from collector.programme.ministry import FindingAt, MinistryLine, MinistryTable
from collector.programme.model import Assignment, MeasureState, State

COLUMNS: Final = (
    *("code", "name", "kind", "region", "pupils", "required", "required_upper", "measured"),
    *("low", "high", "statistic", "method", "week", "first", "last", "runs", "days", "verdict"),
    *("reasons", "table", "baseline", "baseline_on", "part", "state", "state_on"),
    *("confirmed", "likely", "resolved", "measures", "note"),
)
FORMATS: Final = ("xlsx", "csv")
MEDIA_TYPES: Final = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
}


def file_name(table: MinistryTable, form: str) -> str:
    """Name the file after its week."""
    return f"survey-{table.city.week}.{form}"


def file_bytes(words: Words, table: MinistryTable, form: str) -> bytes:
    """Write the table; the same data give the same bytes."""
    sheet = sheet_of(words, table)
    return csv_bytes(sheet) if form == "csv" else xlsx_bytes([sheet])


def sheet_of(words: Words, table: MinistryTable) -> Sheet:
    """Put the table into words. A school whose line cannot be told has its code and says so."""
    names = _Names(words)
    return Sheet(
        name=words("ministry.sheet"),
        header=[words(f"ministry_column.{column}") for column in COLUMNS],
        rows=[_line(words, names, table, one) for one in table.lines],
        notes=_notes(words, table),
    )


class _Names:
    """Names of findings and measures; an id that no catalogue has any more stands for itself."""

    def __init__(self, words: Words) -> None:
        language = words.language
        self.findings = {name: one.names[language] for name, one in load_findings().items()}
        measures = load_measures().measures
        self.measures = {name: one.names[language] for name, one in measures.items()}


def _line(words: Words, names: _Names, table: MinistryTable, one: MinistryLine) -> Sequence[Cell]:
    row, quiet = one.row, one.row.quiet
    school, requirement, baseline = row.school, row.requirement, row.baseline
    first, last = fmt.week_days(str(table.city.week))
    state = State.NOT_STARTED if one.progress is None else one.progress.state
    cells: dict[str, Cell] = {
        "code": school.code,
        "name": school.name,
        "kind": words(f"kind.{school.kind.value}"),
        "region": school.region,
        "pupils": school.pupils,
        "required": _mbps(requirement.required_bps),
        "required_upper": _mbps(requirement.upper_bps),
        "measured": _mbps(quiet.median_bps),
        "low": _mbps(quiet.low_bps),
        "high": _mbps(quiet.high_bps),
        "statistic": words("ministry.none" if not quiet.runs else "ministry.median"),
        "method": words("ministry.how"),
        "week": str(table.city.week),
        "first": first.isoformat(),
        "last": last.isoformat(),
        "runs": quiet.runs,
        "days": quiet.days,
        "verdict": words(f"status.{quiet.status.value}"),
        "reasons": words("site.separator").join(
            words(f"reason.{reason.value}") for reason in quiet.reasons
        ),
        "table": requirement.table_version,
        "baseline": words("ministry.no_baseline")
        if baseline is None
        else words("ministry.met" if baseline.met else "ministry.not_met"),
        "baseline_on": None if baseline is None else baseline.surveyed_on,
        "part": words("ministry.on_site" if school.sample else "ministry.desk"),
        "state": words(f"progress_state.{state.value}"),
        "state_on": None if one.progress is None else one.progress.since_on.isoformat(),
        "confirmed": _findings(words, names, one.confirmed),
        "likely": _findings(words, names, one.likely),
        "resolved": _findings(words, names, one.resolved),
        "measures": "\n".join(_measure(words, names, item) for item in one.measures) or None,
        "note": words("ministry.simulated") if table.city.simulated else None,
    }
    return [cells[column] for column in COLUMNS]


def _findings(words: Words, names: _Names, found: Sequence[FindingAt]) -> str | None:
    """One a line, with the grade of its evidence and the day it was decided."""
    told = [
        words(
            "ministry.finding_on" if one.since_on else "ministry.finding",
            name=names.findings.get(one.finding_id, one.finding_id),
            grade=words(f"grade.{one.grade.value}"),
            day="" if one.since_on is None else one.since_on.isoformat(),
        )
        for one in found
    ]
    return "\n".join(told) or None


def _measure(words: Words, names: _Names, one: Assignment) -> str:
    name = names.measures.get(one.measure_id, one.measure_id)
    state = words(f"ministry_measure.{one.state.value}")
    day: date | None = one.done_on if one.state is MeasureState.DONE else one.planned_on
    if day is None:
        return words("ministry.measure", name=name, state=state)
    return words("ministry.measure_on", name=name, state=state, day=day.isoformat())


def _notes(words: Words, table: MinistryTable) -> list[str]:
    count = table.city.city.count(Figure.QUIET)
    notes = [
        words(
            "ministry.total",
            schools=count.schools,
            met=count.met,
            share=fmt.percent(count.met, count.schools),
            not_met=count.not_met,
            undetermined=count.undetermined,
        ),
        words("ministry.explained"),
    ]
    return [*notes, words("ministry.simulated")] if table.city.simulated else notes


def _mbps(bps: float | None) -> float | None:
    return None if bps is None else round(bps / 1e6, 1)
