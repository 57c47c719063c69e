"""Evidence rules: small logical expressions over facts, as data. Pure; nothing is ever executed.

A rule has three values (Kleene's strong logic): true, false, or unknown (None) where a fact is
missing that could still decide it. What is decided stays decided whatever else becomes known; an
unknown rule names the facts that it waits for. The one exception is :class:`Known`, which asks
whether a fact is there and so always has an answer.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from operator import ge, gt, le, lt
from typing import Final

from collector.programme.model import Fact, Grade, Value

View = Mapping[str, Fact]
"""One fact for each key: what a rule is asked about."""
RANK: Final[Mapping[Grade, int]] = {Grade.AGENT: 2, Grade.ON_SITE: 1, Grade.DESK: 0}
"""Strength of evidence."""


class Comparison(StrEnum):
    """How a number is compared; the words of the rule language."""

    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    ABOVE = "above"
    BELOW = "below"


_HOLDS: Final[Mapping[Comparison, Callable[[float, float], bool]]] = {
    Comparison.AT_LEAST: ge,
    Comparison.AT_MOST: le,
    Comparison.ABOVE: gt,
    Comparison.BELOW: lt,
}


@dataclass(frozen=True, slots=True)
class Scaled:
    """A number relative to another fact: ``times`` its value."""

    fact: str
    times: float


@dataclass(frozen=True, slots=True)
class Compare:
    """A fact that is a number, against a number or another fact."""

    fact: str
    comparison: Comparison
    bound: float | Scaled


@dataclass(frozen=True, slots=True)
class Is:
    """A fact that is one of some values."""

    fact: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """Whether a fact is known (or, with false, is not). Has an answer always."""

    fact: str
    known: bool


@dataclass(frozen=True, slots=True)
class All:
    """True where all parts are."""

    parts: "tuple[Rule, ...]"


@dataclass(frozen=True, slots=True)
class Any:
    """True where one part is."""

    parts: "tuple[Rule, ...]"


@dataclass(frozen=True, slots=True)
class Not:
    """The reverse."""

    part: "Rule"


Rule = Compare | Is | Known | All | Any | Not


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a rule says of a school."""

    value: bool | None
    """None: unknown."""
    cited: tuple[Fact, ...] = ()
    """The facts that decided it; of several ways the one with the strongest evidence."""
    missing: tuple[str, ...] = ()
    """Of an unknown rule: the facts that would decide it, in the rule's order."""

    @property
    def grade(self) -> Grade | None:
        """The weakest grade among the facts that decided it; None where there are none."""
        return min((fact.grade for fact in self.cited), key=RANK.__getitem__, default=None)


def evaluate(rule: Rule, view: View) -> Outcome:
    """Ask a rule about a school."""
    match rule:
        case Compare(fact, comparison, bound):
            return _compare(fact, comparison, bound, view)
        case Is(fact, values):
            found = view.get(fact)
            if found is None:
                return Outcome(None, missing=(fact,))
            return Outcome(_same(found.value, values), (found,))
        case Known(fact, known):
            found = view.get(fact)
            return Outcome((found is not None) is known, () if found is None else (found,))
        case Not(part):
            inner = evaluate(part, view)
            value = None if inner.value is None else not inner.value
            return Outcome(value, inner.cited, inner.missing)
        case All(parts):
            return _joined([evaluate(part, view) for part in parts], decides=False)
        case Any(parts):
            return _joined([evaluate(part, view) for part in parts], decides=True)


def facts_of(rule: Rule) -> Iterator[str]:
    """Give the keys that a rule asks for, as often as it does."""
    match rule:
        case Compare(fact, _, Scaled(other, _)):
            yield fact
            yield other
        case Compare(fact) | Is(fact) | Known(fact):
            yield fact
        case Not(part):
            yield from facts_of(part)
        case All(parts) | Any(parts):
            for part in parts:
                yield from facts_of(part)


def _compare(fact: str, comparison: Comparison, bound: float | Scaled, view: View) -> Outcome:
    found = view.get(fact)
    other = view.get(bound.fact) if isinstance(bound, Scaled) else None
    missing = [] if found is not None else [fact]
    if isinstance(bound, Scaled) and other is None:
        missing.append(bound.fact)
    if found is None or missing:
        return Outcome(None, missing=tuple(missing))
    limit = bound.times * _number(other) if isinstance(bound, Scaled) else bound
    cited = (found,) if other is None else (found, other)
    return Outcome(_HOLDS[comparison](_number(found), limit), cited)


def _joined(parts: list[Outcome], *, decides: bool) -> Outcome:
    """Join parts of which one with the value ``decides`` decides all."""
    deciding = [part for part in parts if part.value is decides]
    if deciding:
        best = max(deciding, key=lambda part: 3 if part.grade is None else RANK[part.grade])
        return Outcome(decides, best.cited)
    missing = tuple(dict.fromkeys(key for part in parts for key in part.missing))
    if any(part.value is None for part in parts):
        return Outcome(None, missing=missing)
    cited = tuple({(fact.key, fact.grade): fact for part in parts for fact in part.cited}.values())
    return Outcome(not decides, cited)


def _same(value: Value, allowed: tuple[Value, ...]) -> bool:
    """Equal and of the same kind: true is not 1."""
    return any(value == one and isinstance(value, bool) is isinstance(one, bool) for one in allowed)


def _number(fact: Fact | None) -> float:
    assert fact is not None
    return float(fact.value)
