"""The arithmetic between the plans' figures: it holds as published, and a wrong figure is named."""

from fractions import Fraction

import pytest

from collector import resources
from collector.programme.plans.file import load_plans, parse_plans
from collector.programme.plans.model import CityPlans, Observed
from collector.programme.plans.relations import check, half_up, observe
from collector.schools.model import BaselineEntry
from tests.collector.conftest import a_school

PLANS = resources.configs_folder() / "plans"
CITY = {
    Observed.SCHOOLS: 84,
    Observed.PUPILS: 26_627,
    Observed.BASELINE_MET: 5,
    Observed.SAMPLE_SCHOOLS: 9,
}
PUBLISHED = {
    "devices.pupils": 26_627,
    "devices.ceiling": 30_621,
    "devices.provided": 26_627,
    "devices.provided_fund": 26_627,
    "devices.renewal_percent": 100,
    "devices.spares": 3_225,
    "devices.spares_fund": 3_225,
    "devices.spares_percent": Fraction(121, 10),
    "devices.retired": 30_257,
    "devices.retired_to_lessor": 30_257,
    "network.schools": 84,
    "network.met_at_survey": 5,
    "network.met_percent_at_survey": 6,
    "network.sample_schools": 9,
    "network.desk_schools": 75,
    "affairs.migration_year": 2026,
}


def published() -> CityPlans:
    """The city's plans as they come with the program."""
    return load_plans(PLANS / "takasaki.toml")


def planted(figure: str, value: str) -> CityPlans:
    """A copy in which one figure is another."""
    text = (PLANS / "takasaki.toml").read_text(encoding="utf-8")
    head, tail = text.split(f'[[figure]]\nid = "{figure}"', 1)
    before, after = tail.split("value = ", 1)
    copy = f'{head}[[figure]]\nid = "{figure}"{before}value = {value}\n{after.split(chr(10), 1)[1]}'
    assert copy != text
    return parse_plans(copy.encode(), "copy.toml")


def test_the_figures_are_those_that_were_published() -> None:
    """Every number of the four plans, and no other."""
    assert {name: one.value for name, one in published().figures.items()} == PUBLISHED


def test_the_published_arithmetic_holds() -> None:
    """All relations hold, those with the imported city too."""
    checked = check(published(), CITY)
    assert checked.disagreements == ()
    assert len(checked.holds) == len(published().relations) == 13


def test_without_schools_nothing_is_claimed_of_them() -> None:
    """Relations with the city are told as not checked."""
    checked = check(published(), {})
    assert {one.relation_id for one in checked.not_checked} == {
        "schools_imported",
        "pupils_imported",
        "baseline_imported",
        "sample_imported",
    }
    assert observe([], {}) == {}


@pytest.mark.parametrize(
    ("figure", "value", "named"),
    [
        ("devices.ceiling", "30622", {"ceiling"}),
        ("devices.ceiling", "29851", {"ceiling", "spares_within_ceiling"}),
        ("devices.pupils", "26628", {"ceiling", "one_each", "pupils_imported"}),
        ("devices.provided", "26267", {"one_each", "spares_share", "fund_of_devices"}),
        ("devices.provided_fund", "26628", {"fund_of_devices"}),
        ("devices.spares", "3252", {"spares_share"}),
        ("devices.spares", "4000", {"spares_share", "spares_within_ceiling"}),
        ("devices.spares_fund", "3226", {"fund_of_spares"}),
        ("devices.spares_percent", "12.2", {"spares_share"}),
        ("devices.retired_to_lessor", "30256", {"all_retired_returned"}),
        ("network.schools", "85", {"sample_and_desk", "schools_imported", "met_share"}),
        ("network.met_at_survey", "6", {"met_share", "baseline_imported"}),
        ("network.met_percent_at_survey", "5.9", {"met_share"}),
        ("network.sample_schools", "10", {"sample_and_desk", "sample_imported"}),
        ("network.desk_schools", "57", {"sample_and_desk"}),
    ],
)
def test_a_wrong_figure_is_named(figure: str, value: str, named: set[str]) -> None:
    """Each relation that it breaks, and no other, with both sides, file and line."""
    plans = planted(figure, value)
    wrong = check(plans, CITY).disagreements
    assert {one.relation.relation_id for one in wrong} == named
    for one in wrong:
        message = str(one)
        assert message.startswith("copy.toml line ")
        assert figure in message
        assert all(name in message for name in (one.relation.left, *one.relation.operands))
        assert f"relation {one.relation.relation_id}" in message


def test_the_message_names_both_figures_and_their_lines() -> None:
    """What is read on a terminal."""
    (wrong,) = check(planted("devices.ceiling", "30622"), CITY).disagreements
    lines = wrong.left.line, wrong.operands[0].line
    assert str(wrong) == (
        f"copy.toml line {lines[0]}, devices.ceiling.value: found 30,622, which must equal "
        f"devices.pupils 26,627 (line {lines[1]}) x 1.15 rounded down = 30,621 "
        "(relation ceiling: the ceiling is 1.15 times the pupils, rounded down)"
    )
    text = published().text.splitlines()
    assert [text[number - 1] for number in lines if number] == [
        'id = "devices.ceiling"',
        'id = "devices.pupils"',
    ]


def test_the_imported_city_is_compared() -> None:
    """A school that lacks, a pupil too many and a sample school too few are each named."""
    schools = [a_school("A1", 26_626, sample=True), a_school("A2", 2)]
    entry = BaselineEntry(
        school_code="A1", met=True, measured_bps=None, surveyed_on="2024-01-01", source="s"
    )
    wrong = check(published(), observe(schools, {"A1": entry})).disagreements
    told = {one.relation.relation_id: str(one) for one in wrong}
    assert set(told) == {
        "schools_imported",
        "pupils_imported",
        "baseline_imported",
        "sample_imported",
    }
    assert "city.pupils 26,628 (in the database)" in told["pupils_imported"]


def test_a_share_of_nothing_disagrees_and_does_not_crash() -> None:
    """Division by zero is a disagreement that says so."""
    wrong = check(planted("network.schools", "0"), {}).disagreements
    assert any("cannot be computed" in str(one) for one in wrong)


@pytest.mark.parametrize(
    ("part", "whole", "decimals", "printed"),
    [
        (5, 84, 1, "6"),  # 5.952
        (3225, 26627, 1, "12.1"),  # 12.1118
        (1, 8, 2, "12.5"),
        (1, 2000, 1, "0.1"),  # exactly half: up
        (1, 3, 0, "33"),
    ],
)
def test_shares_are_rounded_as_printed(part: int, whole: int, decimals: int, printed: str) -> None:
    """Half up, exactly: no binary fraction decides."""
    assert half_up(Fraction(100 * part, whole), decimals) == Fraction(printed)
