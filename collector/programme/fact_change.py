"""Noting facts on site or at the desk: values read from text, kept with version and audit."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from collector.judge.week import local
from collector.operators.audit import audit
from collector.programme import fact_rows, texts
from collector.programme.facts_catalogue import FactDefinition, FactKind, Unit
from collector.programme.model import Fact, Grade, Value
from collector.schools.table import YES_NO, fold
from collector.store.interface import Store
from collector.store.sql import Sql

MULTIPLES: Final = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9}
"""Letters after a speed, as contracts write it: 1G for 1,000,000,000 bit/s."""
MAX_VALUE_CHARACTERS: Final = 200
_NUMBER: Final = re.compile(r"(-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?) ?([kKMG]?)(?:bps)?")


class FactRefused(Exception):
    """A fact that was not kept; ``allowed`` says what is."""

    def __init__(self, place: str, found: object, allowed: str) -> None:
        self.place = place
        self.allowed = allowed
        super().__init__(f"{place}: found {str(found)[:60]!r}, allowed is {allowed}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """What somebody notes of one fact."""

    key: str
    text: str
    """The value as typed; empty: the fact is taken back."""
    version: int
    """The version that was shown; 0: none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """Where facts were noted, how, by whom and when."""

    school_code: str
    grade: Grade
    source: str
    """A document, a person, a place."""
    actor: str
    now: datetime


def value_of(definition: FactDefinition, text: str) -> Value:
    """Read a value from text. Raises :class:`FactRefused`."""
    text = text.strip()
    given: object = text
    if definition.kind is FactKind.NUMBER:
        given = _number(definition, text)
    elif definition.kind is FactKind.YES_NO:
        given = YES_NO.get(fold(text))
    elif definition.kind is FactKind.TEXT:
        try:
            given = texts.line(text, MAX_VALUE_CHARACTERS, may_be_empty=False)
        except ValueError as error:
            raise FactRefused(definition.key, text, str(error)) from None
    try:
        return definition.check(given)
    except ValueError:
        raise FactRefused(definition.key, text, definition.allowed) from None


def text_of_value(value: Value) -> str:
    """Write a value as :func:`value_of` reads it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        whole = float(value).is_integer() and abs(value) < 1e15
        return str(int(value)) if whole else repr(float(value))
    return value


def note_facts(
    store: Store, definitions: Mapping[str, FactDefinition], noted: Sequence[Noted], visit: Visit
) -> list[str]:
    """Keep those facts of one school that differ, all or none; give the changed keys.

    Raises FactRefused and EditedMeanwhile.
    """
    return store.write(lambda sql: apply(sql, definitions, noted, visit))


def apply(
    sql: Sql, definitions: Mapping[str, FactDefinition], noted: Sequence[Noted], visit: Visit
) -> list[str]:
    """Do the same inside a transaction of the caller's."""
    source = _source(visit.source)
    held = {
        one.key: one for one in fact_rows.facts(sql, visit.school_code) if one.grade is visit.grade
    }
    changed = []
    for one in noted:
        definition = definitions.get(one.key)
        if definition is None or not definition.section.is_asked:
            raise FactRefused("key", one.key, "a key of the list of facts that people are asked")
        before = held.get(one.key)
        if not one.text.strip():
            if before is not None:
                fact_rows.remove_fact(sql, visit.school_code, one.key, visit.grade, one.version)
                changed.append(one.key)
            continue
        value = value_of(definition, one.text)
        if before is not None and before.value == value:
            continue
        fact = Fact(
            school_code=visit.school_code,
            key=one.key,
            grade=visit.grade,
            value=value,
            source=source,
            noted_on=local(visit.now).date(),
            noted_by=visit.actor,
            version=one.version,
        )
        fact_rows.put_fact(sql, fact)
        changed.append(one.key)
    if changed:
        detail = {"grade": visit.grade.value, "keys": changed, "source": source}
        audit(sql, visit.actor, "fact.set", visit.school_code, detail, visit.now)
    return changed


def _source(text: str) -> str:
    try:
        return texts.line(text, may_be_empty=False)
    except ValueError as error:
        raise FactRefused("source", text, str(error)) from None


def _number(definition: FactDefinition, text: str) -> float | None:
    if len(text) > MAX_VALUE_CHARACTERS:
        return None
    plain = unicodedata.normalize("NFKC", text).replace(",", "").strip()
    match = _NUMBER.fullmatch(plain)
    if match is None or (match[2] and definition.unit is not Unit.BPS):
        return None
    return float(match[1]) * MULTIPLES[match[2].lower()]
