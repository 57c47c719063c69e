"""Planted cities: the survey finds more of what is planted than two simple ways of guessing."""

from dataclasses import replace
from typing import Final

from collector import resources
from collector.demo.city import schools
from collector.judge.criteria_file import load_criteria
from collector.programme.facts_catalogue import load_facts
from collector.programme.findings_catalogue import load_findings
from collector.programme.planted.city import planted_city
from collector.programme.planted.score import Score, macro_f1, macro_f1_of_all, score
from collector.programme.planted.trial import scored, trial

CATALOGUE: Final = load_findings()
CRITERIA: Final = load_criteria(resources.default_criteria())
SEEDS: Final = range(41, 47)
"""Neither those that weights were set on (1001 to 1020) nor the published ones (201 to 224)."""


def test_the_survey_is_above_both_baselines() -> None:
    """In every one of six cities, and by a margin on the mean.

    It was seen to fail without rules (0.22), without what agents measured (0.12) and without any
    facts (0.02); without signs alone it holds (0.46).
    """
    trials = [trial(CATALOGUE, CRITERIA, seed) for seed in SEEDS]
    assert all(one.is_above for one in trials)
    ours = sum(one.macro("ours") for one in trials) / len(trials)
    everywhere = sum(one.macro("everywhere") for one in trials) / len(trials)
    assert ours > 0.40
    assert ours > 2 * everywhere


def test_the_survey_does_not_see_what_is_planted() -> None:
    """With the truth taken away the judgement is the same; it only changes the score."""
    city = planted_city(schools(41), CRITERIA, list(CATALOGUE), 41)
    blind = replace(city, truth={code: frozenset() for code in city.truth})
    honest, empty = (scored(one, CATALOGUE, CRITERIA, 41) for one in (city, blind))
    for finding_id, one in honest.ours.items():
        said = one.hits + one.false_alarms
        assert empty.ours[finding_id].false_alarms == said
        assert empty.ours[finding_id].not_told == one.not_told


def test_a_seed_gives_one_city() -> None:
    """Same seed, same facts and faults; another seed, others. Every fact is one of the list."""
    one, again, other = (
        planted_city(schools(seed), CRITERIA, list(CATALOGUE), seed) for seed in (7, 7, 8)
    )
    assert one == again
    assert one.truth != other.truth
    facts = load_facts()
    for fact in one.facts:
        facts[fact.key].check(fact.value)
    assert set().union(*one.truth.values()) <= set(CATALOGUE)


def test_causes_are_not_told_by_one_figure() -> None:
    """The planted figures of different causes overlap: no threshold of one fact separates them."""
    city = planted_city(schools(7), CRITERIA, list(CATALOGUE), 7)
    ratio = {f.school_code: float(f.value) for f in city.facts if f.key == "line.lesson_ratio"}
    groups: dict[bool, list[float]] = {True: [], False: []}
    for code, value in ratio.items():
        groups["line_saturated" in city.truth[code]].append(value)
    assert min(groups[False]) < max(groups[True])


def test_scores_count_silence_as_a_miss() -> None:
    """A true case of which one cannot tell is missed, and is counted apart."""
    truth = {"a": {"x"}, "b": {"x"}, "c": set(), "d": set()}
    one = score("x", truth, truth, {("a", "x"), ("c", "x")}, {("b", "x")})
    assert one == Score(hits=1, false_alarms=1, misses=1, not_told=1, not_told_true=1, cases=4)
    assert (one.precision, one.recall, one.f1, one.coverage) == (0.5, 0.5, 0.5, 0.75)
    assert one.recall_told == 1.0
    nothing = score("y", truth, truth, set())
    assert macro_f1([one, nothing]) == 0.5
    assert macro_f1_of_all([one, nothing]) == 0.75
