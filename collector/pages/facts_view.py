"""Facts in words: a value with its unit, as pages and reports tell it."""

from collections.abc import Mapping
from typing import Final

from collector.pages import format as fmt
from collector.pages.i18n import Words
from collector.programme.facts_catalogue import FactDefinition, FactKind, Unit
from collector.programme.model import Fact, Value

_NAMED: Final = {Unit.BYTES, Unit.YEAR, Unit.PER_DAY, Unit.PER_MONTH, Unit.PER_SECOND}


def value_text(words: Words, definition: FactDefinition | None, value: Value) -> str:
    """Write a value with its unit; one whose definition is gone as it is kept."""
    if isinstance(value, bool):
        return words("fact_value.yes" if value else "fact_value.no")
    if definition is not None and definition.kind is FactKind.CHOICE:
        return definition.choices.get(str(value), {}).get(words.language, str(value))
    if isinstance(value, str) or definition is None:
        return str(value)
    return _number(words, definition, float(value))


def fact_text(words: Words, definitions: Mapping[str, FactDefinition], fact: Fact) -> str:
    """Write a fact with its name, value and grade."""
    definition = definitions.get(fact.key)
    return words(
        "fact_value.told",
        name=name_of(words, definitions, fact.key),
        value=value_text(words, definition, fact.value),
        grade=words(f"grade.{fact.grade.value}"),
    )


def name_of(words: Words, definitions: Mapping[str, FactDefinition], key: str) -> str:
    """Give the name of a fact; its key where the list no longer has it."""
    definition = definitions.get(key)
    return key if definition is None else definition.names[words.language]


def _number(words: Words, definition: FactDefinition, number: float) -> str:
    unit = definition.unit
    if unit is Unit.BPS:
        return fmt.mbps(words, number)
    if unit is Unit.SECONDS:
        if abs(number) < 1:
            return words("fact_value.milliseconds", n=f"{number * 1000:.3g}")
        return words("fact_value.seconds", n=f"{number:.2f}")
    if unit is Unit.RATIO:
        if definition.high is not None and definition.high > 1:
            return words("fact_value.times", n=f"{number:.2f}")
        return words("fact_value.percent", n=f"{number * 100:.3g}")
    if unit is Unit.YEAR:
        return words("fact_value.year", n=f"{number:.0f}")
    if unit in _NAMED:
        return words(f"fact_value.{unit}", n=f"{number:,.6g}")
    return f"{number:,.6g}" if number.is_integer() else f"{number:,.1f}"
