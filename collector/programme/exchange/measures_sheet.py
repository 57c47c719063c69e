"""Measures at schools as a table: what is planned, ordered, done and cancelled."""

import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Final

from collector.programme import assignment_rows
from collector.programme.assign import OPEN, Details, MeasureRefused, checked, may_become
from collector.programme.exchange import read
from collector.programme.exchange.cells import Cell
from collector.programme.exchange.merge import Given, merge
from collector.programme.exchange.read import SheetTable
from collector.programme.exchange.sheet import Author, Known, Sheet, Taken, school_of
from collector.programme.measures_catalogue import MOST_YEN, MeasureCatalogue, load_measures
from collector.programme.model import Assignment, MeasureState
from collector.schools.model import School
from collector.schools.table import Row
from collector.store.sql import Sql

HEADER: Final = (
    *("code", "name", "measure_id", "state", "planned_on", "done_on", "cost_yen", "subsidy_yen"),
    *("findings", "note", "version", "assignment_id"),
)
EXPLANATION: Final = (
    ("code", "学校コード", "Code of the school"),
    ("name", "学校名（空欄可）", "Name of the school, may be empty"),
    ("measure_id", "改善策の番号（例 line_10g）", "Id of the measure, such as line_10g"),
    (
        "state",
        "予定 planned、発注済 ordered、実施済 done、中止 cancelled",
        "planned, ordered, done or cancelled",
    ),
    ("planned_on", "予定日", "Planned on"),
    ("done_on", "実施日（実施済のとき）", "Done on, where it is done"),
    ("cost_yen", "費用（円）。空欄は不明", "Cost in yen; empty: not known"),
    ("subsidy_yen", "うち補助金（円）", "What a subsidy pays of it"),
    ("findings", "対応する課題の番号、空白区切り", "Ids of the findings it answers"),
    ("note", "メモ", "Note"),
    ("version", "版（変えない。新しい行は空欄）", "Version (leave it; empty for a new row)"),
    ("assignment_id", "変えない。新しい行は空欄", "Leave it; empty for a new row"),
)
_NEW: Final = uuid.UUID("6c0b8f0e-5d1a-4a53-9a1e-7f3b0d2c84e1")
"""Namespace of ids that an import gives."""


def rows(sql: Sql, known: Known) -> list[list[Cell]]:
    """Give one row a measure."""
    return [
        [
            *(one.school_code, known.schools[one.school_code].name, one.measure_id),
            *(one.state.value, one.planned_on, one.done_on, one.cost_yen, one.subsidy_yen),
            *(" ".join(one.findings), one.note, one.version, one.assignment_id),
        ]
        for one in assignment_rows.assignments(sql)
    ]


def take(sql: Sql, table: SheetTable, raw: bytes, known: Known, author: Author) -> Taken:
    """Keep the rows that differ. A measure is never taken back, only cancelled."""
    held = {one.assignment_id: one for one in assignment_rows.assignments(sql)}
    given = list(_given(table, raw, known, author, held))
    merged = merge(given, {key: (one, one.version) for key, one in held.items()}, _same)
    for change in merged.changes:
        held[change.key] = change.value or held[change.key]
    times = Counter((one.school_code, one.measure_id) for one in held.values() if one.state in OPEN)
    for change in merged.changes:
        one = change.value
        if one and one.state in OPEN and times[one.school_code, one.measure_id] > 1:
            change.row.wrong("measure_id", "one that the school has not planned or ordered already")
    table.refuse_if_wrong()
    changed = []
    for change in merged.changes:
        assert change.value is not None
        assignment_rows.put_assignment(sql, change.value, author.actor, author.now)
        changed.append(change.value.school_code)
    return Taken(changed=changed, unchanged_count=merged.unchanged_count)


def _given(
    table: SheetTable, raw: bytes, known: Known, author: Author, held: dict[str, Assignment]
) -> Iterator[Given[str, Assignment]]:
    for row in table.rows(raw):
        school = school_of(row, known)
        measure_id = row.fields["measure_id"].strip()
        key = row.fields["assignment_id"].strip()
        version = read.version(row)
        before = held.get(key)
        if key and before is None:
            row.wrong("assignment_id", "one that went out with the export, or nothing")
            continue
        details = _details(row, measure_id, author)
        if school is None or details is None:
            continue
        if before is not None and not _fits(row, before, school, measure_id, details):
            continue
        made = Assignment(
            assignment_id=key or str(uuid.uuid5(_NEW, f"{author.now} {row.line} {school.code}")),
            school_code=school.code,
            measure_id=measure_id,
            state=details.state,
            planned_on=details.planned_on,
            done_on=details.done_on,
            cost_yen=details.cost_yen,
            subsidy_yen=details.subsidy_yen,
            findings=details.findings,
            note=details.note,
            version=version,
        )
        if before is None:  # the same file once more: its new rows are there already
            made = next((one for one in held.values() if _is_again(one, made)), made)
        yield Given(row=row, key=made.assignment_id, value=made, version=made.version)


def _details(row: Row, measure_id: str, author: Author) -> Details | None:
    state = read.word(row, "state", MeasureState)
    said = Details(
        state=state or MeasureState.CANCELLED,
        planned_on=read.day_if_any(row, "planned_on"),
        done_on=read.day_if_any(row, "done_on"),
        cost_yen=_yen(row, "cost_yen"),
        subsidy_yen=_yen(row, "subsidy_yen"),
        findings=tuple(read.text(row, "findings").split()),
        note=read.note(row, "note"),
    )
    if state is None:
        return None
    catalogue = _catalogue()
    if measure_id not in catalogue.measures:
        row.wrong("measure_id", f"one of {', '.join(catalogue.measures)}")
        return None
    if state is not MeasureState.DONE and said.done_on is not None:
        row.wrong("done_on", f"nothing while the state is {state.value}")
        return None
    try:
        return checked(catalogue, measure_id, said, author.today)
    except MeasureRefused as refused:
        row.wrong(_column(str(refused)), str(refused))
        return None


def _fits(row: Row, before: Assignment, school: School, measure_id: str, details: Details) -> bool:
    """Note where a row is about another measure, or its state may not follow."""
    if (before.school_code, before.measure_id) != (school.code, measure_id):
        row.wrong(
            "assignment_id", f"that of {before.measure_id} of {before.school_code}: rows slipped?"
        )
        return False
    try:
        may_become(before, details.state)
    except MeasureRefused as refused:
        row.wrong("state", str(refused))
        return False
    return True


def _yen(row: Row, column: str) -> int | None:
    return None if row.is_empty(column) else row.whole(column, 0, MOST_YEN)


def _column(refusal: str) -> str:
    """The column that a refusal begins with."""
    name = refusal.partition(":")[0]
    return name if name in HEADER else "state"


def _same(one: Assignment, other: Assignment) -> bool:
    return replace(one, version=0) == replace(other, version=0)


def _is_again(one: Assignment, new: Assignment) -> bool:
    return _same(replace(one, assignment_id=new.assignment_id), new)


@cache
def _catalogue() -> MeasureCatalogue:
    return load_measures()


SHEET: Final = Sheet(header=HEADER, explanation=EXPLANATION, rows=rows, take=take)
