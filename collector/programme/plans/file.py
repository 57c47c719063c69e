"""Read plans from TOML, refusing with every mistake at once."""

import difflib
import re
from collections.abc import Container, Iterable
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Final, TypeVar

from collector.judge.reading import Reading, Table, join, parse_toml, read_bytes, words
from collector.programme.plans.model import (
    Automatic,
    CityPlans,
    Comparison,
    Figure,
    Form,
    Indicator,
    Observed,
    Origin,
    Pair,
    Plan,
    Relation,
    Unit,
)

MAX_NUMBER: Final = 10**9
MAX_TEXT_CHARACTERS: Final = 600
_ID: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_DOTTED: Final = re.compile(r"([a-z][a-z0-9_]{0,39})\.([a-z][a-z0-9_]{0,39})")
_OPERANDS: Final = {
    Form.SAME: (1, 1),
    Form.SUM: (1, 20),
    Form.DIFFERENCE: (2, 2),
    Form.PRODUCT: (1, 1),
    Form.PERCENT: (2, 2),
}
_FIGURE_KEYS: Final = ("id", "name", "value", "unit", "fiscal_year", "passage")
_RELATION_KEYS: Final = ("id", "left", "is", "form", "of", "factor", "decimals", "why")
_INDICATOR_KEYS: Final = (
    *("id", "name", "unit", "target", "target_from", "is", "due", "due_from"),
    *("automatic", "https_target", "passage", "note"),
)
E = TypeVar("E", bound=StrEnum)


def load_plans(path: Path) -> CityPlans:
    """Read plans from a file. Raises :class:`collector.judge.reading.ConfigRefused`."""
    return parse_plans(read_bytes(path), str(path))


def parse_plans(raw: bytes, file: str) -> CityPlans:
    """Read plans; ``file`` names it in messages. Raises ConfigRefused with all mistakes."""
    document = parse_toml(raw, file)
    text = raw.decode("utf-8")
    reading = Reading(file)
    reading.only(document, "", ("plans", "plan", "figure", "relation", "indicator"))
    head = reading.table(document, "", "plans")
    reading.only(head, "plans", ("city", "source", "version"))
    city = pair_or_wrong(reading, head, "plans", "city")
    source, version = (reading.text(head, "plans", key) for key in ("source", "version"))
    plans = _plans(reading, reading.tables(document, "", "plan"))
    known = [plan.plan_id for plan in plans]
    figures = _figures(reading, reading.tables(document, "", "figure"), known, text)
    relations = _relations(reading, reading.tables(document, "", "relation"), figures)
    indicators = _indicators(reading, reading.tables(document, "", "indicator"), known, figures)
    reading.refuse_if_wrong()
    return CityPlans(
        file=file,
        city=city,
        source=source,
        version=version,
        plans=plans,
        figures=figures,
        relations=relations,
        indicators=indicators,
        text=text,
    )


def _plans(reading: Reading, tables: list[Table]) -> tuple[Plan, ...]:
    if not tables:
        reading.wrong("plan", None, "at least one [[plan]] table")
    found: dict[str, Plan] = {}
    for number, item in enumerate(tables, 1):
        place = f"plan {number}"
        reading.only(item, place, ("id", "name"))
        plan_id = reading.text(item, place, "id")
        if _ID.fullmatch(plan_id) is None or plan_id in (*found, "city"):
            reading.wrong(
                f"{place}.id", plan_id or None, "a word of a-z, 0-9 and _, each once, not city"
            )
        name = pair_or_wrong(reading, item, place, "name")
        found.setdefault(plan_id, Plan(plan_id=plan_id, name=name))
    return tuple(found.values())


def _figures(
    reading: Reading, tables: list[Table], plans: list[str], text: str
) -> dict[str, Figure]:
    found: dict[str, Figure] = {}
    for number, item in enumerate(tables, 1):
        place = f"figure {number}"
        figure_id, plan_id = _dotted(reading, item, place, plans, found)
        place = f"figure {figure_id}" if figure_id else place
        reading.only(item, place, _FIGURE_KEYS)
        name = pair_or_wrong(reading, item, place, "name")
        value = number_or_wrong(reading, item, place, "value")
        unit = _choice(reading, item, place, "unit", Unit)
        year = None
        if "fiscal_year" in item:
            year = reading.whole(item, place, "fiscal_year", 2000, 2100)
        passage = _bounded(reading, item, place, "passage")
        if figure_id and value is not None and unit is not None:
            found[figure_id] = Figure(
                figure_id=figure_id,
                plan_id=plan_id,
                name=name,
                value=value,
                unit=unit,
                fiscal_year=year,
                passage=passage,
                line=_line_of(text, figure_id),
            )
    return found


