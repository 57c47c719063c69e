"""The desk survey: evidence only moves it the way it speaks, grades count, people come first."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.programme.facts_catalogue import load_facts
from collector.programme.findings_catalogue import (
    FindingDefinition,
    default_findings,
    load_findings,
    parse_findings,
)
from collector.programme.judgement import EvidenceKind, Judgement, Likelihood
from collector.programme.model import Decided, Decision, Fact, Grade, Value
from collector.programme.survey import judge_city
from collector.schools.model import Kind, Line, School

CATALOGUE: Final = load_findings()
DAY: Final = date(2026, 5, 29)
CODES: Final = ("A1", "A2", "A3", "B1", "B2")


def school(code: str) -> School:
    """Make a school; those of one letter share an aggregation group."""
    return School(
        code=code,
        name=f"架空{code}小学校",
        kind=Kind.ELEMENTARY,
        region="北部",
        pupils=300,
        line=Line.CENTRE_AGGREGATED,
        contracted_mbps=1000,
        sample=False,
        latitude=None,
        longitude=None,
        aggregation_group=code[0],
    )


def fact(code: str, key: str, value: Value, grade: Grade = Grade.AGENT) -> Fact:
    """Make a fact."""
    return Fact(
        school_code=code,
        key=key,
        grade=grade,
        value=value,
        source="test",
        noted_on=DAY,
        noted_by="cli:test",
    )


def decided(
    code: str, finding_id: str, decision: Decision, grade: Grade = Grade.ON_SITE
) -> Decided:
    """Make a decision."""
    return Decided(
        school_code=code,
        finding_id=finding_id,
        decision=decision,
        grade=grade,
        evidence="",
        decided_on=DAY,
        decided_by="cli:test",
        version=1,
    )


def judged(
    finding_id: str,
    facts: Sequence[Fact],
    decisions: Sequence[Decided] = (),
    samples: Sequence[str] = (),
    code: str = "A1",
) -> Judgement:
    """Judge the little city; give one finding at one school."""
    schools = [school(one) for one in CODES]
    one = {finding_id: CATALOGUE[finding_id]}
    return judge_city(schools, facts, decisions, samples, one)[code][finding_id]


HALF = fact("A1", "core_switch.duplex", "half")
FULL_ON_PAPER = fact("A1", "core_switch.duplex", "full", Grade.DESK)


def test_without_anything_known_nothing_is_likely() -> None:
    """A school of which nothing is known is never accused; what would decide is named."""
    one = judged("half_duplex", [])
    assert one.likelihood is not Likelihood.LIKELY
    assert one.missing == ("core_switch.duplex", "appliance.link_duplex")
    assert one.grade is Grade.DESK
    assert one.evidence == ()


def test_a_measured_fact_beats_a_paper() -> None:
    """Papers say full duplex, the agent sees half: likely, graded agent, and a contradiction."""
    one = judged("half_duplex", [FULL_ON_PAPER, HALF])
    assert one.likelihood is Likelihood.LIKELY
    assert one.grade is Grade.AGENT
    assert one.contradiction
    assert judged("half_duplex", [HALF, FULL_ON_PAPER]) == one  # whatever the order


def test_the_reverse_is_a_contradiction_too() -> None:
    """Papers make it likely, the measurement speaks against it."""
    on_paper = fact("A1", "router.dhcp_pool_count", 250.0, Grade.DESK)
    seen = fact("A1", "router.dhcp_pool_count", 4000.0)
    needed = fact("A1", "school.pupils_count", 300.0, Grade.DESK)
    assert judged("address_pool", [on_paper, needed]).likelihood is Likelihood.LIKELY
    both = judged("address_pool", [on_paper, seen, needed])
    assert both.likelihood is Likelihood.UNLIKELY
    assert both.contradiction
    assert not judged("address_pool", [seen, needed]).contradiction


def test_weak_evidence_alone_is_not_called_likely() -> None:
    """Half duplex asks for a measurement: a paper alone gives 'cannot tell' and says what."""
    one = judged("half_duplex", [replace(HALF, grade=Grade.DESK)])
    assert one.probability > 0.4
    assert one.likelihood is Likelihood.CANNOT_TELL
    assert "core_switch.duplex" in one.missing


def test_what_was_decided_stands_above_evidence() -> None:
    """A person rejected it on site: unlikely; that the agent sees otherwise is shown first."""
    one = judged("half_duplex", [HALF], [decided("A1", "half_duplex", Decision.REJECTED)])
    assert one.likelihood is Likelihood.UNLIKELY
    assert one.contradiction
    assert one.grade is Grade.ON_SITE
    assert one.decided is not None
    kinds = [line.kind for line in one.evidence]
    assert set(kinds) == {EvidenceKind.DECISION, EvidenceKind.RULE}


def test_samples_carry_over_to_schools_alike() -> None:
    """The same router at a sample school raises it; another router raises it less."""
    same = [fact(code, "router.model", "R-1", Grade.DESK) for code in ("A1", "B1")]
    other = [same[0], fact("B1", "router.model", "R-2", Grade.DESK)]
    found = [decided("B1", "mtu_black_hole", Decision.CONFIRMED)]
    nothing = judged("mtu_black_hole", same).probability
    alike = judged("mtu_black_hole", same, found, ["B1"])
    unlike = judged("mtu_black_hole", other, found, ["B1"]).probability
    assert nothing < unlike < alike.probability
    assert [line.confirmed for line in alike.evidence] == [("B1",)]


@pytest.mark.parametrize("grade", [Grade.ON_SITE, Grade.AGENT, Grade.DESK])
def test_only_what_was_seen_at_sample_schools_carries_over(grade: Grade) -> None:
    """A desk decision, or one at another school, is no evidence for others: no echo."""
    before = judged("loop", [], [], ["B1"]).probability
    confirmed = decided("B1", "loop", Decision.CONFIRMED, grade)
    after = judged("loop", [], [confirmed], ["B1"]).probability
    assert (after > before) is (grade is not Grade.DESK)
    assert judged("loop", [], [confirmed], ["B2"]).probability == before


def test_a_resolved_finding_was_there() -> None:
    """At the school it is gone; for schools alike it says that such schools have it."""
    resolved = [decided("B1", "loop", Decision.RESOLVED)]
    assert judged("loop", [], resolved, ["B1"], "B1").likelihood is Likelihood.UNLIKELY
    assert judged("loop", [], resolved, ["B1"]).probability > judged("loop", []).probability


def test_an_upstream_is_judged_by_all_schools_behind_it() -> None:
    """What agents see at two schools of a centre makes it likely at the third, not elsewhere."""
    facts = [fact(code, "aggregation.group", code[0], Grade.DESK) for code in CODES]
    seen = [
        one
        for code in ("A2", "A3")
        for one in (
            fact(code, "line.lesson_median_bps", 1e8),
            fact(code, "line.quiet_median_bps", 3e8),
        )
    ]
    third = judged("aggregation_thin", [*facts, *seen])
    assert third.likelihood is Likelihood.LIKELY
    assert EvidenceKind.GROUP in {line.kind for line in third.evidence}
    elsewhere = judged("aggregation_thin", [*facts, *seen], code="B1")
    assert elsewhere.probability == judged("aggregation_thin", facts, code="B1").probability


def test_where_it_does_not_apply_it_is_unlikely() -> None:
    """No PPPoE congestion on an IPoE line, however slow the evening is."""
    slow = [
        fact("A1", "line.evening_ratio", 0.4),
        fact("A1", "carrier.evening_rtt_increase_seconds", 0.02),
    ]
    pppoe = [*slow, fact("A1", "line.kind", "best_effort_pppoe", Grade.DESK)]
    ipoe = [*slow, fact("A1", "line.kind", "best_effort_ipoe", Grade.DESK)]
    assert judged("pppoe_congested", pppoe).likelihood is Likelihood.LIKELY
    assert judged("pppoe_congested", ipoe).likelihood is Likelihood.UNLIKELY
    assert judged("carrier_congested", ipoe).likelihood is Likelihood.LIKELY
    rejected = [decided("A1", "pppoe_congested", Decision.REJECTED)]
    assert not judged("pppoe_congested", ipoe, rejected).contradiction
    assert judged("pppoe_congested", pppoe, rejected).contradiction


FACTS: Final = load_facts()
_GRADES = st.sampled_from(Grade)
_FINDINGS = st.sampled_from(sorted(CATALOGUE))


def _value(key: str) -> st.SearchStrategy[Value]:
    definition = FACTS[key]
    if definition.choices:
        return st.sampled_from(sorted(definition.choices))
    if definition.low is not None and definition.high is not None:
        return st.floats(definition.low, definition.high)
    return st.booleans() if definition.kind == "yes_no" else st.sampled_from(["R-1", "R-2"])


_FACT_LISTS = st.lists(
    st.sampled_from(sorted(FACTS)).flatmap(
        lambda key: st.builds(fact, st.sampled_from(CODES), st.just(key), _value(key), _GRADES)
    ),
    max_size=25,
    unique_by=lambda one: (one.school_code, one.key, one.grade),
)


@given(_FACT_LISTS, _FINDINGS, st.sampled_from(["B1", "B2"]))
def test_a_confirmation_never_lowers_and_a_rejection_never_raises(
    facts: list[Fact], finding_id: str, where: str
) -> None:
    """More of the sample for a finding: no school becomes less probable; against: none more."""
    plain = judged(finding_id, facts, [], CODES[3:]).probability
    more = judged(finding_id, facts, [decided(where, finding_id, Decision.CONFIRMED)], CODES[3:])
    less = judged(finding_id, facts, [decided(where, finding_id, Decision.REJECTED)], CODES[3:])
    assert less.probability <= plain + 1e-12
    assert more.probability >= plain - 1e-12


@given(_FACT_LISTS, _FINDINGS)
def test_weights_speak_the_way_they_move(facts: list[Fact], finding_id: str) -> None:
    """Without the lines that speak against it is at least as probable, without those for it less.

    Whatever the facts, the probability is one, 'likely' and 'unlikely' follow from it, and no
    finding is called likely on less than its minimum grade.
    """
    one = judged(finding_id, facts)
    assert 0 < one.probability < 1
    definition: FindingDefinition = CATALOGUE[finding_id]
    if one.likelihood is Likelihood.LIKELY:
        assert one.probability >= 0.4
        assert list(Grade).index(one.grade) <= list(Grade).index(definition.minimum_grade)
        assert any(line.weight > 0 for line in one.evidence)
    if one.likelihood is Likelihood.UNLIKELY:
        assert one.probability <= 0.15
    rest = [fact for fact in facts if fact.school_code != "A1"]
    base = judged(finding_id, rest).probability
    own = [line.weight for line in one.evidence if line.kind is not EvidenceKind.SAMPLE]
    if own and all(weight > 0 for weight in own):
        assert one.probability >= base - 1e-12
    if own and all(weight < 0 for weight in own):
        assert one.probability <= base + 1e-12


@given(_FACT_LISTS, _FINDINGS)
def test_the_order_of_facts_does_not_matter(facts: list[Fact], finding_id: str) -> None:
    """The same facts, the same judgement."""
    assert judged(finding_id, facts) == judged(finding_id, facts[::-1])


def test_a_stronger_grade_never_weighs_less() -> None:
    """The same fact measured instead of noted moves the judgement further."""
    chances = [
        judged("half_duplex", [replace(HALF, grade=grade)]).probability
        for grade in (Grade.DESK, Grade.ON_SITE, Grade.AGENT)
    ]
    assert chances == sorted(chances)
    assert len(set(chances)) == 3


def test_a_new_finding_is_judged_without_new_code() -> None:
    """A table in a copy of the catalogue: the survey has it."""
    added = """
[finding.dark_fibre]
name = ["試験用の課題", "A finding for the test"]
explanation = ["試験用", "for the test"]
segment = "line"
owner = "board"
minimum_grade = "desk"
prevalence = 0.1
likeness = ["line.kind"]
measures = ["ipoe"]
if_true = "decisive"
if_false = "strong"
rule = { fact = "line.shared", is = true }
"""
    copy = default_findings().read_bytes() + added.encode()
    catalogue = parse_findings(copy, "copy.toml", FACTS)
    shared = fact("A1", "line.shared", True, Grade.ON_SITE)
    found = judge_city([school("A1"), school("A2")], [shared], [], [], catalogue)
    assert found["A1"]["dark_fibre"].likelihood is Likelihood.LIKELY
    assert found["A2"]["dark_fibre"].likelihood is not Likelihood.LIKELY
