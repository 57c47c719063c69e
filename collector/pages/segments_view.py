"""The segment picture of a school in words: each piece with its state, figures and causes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from collector.causes.model import Cause, Causes
from collector.causes.segments import PieceState, Shown, pieces
from collector.judge.criteria import Criteria
from collector.pages.facts_view import fact_text
from collector.pages.i18n import Words
from collector.pages.sources import PageSources
from collector.programme import fact_rows
from collector.programme.facts_catalogue import FactDefinition
from collector.programme.findings_catalogue import FindingDefinition
from collector.programme.model import Fact
from collector.programme.record_facts import with_records
from collector.programme.weighing import strongest
from collector.schools.model import School

Catalogues = tuple[Mapping[str, FactDefinition], Mapping[str, FindingDefinition]]
_SPEAKS: Final = {True: "for", False: "against", None: "between"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureLine:
    """A figure: its text, and ``for``, ``against`` or ``between``."""

    text: str
    speaks: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseLine:
    """A cause on its piece."""

    name: str
    explanation: str
    place: str
    owner: str
    certainty: str
    """``named`` or ``suspected``."""
    confidence: str
    """How many of such answers were right in the calibration, or that nothing was counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PieceLine:
    """A piece of the path."""

    segment: str
    state: str
    figures: Sequence[FigureLine]
    causes: Sequence[CauseLine]
    symptoms: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PathPicture:
    """The picture."""

    pieces: Sequence[PieceLine]
    summary: str
    """One sentence that says where it is."""


def picture_of_school(
    sources: PageSources,
    words: Words,
    catalogues: Catalogues,
    code: str,
    day: date,
    causes: Causes,
) -> PathPicture | None:
    """Read what is known of a school and make its picture; None where there is no such school."""
    school = sources.store.school(code)
    if school is None:
        return None
    facts = sources.store.read(lambda sql: fact_rows.facts(sql, code))
    return path_picture(words, catalogues, school, facts, sources.criteria, day, causes)


def path_picture(
    words: Words,
    catalogues: Catalogues,
    school: School,
    facts: Sequence[Fact],
    criteria: Criteria,
    day: date,
    causes: Causes,
) -> PathPicture:
    """Make the picture of one school from its facts and what was found."""
    definitions, findings = catalogues
    view = strongest(with_records(facts, [school], criteria, day))
    found = pieces(
        {key: fact.value for key, fact in view.items()},
        causes,
        {one.finding_id: one.segment.value for one in findings.values()},
    )
    lines = [
        PieceLine(
            segment=piece.segment.value,
            state=piece.state.value,
            figures=[_figure(words, definitions, view, one) for one in piece.figures],
            causes=[_cause(words, findings, one) for one in piece.causes],
            symptoms=[
                words(
                    "path.symptom",
                    symptom=_name(words, findings, symptom),
                    cause=_name(words, findings, cause),
                )
                for symptom, cause in piece.explained.items()
            ],
        )
        for piece in found
    ]
    return PathPicture(pieces=lines, summary=_summary(words, lines))


def _summary(words: Words, lines: Sequence[PieceLine]) -> str:
    """Name the worst pieces; where none is bad, say how much is known."""
    for state in (PieceState.TROUBLE, PieceState.SUSPECTED):
        bad = [words(f"segment.{one.segment}") for one in lines if one.state == state]
        if bad:
            return words(f"path_summary.{state.value}", pieces=words("site.separator").join(bad))
    good = sum(one.state == PieceState.GOOD for one in lines)
    return words("path_summary.good", good=good, total=len(lines))


def _figure(
    words: Words,
    definitions: Mapping[str, FactDefinition],
    view: Mapping[str, Fact],
    shown: Shown,
) -> FigureLine:
    return FigureLine(
        text=fact_text(words, definitions, view[shown.fact]), speaks=_SPEAKS[shown.speaks_for]
    )


def _cause(words: Words, findings: Mapping[str, FindingDefinition], cause: Cause) -> CauseLine:
    definition = findings.get(cause.finding_id)
    return CauseLine(
        name=_name(words, findings, cause.finding_id),
        explanation="" if definition is None else definition.explanation[words.language],
        place=cause.place or "",
        owner=words(f"segment_owner.{cause.owner}"),
        certainty=cause.certainty.value,
        confidence=words("path.confidence_assumed")
        if cause.confidence_count == 0
        else words(
            "path.confidence",
            percent=f"{cause.confidence * 100:.0f}",
            count=cause.confidence_count,
        ),
    )


def _name(words: Words, findings: Mapping[str, FindingDefinition], finding_id: str) -> str:
    definition = findings.get(finding_id)
    return finding_id if definition is None else definition.names[words.language]
