"""The thread that writes results to one time-series store, beside serving.

With several collectors on one PostgreSQL each has one; the one that holds the store writes, and
another takes over where the hold ends. A crash between writing and remembering writes a page
again: the same samples at the same times, which stores take as one.
"""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from random import Random
from typing import Final, Protocol

from collector.clock import Clock
from collector.export import cursor
from collector.export.cursor import PAGE_RESULTS, Holder
from collector.export.request import Connection, Target
from collector.export.sender import Later, Sender, Writes
from collector.export.series import Sample, samples_of
from collector.export.standing import EVERY_SECONDS
from collector.store.interface import Store, StoreError
from collector.store.times import to_micros
from wire.backoff import parse_retry_after, wait_seconds
from wire.ids import uuid4

PAUSE_SECONDS: Final = 10.0
"""Between two looks for new results."""
RENEW_SECONDS: Final = 30.0
STANDING_SAMPLES: Final = 5_000
"""In one request: about 1 MB before compression."""
_LOG: Final = logging.getLogger(__name__)


class Counts(Protocol):
    """Where a worker tells what it does; the metrics of the collector."""

    def export_wrote(self, store: str, samples: int) -> None:
        """Count samples that the store has taken."""
        ...

    def export_skipped(self, store: str, reason: str, count: int) -> None:
        """Count what was left out."""
        ...

    def export_failed(self, store: str) -> None:
        """Count a page that has to be tried again."""
        ...

    def export_behind(self, store: str, seconds: float) -> None:
        """Tell how long ago the oldest result arrived that may not be written yet."""
        ...


class _HoldLost(Exception):
    """Another collector holds the store by now."""


class Exporter:
    """Start and stop it with the server."""

    def __init__(
        self,
        store: Store,
        target: Target,
        clock: Clock,
        random: Random,
        counts: Counts,
        connect: Callable[[Target], Writes] = Connection,
        standing: Callable[[datetime], list[Sample]] | None = None,
    ) -> None:
        """``standing`` gives how everything is at a moment: written each minute, never later."""
        self._store = store
        self._standing = standing
        self._standing_due_seconds = clock.monotonic_seconds()
        self._clock = clock
        self._random = random
        self._counts = counts
        self._who = Holder(target.name, uuid4(random.getrandbits(128)))
        self._connection = connect(target)
        self._sender = Sender(self._connection, self._keep_hold)
        self._held_since_seconds = 0.0
        self._attempt = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="export", daemon=True)

    def start(self) -> None:
        """Start in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the request that runs, then stop, and let another collector go on at once."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        if isinstance(self._connection, Connection):
            self._connection.close()

    def once(self) -> float:
        """Write what is new; give the pause until the next look, in seconds.

        Raises :class:`StoreError`.
        """
        if not self._acquire():
            self._not_behind()
            return PAUSE_SECONDS
        try:
            self._write_standing()
            while not self._stopping.is_set() and self._page():
                self._write_standing()  # a long backlog does not hide how things are now
        except _HoldLost:
            self._not_behind()
            _LOG.info("another collector writes to %s now", self._who.store)
        except Later as later:
            asked = parse_retry_after(later.retry_after, self._clock.now())
            pause = self._pause_after_failure(asked)
            _LOG.warning("not written to %s: %s; next try in %.0f s", self._who.store, later, pause)
            return pause
        self._attempt = 0
        return PAUSE_SECONDS

    def _write_standing(self) -> None:
        """Write how everything is now, where a minute has gone by."""
        now_seconds = self._clock.monotonic_seconds()
        if self._standing is None or now_seconds < self._standing_due_seconds:
            return
        self._standing_due_seconds = now_seconds + EVERY_SECONDS
        samples = self._standing(self._clock.now())
        for start in range(0, len(samples), STANDING_SAMPLES):
            written = self._sender.send(samples[start : start + STANDING_SAMPLES])
            self._counts.export_wrote(self._who.store, written.written)
            for reason, count in written.skipped.items():
                self._counts.export_skipped(self._who.store, reason, count)

    def _page(self) -> bool:
        """Write one page; True where there is more."""
        who = self._who
        results = self._store.read(lambda sql: cursor.page(sql, who.store))
        made = samples_of(results)
        written = self._sender.send(made.samples)
        is_full = len(results) == PAGE_RESULTS
        now = self._now_micros()
        if not self._store.write(
            lambda sql: cursor.settle(sql, who, results, now, page_was_full=is_full)
        ):
            raise _HoldLost
        self._held_since_seconds = self._clock.monotonic_seconds()
        self._counts.export_wrote(who.store, written.written)
        for reason, count in (made.skipped + written.skipped).items():
            self._counts.export_skipped(who.store, reason, count)
        behind = (now - results[-1].received_at) / 1e6 if is_full else 0.0
        self._counts.export_behind(who.store, max(0.0, behind))
        return is_full

    def _tell_behind(self) -> None:
        """Nothing could be written: how long the oldest result waits by now."""
        store = self._who.store
        waiting = self._store.read(lambda sql: cursor.page(sql, store, 1))
        behind = (self._now_micros() - waiting[0].received_at) / 1e6 if waiting else 0.0
        self._counts.export_behind(store, max(0.0, behind))

    def _not_behind(self) -> None:
        """Another collector writes: how late it is, it tells itself."""
        self._counts.export_behind(self._who.store, 0.0)

    def _acquire(self) -> bool:
        now = self._now_micros()
        held = self._store.write(lambda sql: cursor.acquire(sql, self._who, now))
        self._held_since_seconds = self._clock.monotonic_seconds()
        return held

    def _keep_hold(self) -> None:
        if self._stopping.is_set():
            raise Later("stopping")
        if self._clock.monotonic_seconds() - self._held_since_seconds > RENEW_SECONDS and (
            not self._acquire()
        ):
            raise _HoldLost

    def _now_micros(self) -> int:
        return to_micros(self._clock.now())

    def _pause_after_failure(self, asked_seconds: float | None = None) -> float:
        self._counts.export_failed(self._who.store)
        with suppress(StoreError):  # then the database says nothing, not even this
            self._tell_behind()
        pause = wait_seconds(self._attempt, asked_seconds, self._random)
        self._attempt += 1
        return pause

    def _work(self) -> None:
        pause = 0.0
        while not self._stopping.wait(pause):
            try:
                pause = self.once()
            except StoreError as error:
                _LOG.warning("nothing written to %s: %s", self._who.store, error)
                pause = self._pause_after_failure()
            except Exception:  # noqa: BLE001 - one odd result must not end all writing; it is logged
                _LOG.exception("nothing written to %s, will be tried again", self._who.store)
                pause = self._pause_after_failure()
        try:
            self._store.write(lambda sql: cursor.release(sql, self._who))
        except StoreError as error:
            _LOG.warning("%s stays held for a while: %s", self._who.store, error)
