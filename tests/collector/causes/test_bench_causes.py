"""The benchmark of causes, a part of it: what is planted in device data is named, nothing else."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from collector import resources
from collector.causes.find import find_causes
from collector.causes.model import Cause, Causes, Certainty, SchoolRecord, Strength
from collector.judge.calendar_file import load_calendars

# benchmarks are in no wheel; last, so that what is installed comes first
sys.path.append(str(Path(__file__).parents[3]))
from benchmarks.causes.device_faults import FAULTS, PAIRS
from benchmarks.causes.healthy_schools import HEALTHY
from benchmarks.causes.planted_school import built
from benchmarks.causes.scenario import Scenario, load, save
from benchmarks.causes.score import NOTHING, Scored, Worth, matrix, missed

SEED = 41
CALENDAR = load_calendars(resources.default_calendar()).default
SLOW = ("half duplex at the appliance", "100 Mbit/s to the router", "all access points full")
"""Left to the benchmark: their like is here already."""


def _scored(name: str, plants: list[Callable[..., None]], planted: list[str]) -> Scored:
    scenario = built(name, plants, planted, SEED)
    return Scored(scenario, find_causes(scenario.evidence, CALENDAR))


@pytest.mark.parametrize("name", [name for name in FAULTS if name not in SLOW])
def test_a_planted_fault_is_named(name: str) -> None:
    """The one cause that is there is named, with evidence, and its symptoms are not."""
    finding_id, plant = FAULTS[name]
    scored = _scored(name, [plant], [finding_id])
    assert scored.worth is Worth.RIGHT, scored.said
    known = {one.result_id for one in scored.scenario.measurements}
    for cause in scored.causes.causes:
        assert cause.observed
        assert cause.confirm
        assert cause.measures
        for one in cause.observed:
            assert one.result_ids
            assert known.issuperset(one.result_ids)


def test_half_duplex_on_the_way_out_explains_an_odd_evening() -> None:
    """Its speed swings, and in this school the evenings happened to be slow."""
    finding_id, plant = FAULTS["half duplex to the router"]
    scenario = built("half duplex to the router", [plant], [finding_id], 224)
    (cause,) = find_causes(scenario.evidence, CALENDAR).causes
    assert cause.finding_id == "half_duplex"
    assert "carrier_congested" in cause.explains


@pytest.mark.parametrize("pair", PAIRS[:4], ids=" + ".join)
def test_two_causes_at_once_are_both_named(pair: tuple[str, str]) -> None:
    """One does not hide the other."""
    plants = [FAULTS[one][1] for one in pair]
    scored = _scored(" + ".join(pair), plants, [FAULTS[one][0] for one in pair])
    assert scored.worth is Worth.RIGHT, scored.said


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_school_has_no_cause(name: str) -> None:
    """Neither named nor suspected, however busy, noisy or little known."""
    scored = _scored(name, [HEALTHY[name]], [])
    assert scored.said == frozenset()
    assert scored.causes.looked_at["line_saturated"]


def test_what_was_not_measured_cannot_be_told() -> None:
    """Throughput alone says nothing of names, pages or devices."""
    looked = _scored(
        "healthy, little known", [HEALTHY["healthy, little known"]], []
    ).causes.looked_at
    unseen = {name for name, known in looked.items() if not known}
    assert unseen >= {"dns_slow", "cloud_side", "loop", "ap_overload", "mtu_black_hole"}
    assert not unseen & {"line_saturated", "line_below_contract", "address_pool"}


def _answer(*named: str, planted: tuple[str, ...] = ()) -> Scored:
    scenario = Scenario(
        name="n",
        group="network",
        planted=frozenset(planted),
        accepted={"half_duplex": frozenset({"port_errors"})},
        seed=1,
        school=SchoolRecord(code="c"),
        measurements=[],
    )
    causes = [
        Cause(
            finding_id=one.removesuffix("?"),
            segment="line",
            place=None,
            owner="board",
            certainty=Certainty.SUSPECTED if one.endswith("?") else Certainty.NAMED,
            strength=Strength.TOLD,
            confidence=0.5,
            confidence_count=0,
            observed=(),
            confirm=(),
            measures=(),
            last_seen=None,
            explains=(),
        )
        for one in named
    ]
    return Scored(scenario, Causes(causes=causes, looked_at={}))


@pytest.mark.parametrize(
    ("named", "planted", "worth"),
    [
        ((), (), Worth.RIGHT),
        (("loop?",), (), Worth.ALARM),
        (("loop",), ("loop",), Worth.RIGHT),
        (("loop?",), ("loop",), Worth.SUSPECTED),
        ((), ("loop",), Worth.SILENT),
        (("dns_slow",), ("loop",), Worth.WRONG),
        (("loop", "dns_slow"), ("loop",), Worth.WRONG),
        (("loop", "dns_slow?"), ("loop",), Worth.RIGHT),
        (("loop",), ("loop", "dns_slow"), Worth.PART),
        (("port_errors",), ("half_duplex",), Worth.RIGHT),
        (("half_duplex",), ("port_errors",), Worth.WRONG),
    ],
)
def test_what_an_answer_is_worth(
    named: tuple[str, ...], planted: tuple[str, ...], worth: Worth
) -> None:
    """A wrong name is wrong whatever else was said; a healthy school allows no suspicion."""
    assert _answer(*named, planted=planted).worth is worth


def test_the_matrix_counts_what_was_missed_and_what_was_added() -> None:
    """A cause beside the right one is in the row of the right one."""
    cells = matrix([_answer("loop", "dns_slow", planted=("loop",)), _answer(planted=("loop",))])
    assert cells == {("loop", "loop"): 1, ("loop", "dns_slow"): 1, ("loop", NOTHING): 1}


def test_aims_that_are_missed_are_said() -> None:
    """One alarm on a healthy school is enough, and so is one wrong of nine."""
    right = [_answer("loop", planted=("loop",))] * 9
    assert missed(right) == []
    assert len(missed([*right[:8], _answer(planted=("loop",))])) == 1
    assert len(missed([*right, _answer("loop?")])) == 1


def test_a_scenario_is_a_file(tmp_path: Path) -> None:
    """What is written is read back."""
    scenario = built("DHCP pool", [FAULTS["DHCP pool"][1]], ["address_pool"], 3)
    save(tmp_path / "one.json.gz", scenario)
    again = load(tmp_path / "one.json.gz")
    assert again == scenario
