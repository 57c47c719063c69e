"""The arithmetic between the figures of the plans, exact.

Each relation has a figure on its left, and on its right a form over other figures or over what
the collector knows of the city. Where the two sides disagree, either may be the wrong one: a
message names them all, with the lines they stand on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor

from collector.programme.plans.model import (
    CityPlans,
    Comparison,
    Form,
    Observed,
    Relation,
)
from collector.schools.model import BaselineEntry, School


@dataclass(frozen=True, slots=True, kw_only=True)
class Operand:
    """A number that went into a relation."""

    name: str
    value: Fraction
    line: int | None
    """Line of the file; None for what the collector knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """Two sides that do not stand as the relation says."""

    file: str
    relation: Relation
    left: Operand
    operands: tuple[Operand, ...]
    right: Fraction | None
    """None: it cannot be computed (a share of 0)."""

    def __str__(self) -> str:
        right = self.expression()
        if self.right is None:
            right += ", which cannot be computed"
        elif self.relation.form is not Form.SAME:
            right += f" = {number_text(self.right)}"
        word = {
            Comparison.EQUALS: "must equal",
            Comparison.AT_MOST: "must be at most",
            Comparison.AT_LEAST: "must be at least",
        }[self.relation.comparison]
        return (
            f"{self.file} line {self.left.line}, {self.left.name}.value: found "
            f"{number_text(self.left.value)}, which {word} {right} "
            f"(relation {self.relation.relation_id}: {self.relation.why[1]})"
        )

    def expression(self) -> str:
        """The right side with its figures, their numbers and their lines."""
        told = [_told(one) for one in self.operands]
        form, relation = self.relation.form, self.relation
        if form is Form.SUM:
            return " + ".join(told)
        if form is Form.DIFFERENCE:
            return " - ".join(told)
        if form is Form.PRODUCT:
            return f"{told[0]} x {number_text(relation.factor)} rounded down"
        if form is Form.PERCENT:
            return f"100 x {told[0]} / {told[1]} to {relation.decimals} decimals"
        return told[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What came out of a check; every relation is in one of the three."""

    holds: tuple[Relation, ...]
    disagreements: tuple[Disagreement, ...]
    not_checked: tuple[Relation, ...]
    """They need something of the city that is not known."""


def check(plans: CityPlans, observed: Mapping[Observed, int]) -> Checked:
    """Check all relations. ``observed`` holds what is known of the city, perhaps nothing."""
    known = {name: Operand(name=name, value=one.value, line=one.line)
             for name, one in plans.figures.items()}  # fmt: skip
    known |= {
        name.value: Operand(name=name.value, value=Fraction(value), line=None)
        for name, value in observed.items()
    }
    holds: list[Relation] = []
    wrong: list[Disagreement] = []
    open_: list[Relation] = []
    for relation in plans.relations:
        if any(name not in known for name in relation.operands):
            open_.append(relation)
            continue
        left = known[relation.left]
        operands = tuple(known[name] for name in relation.operands)
        right = right_side(relation, [one.value for one in operands])
        if right is not None and relation.comparison.holds(left.value, right):
            holds.append(relation)
        else:
            wrong.append(
                Disagreement(
                    file=plans.file, relation=relation, left=left, operands=operands, right=right
                )
            )
    return Checked(holds=tuple(holds), disagreements=tuple(wrong), not_checked=tuple(open_))


def right_side(relation: Relation, values: Sequence[Fraction]) -> Fraction | None:
    """Compute the right side; None for a share of 0."""
    if relation.form is Form.SUM:
        return sum(values, Fraction(0))
    if relation.form is Form.DIFFERENCE:
        return values[0] - values[1]
    if relation.form is Form.PRODUCT:
        return Fraction(floor(values[0] * relation.factor))
    if relation.form is Form.PERCENT:
        return half_up(100 * values[0] / values[1], relation.decimals) if values[1] else None
    return values[0]


def half_up(value: Fraction, decimals: int) -> Fraction:
    """Round to some decimals, halves up, as a plan prints it."""
    scale = 10**decimals
    return Fraction(floor(value * scale + Fraction(1, 2)), scale)


def observe(
    schools: Sequence[School], baseline: Mapping[str, BaselineEntry]
) -> dict[Observed, int]:
    """What is known of the city; nothing of what was not imported."""
    observed: dict[Observed, int] = {}
    if schools:
        observed[Observed.SCHOOLS] = len(schools)
        observed[Observed.PUPILS] = sum(school.pupils for school in schools)
        observed[Observed.SAMPLE_SCHOOLS] = sum(school.sample for school in schools)
    if baseline:
        observed[Observed.BASELINE_MET] = sum(entry.met for entry in baseline.values())
    return observed


def number_text(value: Fraction) -> str:
    """A number as it is printed: thousands separated, decimals as many as it needs (at most 6)."""
    if value.denominator == 1:
        return f"{value.numerator:,}"
    return f"{float(value):,.6f}".rstrip("0")


def _told(one: Operand) -> str:
    where = "in the database" if one.line is None else f"line {one.line}"
    return f"{one.name} {number_text(one.value)} ({where})"
