"""The sample: balanced, reproducible, explained, and honest about what it cannot show."""

from collections import Counter
from datetime import date
from fractions import Fraction
from itertools import combinations
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.demo.city import schools as demo_schools
from collector.judge.bands import DEFAULT_BANDS, bands_up_to
from collector.programme.model import Fact, Grade
from collector.programme.sample.judge import judge, swapped
from collector.programme.sample.miss import fewest_found, missed
from collector.programme.sample.propose import MAX_SIZE, propose
from collector.programme.sample.strata import (
    Margin,
    SampleRefused,
    margin_distances,
    pair_distance,
)
from collector.schools.model import Line, School
from tests.collector.conftest import a_school

CITY = demo_schools()
FEW = bands_up_to((100,))


def small_city(seed: int, count: int = 11) -> list[School]:
    """A city small enough that every sample of it can be tried."""
    chance = Random(seed)
    return [
        a_school(
            f"S{number:02d}",
            chance.choice((50, 90, 200, 400)),
            region=chance.choice(("north", "south", "hill")),
            line=chance.choice((Line.MOBILE, Line.GUARANTEED, Line.BEST_EFFORT_IPOE)),
        )
        for number in range(count)
    ]


def distances(city: Any, chosen: Any, bands: Any) -> tuple[Fraction, Fraction]:
    """What a proposal makes small, in this order."""
    return (
        sum(margin_distances(city, chosen, bands).values(), Fraction(0)),
        pair_distance(city, chosen, bands),
    )


def test_a_fault_in_8_of_84_schools_is_missed_by_9_with_a_chance_of_39_per_cent() -> None:
    """C(76, 9) / C(84, 9), exactly."""
    chance = missed(84, 8, 9)
    assert chance == Fraction(75 * 74 * 73 * 72 * 71 * 70 * 69 * 68 * 76, 1) / Fraction(
        84 * 83 * 82 * 81 * 80 * 79 * 78 * 77 * 76, 1
    )
    assert round(float(chance), 4) == 0.3870
    judged = judge(CITY, [one.code for one in CITY if one.sample], DEFAULT_BANDS)
    assert dict(judged.missed)[8] == pytest.approx(0.38699386)
    assert missed(84, 22, 9) > Fraction(5, 100) >= missed(84, 23, 9)
    assert judged.fewest_found == 23


@given(st.integers(1, 9), st.data())
def test_the_chance_is_what_counting_all_samples_gives(schools: int, data: Any) -> None:
    """Every sample of a small city is looked at."""
    faulty = data.draw(st.integers(0, schools))
    size = data.draw(st.integers(0, schools))
    samples = list(combinations(range(schools), size))
    without = sum(all(one >= faulty for one in sample) for sample in samples)
    assert missed(schools, faulty, size) == Fraction(without, len(samples))
    fewest = fewest_found(schools, size)
    if size == 0:
        assert fewest is None
    else:
        assert fewest is not None
        found = [1 - missed(schools, one, size) >= Fraction(95, 100) for one in range(schools + 1)]
        assert fewest == found.index(True)


@pytest.mark.parametrize("numbers", [(3, 4, 1), (3, -1, 1), (3, 1, 4)])
def test_numbers_that_do_not_fit_are_refused(numbers: tuple[int, int, int]) -> None:
    """More faulty schools than schools is a mistake of the caller."""
    with pytest.raises(ValueError, match="allowed are 0 to all of them"):
        missed(*numbers)


@pytest.mark.parametrize("seed", range(6))
def test_no_sample_is_better_balanced_than_the_proposed_one(seed: int) -> None:
    """Of all samples of a small city none has smaller distances, margins first."""
    city = small_city(seed)
    proposed = propose(city, FEW, 4, seed)
    assert len({one.code for one in proposed}) == 4
    best = min(distances(city, chosen, FEW) for chosen in combinations(city, 4))
    assert distances(city, proposed, FEW) == best


