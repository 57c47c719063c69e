"""The desk survey of a whole city as it stands now, read from a store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from collector.judge.criteria import Criteria
from collector.judge.model import Figure, Status
from collector.programme import decision_rows, fact_rows, progress_rows
from collector.programme.facts_catalogue import FactDefinition
from collector.programme.findings_catalogue import FindingDefinition
from collector.programme.judgement import Judgement, Likelihood
from collector.programme.model import Decision, Progress
from collector.programme.record_facts import with_records
from collector.programme.survey import Judgements, judge_city
from collector.schools.model import School
from collector.shown import Shown
from collector.store.interface import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogues:
    """What may be known, and what can be wrong."""

    facts: Mapping[str, FactDefinition]
    findings: Mapping[str, FindingDefinition]


@dataclass(frozen=True, slots=True, kw_only=True)
class SchoolSurvey:
    """One school in the survey."""

    school: School
    judgements: Mapping[str, Judgement]
    """By finding, in the order of the catalogue."""
    progress: Progress | None
    quiet: Status | None
    """Verdict on quiet capacity in the week shown."""

    @property
    def contradictions(self) -> tuple[Judgement, ...]:
        """Where papers or people and measurements disagree."""
        return tuple(one for one in self.judgements.values() if one.contradiction)

    @property
    def surveyed(self) -> bool:
        """Whether a person has confirmed what is wrong at the school."""
        return self.progress is not None and self.progress.state.identifies

    @property
    def unexplained(self) -> bool:
        """Whether it misses its speed and no finding is likely: something was overlooked."""
        return self.quiet is Status.NOT_MET and not any(
            one.likelihood is Likelihood.LIKELY for one in self.judgements.values()
        )

    def count(self, likelihood: Likelihood) -> int:
        """How many findings are said to be so."""
        return sum(one.likelihood is likelihood for one in self.judgements.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class CitySurvey:
    """All schools in the survey, by code."""

    catalogues: Catalogues
    schools: Sequence[SchoolSurvey]

    @property
    def others(self) -> Sequence[SchoolSurvey]:
        """The schools that get a desk survey: all but the sample schools."""
        return [one for one in self.schools if not one.school.sample]

    def school(self, code: str) -> SchoolSurvey | None:
        """One school; None where there is none of that code."""
        return next((one for one in self.schools if one.school.code == code), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingCount:
    """How a finding stands in the city."""

    definition: FindingDefinition
    confirmed: int
    rejected: int
    resolved: int
    likely: int
    """Likely and not decided."""
    cannot_tell: int
    unlikely: int
    contradictions: int


def city_survey(
    store: Store, criteria: Criteria, catalogues: Catalogues, shown: Shown
) -> CitySurvey:
    """Survey the city as everything stands now. Reads only. Raises StoreError."""
    schools = store.schools()
    verdicts = store.verdicts(str(shown.week()), simulated=shown.simulated())
    states = {one.school_code: one for one in store.read(progress_rows.progress)}
    judged = judgements(store, criteria, catalogues)
    return CitySurvey(
        catalogues=catalogues,
        schools=[
            SchoolSurvey(
                school=school,
                judgements=judged[school.code],
                progress=states.get(school.code),
                quiet=None
                if (verdict := verdicts.get((school.code, Figure.QUIET))) is None
                else verdict.status,
            )
            for school in schools
        ],
    )


def judgements(store: Store, criteria: Criteria, catalogues: Catalogues) -> Judgements:
    """Judge every finding at every school of a store."""
    schools = store.schools()
    facts = with_records(store.read(fact_rows.facts), schools, criteria, date.min)
    samples = {school.code for school in schools if school.sample}
    decisions = store.read(decision_rows.decisions)
    return judge_city(schools, facts, decisions, samples, catalogues.findings)


def counts(survey: CitySurvey) -> Sequence[FindingCount]:
    """Count each finding over all schools, in the order of the catalogue."""
    return [
        _count(definition, [one.judgements[finding_id] for one in survey.schools])
        for finding_id, definition in survey.catalogues.findings.items()
    ]


def _count(definition: FindingDefinition, found: Sequence[Judgement]) -> FindingCount:
    decided = [one.decided.decision for one in found if one.decided is not None]
    open_ = [one.likelihood for one in found if one.decided is None]
    return FindingCount(
        definition=definition,
        confirmed=decided.count(Decision.CONFIRMED),
        rejected=decided.count(Decision.REJECTED),
        resolved=decided.count(Decision.RESOLVED),
        likely=open_.count(Likelihood.LIKELY),
        cannot_tell=open_.count(Likelihood.CANNOT_TELL),
        unlikely=open_.count(Likelihood.UNLIKELY),
        contradictions=sum(one.contradiction for one in found),
    )
