"""The rule language: three values, nothing executed, every mistake named."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.judge.reading import Reading, parse_toml
from collector.programme.facts_catalogue import load_facts
from collector.programme.model import Fact, Grade, Value
from collector.programme.rules import (
    All,
    Any,
    Compare,
    Comparison,
    Is,
    Known,
    Not,
    Rule,
    Scaled,
    evaluate,
    facts_of,
)
from collector.programme.rules_reading import MAX_DEPTH, MAX_NODES, RuleReader

FACTS: Final = load_facts()


def fact(key: str, value: Value, grade: Grade = Grade.DESK) -> Fact:
    """Make a fact of school A1."""
    return Fact(
        school_code="A1",
        key=key,
        grade=grade,
        value=value,
        source="",
        noted_on=date(2026, 5, 1),
        noted_by="cli:test",
    )


def view(**values: Value) -> Mapping[str, Fact]:
    """Make what a rule is asked about."""
    return {key: fact(key, value) for key, value in values.items()}


def read(text: str) -> tuple[Rule | None, list[str]]:
    """Read the rule of a file; with its mistakes."""
    reading = Reading("f.toml")
    document = parse_toml(text.encode(), "f.toml")
    rule = RuleReader(reading, FACTS).read(document.get("rule"), "rule")
    return rule, reading.mistakes


SHARED: Final = '{ fact = "line.shared", is = true }'
GOOD = {
    'rule = { fact = "line.contract_bps", at_least = 1e9 }': Compare(
        "line.contract_bps", Comparison.AT_LEAST, 1e9
    ),
    'rule = { fact = "line.quiet_median_bps", below = { fact = "school.required_bps" } }': Compare(
        "line.quiet_median_bps", Comparison.BELOW, Scaled("school.required_bps", 1.0)
    ),
    'rule = { fact = "line.kind", is = ["mobile", "other"] }': Is("line.kind", ("mobile", "other")),
    'rule = { not = { fact = "line.shared", is = true } }': Not(Is("line.shared", (True,))),
    'rule = { any = [ { fact = "router.model", known = false } ] }': Any(
        (Known("router.model", False),)
    ),
}
REFUSED = {
    "nothing": ("", "f.toml: rule: found nothing, allowed is a rule: a table with one of all"),
    "two forms": (
        "rule = { any = [], all = [] }",
        "f.toml: rule: found all, any, allowed is one of all, any, not, fact",
    ),
    "an unknown form": (
        "rule = { anny = [] }",
        (
            "f.toml: rule.anny: found this key, allowed is one of above, all, any, at_least, "
            "at_most, below, fact, is, known, not (did you mean any?)"
        ),
    ),
    "an empty list": (
        "rule = { all = [] }",
        "f.toml: rule.all: found [], allowed is a list of one rule or more",
    ),
    "a fact that is none": (
        'rule = { all = [ { fact = "line.contract_bp", above = 1 } ] }',
        (
            "f.toml: rule.all[0].fact: found 'line.contract_bp', allowed is a fact of the list of "
            "facts (did you mean line.contract_bps?)"
        ),
    ),
    "no test": (
        'rule = { fact = "line.kind" }',
        "f.toml: rule: found no test, allowed is one of at_least, at_most, above, below, is, known",
    ),
    "two tests": (
        'rule = { fact = "line.contract_bps", above = 1, below = 2 }',
        "f.toml: rule: found above, below, allowed is one of at_least",
    ),
    "a choice that is none": (
        'rule = { fact = "line.kind", is = "best_effort_pppo" }',
        "(did you mean best_effort_pppoe?)",
    ),
    "a number asked by is": (
        'rule = { fact = "line.contract_bps", is = 1 }',
        (
            "f.toml: rule.is: found 1, allowed is at_least, at_most, above, below instead: "
            "line.contract_bps is a number"
        ),
    ),
    "a choice compared": (
        'rule = { fact = "line.kind", above = 3 }',
        "f.toml: rule.above: found 3, allowed is is instead: line.kind is no number",
    ),
    "a text for a number": (
        'rule = { fact = "line.contract_bps", above = "1e9" }',
        "f.toml: rule.above: found '1e9', allowed is a number, or { fact = KEY, times = NUMBER }",
    ),
    "an expression": (
        "rule = \"line.contract_bps > __import__('os').getpid()\"",
        "allowed is a rule: a table with one of all, any, not, fact",
    ),
    "two units": (
        'rule = { fact = "line.contract_bps", above = { fact = "line.rtt_median_seconds" } }',
        (
            "f.toml: rule.above.fact: found 'line.rtt_median_seconds', allowed is a number in bps, "
            "as line.contract_bps is"
        ),
    ),
    "a factor below 0": (
        'rule = { fact = "line.contract_bps", above = { fact = "line.contract_bps", times = -1 } }',
        "f.toml: rule.above.times: found -1, allowed is a number above 0",
    ),
    "a key too many": (
        'rule = { not = { fact = "line.shared", is = true }, fact2 = 1 }',
        "f.toml: rule.fact2: found this key, allowed is one of not",
    ),
    "known by a number": (
        'rule = { fact = "line.kind", known = 1 }',
        "f.toml: rule.known: found 1, allowed is true or false",
    ),
    "too deep": (
        "rule = "
        + "{ not = " * MAX_DEPTH
        + '{ fact = "line.shared", is = true }'
        + " }" * MAX_DEPTH,
        f"found a larger rule, allowed is at most {MAX_DEPTH} levels and {MAX_NODES} parts",
    ),
    "too many parts": (
        f"rule = {{ any = [ {', '.join([SHARED] * (MAX_NODES + 1))} ] }}",
        f"found a larger rule, allowed is at most {MAX_DEPTH} levels and {MAX_NODES} parts",
    ),
}


@pytest.mark.parametrize("text", GOOD)
def test_rules_are_read(text: str) -> None:
    """Each form of the language gives its rule."""
    assert read(text) == (GOOD[text], [])


@pytest.mark.parametrize("name", REFUSED)
def test_wrong_rules_are_refused(name: str) -> None:
    """File, key, what was found, what is allowed; nothing is ever executed."""
    text, message = REFUSED[name]
    rule, mistakes = read(text)
    assert rule is None
    assert any(message in one for one in mistakes), mistakes


def test_a_deep_rule_is_told_once() -> None:
    """A hostile rule gives few lines, not one for each part."""
    many = ", ".join([SHARED] * 5_000)
    _, mistakes = read(f"rule = {{ any = [ {many} ] }}")
    assert len(mistakes) == 1


def test_the_strongest_way_is_cited() -> None:
    """Of two facts that each decide, the one with the better evidence is named."""
    rule = Any((Is("line.shared", (True,)), Compare("line.contract_bps", Comparison.ABOVE, 1.0)))
    facts = {
        "line.shared": fact("line.shared", True),
        "line.contract_bps": fact("line.contract_bps", 2.0, Grade.AGENT),
    }
    outcome = evaluate(rule, facts)
    assert outcome.value is True
    assert outcome.grade is Grade.AGENT
    assert [one.key for one in outcome.cited] == ["line.contract_bps"]
    both = evaluate(All(rule.parts), facts)
    assert both.grade is Grade.DESK  # the weakest of what is needed


def test_true_is_not_one() -> None:
    """A yes is not the number 1."""
    assert evaluate(Is("x", (True,)), {"x": fact("x", 1.0)}).value is False


KEYS: Final = ("a", "b", "c", "d")
_LEAF = st.one_of(
    st.builds(
        Compare,
        st.sampled_from(KEYS),
        st.sampled_from(Comparison),
        st.one_of(
            st.sampled_from([0.0, 1.0, 2.0]),
            st.builds(Scaled, st.sampled_from(KEYS), st.sampled_from([0.5, 1.0, 2.0])),
        ),
    ),
    st.builds(Is, st.sampled_from(KEYS), st.just((1.0,))),
)
RULES = st.recursive(
    _LEAF,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(All, st.lists(inner, min_size=1, max_size=3).map(tuple)),
        st.builds(Any, st.lists(inner, min_size=1, max_size=3).map(tuple)),
    ),
    max_leaves=8,
)
VALUES = st.dictionaries(st.sampled_from(KEYS), st.sampled_from([0.0, 1.0, 2.0]))


@given(RULES, VALUES, VALUES)
def test_what_is_decided_stays_decided(
    rule: Rule, known: dict[str, Value], more: dict[str, Value]
) -> None:
    """Kleene: no fact that becomes known turns true into false or either into unknown."""
    before = evaluate(rule, view(**known)).value
    after = evaluate(rule, view(**(more | known))).value
    assert before is None or after is before


@given(RULES, VALUES, VALUES)
def test_the_missing_facts_are_the_ones_that_decide(
    rule: Rule, known: dict[str, Value], more: dict[str, Value]
) -> None:
    """An unknown rule names facts: with all of them it is decided, with others it stays unknown."""
    outcome = evaluate(rule, view(**known))
    assert (outcome.value is None) == bool(outcome.missing)
    assert not set(outcome.missing) & set(known)
    assert set(outcome.missing) <= set(facts_of(rule))
    if outcome.value is None:
        filled = known | {key: more.get(key, 1.0) for key in outcome.missing}
        assert evaluate(rule, view(**filled)).value is not None
        others = {key: more[key] for key in more if key not in outcome.missing} | known
        assert evaluate(rule, view(**others)).value is None


@given(RULES, VALUES)
def test_logic_laws_hold(rule: Rule, known: dict[str, Value]) -> None:
    """De Morgan and double negation, in three values."""
    facts = view(**known)
    value = evaluate(rule, facts).value
    assert evaluate(Not(Not(rule)), facts).value is value
    other = Compare("a", Comparison.ABOVE, 0.5)
    not_any = evaluate(Not(Any((rule, other))), facts).value
    assert evaluate(All((Not(rule), Not(other))), facts).value is not_any


@given(RULES, VALUES)
def test_cited_facts_alone_decide(rule: Rule, known: dict[str, Value]) -> None:
    """What is named as evidence is enough to come to the same answer."""
    facts = view(**known)
    outcome = evaluate(rule, facts)
    if outcome.value is not None:
        cited = {one.key: one for one in outcome.cited}
        assert evaluate(rule, cited).value is outcome.value
        assert all(facts[key] == replace(one) for key, one in cited.items())
