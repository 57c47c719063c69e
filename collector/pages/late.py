"""Pages of late and odd data: revisions of a week, clocks of a school's agents."""

from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from collector import clocks
from collector.judge.week import Week
from collector.pages import format as fmt
from collector.pages.answer import Answers, cut, root_of, words_of
from collector.pages.i18n import Words
from collector.pages.sources import PageSources
from collector.revisions import rows


def router(sources: PageSources, answers: Answers) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    store = sources.store

    @routes.get("/weeks/{week}/revisions")
    def revisions(request: Request, week: str) -> HTMLResponse:
        """Show what changed of a week after it was published."""
        text = words_of(request)
        try:
            asked = str(Week.parse(week))
        except ValueError:
            return answers.missing(request, text("error.no_week", week=cut(week)))
        simulated = sources.shown.simulated()
        found = store.read(lambda sql: rows.of_week(sql, asked, simulated=simulated))
        names = {school.code: school.name for school in store.schools()}
        return answers.page(
            request,
            "revisions.html",
            {
                "week": asked,
                "week_name": fmt.week_name(text, asked),
                "revisions": [_revision(text, one, names, root_of(request)) for one in found],
            },
        )

    @routes.get("/schools/{code}/clocks")
    def school_clocks(request: Request, code: str) -> HTMLResponse:
        """Show how far the clocks of a school's agents are off."""
        text = words_of(request)
        school = store.school(code)
        if school is None:
            return answers.missing(request, text("error.no_school", code=cut(code)))
        found = store.read(lambda sql: clocks.skews(sql, code))
        return answers.page(
            request,
            "clocks.html",
            {
                "school_url": f"{root_of(request)}/schools/{quote(code, safe='')}",
                "name": school.name,
                "clocks": [
                    {
                        "agent_id": one.agent_id,
                        "skew": _seconds(text, one.skew_seconds),
                        "offset": _seconds(text, one.reported_offset_seconds),
                        "results": one.results,
                        "suspect": one.suspect_results,
                        "state": text("late.wrong" if one.wrong else "late.right"),
                    }
                    for one in found
                ],
            },
        )

    return routes


def _revision(
    text: Words, one: rows.Revision, names: dict[str, str], root: str
) -> dict[str, object]:
    separator = text("site.separator")
    return {
        "number": one.number,
        "when": fmt.moment(text, one.made_at),
        "causes": separator.join(text(f"late_cause.{cause.value}") for cause in one.causes),
        "changes": [
            {
                "name": names.get(change.school_code, change.school_code),
                "url": f"{root}/schools/{quote(change.school_code, safe='')}?week={one.week}",
                "figure": text(f"figure.{change.figure.value}"),
                "before": change.status_before,
                "after": change.status_after,
                "median_before": fmt.mbps(text, change.median_before_bps),
                "median_after": fmt.mbps(text, change.median_after_bps),
                "runs_before": change.runs_before,
                "runs_after": change.runs_after,
                "cause": text(f"late_cause.{change.cause.value}"),
            }
            for change in one.changes
        ],
    }


def _seconds(text: Words, seconds: float | None) -> str:
    return text("site.none") if seconds is None else text("late.seconds", seconds=f"{seconds:+.1f}")
