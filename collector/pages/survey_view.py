"""What the pages of the desk survey show, in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from collector.pages import format as fmt
from collector.pages.facts_view import fact_text, name_of
from collector.pages.i18n import Words
from collector.programme.judgement import Evidence, EvidenceKind, Judgement, Likelihood
from collector.programme.measures_catalogue import MeasureDefinition, load_measures
from collector.programme.model import Decision
from collector.programme.survey_state import CitySurvey, FindingCount, SchoolSurvey

_ORDER: Final = (Likelihood.LIKELY, Likelihood.CANNOT_TELL, Likelihood.UNLIKELY)
_MARKS: Final[Mapping[Likelihood, str]] = {
    Likelihood.LIKELY: "●",
    Likelihood.UNLIKELY: "－",
    Likelihood.CANNOT_TELL: "？",
}
_DECIDED: Final[Mapping[Decision, str]] = {
    Decision.CONFIRMED: "✔",
    Decision.REJECTED: "✖",
    Decision.RESOLVED: "◇",
}
CONTRADICTION: Final = "！"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the reader asked for; empty means everything."""

    q: str = ""
    only: str = ""
    region: str = ""
    finding: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """One finding at one school: a mark for the eye, words for the ear."""

    mark: str
    words: str
    kind: str
    """Class of the cell: ``likely``, ``cannot_tell``, ``unlikely``; never colour alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One school of the matrix."""

    code: str
    name: str
    sample: bool
    state: str
    tell: str
    cells: Sequence[Cell]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One finding of a school's page."""

    finding_id: str
    name: str
    explanation: str
    likelihood: str
    kind: str
    percent: str
    grade: str
    contradiction: bool
    evidence: Sequence[tuple[str, Sequence[str]]]
    """What it is, and the facts or schools it rests on."""
    missing: Sequence[str]
    decided: str
    decision: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueLine:
    """One finding of the catalogue, with how it stands in the city."""

    finding_id: str
    name: str
    explanation: str
    segment: str
    owner: str
    minimum: str
    measures: Sequence[str]
    source: str
    asks: Sequence[str]
    counts: Sequence[tuple[str, int]]


def fits(wanted: Wanted, one: SchoolSurvey) -> bool:
    """Say whether a school is among those that were asked for."""
    school = one.school
    if wanted.q and wanted.q.casefold() not in f"{school.code} {school.name}".casefold():
        return False
    if wanted.region and school.region != wanted.region:
        return False
    if wanted.finding:
        judged = one.judgements.get(wanted.finding)
        if judged is None or judged.likelihood is not Likelihood.LIKELY:
            return False
    return {
        "open": not one.surveyed,
        "contradictions": bool(one.contradictions),
        "unexplained": one.unexplained,
        "sample": school.sample,
    }.get(wanted.only, True)


def matrix(words: Words, survey: CitySurvey, wanted: Wanted) -> list[Row]:
    """Give the schools asked for, those with contradictions first, then those not confirmed."""
    found = [one for one in survey.schools if fits(wanted, one)]
    found.sort(key=lambda one: (not one.contradictions, one.surveyed, one.school.code))
    return [row(words, one) for one in found]


def row(words: Words, one: SchoolSurvey) -> Row:
    """Give one school of the matrix."""
    state = "not_started" if one.progress is None else one.progress.state.value
    return Row(
        code=one.school.code,
        name=one.school.name,
        sample=one.school.sample,
        state=words(f"progress_state.{state}"),
        tell=words(
            "survey.tell",
            likely=one.count(Likelihood.LIKELY),
            open=one.count(Likelihood.CANNOT_TELL),
        ),
        cells=[cell(words, judged) for judged in one.judgements.values()],
    )


def cell(words: Words, judged: Judgement) -> Cell:
    """Give one finding at one school."""
    told = words(f"likelihood.{judged.likelihood.value}")
    mark = _MARKS[judged.likelihood]
    if judged.decided is not None:
        told = words(f"decision.{judged.decided.decision.value}")
        mark = _DECIDED[judged.decided.decision]
    if judged.contradiction:
        told += words("site.separator") + words("survey.contradiction")
        mark += CONTRADICTION
    return Cell(mark, told, judged.likelihood.value)


