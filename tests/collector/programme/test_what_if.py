"""What-if: the narrowest part decides, what is not known is said, schools are counted jointly."""

from math import log
from statistics import NormalDist
from typing import Any

import pytest

from collector.judge.model import Status
from collector.programme.measures_catalogue import load_measures
from collector.programme.path_state import CannotTell, Capacity, PathState
from collector.programme.what_if import City

CATALOGUE = load_measures()
MBPS = 1e6


def a_path(code: str = "A1", median_mbps: float = 200, **changes: Any) -> PathState:
    """A school of 316 pupils that needs 422 Mbit/s and has 200, its line being to blame."""
    given: dict[str, Any] = {
        "code": code,
        "pupils": 316,
        "group": "",
        "required_bps": 422 * MBPS,
        "upper_bps": 422 * MBPS,
        "status": Status.NOT_MET,
        "capacity": Capacity(
            median_bps=median_mbps * MBPS,
            low_bps=median_mbps * 0.97 * MBPS,
            high_bps=median_mbps * 1.03 * MBPS,
        ),
        "hidden": False,
        "chances": {"line_saturated": 0.95},
        "nominal_bps": {},
    }
    return PathState(**given | changes)


def expect(states: list[PathState], **chosen: str) -> Any:
    """Ask what ``code="measure measure"`` gives."""
    city = City(states, CATALOGUE)
    return city.expect({code: frozenset(ids.split()) for code, ids in chosen.items()})


def test_without_measures_the_city_stays_as_it_is() -> None:
    """Met stays met, not met stays not met; the count is the one of today."""
    fine = a_path("B1", 600, status=Status.MET)
    found = expect([a_path(), fine])
    assert found.schools["A1"].not_met_ratio == 1.0
    assert found.schools["B1"].met_ratio == 1.0
    assert (found.met_now, found.met_expected, found.met_low, found.met_high) == (1, 1.0, 1, 1)


def test_a_measure_that_answers_the_limit_lifts_it() -> None:
    """A wider line where the line is the limit: met in most draws, up to what a gigabit carries."""
    one = expect([a_path()], A1="line_10g").schools["A1"]
    assert one.met_ratio > 0.8
    assert one.median_bps == pytest.approx(941 * MBPS, rel=0.15)
    assert one.met_ratio + one.not_met_ratio + one.undetermined_ratio == pytest.approx(1)
    assert one.limits[0][0] == "rest"


def test_a_measure_beside_the_limit_changes_nothing() -> None:
    """A new router where the line is the limit."""
    before = expect([a_path()]).schools["A1"]
    after = expect([a_path()], A1="router_replace").schools["A1"]
    assert after.median_bps == before.median_bps
    assert after.met_ratio == before.met_ratio == 0


def test_the_next_narrow_part_goes_on_limiting() -> None:
    """Two findings at once: one measure is not enough, both are."""
    both = a_path(chances={"line_saturated": 0.95, "router_limit": 0.95})
    line = expect([both], A1="line_10g").schools["A1"].met_ratio
    router = expect([both], A1="router_replace").schools["A1"].met_ratio
    all_of_it = expect([both], A1="line_10g router_replace").schools["A1"].met_ratio
    assert line < 0.5
    assert router < 0.5
    assert all_of_it > 0.85


def test_a_port_of_100_mbit_limits_whatever_line_there_is() -> None:
    """A fact with a nominal speed stays the ceiling until a measure lifts that very fact."""
    narrow = a_path(median_mbps=90, nominal_bps={"core_switch.port_speed_bps": 100 * MBPS})
    assert expect([narrow], A1="line_10g").schools["A1"].met_ratio == 0
    limits = dict(expect([narrow], A1="line_10g").schools["A1"].limits)
    assert limits["core_switch.port_speed_bps"] > 0.85
    assert expect([narrow], A1="line_10g switch_replace").schools["A1"].met_ratio > 0.8