def _relations(
    reading: Reading, tables: list[Table], figures: dict[str, Figure]
) -> tuple[Relation, ...]:
    names = (*figures, *(one.value for one in Observed))
    found: dict[str, Relation] = {}
    for number, item in enumerate(tables, 1):
        relation_id = reading.text(item, f"relation {number}", "id")
        place = f"relation {relation_id or number}"
        reading.only(item, place, _RELATION_KEYS)
        if relation_id in found:
            reading.wrong(f"{place}.id", relation_id, "each relation once")
        left = _one_of(reading, item.get("left"), f"{place}.left", figures)
        comparison = _choice(reading, item, place, "is", Comparison)
        form = _choice(reading, item, place, "form", Form)
        operands = _operands(reading, item, place, names)
        factor = (
            number_or_wrong(reading, item, place, "factor") if form is Form.PRODUCT else Fraction(1)
        )
        decimals = reading.whole(item, place, "decimals", 0, 6) if form is Form.PERCENT else 0
        why = pair_or_wrong(reading, item, place, "why")
        if form is not None:
            _check_form(reading, item, place, form, len(operands))
        if None not in (left, comparison, form, factor, decimals):
            assert left is not None
            assert comparison is not None
            assert form is not None
            found[relation_id] = Relation(
                relation_id=relation_id,
                left=left,
                comparison=comparison,
                form=form,
                operands=operands,
                factor=factor or Fraction(0),
                decimals=decimals or 0,
                why=why,
            )
    return tuple(found.values())


def _check_form(reading: Reading, item: Table, place: str, form: Form, count: int) -> None:
    first, last = _OPERANDS[form]
    if not first <= count <= last:
        allowed = f"{first}" if first == last else f"{first} to {last}"
        reading.wrong(f"{place}.of", words(f"{count}"), f"{allowed} ids for form {form.value}")
    for key, needs in (("factor", Form.PRODUCT), ("decimals", Form.PERCENT)):
        if key in item and form is not needs:
            reading.wrong(f"{place}.{key}", item[key], f"this key with form {needs.value} only")


def _operands(reading: Reading, item: Table, place: str, names: Iterable[str]) -> tuple[str, ...]:
    given = item.get("of")
    if not isinstance(given, list):
        reading.wrong(f"{place}.of", given, 'a list of ids, such as ["devices.pupils"]')
        return ()
    checked = [_one_of(reading, one, f"{place}.of", names) for one in given]
    return tuple(one for one in checked if one is not None)


def _indicators(
    reading: Reading, tables: list[Table], plans: list[str], figures: dict[str, Figure]
) -> dict[str, Indicator]:
    found: dict[str, Indicator] = {}
    for number, item in enumerate(tables, 1):
        place = f"indicator {number}"
        indicator_id, plan_id = _dotted(reading, item, place, plans, found)
        place = f"indicator {indicator_id}" if indicator_id else place
        reading.only(item, place, _INDICATOR_KEYS)
        name = pair_or_wrong(reading, item, place, "name")
        unit = _choice(reading, item, place, "unit", Unit)
        target, figure = _target(reading, item, place, unit, figures)
        target_from = _choice(reading, item, place, "target_from", Origin)
        comparison = Comparison.AT_LEAST
        if "is" in item:
            comparison = _choice(reading, item, place, "is", Comparison) or comparison
        due_on, due_from = _due(reading, item, place)
        automatic = None
        if "automatic" in item:
            automatic = _choice(reading, item, place, "automatic", Automatic)
        https_target = _https_target(reading, item, place, automatic)
        passage = _bounded(reading, item, place, "passage")
        note = pair_or_wrong(reading, item, place, "note") if "note" in item else None
        if indicator_id and unit is not None and target is not None and target_from is not None:
            found[indicator_id] = Indicator(
                indicator_id=indicator_id,
                plan_id=plan_id,
                name=name,
                unit=unit,
                target=target,
                target_figure=figure,
                target_from=target_from,
                comparison=comparison,
                due_on=due_on,
                due_from=due_from,
                automatic=automatic,
                https_target=https_target,
                passage=passage,
                note=note,
            )
    return found


def _target(
    reading: Reading, item: Table, place: str, unit: Unit | None, figures: dict[str, Figure]
) -> tuple[Fraction | None, str | None]:
    given = item.get("target")
    if unit is Unit.YES_NO:
        if not isinstance(given, bool):
            reading.wrong(f"{place}.target", given, "true or false for unit yes_no")
            return None, None
        return Fraction(int(given)), None
    if isinstance(given, str):
        figure = _one_of(reading, given, f"{place}.target", figures)
        if figure is None:
            return None, None
        if unit is not None and figures[figure].unit is not unit:
            allowed = f"a figure in {unit.value}; {figure} is in {figures[figure].unit.value}"
            reading.wrong(f"{place}.target", given, allowed)
        return figures[figure].value, figure
    return number_or_wrong(reading, item, place, "target"), None


