"""Causes of schools for pages: looked for once, then kept for a while.

Looking for them reads weeks of results, far more than a page may cost each time it is opened.
"""

from collections import OrderedDict
from datetime import datetime
from threading import Lock
from typing import Final

from collector.causes.model import Causes
from collector.causes.of_school import school_causes
from collector.pages.sources import PageSources

KEPT_SECONDS: Final = 600.0
MOST_SCHOOLS: Final = 500
NOTHING_FOUND: Final = Causes(causes=(), looked_at={})

_Key = tuple[str, bool]


class KeptCauses:
    """One for all pages of a collector; pages are made in several threads."""

    def __init__(self, sources: PageSources) -> None:
        self._sources = sources
        self._kept: OrderedDict[_Key, tuple[float, Causes]] = OrderedDict()
        self._lock = Lock()

    def of(self, code: str, now: datetime, *, simulated: bool) -> Causes:
        """Give the causes of a school, at most :data:`KEPT_SECONDS` old. Raises StoreError."""
        at, key = self._sources.clock.monotonic_seconds(), (code, simulated)
        with self._lock:
            found = self._kept.get(key)
        if found is not None and at - found[0] < KEPT_SECONDS:
            return found[1]
        sources = self._sources
        causes = school_causes(
            sources.store, sources.criteria, sources.calendars, code, now=now, simulated=simulated
        )
        made = NOTHING_FOUND if causes is None else causes
        with self._lock:
            self._kept[key] = (at, made)
            self._kept.move_to_end(key)
            while len(self._kept) > MOST_SCHOOLS:
                self._kept.popitem(last=False)
        return made
