"""``GET /v1/weeks/{week}/revisions`` and ``/v1/schools/{code}/clocks``: late and odd data."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, Field

from collector import clocks
from collector.api.context import Context
from collector.api.models import ErrorOut
from collector.api.refusal import Refusal
from collector.judge.week import Week
from collector.revisions import rows


class ChangeOut(BaseModel):
    """One verdict that changed."""

    school_code: str
    figure: str
    cause: str = Field(description="late_data, criteria or calendar")
    status_before: str
    status_after: str
    median_before_bps: float | None
    median_after_bps: float | None
    runs_before: int
    runs_after: int


class RevisionOut(BaseModel):
    """What became of a week's verdicts after it was published."""

    number: int
    made_at: datetime
    causes: list[str]
    alerts: bool = Field(description="always false: a change of the past wakes nobody")
    changes: list[ChangeOut]


class RevisionsOut(BaseModel):
    """All revisions of a week, newest first."""

    week: str
    revisions: list[RevisionOut]


class ClockOut(BaseModel):
    """How far one agent's clock is off."""

    agent_id: str
    results: int
    skew_seconds: float | None = Field(
        description="arrival less end of measurement, median of the freshest results"
    )
    reported_offset_seconds: float | None = Field(
        description="true time less the agent's clock, as the agent measured it"
    )
    suspect_results: int = Field(
        description="dated so far from their arrival that they are only kept and shown"
    )
    wrong: bool


class ClocksOut(BaseModel):
    """The clocks of a school's agents."""

    school_code: str
    clocks: list[ClockOut]


def router(context: Context) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(
        tags=["findings"], responses={code: {"model": ErrorOut} for code in (400, 404, 422, 503)}
    )

    @routes.get("/v1/weeks/{week}/revisions")
    def revisions(week: str) -> RevisionsOut:
        """Give what changed of a week's verdicts after it was published, and why."""
        try:
            asked = str(Week.parse(week))
        except ValueError as error:
            raise Refusal(400, "week", str(error)) from None
        simulated = context.shown.simulated()
        found = context.store.read(lambda sql: rows.of_week(sql, asked, simulated=simulated))
        return RevisionsOut(
            week=asked,
            revisions=[
                RevisionOut(
                    number=one.number,
                    made_at=one.made_at,
                    causes=[cause.value for cause in one.causes],
                    alerts=one.alerts,
                    changes=[
                        ChangeOut(
                            school_code=change.school_code,
                            figure=change.figure.value,
                            cause=change.cause.value,
                            status_before=change.status_before,
                            status_after=change.status_after,
                            median_before_bps=change.median_before_bps,
                            median_after_bps=change.median_after_bps,
                            runs_before=change.runs_before,
                            runs_after=change.runs_after,
                        )
                        for change in one.changes
                    ],
                )
                for one in found
            ],
        )

    @routes.get("/v1/schools/{code}/clocks")
    def clocks_of(code: str) -> ClocksOut:
        """Give how far the clocks of a school's agents are off."""
        if context.store.school(code) is None:
            raise Refusal(
                404, "no_school", f"there is no school {code[:40]!r}: see GET /v1/schools"
            )
        found = context.store.read(lambda sql: clocks.skews(sql, code))
        return ClocksOut(
            school_code=code,
            clocks=[
                ClockOut(
                    agent_id=one.agent_id,
                    results=one.results,
                    skew_seconds=one.skew_seconds,
                    reported_offset_seconds=one.reported_offset_seconds,
                    suspect_results=one.suspect_results,
                    wrong=one.wrong,
                )
                for one in found
            ],
        )

    return routes
