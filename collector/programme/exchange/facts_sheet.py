"""Facts as a table: what people noted on site and at the desk. What is measured is not edited."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from collector.programme import fact_rows
from collector.programme.exchange import read
from collector.programme.exchange.cells import Cell, unguarded
from collector.programme.exchange.merge import Given, merge
from collector.programme.exchange.read import SheetTable
from collector.programme.exchange.sheet import Author, Known, Sheet, Taken, school_of
from collector.programme.fact_change import FactRefused, value_of
from collector.programme.facts_catalogue import FactDefinition, FactKind
from collector.programme.model import Fact, Grade
from collector.schools.table import Row
from collector.store.sql import Sql

HEADER: Final = (
    *("code", "name", "key", "what", "grade", "value", "source", "noted_on", "version"),
)
NOTED: Final = (Grade.ON_SITE, Grade.DESK)
"""Grades that people note."""
EXPLANATION: Final = (
    ("code", "学校コード", "Code of the school"),
    ("name", "学校名（空欄可）", "Name of the school, may be empty"),
    ("key", "項目のキー（configs/programme/facts.toml）", "Key of the fact"),
    ("what", "項目の名前（取り込まれない）", "What it is (not read)"),
    ("grade", "on_site 現地 / desk 机上", "on_site or desk"),
    ("value", "値。空欄にすると取り消し", "The value; empty takes it back"),
    ("source", "出典（図面、契約書、現地など）", "Where it is from"),
    ("noted_on", "確認した日", "Day on which it was noted"),
    ("version", "版（変えない。新しい行は空欄）", "Version (leave it; empty for a new row)"),
)
Key = tuple[str, str, Grade]


def rows(sql: Sql, known: Known) -> list[list[Cell]]:
    """Give one row a fact."""
    return [
        [
            *(one.school_code, known.schools[one.school_code].name, one.key),
            known.facts[one.key].names["ja"],
            *(one.grade.value, one.value, one.source, one.noted_on, one.version),
        ]
        for one in fact_rows.facts(sql)
        if one.grade in NOTED and one.key in known.facts
    ]


def take(sql: Sql, table: SheetTable, raw: bytes, known: Known, author: Author) -> Taken:
    """Keep the rows that differ; take back those whose value is empty."""
    held = {_key(one): one for one in fact_rows.facts(sql) if one.grade in NOTED}
    given = list(_given(table, raw, known, author))
    merged = merge(given, {key: (one, one.version) for key, one in held.items()}, _same)
    table.refuse_if_wrong()
    changed = []
    for one in merged.changes:
        if one.value is None:
            fact_rows.remove_fact(sql, *one.key, one.version)
        else:
            fact_rows.put_fact(sql, one.value)
        changed.append(one.key[0])
    return Taken(changed=changed, unchanged_count=merged.unchanged_count)


def _given(
    table: SheetTable, raw: bytes, known: Known, author: Author
) -> Iterator[Given[Key, Fact]]:
    for row in table.rows(raw):
        school = school_of(row, known)
        key = row.fields["key"].strip()
        definition = known.facts.get(key)
        if definition is None:
            row.wrong("key", "a key of the list of facts (configs/programme/facts.toml)")
        grade = read.word(row, "grade", Grade)
        if grade is not None and grade not in NOTED:
            row.wrong("grade", "on_site or desk: what the agent measures is not edited")
            grade = None
        version = read.version(row)
        if school is None or definition is None or grade is None:
            continue
        place: Key = (school.code, key, grade)
        if row.is_empty("value"):
            yield Given(row=row, key=place, value=None, version=version)
            continue
        fact = _fact(row, known, place, version, author)
        if fact is not None:
            yield Given(row=row, key=place, value=fact, version=version)


def _fact(row: Row, known: Known, place: Key, version: int, author: Author) -> Fact | None:
    code, key, grade = place
    source = read.text(row, "source", may_be_empty=False)
    noted_on = read.day(row, "noted_on")
    if noted_on is not None and noted_on > author.today:
        row.wrong("noted_on", f"a day until {author.today}")
    definition = known.facts[key]
    found = row.fields["value"].strip()
    try:
        value = value_of(definition, unguarded(found) if _is_text(definition) else found)
    except FactRefused as refused:
        row.wrong("value", refused.allowed)
        return None
    except ValueError as error:
        row.wrong("value", str(error))
        return None
    if noted_on is None:
        return None
    return Fact(
        school_code=code,
        key=key,
        grade=grade,
        value=value,
        source=source,
        noted_on=noted_on,
        noted_by=author.actor,
        version=version,
    )


def _is_text(definition: FactDefinition) -> bool:
    return definition.kind is FactKind.TEXT


def _key(one: Fact) -> Key:
    return one.school_code, one.key, one.grade


def _same(one: Fact, other: Fact) -> bool:
    return replace(one, version=0, noted_by="") == replace(other, version=0, noted_by="")


SHEET: Final = Sheet(header=HEADER, explanation=EXPLANATION, rows=rows, take=take)
