"""Causes of schools for pages and the API: looked for once, then kept for a while.

Looking for them reads weeks of results, far more than an answer may cost each time it is asked for.
"""

from collections import OrderedDict
from datetime import datetime
from threading import Lock
from typing import Final

from collector.causes.model import Causes
from collector.causes.of_school import school_causes
from collector.clock import Clock
from collector.judge.calendar import Calendars
from collector.judge.criteria import Criteria
from collector.store.interface import Store

KEPT_SECONDS: Final = 600.0
MOST_SCHOOLS: Final = 500
NOTHING_FOUND: Final = Causes(causes=(), looked_at={})

_Key = tuple[str, bool]


class KeptCauses:
    """One for a whole collector; answers are made in several threads."""

    def __init__(
        self, store: Store, criteria: Criteria, calendars: Calendars, clock: Clock
    ) -> None:
        self._store, self._criteria, self._calendars = store, criteria, calendars
        self._clock = clock
        self._kept: OrderedDict[_Key, tuple[float, Causes]] = OrderedDict()
        self._lock = Lock()

    def of(self, code: str, now: datetime, *, simulated: bool) -> Causes:
        """Give the causes of a school, at most :data:`KEPT_SECONDS` old. Raises StoreError."""
        at, key = self._clock.monotonic_seconds(), (code, simulated)
        with self._lock:
            found = self._kept.get(key)
        if found is not None and at - found[0] < KEPT_SECONDS:
            return found[1]
        causes = school_causes(
            self._store, self._criteria, self._calendars, code, now=now, simulated=simulated
        )
        made = NOTHING_FOUND if causes is None else causes
        with self._lock:
            self._kept[key] = (at, made)
            self._kept.move_to_end(key)
            while len(self._kept) > MOST_SCHOOLS:
                self._kept.popitem(last=False)
        return made
