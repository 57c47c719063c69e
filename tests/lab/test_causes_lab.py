"""Faults planted in a school of the laboratory are named by cause finding; a healthy one is not."""

import shutil
import sys

import pytest

from tests.lab.probing import ROOT

# benchmarks are in no wheel; last, so that what is installed comes first
sys.path.append(str(ROOT))
from benchmarks.causes import network, score
from benchmarks.causes.lab import cases

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]


def test_a_sample_of_the_network_group() -> None:
    """A narrow line, a narrow line and a slow resolver, and nothing: each is told, and no more."""
    for tool in ("iptables", "snmpd"):
        if shutil.which(tool) is None:
            pytest.fail(f"{tool} is missing: scripts/system-packages {tool}", pytrace=False)
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