def test_a_contract_below_what_was_measured_is_not_believed() -> None:
    """A measured speed is stronger than a paper: no ceiling below it."""
    odd = a_path(median_mbps=600, status=Status.MET, nominal_bps={"line.contract_bps": 1e8})
    assert expect([odd]).schools["A1"].met_ratio == 1.0


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"capacity": None, "status": Status.UNDETERMINED}, CannotTell.NOT_MEASURED),
        ({"hidden": True}, CannotTell.HIDDEN),
        ({"chances": {}}, CannotTell.CAUSE_UNKNOWN),
        ({"chances": {"router_limit": 0.3}}, CannotTell.CAUSE_UNKNOWN),
    ],
)
def test_where_nothing_is_known_nothing_is_told(changes: dict[str, Any], why: CannotTell) -> None:
    """No number out of thin air: the school is counted apart with its reason."""
    found = expect([a_path(**changes), a_path("B1", 600, status=Status.MET)], A1="line_10g")
    assert found.schools["A1"].cannot_tell is why
    assert found.schools["A1"].median_bps is None
    assert found.cannot_tell == {why: 1}
    assert found.told == 1
    assert found.met_expected == 1.0


def test_a_measure_that_leaves_the_quiet_capacity_needs_no_cause() -> None:
    """Access points: the verdict of today stands, whatever the cause."""
    one = expect([a_path(chances={})], A1="ap_redesign").schools["A1"]
    assert one.cannot_tell is None
    assert one.not_met_ratio == 1.0


def test_an_upstream_is_widened_once_for_all_its_schools() -> None:
    """One school's shared measure serves its group; others outside get nothing."""
    thin = {"chances": {"aggregation_thin": 0.9}, "group": "north"}
    states = [a_path("A1", **thin), a_path("B1", **thin), a_path("C1", **thin | {"group": "south"})]
    found = expect(states, A1="aggregation_upgrade")
    assert found.schools["B1"].measures == ("aggregation_upgrade",)
    assert found.schools["A1"].met_ratio > 0.75
    assert found.schools["B1"].met_ratio == pytest.approx(found.schools["A1"].met_ratio, abs=0.05)
    assert found.schools["C1"].met_ratio == 0


def test_schools_of_one_upstream_stand_and_fall_together() -> None:
    """The same expected count with one upstream for all is far less certain."""
    thin = {"chances": {"aggregation_thin": 0.6}}
    together = [a_path(f"S{n}", group="north", **thin) for n in range(10)]
    apart = [a_path(f"S{n}", group=f"g{n}", **thin) for n in range(10)]
    measures = {f"S{n}": "aggregation_upgrade" for n in range(10)}
    wide, narrow = expect(together, **measures), expect(apart, **measures)
    assert wide.met_expected == pytest.approx(narrow.met_expected, abs=0.7)
    assert (wide.met_low, wide.met_high) == (0, 10)
    assert narrow.met_low >= 3


def test_the_same_question_has_the_same_answer_and_others_do_not_change_it() -> None:
    """Seeded by names: a school that is added leaves the draws of the others."""
    alone = expect([a_path()], A1="line_10g").schools["A1"]
    among = expect([a_path("Z9", 300), a_path()], A1="line_10g").schools["A1"]
    assert alone == among


def test_more_measures_never_make_it_worse() -> None:
    """Draw by draw: what is added can only lift."""
    state = a_path(chances={"line_saturated": 0.7, "router_limit": 0.5, "port_100m": 0.4})
    order = ("line_10g", "router_replace", "switch_replace", "cable_repair")
    choices = [frozenset(order[:count]) for count in range(5)]
    ratios = [ratio for _, ratio in City([state], CATALOGUE).met_ratios("A1", choices)]
    assert len(ratios) == 5
    assert ratios == sorted(ratios)
    assert ratios[-1] > ratios[0] + 0.5


def test_the_probability_is_that_of_the_model() -> None:
    """One certain limit and one measure: P(MET) by hand, within the error of the draws."""
    one = expect([a_path(chances={"line_saturated": 1.0})], A1="line_10g").schools["A1"]
    line = CATALOGUE.measures["line_10g"].effect
    assert line.ceiling_bps is not None
    sigma = (line.spread_city**2 + line.spread_school**2) ** 0.5
    needed = log(422 * MBPS / 0.97)
    reaches = 1 - NormalDist(log(line.ceiling_bps), sigma).cdf(needed)
    assert one.met_ratio == pytest.approx(line.works_ratio * reaches, abs=0.015)
