"""``GET /v1/schools/{code}/causes``: what is wrong at a school, and on what evidence."""

from datetime import date

from fastapi import APIRouter
from pydantic import BaseModel, Field

from collector.api.context import Context
from collector.api.models import ErrorOut
from collector.api.refusal import Refusal
from collector.causes.kept import KeptCauses
from collector.causes.model import Cause, Certainty, Strength


class ObservedOut(BaseModel):
    """One piece of evidence."""

    what: str = Field(description="what was seen, the key of its sentence on the pages")
    figures: dict[str, float | bool | str] = Field(description="units are in the names")
    speaks_for: bool
    result_ids: list[str] = Field(description="results it rests on, newest first, at most 10")


class CauseOut(BaseModel):
    """One cause. Names of findings and measures are in the catalogue of findings."""

    finding_id: str
    segment: str
    place: str | None = Field(description="device and port, hop or address, where known")
    owner: str
    certainty: Certainty = Field(
        description="past: it could be seen in the latest days and was not"
    )
    strength: Strength
    confidence: float = Field(
        description="share of such answers that were right where the truth was planted, its lower "
        "end (Wilson, 95 %); an assumption where confidence_count is 0"
    )
    confidence_count: int
    last_seen: date | None
    observed: list[ObservedOut]
    confirm: list[str]
    measures: list[str]
    explains: list[str] = Field(description="findings that are taken for its effects")


class CausesOut(BaseModel):
    """The causes of one school, the surest first, past ones last; at most ten minutes old."""

    school_code: str
    simulated: bool
    causes: list[CauseOut]
    cannot_tell: list[str] = Field(description="findings that nothing was measured for")


def router(context: Context, kept: KeptCauses) -> APIRouter:
    """Make the route."""
    routes = APIRouter(
        tags=["findings"], responses={code: {"model": ErrorOut} for code in (404, 422, 503)}
    )

    @routes.get("/v1/schools/{code}/causes")
    def causes(code: str) -> CausesOut:
        """Give what is wrong at a school: segment, owner, how sure, evidence, measures."""
        if context.store.school(code) is None:
            raise Refusal(
                404, "no_school", f"there is no school {code[:40]!r}: see GET /v1/schools"
            )
        simulated = context.shown.simulated()
        found = kept.of(code, context.shown.now(), simulated=simulated)
        return CausesOut(
            school_code=code,
            simulated=simulated,
            causes=[_cause(one) for one in found.causes],
            cannot_tell=[name for name, looked in found.looked_at.items() if not looked],
        )

    return routes


def _cause(one: Cause) -> CauseOut:
    return CauseOut(
        finding_id=one.finding_id,
        segment=one.segment,
        place=one.place,
        owner=one.owner,
        certainty=one.certainty,
        strength=one.strength,
        confidence=one.confidence,
        confidence_count=one.confidence_count,
        last_seen=one.last_seen,
        observed=[
            ObservedOut(
                what=piece.what,
                figures=dict(piece.figures),
                speaks_for=piece.speaks_for,
                result_ids=list(piece.result_ids),
            )
            for piece in one.observed
        ],
        confirm=list(one.confirm),
        measures=list(one.measures),
        explains=list(one.explains),
    )
