"""One trial: survey a planted city without its truth, then score ours and two baselines. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from collector.demo.city import schools as fictional_schools
from collector.judge.criteria import Criteria
from collector.programme.findings_catalogue import FindingDefinition
from collector.programme.judgement import Likelihood
from collector.programme.model import Decision
from collector.programme.planted.city import NOTED_ON, PlantedCity, planted_city
from collector.programme.planted.score import Score, macro_f1, macro_f1_of_all, score
from collector.programme.record_facts import with_records
from collector.programme.survey import judge_city


@dataclass(frozen=True, slots=True)
class Trial:
    """Scores by finding of one city, over the schools that are no sample schools."""

    seed: int
    ours: Mapping[str, Score]
    everywhere: Mapping[str, Score]
    """Baseline: every finding of the sample, at every school."""
    none: Mapping[str, Score]
    """Baseline: nothing anywhere."""

    def macro(self, which: str) -> float:
        """Macro F1 over the findings that are there, of ``ours``, ``everywhere`` or ``none``."""
        return macro_f1(getattr(self, which).values())

    def macro_of_all(self, which: str) -> float:
        """Macro F1 over all findings; nothing said of nothing there counts 1."""
        return macro_f1_of_all(getattr(self, which).values())

    @property
    def is_above(self) -> bool:
        """Whether ours is above both baselines."""
        return self.macro("ours") > max(self.macro("everywhere"), self.macro("none"))


def trial(catalogue: Mapping[str, FindingDefinition], criteria: Criteria, seed: int) -> Trial:
    """Make the city of a seed, survey it and score."""
    city = planted_city(fictional_schools(seed), criteria, list(catalogue), seed)
    return scored(city, catalogue, criteria, seed)


def scored(
    city: PlantedCity, catalogue: Mapping[str, FindingDefinition], criteria: Criteria, seed: int
) -> Trial:
    """Survey a city and score it."""
    facts = with_records(city.facts, city.schools, criteria, NOTED_ON)
    judged = judge_city(city.schools, facts, city.decisions, city.samples, catalogue)
    rest = [school.code for school in city.schools if school.code not in city.samples]
    pairs = {
        likelihood: {
            (code, finding_id)
            for code in rest
            for finding_id, one in judged[code].items()
            if one.likelihood is likelihood
        }
        for likelihood in Likelihood
    }
    found = {one.finding_id for one in city.decisions if one.decision is Decision.CONFIRMED}
    all_of_sample = {(code, finding_id) for code in rest for finding_id in found}
    silent = pairs[Likelihood.CANNOT_TELL]
    return Trial(
        seed,
        {one: score(one, rest, city.truth, pairs[Likelihood.LIKELY], silent) for one in catalogue},
        {one: score(one, rest, city.truth, all_of_sample) for one in catalogue},
        {one: score(one, rest, city.truth, frozenset()) for one in catalogue},
    )
