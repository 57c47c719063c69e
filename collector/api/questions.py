"""``GET /v1/schools``, ``/v1/schools/{code}``, ``/v1/compliance``: what was found out."""

from typing import Annotated

from fastapi import APIRouter, Query

from collector.api import answers
from collector.api.context import Context
from collector.api.models import ComplianceOut, ErrorOut, SchoolDetailOut, SchoolsOut
from collector.api.refusal import Refusal
from collector.compliance import city_view, school_view
from collector.judge.week import Week

WeekAsked = Annotated[
    str | None,
    Query(
        description="ISO week (Asia/Tokyo); without it the week shown, usually the last complete",
        max_length=20,
        examples=["2026-W20"],
    ),
]


def router(context: Context) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(
        tags=["findings"], responses={code: {"model": ErrorOut} for code in (400, 404, 422, 503)}
    )
    store, criteria, calendars = context.store, context.criteria, context.calendars

    def week_of(asked: str | None) -> Week:
        if asked is None:
            return context.shown.week()
        try:
            return Week.parse(asked)
        except ValueError as error:
            raise Refusal(400, "week", str(error)) from None

    @routes.get("/v1/schools")
    def schools() -> SchoolsOut:
        """Give all schools with their required speed."""
        baseline = store.baseline()
        return SchoolsOut(
            schools=[
                answers.school(school, criteria, baseline.get(school.code))
                for school in store.schools()
            ]
        )

    @routes.get("/v1/schools/{code}")
    def school(code: str, week: WeekAsked = None) -> SchoolDetailOut:
        """Give one school: verdicts with evidence, history, latest results and failures."""
        view = school_view(
            store,
            criteria,
            calendars,
            code,
            week=week_of(week),
            simulated=context.shown.simulated(),
            now=context.shown.now(),
        )
        if view is None:
            raise Refusal(
                404, "no_school", f"there is no school {code[:40]!r}: see GET /v1/schools"
            )
        return answers.school_detail(view, criteria, context.clock.now())

    @routes.get("/v1/compliance")
    def compliance(week: WeekAsked = None) -> ComplianceOut:
        """Give the city: how many schools have the speed they need, against the survey."""
        view = city_view(
            store,
            criteria,
            calendars,
            week=week_of(week),
            simulated=context.shown.simulated(),
            now=context.shown.now(),
            wall=context.clock.now(),
        )
        return answers.compliance(view)

    return routes
