"""The catalogue of findings: whole, refused helpfully, and nothing but data."""

import pytest

from collector.judge.reading import ConfigRefused
from collector.programme.facts_catalogue import load_facts
from collector.programme.findings_catalogue import (
    default_findings,
    load_findings,
    parse_findings,
)
from collector.programme.measures_catalogue import load_measures

AGREED = (
    *("line_saturated", "line_below_contract", "pppoe_congested", "carrier_congested"),
    *("aggregation_thin", "router_limit", "nat_sessions", "filter_slow", "interception"),
    *("port_100m", "half_duplex", "port_errors", "ap_overload", "channel_interference"),
    *("radar_channel", "mtu_black_hole", "dns_slow", "update_day", "loop", "address_pool"),
    *("appliance_limit", "cloud_side"),
)
GOOD = """
version = "1"
[finding.x]
name = ["甲", "X"]
explanation = ["説明", "Explained"]
segment = "line"
owner = "board"
minimum_grade = "desk"
prevalence = 0.1
likeness = ["line.kind"]
measures = ["ipoe"]
if_true = "strong"
if_false = "weak"
rule = { fact = "line.shared", is = true }
[[finding.x.sign]]
when = { fact = "line.kind", is = "mobile" }
speaks = "for"
strength = "weak"
"""
REFUSED = {
    "owner": (
        GOOD.replace('"board"', '"bord"'),
        (
            "finding.x.owner: found 'bord', allowed is one of school, board, integrator, "
            "line_operator, carrier, centre, cloud_provider (did you mean board?)"
        ),
    ),
    "prevalence": (
        GOOD.replace("0.1", "1.0"),
        "finding.x.prevalence: found 1.0, allowed is a share from 0.001 to 0.999",
    ),
    "likeness": (
        GOOD.replace('["line.kind"]', '["line.kin"]'),
        (
            "finding.x.likeness: found 'line.kin', allowed is a fact of the list of facts "
            "(did you mean line.kind?)"
        ),
    ),
    "strength": (
        GOOD.replace('if_true = "strong"', 'if_true = "storng"'),
        (
            "finding.x.if_true: found 'storng', allowed is one of none, weak, moderate, strong, "
            "decisive (did you mean strong?)"
        ),
    ),
    "sign": (
        GOOD.replace('speaks = "for"', 'speaks = "fro"'),
        "finding.x.sign 1.speaks: found 'fro', allowed is one of for, against",
    ),
    "no rule": (GOOD.replace("rule = {", "rul = {"), "finding.x.rul: found this key"),
    "a rule in a sign": (
        GOOD.replace('is = "mobile"', 'is = "mobil"'),
        "finding.x.sign 1.when.is: found 'mobil', allowed is one of best_effort_pppoe",
    ),
    "measures": (
        GOOD.replace('["ipoe"]', '["IPoE!"]'),
        'finding.x.measures: found ["IPoE!"], allowed is ids of measures',
    ),
    "id": (
        GOOD.replace("finding.x", "finding.X-1"),
        "finding.X-1: found 'X-1', allowed is small letters, digits and _, at most 40",
    ),
}


def test_the_packaged_catalogue_is_whole() -> None:
    """All agreed findings are there; what they ask for is a fact that may be known."""
    facts, findings = load_facts(), load_findings()
    assert set(AGREED) <= set(findings)
    for one in findings.values():
        assert set(one.facts()) <= set(facts)
        assert one.measures
        assert one.names["ja"] != one.names["en"]


def test_every_measure_named_is_one_of_the_catalogue() -> None:
    """Findings and measures answer each other."""
    measures = load_measures().measures
    for one in load_findings().values():
        assert set(one.measures) <= set(measures), one.finding_id


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_catalogue_is_refused(name: str) -> None:
    """Each refusal names file, key, what was found and what is allowed."""
    text, message = REFUSED[name]
    with pytest.raises(ConfigRefused) as refused:
        parse_findings(text.encode(), "findings.toml", load_facts())
    assert f"findings.toml: {message}" in str(refused.value)


def test_adding_a_finding_is_adding_data() -> None:
    """A table at the end of a copy is a finding like the others."""
    added = GOOD.replace('version = "1"', "").replace("finding.x", "finding.new_one")
    copy = default_findings().read_bytes() + added.encode()
    found = parse_findings(copy, "copy.toml", load_facts())
    assert list(found) == [*load_findings(), "new_one"]
