"""Faults planted in a school of the laboratory are named by cause finding; a healthy one is not."""

import sys

import pytest

from tests.lab.probing import ROOT, need

# benchmarks are in no wheel; last, so that what is installed comes first
sys.path.append(str(ROOT))
from benchmarks.causes import network, score
from benchmarks.causes.lab import cases

NEEDED = {"iptables": "iptables", "snmpd": "snmpd", "dnsmasq": "dnsmasq-base"}
pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]


def test_a_sample_of_the_network_group() -> None:
    """A narrow line, a narrow line and a slow resolver, and nothing: each is told, and no more."""
    for tool, package in NEEDED.items():
        need(tool, package)
    scored = network.judged(network.measured(cases.quick(seed=11)))
    score.show_worth(scored)
    score.show_matrix(scored)
    worth = {one.scenario.name: (one.worth, sorted(one.said)) for one in scored}
    assert worth == {
        "line below contract": (score.Worth.RIGHT, ["line_below_contract"]),
        "line below contract and DNS slow": (
            score.Worth.RIGHT,
            ["dns_slow", "line_below_contract"],
        ),
        "healthy": (score.Worth.RIGHT, []),
    }