def _due(reading: Reading, item: Table, place: str) -> tuple[date | None, Origin | None]:
    given = item.get("due")
    if given is None:
        if "due_from" in item:
            reading.wrong(f"{place}.due_from", item["due_from"], "this key beside due only")
        return None, None
    if not isinstance(given, date) or isinstance(given, datetime):
        reading.wrong(f"{place}.due", given, "a date without quotes, such as 2026-03-31")
        return None, None
    return given, _choice(reading, item, place, "due_from", Origin)


def _https_target(
    reading: Reading, item: Table, place: str, automatic: Automatic | None
) -> str | None:
    given = item.get("https_target")
    if given is None:
        return None
    key = f"{place}.https_target"
    if automatic is None or not automatic.asks_cloud:
        allowed = "this key with automatic cloud_reachable_percent or cloud_response_seconds only"
        reading.wrong(key, given, allowed)
    elif not isinstance(given, str) or re.fullmatch(r"https://[!-~]{1,200}", given) is None:
        reading.wrong(key, given, "the target of the https probe, such as https://koumu.example/")
    else:
        return given
    return None


def _dotted(
    reading: Reading, item: Table, place: str, plans: list[str], taken: Container[str]
) -> tuple[str, str]:
    """Give the id and its plan, or two empty texts and a note."""
    given = item.get("id")
    match = _DOTTED.fullmatch(given) if isinstance(given, str) else None
    if match is None or match[1] not in plans:
        known = ", ".join(plans)
        reading.wrong(f"{place}.id", given, f"PLAN.WORD with a plan of this file ({known})")
    elif match[0] in taken:
        reading.wrong(f"{place}.id", given, "each id once")
    else:
        return match[0], match[1]
    return "", ""


def _one_of(reading: Reading, given: object, key: str, names: Iterable[str]) -> str | None:
    known = list(names)
    if isinstance(given, str) and given in known:
        return given
    near = difflib.get_close_matches(given, known, 1) if isinstance(given, str) else []
    hint = f" (did you mean {near[0]}?)" if near else ""
    reading.wrong(key, given, f"the id of a figure of this file, or of the city{hint}")
    return None


def _choice(reading: Reading, item: Table, place: str, key: str, kind: type[E]) -> E | None:
    given = item.get(key)
    values = [one.value for one in kind]
    if isinstance(given, str) and given in values:
        return kind(given)
    near = difflib.get_close_matches(given, values, 1) if isinstance(given, str) else []
    hint = f" (did you mean {near[0]}?)" if near else ""
    reading.wrong(f"{place}.{key}", given, f"one of {', '.join(values)}{hint}")
    return None


def number_or_wrong(reading: Reading, item: Table, place: str, key: str) -> Fraction | None:
    """Give a number from 0 to a thousand million exactly as written, or None and note."""
    given = item.get(key)
    if isinstance(given, int | Decimal) and not isinstance(given, bool):
        number = Decimal(given)
        if number.is_finite() and 0 <= number <= MAX_NUMBER:
            return Fraction(number)
    reading.wrong(join(place, key), given, f"a number from 0 to {MAX_NUMBER:,}")
    return None


def pair_or_wrong(reading: Reading, item: Table, place: str, key: str) -> Pair:
    """Give ``["日本語", "English"]``, or two empty texts and note."""
    given = item.get(key)
    if (
        isinstance(given, list)
        and len(given) == 2
        and all(isinstance(one, str) and 0 < len(one.strip()) <= 200 for one in given)
    ):
        return given[0], given[1]
    reading.wrong(f"{place}.{key}", given, 'two texts, ["日本語", "English"]')
    return "", ""


def _bounded(reading: Reading, item: Table, place: str, key: str) -> str:
    text = reading.text(item, place, key)
    if len(text) > MAX_TEXT_CHARACTERS:
        found = words(f"{len(text)} characters")
        reading.wrong(f"{place}.{key}", found, f"at most {MAX_TEXT_CHARACTERS}")
    return text


def _line_of(text: str, figure_id: str) -> int:
    """Line that names the figure, counted from 1; 1 where it is written in another way."""
    wanted = re.compile(rf"\s*id\s*=\s*[\"']{re.escape(figure_id)}[\"']")
    for number, line in enumerate(text.splitlines(), 1):
        if wanted.match(line):
            return number
    return 1
