"""Deliver an issued revision by every way that is set up, once, and note what became of it."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

from collector.report import delivery_rows, mail, webhook
from collector.report.clean import clean
from collector.report.delivery_rows import Channel, Delivery
from collector.report.document import Report
from collector.report.fonts import FontsMissing
from collector.report.formats import Format, Manner, write
from collector.report.issue_rows import Issue
from collector.report.mail import NotDelivered, PartlyDelivered
from collector.report.pdf import PdfFailed
from collector.report.settings import Settings
from collector.store.interface import Store
from collector.store.sql import Sql

MOST_ATTEMPTS: Final = 12
"""With the back-off of the schedule about a working day; then a person has to look."""
_LOG: Final = logging.getLogger(__name__)


def channels(settings: Settings) -> tuple[Channel, ...]:
    """The ways that are set up."""
    found = [
        Channel.MAIL if settings.mail is not None else None,
        Channel.WEBHOOK if settings.webhook is not None else None,
    ]
    return tuple(one for one in found if one is not None)


def outstanding(
    settings: Settings, issue: Issue, known: Mapping[Channel, Delivery], *, again: bool = False
) -> list[Delivery]:
    """What is still to be delivered of a revision. ``again``: also what was given up."""
    found = []
    for channel in channels(settings):
        one = known.get(channel) or Delivery(
            week=issue.week,
            simulated=issue.simulated,
            revision=issue.revision,
            channel=channel,
            attempts=0,
            delivered_at=None,
            problem="",
        )
        if one.delivered_at is None and (again or one.attempts < MOST_ATTEMPTS):
            found.append(one)
    return found


def _note(sql: Sql, noted: Delivery) -> None:
    delivery_rows.note(sql, noted)


class Deliverer:
    """Delivers revisions; the caller holds the lease, so that no other collector does."""

    def __init__(self, store: Store, settings: Settings, fonts: Path | None = None) -> None:
        self._store = store
        self._settings = settings
        self._fonts = fonts

    def waiting(self, issue: Issue, *, again: bool = False) -> list[Delivery]:
        """What is still to be delivered of a revision."""
        known = self._store.read(
            lambda sql: delivery_rows.deliveries(
                sql, simulated=issue.simulated, week=issue.week, revision=issue.revision
            )
        )
        return outstanding(self._settings, issue, {one.channel: one for one in known}, again=again)

    def deliver(
        self, issue: Issue, report: Report, now: Callable[[], datetime], *, again: bool = False
    ) -> list[Delivery]:
        """Try each way that waits; give what became of it. Raises StoreError alone."""
        done = []
        for one in self.waiting(issue, again=again):
            noted = self._one(one, issue, report, now())
            self._store.write(partial(_note, noted=noted))
            if noted.problem:
                _LOG.warning(
                    "report %s revision %d by %s: %s",
                    noted.week,
                    noted.revision,
                    noted.channel.value,
                    noted.problem,
                )
            done.append(noted)
        return done

    def _one(self, one: Delivery, issue: Issue, report: Report, now: datetime) -> Delivery:
        problem, delivered_at = "", None
        try:
            if one.channel is Channel.MAIL:
                self._mail(issue, report, now)
            else:
                assert self._settings.webhook is not None
                webhook.send(report, issue.sha256, self._settings.webhook, now)
            delivered_at = now
        except PartlyDelivered as error:
            problem, delivered_at = str(error), now
        except (NotDelivered, FontsMissing, PdfFailed) as error:
            problem = str(error)
        return Delivery(
            week=one.week,
            simulated=one.simulated,
            revision=one.revision,
            channel=one.channel,
            attempts=one.attempts + 1,
            delivered_at=delivered_at,
            problem=clean(problem, delivery_rows.MAX_PROBLEM_CHARACTERS),
        )

    def _mail(self, issue: Issue, report: Report, now: datetime) -> None:
        settings = self._settings
        assert settings.mail is not None
        manner = Manner(language=settings.language, fonts=self._fonts, bom=settings.csv_bom)
        files: dict[Format, bytes] = {
            wanted: write(report, wanted, manner) for wanted in settings.formats
        }
        made = mail.message(report, issue.sha256, files, settings.mail, settings.language, now)
        mail.send(made, settings.mail)
