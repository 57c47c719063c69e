"""Progress as a table: one row a school, those not started too."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Final

from collector.programme import progress_rows
from collector.programme.exchange import read
from collector.programme.exchange.cells import Cell
from collector.programme.exchange.merge import Given, merge
from collector.programme.exchange.read import SheetTable
from collector.programme.exchange.sheet import Author, Known, Sheet, Taken, school_of
from collector.programme.model import Progress, State
from collector.programme.progress_change import ProgressRefused, check
from collector.schools.table import Row
from collector.store.sql import Sql

HEADER: Final = (
    *("code", "name", "sample", "state", "since_on", "planned_on", "assessor", "note", "version"),
)
_NEVER: Final = date.min
"""Stands for an empty day until the row is looked at."""
_STATES: Final = ", ".join(state.value for state in State)
EXPLANATION: Final = (
    ("code", "学校コード（変えない）", "Code of the school (leave it)"),
    ("name", "学校名（変えない）", "Name of the school (leave it)"),
    ("sample", "サンプル校なら yes（変えても取り込まれない）", "yes: a sample school (not read)"),
    (
        "state",
        f"未着手、調査中、特定済、改善中、完了の順に {_STATES}",
        f"One of {_STATES}",
    ),
    ("since_on", "その状態になった日（2026-05-18）", "Day on which it came to be so"),
    ("planned_on", "調査の予定日（空欄可）", "Day of the assessment, may be empty"),
    ("assessor", "調査担当", "Who assesses"),
    ("note", "メモ", "Note"),
    ("version", "版（変えない）", "Version (leave it)"),
)


def rows(sql: Sql, known: Known) -> list[list[Cell]]:
    """Give one row a school, by code."""
    held = {one.school_code: one for one in progress_rows.progress(sql)}
    out: list[list[Cell]] = []
    for code, school in sorted(known.schools.items()):
        one = held.get(code)
        start: list[Cell] = [code, school.name, school.sample]
        if one is None:
            out.append([*start, State.NOT_STARTED.value, None, None, "", "", 0])
        else:
            state = [one.state.value, one.since_on, one.planned_on]
            out.append([*start, *state, one.assessor, one.note, one.version])
    return out


def take(sql: Sql, table: SheetTable, raw: bytes, known: Known, author: Author) -> Taken:
    """Keep the rows that differ."""
    held = {one.school_code: one for one in progress_rows.progress(sql)}
    given = list(_given(table, raw, known))
    current = {code: (one, one.version) for code, one in held.items()}
    merged = merge(given, current, _same)
    checked = []
    for one in merged.changes:
        assert one.value is not None
        try:
            checked.append(check(one.value, held.get(one.value.school_code), author.today))
        except ProgressRefused as refused:
            one.row.wrong(refused.field, refused.allowed)
    table.refuse_if_wrong()
    for new in checked:
        progress_rows.put_progress(sql, new, author.actor, author.now)
    return Taken(
        changed=[new.school_code for new in checked], unchanged_count=merged.unchanged_count
    )


def _given(table: SheetTable, raw: bytes, known: Known) -> Iterator[Given[str, Progress]]:
    for row in table.rows(raw):
        school = school_of(row, known)
        new = _progress(row, "" if school is None else school.code)
        if school is None or new is None:
            continue
        untouched = new.version == 0 and new.state is State.NOT_STARTED and row.is_empty("since_on")
        value = None if untouched and not (new.assessor or new.note or new.planned_on) else new
        if value is not None and row.is_empty("since_on"):
            row.wrong("since_on", "a date such as 2024-05-01")
            continue
        yield Given(row=row, key=school.code, value=value, version=new.version)


def _progress(row: Row, code: str) -> Progress | None:
    state = read.word(row, "state", State)
    since_on = read.day_if_any(row, "since_on")
    planned_on = read.day_if_any(row, "planned_on")
    assessor = read.text(row, "assessor")
    note = read.note(row, "note")
    version = read.version(row)
    if state is None:
        return None
    return Progress(
        school_code=code,
        state=state,
        since_on=since_on or _NEVER,
        planned_on=planned_on,
        assessor=assessor,
        note=note,
        version=version,
    )


def _same(one: Progress, other: Progress) -> bool:
    return replace(one, version=0) == replace(other, version=0)


SHEET: Final = Sheet(header=HEADER, explanation=EXPLANATION, rows=rows, take=take)
