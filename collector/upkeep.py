"""The thread that keeps roll-ups up to date and carries retention out, beside serving.

It rests at least four times as long as its last turn took: upkeep takes at most a fifth of a
processor, whatever arrives. On PostgreSQL each collector has one; what one does the others find
done.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

from collector.clock import Clock
from collector.retention.policy import Policy
from collector.retention.run import ClockNotBelieved, run_daily
from collector.rollup.keeper import roll
from collector.store.interface import Store, StoreError

PAUSE_SECONDS: Final = 5.0
SETTLE: Final = timedelta(seconds=60)
"""How long what arrives in an hour is gathered before the hour is rolled up with all of it."""
REST_FACTOR: Final = 4.0
RETENTION_SECONDS: Final = 600.0
"""How often it is asked whether a day has gone by since retention last ran."""
_LOG: Final = logging.getLogger(__name__)


class Upkeep:
    """Start and stop it with the server."""

    def __init__(
        self,
        store: Store,
        policy: Policy,
        clock: Clock,
        daily: Sequence[Callable[[], object]] = (),
    ) -> None:
        """``daily``: further work, called again and again; each knows whether its day is done."""
        self._store = store
        self._policy = policy
        self._clock = clock
        self._daily = daily
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="upkeep", daemon=True)
        self._retention_due_seconds = clock.monotonic_seconds() + RETENTION_SECONDS

    def start(self) -> None:
        """Start in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the turn that runs, then stop."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def once(self) -> int:
        """Take one turn; give how many hours and days of schools were rolled up."""
        rolled = roll(self._store, self._clock.now(), SETTLE)
        if not rolled and self._clock.monotonic_seconds() >= self._retention_due_seconds:
            self._retention_due_seconds = self._clock.monotonic_seconds() + RETENTION_SECONDS
            self._retain()
            for work in self._daily:
                work()
        return rolled

    def _retain(self) -> None:
        try:
            outcomes = run_daily(self._store, self._policy, self._clock.now())
        except ClockNotBelieved as error:
            _LOG.warning("no retention: %s", error)
            return
        for outcome in outcomes or ():
            if outcome.rows or outcome.months:
                _LOG.info(
                    "retention: %d rows of %s, whole months: %s",
                    outcome.rows,
                    outcome.kind,
                    ", ".join(outcome.months) or "none",
                )

    def _work(self) -> None:
        pause = PAUSE_SECONDS
        while not self._stopping.wait(pause):
            started = self._clock.monotonic_seconds()
            rolled = 0
            try:
                rolled = self.once()
            except StoreError as error:
                _LOG.warning("upkeep failed, will be tried again: %s", error)
            except Exception:  # noqa: BLE001 - one bad hour must not end all upkeep; it is logged
                _LOG.exception("upkeep failed, will be tried again")
            took = self._clock.monotonic_seconds() - started
            pause = max(0.0 if rolled else PAUSE_SECONDS, REST_FACTOR * took)
