"""Read evidence rules from TOML tables, refusing with place, what was found, what is allowed.

=====================================================  ============================================
``{ all = [..] }``, ``{ any = [..] }``, ``{ not = {..} }``  joined rules
``{ fact = KEY, at_least = NUMBER }``                  also ``at_most``, ``above``, ``below``
``{ fact = KEY, below = { fact = KEY2, times = 0.8 } }``  against another fact of the same unit
``{ fact = KEY, is = VALUE }``, ``is = [V1, V2]``      a choice, true or false
``{ fact = KEY, known = true }``                       whether it is known at all
=====================================================  ============================================

At most :data:`MAX_DEPTH` deep and :data:`MAX_NODES` parts: reading and asking are bounded.
"""

from collections.abc import Mapping
from typing import Final

from collector.judge.reading import Reading, Table, words
from collector.programme.catalogue_reading import nearest
from collector.programme.facts_catalogue import FactDefinition, FactKind, number_of
from collector.programme.model import Value
from collector.programme.rules import All, Any, Compare, Comparison, Is, Known, Not, Rule, Scaled

MAX_DEPTH: Final = 8
MAX_NODES: Final = 64
_JOINED: Final[Mapping[str, type[All] | type[Any]]] = {"all": All, "any": Any}
_COMPARISONS: Final = tuple(one.value for one in Comparison)
_TESTS: Final = (*_COMPARISONS, "is", "known")
_FORMS: Final = "one of all, any, not, fact"


class RuleReader:
    """Reads the rules of one file; counts the parts of each."""

    def __init__(self, reading: Reading, facts: Mapping[str, FactDefinition]) -> None:
        self._reading = reading
        self._facts = facts
        self._nodes = 0

    def read(self, found: object, place: str) -> Rule | None:
        """Give a rule, or None and note what is wrong with it."""
        self._nodes = 0
        before = len(self._reading.mistakes)
        rule = self._rule(found, place, 1)
        return rule if len(self._reading.mistakes) == before else None

    def _rule(self, found: object, place: str, depth: int) -> Rule | None:
        self._nodes += 1
        if depth > MAX_DEPTH or self._nodes > MAX_NODES:
            if depth > MAX_DEPTH or self._nodes == MAX_NODES + 1:  # told once
                allowed = f"at most {MAX_DEPTH} levels and {MAX_NODES} parts"
                self._reading.wrong(place, words("a larger rule"), allowed)
            return None
        if not isinstance(found, dict):
            self._reading.wrong(place, found, f"a rule: a table with {_FORMS}")
            return None
        forms = [key for key in ("all", "any", "not", "fact") if key in found]
        if len(forms) != 1:
            self._reading.only(found, place, ("all", "any", "not", "fact", *_TESTS))
            self._reading.wrong(place, words(", ".join(forms) or "none of them"), _FORMS)
            return None
        form = forms[0]
        if form == "fact":
            return self._test(found, place)
        self._reading.only(found, place, (form,))
        if form == "not":
            inner = self._rule(found["not"], f"{place}.not", depth + 1)
            return None if inner is None else Not(inner)
        return self._parts(found[form], f"{place}.{form}", depth, form)

    def _parts(self, found: object, place: str, depth: int, form: str) -> Rule | None:
        if not isinstance(found, list) or not found:
            self._reading.wrong(place, found, "a list of one rule or more")
            return None
        parts = [
            self._rule(one, f"{place}[{number}]", depth + 1)
            for number, one in enumerate(found[: MAX_NODES + 1])
        ]
        whole = tuple(part for part in parts if part is not None)
        return _JOINED[form](whole) if len(whole) == len(parts) else None

    def _test(self, table: Table, place: str) -> Rule | None:
        self._reading.only(table, place, ("fact", *_TESTS))
        definition = self._definition(table["fact"], f"{place}.fact")
        tests = [key for key in _TESTS if key in table]
        if len(tests) != 1:
            shown = words(", ".join(tests) or "no test")
            self._reading.wrong(place, shown, f"one of {', '.join(_TESTS)}")
        if definition is None or len(tests) != 1:
            return None
        test, value, here = tests[0], table[tests[0]], f"{place}.{tests[0]}"
        if test == "known":
            if isinstance(value, bool):
                return Known(definition.key, value)
            self._reading.wrong(here, value, "true or false")
            return None
        if test == "is":
            return self._is(definition, value, here)
        return self._compare(definition, Comparison(test), value, here)

    def _definition(self, key: object, place: str) -> FactDefinition | None:
        if isinstance(key, str) and key in self._facts:
            return self._facts[key]
        hint = nearest(key, list(self._facts))
        self._reading.wrong(place, key, f"a fact of the list of facts{hint}")
        return None

    def _is(self, definition: FactDefinition, found: object, place: str) -> Rule | None:
        if definition.kind is FactKind.NUMBER:
            allowed = f"{', '.join(_COMPARISONS)} instead: {definition.key} is a number"
            self._reading.wrong(place, found, allowed)
            return None
        values: list[Value] = []
        for one in found if isinstance(found, list) else [found]:
            try:
                values.append(definition.check(one))
            except ValueError:
                hint = nearest(one, list(definition.choices))
                self._reading.wrong(place, one, definition.allowed + hint)
        return Is(definition.key, tuple(values)) if values else None

    def _compare(
        self, definition: FactDefinition, comparison: Comparison, found: object, place: str
    ) -> Rule | None:
        if definition.kind is not FactKind.NUMBER:
            self._reading.wrong(place, found, f"is instead: {definition.key} is no number")
            return None
        if isinstance(found, dict):
            bound = self._scaled(definition, found, place)
            return None if bound is None else Compare(definition.key, comparison, bound)
        number = number_of(found)
        if number is None:
            self._reading.wrong(place, found, "a number, or { fact = KEY, times = NUMBER }")
            return None
        return Compare(definition.key, comparison, number)

    def _scaled(self, definition: FactDefinition, table: Table, place: str) -> Scaled | None:
        self._reading.only(table, place, ("fact", "times"))
        other = self._definition(table.get("fact"), f"{place}.fact")
        times = number_of(table.get("times", 1))
        if times is None or not 0 < times <= 1e6:
            self._reading.wrong(f"{place}.times", table.get("times"), "a number above 0")
            return None
        if other is None:
            return None
        if other.kind is not FactKind.NUMBER or other.unit is not definition.unit:
            unit = f"a number in {definition.unit}, as {definition.key} is"
            self._reading.wrong(f"{place}.fact", other.key, unit)
            return None
        return Scaled(other.key, times)