def test_the_same_seed_gives_the_same_sample_whatever_the_order() -> None:
    """Twice the same 9 of 84; another seed gives another, balanced just as well."""
    first = propose(CITY, DEFAULT_BANDS, 9, 1)
    shuffled = sorted(CITY, key=lambda one: one.name)
    assert propose(shuffled, DEFAULT_BANDS, 9, 1) == first
    assert len({one.code for one in first}) == 9
    other = propose(CITY, DEFAULT_BANDS, 9, 2)
    assert other != first
    assert distances(CITY, other, DEFAULT_BANDS) == distances(CITY, first, DEFAULT_BANDS)
    by_hand = [one for one in CITY if one.sample]
    assert distances(CITY, first, DEFAULT_BANDS) < distances(CITY, by_hand, DEFAULT_BANDS)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 11))
def test_a_proposal_has_the_size_asked_for(seed: int, size: int) -> None:
    """Any size up to the whole city."""
    city = small_city(seed)
    assert len({one.code for one in propose(city, FEW, size, seed)}) == size


def test_a_size_that_cannot_be_is_refused() -> None:
    """Named with what is allowed."""
    with pytest.raises(SampleRefused, match="found 85, allowed is 1 to 84"):
        propose(CITY, DEFAULT_BANDS, 85, 1)
    with pytest.raises(SampleRefused, match="found 0"):
        propose(CITY, DEFAULT_BANDS, 0, 1)
    assert MAX_SIZE >= 100


def test_every_school_is_stood_for_by_exactly_one_chosen_school() -> None:
    """The numbers in the explanations add up to the city."""
    codes = [one.code for one in propose(CITY, DEFAULT_BANDS, 9, 1)]
    judged = judge(CITY, codes, DEFAULT_BANDS)
    assert sum(one.nearest_schools for one in judged.choices) == len(CITY)
    assert sum(one.nearest_pupils for one in judged.choices) == sum(one.pupils for one in CITY)
    assert all(one.nearest_schools >= 1 for one in judged.choices)
    for margin in ("band", "region", "line", "kind"):
        lines = [line for line in judged.strata if line.margin == margin]
        assert sum(line.schools for line in lines) == len(CITY)
        assert sum(line.chosen for line in lines) == 9


def test_what_is_not_in_the_sample_is_named() -> None:
    """Lines, kinds, groups and equipment without a school: missed for certain."""
    codes = [one.code for one in propose(CITY, DEFAULT_BANDS, 9, 1)]
    outside = next(one.code for one in CITY if one.code not in codes)
    facts = [
        Fact(
            school_code=code,
            key="router.model",
            grade=grade,
            value=value,
            source="x",
            noted_on=date(2026, 5, 18),
            noted_by="cli:x",
        )
        for code, grade, value in (
            (outside, Grade.ON_SITE, "箱二号"),
            (outside, Grade.DESK, "古い台帳"),
            (codes[0], Grade.DESK, "箱一号"),
        )
    ]
    judged = judge(CITY, codes, DEFAULT_BANDS, facts)
    unseen = {(line.margin, line.value) for line in judged.unseen}
    assert ("line", "guaranteed") in unseen
    assert ("kind", "special_needs") in unseen
    assert ("router.model", "箱二号") in unseen
    assert not {"古い台帳", "箱一号"} & {value for _, value in unseen}
    assert all(line.missed == 1 for line in judged.unseen)
    chosen_lines = Counter(one.school.line.value for one in judged.choices)
    assert {line.value: line.chosen for line in judged.strata if line.margin == "line"} == {
        line.value: chosen_lines[line.value] for line in judged.strata if line.margin == "line"
    }


def test_a_list_picked_by_hand_is_judged_the_same_way() -> None:
    """And what cannot be a sample is refused by name."""
    judged = judge(CITY, ["E001", "E002"], DEFAULT_BANDS)
    assert [one.school.code for one in judged.choices] == ["E001", "E002"]
    assert set(judged.distances) == set(Margin)
    for codes, words in (
        (["E001", "X9"], "found X9"),
        (["E001", "E001"], "found E001 twice"),
        ([], "found no school"),
    ):
        with pytest.raises(SampleRefused, match=words):
            judge(CITY, codes, DEFAULT_BANDS)


def test_a_swap_changes_one_school() -> None:
    """Out must be in, in must be out."""
    assert swapped(["A", "B"], "A", "C") == ["B", "C"]
    with pytest.raises(SampleRefused, match="found C to leave"):
        swapped(["A", "B"], "C", "D")
    with pytest.raises(SampleRefused, match="found B to come in"):
        swapped(["A", "B"], "A", "B")
