"""Decisions as a table: what people said of findings."""

from collections.abc import Iterator
from dataclasses import replace
from difflib import get_close_matches
from typing import Final

from collector.programme import decision_rows
from collector.programme.exchange import read
from collector.programme.exchange.cells import Cell
from collector.programme.exchange.merge import Given, merge
from collector.programme.exchange.read import SheetTable
from collector.programme.exchange.sheet import Author, Known, Sheet, Taken, school_of
from collector.programme.model import Decided, Decision, Grade
from collector.schools.table import Row
from collector.store.sql import Sql

HEADER: Final = (
    *("code", "name", "finding_id", "decision", "grade", "evidence", "decided_on", "version"),
)
EXPLANATION: Final = (
    ("code", "学校コード", "Code of the school"),
    ("name", "学校名（空欄可）", "Name of the school, may be empty"),
    ("finding_id", "課題の番号（例 port_100m）", "Id of the finding, such as port_100m"),
    ("decision", "確認 confirmed、否定 rejected、解消 resolved", "confirmed, rejected, resolved"),
    ("grade", "証拠の種別: 測定 agent、現地 on_site、机上 desk", "agent, on_site or desk"),
    ("evidence", "証拠", "Evidence"),
    ("decided_on", "判断した日", "Day of the decision"),
    ("version", "版（変えない。新しい行は空欄）", "Version (leave it; empty for a new row)"),
)


def rows(sql: Sql, known: Known) -> list[list[Cell]]:
    """Give one row a decision."""
    return [
        [
            *(one.school_code, known.schools[one.school_code].name, one.finding_id),
            *(one.decision.value, one.grade.value, one.evidence, one.decided_on, one.version),
        ]
        for one in decision_rows.decisions(sql)
    ]


def take(sql: Sql, table: SheetTable, raw: bytes, known: Known, author: Author) -> Taken:
    """Keep the rows that differ. A decision is never taken back, only changed."""
    held = {(one.school_code, one.finding_id): one for one in decision_rows.decisions(sql)}
    given = list(_given(table, raw, known, author))
    merged = merge(given, {key: (one, one.version) for key, one in held.items()}, _same)
    table.refuse_if_wrong()
    changed = []
    for one in merged.changes:
        assert one.value is not None
        decision_rows.decide(sql, one.value, author.now)
        changed.append(one.value.school_code)
    return Taken(changed=changed, unchanged_count=merged.unchanged_count)


def _given(
    table: SheetTable, raw: bytes, known: Known, author: Author
) -> Iterator[Given[tuple[str, str], Decided]]:
    for row in table.rows(raw):
        school = school_of(row, known)
        finding_id = _finding(row, known)
        decision = read.word(row, "decision", Decision)
        grade = read.word(row, "grade", Grade)
        evidence = read.note(row, "evidence", may_be_empty=False)
        decided_on = read.day(row, "decided_on")
        if decided_on is not None and decided_on > author.today:
            row.wrong("decided_on", f"a day until {author.today}")
        version = read.version(row)
        if school is None or decision is None or grade is None or decided_on is None:
            continue
        decided = Decided(
            school_code=school.code,
            finding_id=finding_id,
            decision=decision,
            grade=grade,
            evidence=evidence,
            decided_on=decided_on,
            decided_by=author.actor,
            version=version,
        )
        yield Given(row=row, key=(school.code, finding_id), value=decided, version=version)


def _finding(row: Row, known: Known) -> str:
    found = row.fields["finding_id"].strip()
    if found not in known.findings:
        near = get_close_matches(found, known.findings, 1, 0.6)
        hint = f" (did you mean {near[0]}?)" if near else ""
        row.wrong("finding_id", f"an id of the catalogue of findings{hint}")
    return found


def _same(one: Decided, other: Decided) -> bool:
    return replace(one, version=0, decided_by="") == replace(other, version=0, decided_by="")


SHEET: Final = Sheet(header=HEADER, explanation=EXPLANATION, rows=rows, take=take)