def marks(words: Words) -> list[tuple[str, str]]:
    """Explain the marks of the matrix."""
    return [
        *((_MARKS[one], words(f"likelihood.{one.value}")) for one in _ORDER),
        *((_DECIDED[one], words(f"decision.{one.value}")) for one in Decision),
        (CONTRADICTION, words("survey.contradiction")),
    ]


def contradictions(words: Words, survey: CitySurvey) -> list[tuple[str, str, str, str]]:
    """Give code and name of the school, name of the finding, and what is said of it."""
    return [
        (
            one.school.code,
            one.school.name,
            survey.catalogues.findings[judged.finding_id].names[words.language],
            cell(words, judged).words,
        )
        for one in survey.schools
        for judged in one.contradictions
    ]


def lines(words: Words, survey: CitySurvey, one: SchoolSurvey) -> list[Line]:
    """Give a school's findings: contradictions, likely, cannot tell, unlikely."""
    judged = sorted(
        one.judgements.values(),
        key=lambda it: (not it.contradiction, _ORDER.index(it.likelihood), -it.probability),
    )
    return [line(words, survey, it) for it in judged]


def line(words: Words, survey: CitySurvey, judged: Judgement) -> Line:
    """Give one finding of a school."""
    facts = survey.catalogues.facts
    definition = survey.catalogues.findings[judged.finding_id]
    decided = judged.decided
    return Line(
        finding_id=judged.finding_id,
        name=definition.names[words.language],
        explanation=definition.explanation[words.language],
        likelihood=words(f"likelihood.{judged.likelihood.value}"),
        kind=judged.likelihood.value,
        percent=words("survey.probability", p=f"{judged.probability * 100:.0f}"),
        grade=words(f"grade.{judged.grade.value}"),
        contradiction=judged.contradiction,
        evidence=[evidence(words, survey, it) for it in judged.evidence],
        missing=[name_of(words, facts, key) for key in judged.missing],
        decided=""
        if decided is None
        else words(
            "survey.decided_note",
            who=decided.decided_by,
            day=fmt.day(words, decided.decided_on),
            grade=words(f"grade.{decided.grade.value}"),
            evidence=decided.evidence,
        ),
        decision="" if decided is None else decided.decision.value,
        version=0 if decided is None else decided.version,
    )


def evidence(words: Words, survey: CitySurvey, it: Evidence) -> tuple[str, Sequence[str]]:
    """Give a line of evidence and the facts it rests on."""
    side = "for" if it.weight > 0 else "against"
    names = {"confirmed": _codes(it.confirmed), "rejected": _codes(it.rejected)}
    key = f"survey_evidence.{it.kind.value}_{side}"
    head = words(key, **names) if it.kind is EvidenceKind.SAMPLE else words(key)
    return head, [fact_text(words, survey.catalogues.facts, fact) for fact in it.cited]


def catalogue_line(words: Words, survey: CitySurvey, count: FindingCount) -> CatalogueLine:
    """Give one finding of the catalogue."""
    definition, language = count.definition, words.language
    return CatalogueLine(
        finding_id=definition.finding_id,
        name=definition.names[language],
        explanation=definition.explanation[language],
        segment=words(f"segment.{definition.segment.value}"),
        owner=words(f"segment_owner.{definition.owner.value}"),
        minimum=words(f"grade.{definition.minimum_grade.value}"),
        measures=[measure_name(words, one) for one in definition.measures],
        source=definition.source,
        asks=[name_of(words, survey.catalogues.facts, key) for key in definition.facts()],
        counts=[
            *((words(f"decision.{it.value}"), getattr(count, it.value)) for it in Decision),
            (words("likelihood.likely"), count.likely),
            (words("likelihood.cannot_tell"), count.cannot_tell),
            (words("likelihood.unlikely"), count.unlikely),
            (words("survey.contradiction"), count.contradictions),
        ],
    )


def measure_name(words: Words, measure_id: str) -> str:
    """Give the name of a measure; its id where the catalogue of measures has none of it."""
    found = _measures().get(measure_id)
    return measure_id if found is None else found.names[words.language]


@cache
def _measures() -> Mapping[str, MeasureDefinition]:
    return load_measures().measures


def _codes(codes: Sequence[str]) -> str:
    return " ".join(codes) or "0"
