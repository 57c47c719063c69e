"""The thread that judges what has changed: results that arrived, a new week, new schools.

It asks the store twice a second what is to be judged, so it also sees what other processes
(an import) changed. It rests at least four times as long as its last pass took: judging takes
at most a fifth of a processor, whatever arrives. Judging reads a week of a school as a whole, so
one that was judged just now gathers what arrives for some seconds before it is judged again.
"""

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from collector.clock import Clock
from collector.compliance import ensure_week, judge_marked
from collector.judge.calendar import Calendars
from collector.judge.criteria import Criteria
from collector.judge.model import Figure, Status
from collector.metrics import Metrics
from collector.shown import Shown
from collector.store.interface import SchoolWeek, Store, StoreError

PAUSE_SECONDS: Final = 0.5
REST_FACTOR: Final = 4.0
AGAIN_SECONDS: Final = 10.0
"""From judging a school week to judging it again."""
TOTALS_SECONDS: Final = 15.0
_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class JudgeInputs:
    """What judging needs beside the results."""

    criteria: Criteria
    calendars: Calendars


class Rejudge:
    """Start and stop it with the server."""

    def __init__(
        self, store: Store, shown: Shown, inputs: JudgeInputs, clock: Clock, metrics: Metrics
    ) -> None:
        self._store = store
        self._shown = shown
        self._inputs = inputs
        self._clock = clock
        self._metrics = metrics
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="rejudge", daemon=True)
        self._totals_due_seconds = 0.0
        self._judged_seconds: dict[SchoolWeek, float] = {}
        """When each week was judged, of those judged just now."""

    def start(self) -> None:
        """Start judging in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the pass that runs, then stop."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def once(self) -> int:
        """Judge what is to be judged; give the number of verdict changes it made."""
        started = self._clock.monotonic_seconds()
        now = self._clock.now()
        criteria, calendars = self._inputs.criteria, self._inputs.calendars
        judged = judge_marked(self._store, criteria, calendars, self._due(started), now=now)
        added = ensure_week(
            self._store,
            criteria,
            calendars,
            week=self._shown.week(),
            simulated=self._shown.simulated(),
            now=now,
        )
        ended = self._clock.monotonic_seconds()
        changes = judged + len(added)
        if changes:
            self._metrics.judge_seconds.observe(ended - started)
        if changes or ended >= self._totals_due_seconds:
            self._totals_due_seconds = ended + TOTALS_SECONDS
            self._set_totals()
        return changes

    def _due(self, now_seconds: float) -> Mapping[SchoolWeek, int]:
        """Weeks to judge now; they count as judged."""
        since = now_seconds - AGAIN_SECONDS
        kept = {week: at for week, at in self._judged_seconds.items() if at > since}
        due = {week: mark for week, mark in self._store.dirty_weeks().items() if week not in kept}
        self._judged_seconds = kept | dict.fromkeys(due, now_seconds)
        return due

    def _work(self) -> None:
        pause = 0.0
        while not self._stopping.wait(pause):
            started = self._clock.monotonic_seconds()
            try:
                self.once()
            except StoreError as error:
                self._metrics.judge_failures.inc()
                _LOG.warning("judging failed, will be tried again: %s", error)
            except Exception:  # noqa: BLE001 - one bad week must not end all judging; it is logged
                self._metrics.judge_failures.inc()
                _LOG.exception("judging failed, will be tried again")
            took = self._clock.monotonic_seconds() - started
            pause = max(PAUSE_SECONDS, REST_FACTOR * took)

    def _set_totals(self) -> None:
        schools = self._store.schools()
        known = {school.code for school in schools}
        verdicts = self._store.verdicts(str(self._shown.week()), simulated=self._shown.simulated())
        self._metrics.schools.set(len(schools))
        for figure in Figure:
            for status in Status:
                count = sum(
                    verdict.status is status
                    for (code, of), verdict in verdicts.items()
                    if of is figure and code in known
                )
                self._metrics.set_city(figure, status, count)
        since = self._clock.now() - timedelta(hours=24)
        seen = [agent.last_seen_at for agent in self._store.agents()]
        self._metrics.agents_seen.set(sum(at is not None and at >= since for at in seen))
