"""The thread that issues last week's report when it is due, and delivers it.

With several collectors on one PostgreSQL each has one; the one that holds the lease works. Late
results of a week that is watched make a new revision, which is delivered too; what else changes
of a past week waits until a person issues it.
"""

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final

from collector.clock import Clock
from collector.judge.week import Week
from collector.report import delivery_rows, issue_rows
from collector.report.build import build
from collector.report.deliver import Deliverer
from collector.report.differences import differences
from collector.report.document import Field, Report
from collector.report.gather import Inputs, gather
from collector.report.issue import issue
from collector.report.settings import Settings
from collector.store.interface import StoreError
from wire.backoff import delay_seconds
from wire.ids import uuid4

PAUSE_SECONDS: Final = 60.0
FIRST_SECONDS: Final = 20.0
"""After the start: judging comes first."""
LOOK_BACK_SECONDS: Final = 3_600.0
"""How often past weeks are looked at for late results."""
RETRY_FIRST_SECONDS: Final = 60.0
RETRY_CAP_SECONDS: Final = 7_200.0
ACTOR: Final = "collector"
_LATE: Final = frozenset(
    {
        *(Field.SCHOOL_ADDED, Field.SCHOOL_REMOVED, Field.PUPILS, Field.REQUIRED, Field.BASELINE),
        *(Field.QUIET_STATUS, Field.QUIET_MEDIAN, Field.QUIET_RUNS),
        *(Field.LESSON_STATUS, Field.LESSON_MEDIAN, Field.LESSON_RUNS),
    }
)
"""Differences that make a new revision by themselves."""
_LOG: Final = logging.getLogger(__name__)


def is_late(former: Report, made: Report) -> bool:
    """Whether results, criteria or schools of a past week have changed since it was issued."""
    return any(one.field in _LATE for one in differences(former, made))


class Schedule:
    """Start and stop it with the server."""

    def __init__(
        self,
        inputs: Inputs,
        settings: Settings,
        clock: Clock,
        random: Random,
        simulated: Callable[[], bool],
        fonts: Path | None = None,
    ) -> None:
        """``simulated``: whether a simulated city is shown; of one nothing is issued."""
        self._inputs = inputs
        self._settings = settings
        self._clock = clock
        self._random = random
        self._simulated = simulated
        self._deliverer = Deliverer(inputs.store, settings, fonts)
        self._holder = uuid4(random.getrandbits(128))
        self._look_back_due_seconds = 0.0
        self._retry_due_seconds: dict[tuple[str, int], float] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="report", daemon=True)

    def start(self) -> None:
        """Start in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the delivery that runs, then stop."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def once(self) -> bool:
        """Take one turn; False where there is nothing to do here. Raises StoreError."""
        store, now = self._inputs.store, self._clock.now()
        if self._simulated() or not store.schools():
            return False
        if not store.write(lambda sql: delivery_rows.acquire(sql, self._holder, now)):
            return False
        due = self._settings.newest_due(now)
        self._issue(due)
        self._look_back(due)
        self._deliver(due)
        return True

    def _issue(self, week: Week) -> None:
        """Issue a week that is due and was not yet."""
        if self._newest(week) is None and self._has_verdicts(week):
            self._make(week)

    def _look_back(self, due: Week) -> None:
        """Issue weeks again that got late results."""
        started = self._clock.monotonic_seconds()
        if started < self._look_back_due_seconds:
            return
        self._look_back_due_seconds = started + LOOK_BACK_SECONDS
        for back in range(self._settings.weeks_watched):
            week = due.plus(-back)
            last = self._newest(week)
            if last is None or self._stopping.is_set():
                continue
            try:
                former = self._document(week, last.revision)
            except ValueError:
                continue  # issued by another release
            now = self._clock.now()
            material = gather(self._inputs, week, simulated=False, now=now, wall=now)
            if former is not None and is_late(former, build(material, stated_at=now)):
                self._make(week)

    def _deliver(self, due: Week) -> None:
        """Deliver the newest revision of every week that is watched; older ones are superseded."""
        for back in range(max(1, self._settings.weeks_watched)):
            week = due.plus(-back)
            last = self._newest(week)
            if last is None or self._stopping.is_set():
                continue
            key = (last.week, last.revision)
            if self._clock.monotonic_seconds() < self._retry_due_seconds.get(key, 0.0):
                continue
            if not self._deliverer.waiting(last):
                continue
            try:
                report = self._document(week, last.revision)
            except ValueError as error:
                _LOG.warning("report %s cannot be delivered: %s", week, error)
                continue
            assert report is not None
            done = self._deliverer.deliver(last, report, self._clock.now)
            attempts = max((one.attempts for one in done if one.delivered_at is None), default=0)
            if attempts:
                self._retry_due_seconds[key] = self._clock.monotonic_seconds() + delay_seconds(
                    attempts,
                    self._random,
                    first_seconds=RETRY_FIRST_SECONDS,
                    cap_seconds=RETRY_CAP_SECONDS,
                )

    def _make(self, week: Week) -> None:
        now = self._clock.now()
        outcome = issue(self._inputs, week, simulated=False, now=now, wall=now, actor=ACTOR)
        _LOG.info("report %s revision %d issued", week, outcome.report.revision)

    def _newest(self, week: Week) -> issue_rows.Issue | None:
        return self._inputs.store.read(
            lambda sql: issue_rows.newest(sql, str(week), simulated=False)
        )

    def _document(self, week: Week, revision: int) -> Report | None:
        return self._inputs.store.read(
            lambda sql: issue_rows.document(sql, str(week), revision, simulated=False)
        )

    def _has_verdicts(self, week: Week) -> bool:
        return str(week) in self._inputs.store.judged_weeks(simulated=False)

    def _work(self) -> None:
        pause = FIRST_SECONDS
        while not self._stopping.wait(pause):
            pause = PAUSE_SECONDS
            try:
                self.once()
            except StoreError as error:
                _LOG.warning("no report, will be tried again: %s", error)
            except Exception:  # noqa: BLE001 - one odd week must not end all reports; it is logged
                _LOG.exception("no report, will be tried again")
        try:
            self._inputs.store.write(lambda sql: delivery_rows.release(sql, self._holder))
        except StoreError as error:
            _LOG.warning("reports stay held for a while: %s", error)
