"""Pages of the weekly reports: what was issued, what changed, downloads, deliveries; issue one."""

import threading
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from collector.judge.week import Week
from collector.operators.forms import form_of
from collector.operators.signed_in import actor_of
from collector.pages import format as fmt
from collector.pages.answer import Answers, cut, root_of, words_of
from collector.pages.i18n import LANGUAGES, Words
from collector.pages.sources import PageSources
from collector.report import delivery_rows, issue_rows
from collector.report.delivery_rows import Delivery
from collector.report.document import Report
from collector.report.fonts import FontsMissing
from collector.report.formats import (
    MEDIA_TYPES,
    Format,
    Manner,
    file_name,
    plain_file_name,
    write,
)
from collector.report.gather import Inputs
from collector.report.issue import issue
from collector.report.issue_rows import Issue
from collector.report.pdf import PdfFailed
from collector.report.present_week import changed
from collector.report.say import Say
from collector.report.settings import Settings

SHOWN: Final = 60
"""Revisions on the page; the command lists all."""
KEPT: Final = 16
"""Files kept in memory."""
_PATH: Final = "/reports"
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "private, no-cache",
    "Vary": "Cookie",
}


class ReportPages:
    """The routes."""

    def __init__(
        self, sources: PageSources, answers: Answers, inputs: Inputs, settings: Settings | None
    ) -> None:
        self._sources = sources
        self._store = sources.store
        self._answers = answers
        self._inputs = inputs
        self._settings = settings
        self._writing = threading.Lock()
        self._file = lru_cache(maxsize=KEPT)(self._written)

    def router(self) -> APIRouter:
        """Make the routes."""
        routes = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        routes.get(_PATH)(self.listing)
        routes.post(_PATH)(self.make)
        routes.get(_PATH + "/{week}/{revision}")(self.one)
        routes.get(_PATH + "/{week}/{revision}/{name}")(self.download)
        return routes

    def listing(self, request: Request) -> Response:
        """Show the weeks that have a report."""
        return self._listing(request, None, 200)

    def make(self, request: Request) -> Response:
        """Issue the report of a week."""
        words, given = words_of(request), form_of(request).get("week", "")
        now = self._sources.clock.now()
        try:
            week = Week.parse(given)
        except ValueError:
            return self._listing(request, words("reports.no_week", week=cut(given)), 400)
        simulated = self._sources.shown.simulated()
        if str(week) not in self._store.judged_weeks(simulated=simulated) or week.end > now:
            return self._listing(request, words("reports.no_week", week=str(week)), 400)
        outcome = issue(
            self._inputs,
            week,
            simulated=simulated,
            now=self._sources.shown.now() if simulated else now,
            wall=now,
            actor=actor_of(request),
        )
        if not outcome.is_new:
            said = words("reports.nothing_new", week=str(week), n=outcome.report.revision)
            return self._listing(request, said, 200)
        return RedirectResponse(f"{root_of(request)}{_PATH}", 303)

    def one(self, request: Request, week: str, revision: str) -> Response:
        """Show one revision: its count, and what changed since the former one."""
        report = self._report(week, revision)
        words = words_of(request)
        if report is None:
            return self._missing(request, week)
        say = Say(report, words)
        values = {
            "week_name": say.week(report.week),
            "revision": report.revision,
            "stated": say.stated(),
            "met": report.city.met,
            "total": report.city.schools,
            "share": fmt.percent(report.city.met, report.city.schools),
            "files": self._links(request, report.week, report.revision),
            "differences": [
                {
                    "school": say.school(one.school_code) if one.school_code else say.city(),
                    "field": words(f"report_field.{one.field.value}"),
                    "values": changed(say, one),
                }
                for one in report.differences
            ],
            "deliveries": [
                _delivery(words, one)
                for one in self._deliveries(week)
                if one.revision == report.revision
            ],
        }
        return self._answers.page(request, "report_one.html", values)

    def download(self, request: Request, week: str, revision: str, name: str) -> Response:
        """Give one file: ``report.pdf``, ``report.xlsx``, ``report.html`` or ``report.csv``."""
        report = self._report(week, revision)
        stem, _, ending = name.partition(".")
        if report is None or stem != "report" or ending not in list(Format):
            return self._missing(request, week)
        wanted, language = Format(ending), words_of(request).language
        key = (report.week, report.revision, report.simulated)
        try:
            with self._writing:  # one at a time: a page of a city takes a second of a processor
                content = self._file(key, wanted, language)
        except (FontsMissing, PdfFailed) as error:
            values = {"message": words_of(request)("reports.no_pdf", problem=str(error))}
            return self._answers.page(request, "error.html", values, 503)
        names = (plain_file_name(report, wanted), quote(file_name(report, wanted, language)))
        return Response(
            content,
            media_type=MEDIA_TYPES[wanted],
            headers=_HEADERS
            | {
                "Content-Disposition": "attachment; filename=\"{}\"; filename*=UTF-8''{}".format(
                    *names
                )
            },
        )

    def _written(self, key: tuple[str, int, bool], wanted: Format, language: str) -> bytes:
        week, revision, simulated = key
        report = self._store.read(
            lambda sql: issue_rows.document(sql, week, revision, simulated=simulated)
        )
        assert report is not None  # it was just read
        bom = self._settings is None or self._settings.csv_bom
        return write(report, wanted, Manner(language=language, bom=bom))

    def _report(self, week: str, revision: str) -> Report | None:
        if not (revision.isascii() and revision.isdecimal() and len(revision) < 9):
            return None
        simulated = self._sources.shown.simulated()
        try:
            return self._store.read(
                lambda sql: issue_rows.document(
                    sql, str(Week.parse(week)), int(revision), simulated=simulated
                )
            )
        except ValueError:  # no week, or a document of another release
            return None

    def _missing(self, request: Request, week: str) -> Response:
        text = words_of(request)("reports.missing", week=cut(week))
        return self._answers.missing(request, text)

    def _listing(self, request: Request, message: str | None, status: int) -> Response:
        words = words_of(request)
        simulated = self._sources.shown.simulated()
        found = self._store.read(lambda sql: issue_rows.issues(sql, simulated=simulated))
        delivered = self._deliveries(None)
        now = self._sources.clock.now()
        weeks = [
            week
            for week in self._store.judged_weeks(simulated=simulated)
            if Week.parse(week).end <= now
        ]
        values: dict[str, object] = {
            "message": message,
            "refused": status != 200,
            "schedule": self._schedule(words),
            "issues": [self._row(request, words, one, delivered) for one in found[:SHOWN]],
            "weeks": [(week, fmt.week_name(words, week)) for week in weeks],
        }
        return self._answers.page(request, "reports.html", values, status)

    def _row(
        self, request: Request, words: Words, one: Issue, delivered: list[Delivery]
    ) -> dict[str, object]:
        return {
            "week": one.week,
            "week_name": fmt.week_name(words, one.week),
            "revision": one.revision,
            "url": f"{root_of(request)}{_PATH}/{one.week}/{one.revision}",
            "issued": fmt.moment(words, one.issued_at),
            "files": self._links(request, one.week, one.revision),
            "deliveries": [
                _delivery(words, each)
                for each in delivered
                if (each.week, each.revision) == (one.week, one.revision)
            ],
        }

    def _links(self, request: Request, week: str, revision: int) -> list[tuple[str, str]]:
        base = f"{root_of(request)}{_PATH}/{week}/{revision}"
        language = words_of(request).language
        assert language in LANGUAGES
        return [(one.value.upper(), f"{base}/report.{one.value}?lang={language}") for one in Format]

    def _deliveries(self, week: str | None) -> list[Delivery]:
        simulated = self._sources.shown.simulated()
        return self._store.read(
            lambda sql: delivery_rows.deliveries(sql, simulated=simulated, week=week)
        )

    def _schedule(self, words: Words) -> str:
        settings = self._settings
        if settings is None or self._sources.shown.simulated():
            return words("reports.by_hand")
        text = words(
            "reports.schedule",
            weekday=words(f"weekday.{settings.weekday}"),
            clock=f"{settings.at:%H:%M}",
        )
        ways = [
            *([] if settings.mail is None else [words("reports_channel.mail")]),
            *([] if settings.webhook is None else [words("reports_channel.webhook")]),
        ]
        to = words("site.separator").join(ways) or words("reports.nobody")
        return f"{text} {words('reports.to', ways=to)}"


def _delivery(words: Words, one: Delivery) -> dict[str, object]:
    way = words(f"reports_channel.{one.channel.value}")
    if one.delivered_at is not None:
        what = words("reports.delivered", time=fmt.moment(words, one.delivered_at))
    else:
        what = words("reports.not_delivered", n=one.attempts)
    return {"text": f"{way}: {what}", "problem": one.problem, "failed": one.delivered_at is None}
