"""The city that what-if and plan ask, drawn once for a while, one question at a time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

from collector.pages.sources import PageSources
from collector.programme.city_state import CityNow, Judged, city_now
from collector.programme.measures_catalogue import load_measures

KEPT_FOR: Final = timedelta(seconds=60)
PATIENCE_SECONDS: Final = 20.0


class Busy(Exception):
    """Others ask; each question takes a processor for seconds."""


class CityAsker:
    """Gives what is known of the city to one question at a time."""

    def __init__(self, sources: PageSources) -> None:
        self._sources = sources
        self.catalogue = load_measures()
        self._lock = threading.Lock()
        self._key: tuple[int, str, bool] | None = None
        self._kept: CityNow | None = None
        self._until: datetime | None = None

    @contextmanager
    def asked(self) -> Iterator[CityNow]:
        """Give the city while nobody else asks. Raises :class:`Busy`."""
        if not self._lock.acquire(timeout=PATIENCE_SECONDS):
            raise Busy
        try:
            yield self._now()
        finally:
            self._lock.release()

    def _now(self) -> CityNow:
        sources, now = self._sources, self._sources.clock.now()
        shown = sources.shown
        key = (sources.store.changes(), str(shown.week()), shown.simulated())
        stale = self._until is None or now >= self._until
        if self._kept is None or stale or key != self._key:
            judged = Judged(
                criteria=sources.criteria, calendars=sources.calendars, catalogue=self.catalogue
            )
            self._kept = city_now(sources.store, shown, judged)
            self._key, self._until = key, now + KEPT_FOR
        return self._kept
