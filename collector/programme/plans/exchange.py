"""Actual values as a table that a board keeps in a spreadsheet; a round trip changes nothing.

One line a value; an indicator without one has a line with an empty day, to be filled in. The
columns name, unit, target and due are for the reader and are not read back. CSV or XLSX.
"""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from collector.programme.cells import Cell, Sheet, plain
from collector.programme.exchange.read import SheetTable
from collector.programme.plans.actuals import MAX_SOURCE_CHARACTERS, Actual
from collector.programme.plans.model import CityPlans, Indicator, Unit
from collector.programme.plans.relations import number_text
from collector.schools.table import CsvTable, ImportRefused, Row

HEADER: Final = (
    *("indicator", "name", "unit", "target", "due"),
    *("observed_on", "value", "source"),
)
MAX_VALUE: Final = 1_000_000_000
_YES_NO: Final = {"yes": 1.0, "no": 0.0}


def value_text(unit: Unit, value: float) -> str:
    """Write a value as it is read back: yes or no, or the shortest number that is the same."""
    if unit is Unit.YES_NO:
        return "yes" if value else "no"
    return format(Decimal(repr(value)).normalize(), "f")


def sheet(plans: CityPlans, noted: Sequence[Actual], language: str) -> Sheet:
    """Make the table: indicators in the order of the plans, days ascending."""
    by_indicator: dict[str, list[Actual]] = {}
    for one in noted:
        by_indicator.setdefault(one.indicator_id, []).append(one)
    rows: list[list[Cell]] = []
    for name, indicator in plans.indicators.items():
        fixed: list[Cell] = [
            name,
            indicator.name[0 if language == "ja" else 1],
            indicator.unit.value,
            _target(indicator),
            None if indicator.due_on is None else indicator.due_on.isoformat(),
        ]
        values = by_indicator.get(name, [])
        rows += [
            [
                *fixed,
                one.observed_on.isoformat(),
                value_text(indicator.unit, one.value),
                one.source,
            ]
            for one in values
        ]
        if not values:
            rows.append([*fixed, None, None, None])
    return Sheet(name="indicators", header=HEADER, rows=rows)


def parse(
    raw: bytes, file: str, plans: CityPlans, actor: str, now: datetime, today: date
) -> list[Actual]:
    """Read the table. Raises :class:`collector.schools.table.ImportRefused` with all mistakes."""
    table = SheetTable(file, HEADER)
    found: dict[tuple[str, date], Actual] = {}
    for row in table.rows(raw):
        one = _row(row, plans, actor, now, today)
        if one is None:
            continue
        key = (one.indicator_id, one.observed_on)
        if key in found:
            row.wrong("observed_on", "each day once for an indicator")
        found[key] = one
    table.refuse_if_wrong()
    return list(found.values())


def number_of(unit: Unit, text: str) -> float | None:
    """Read a value of a unit; None where it is none."""
    if unit is Unit.YES_NO:
        return _YES_NO.get(text.strip().casefold())
    table = CsvTable("", ("value",))
    number = Row(table, 1, {"value": text}).number("value", 0, MAX_VALUE, unit.value)
    return None if number is None else float(number)


def allowed_of(unit: Unit) -> str:
    """Say what a value of a unit may be."""
    if unit is Unit.YES_NO:
        return "yes or no"
    return f"a number from 0 to {MAX_VALUE:,} ({unit.value})"


def _row(row: Row, plans: CityPlans, actor: str, now: datetime, today: date) -> Actual | None:
    if row.is_empty("observed_on") and row.is_empty("value") and row.is_empty("source"):
        return None
    indicator = plans.indicators.get(row.fields["indicator"].strip())
    if indicator is None:
        row.wrong("indicator", "the id of an indicator of the adopted plans")
        return None
    day = row.day("observed_on")
    if day and date.fromisoformat(day) > today:
        row.wrong("observed_on", f"a day up to today, {today}")
    value = number_of(indicator.unit, row.fields["value"])
    if value is None:
        row.wrong("value", allowed_of(indicator.unit))
    source = plain(row.fields["source"].strip())
    if not 0 < len(source) <= MAX_SOURCE_CHARACTERS or not source.isprintable():
        row.wrong(
            "source", f"one line of 1 to {MAX_SOURCE_CHARACTERS} characters: where it is from"
        )
    if value is None or not day:
        return None
    return Actual(
        indicator_id=indicator.indicator_id,
        observed_on=date.fromisoformat(day),
        value=value,
        source=source,
        noted_at=now,
        noted_by=actor,
    )


def _target(indicator: Indicator) -> str:
    if indicator.unit is Unit.YES_NO:
        return "yes" if indicator.target else "no"
    return number_text(indicator.target).replace(",", "")


__all__ = ["HEADER", "ImportRefused", "allowed_of", "number_of", "parse", "sheet", "value_text"]
