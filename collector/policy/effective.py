"""What each school's agents go by. Made anew from layers and calendar, never stored.

Schools that share their layers and calendar share one :class:`Effective`, so a city is checked in
about as many steps as it has different policies.
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Final

from collector.judge.calendar import Calendar, Calendars, fiscal_year
from collector.policy import table
from collector.policy.calendar_days import days_of
from collector.policy.merge import add_days, by_nearness, merge, sources
from collector.policy.model import Effective, Layer, Scope
from collector.schools.model import School
from collector.store.sql import Sql
from wire.policy import MAX_POLICY_BYTES, PolicyRefused, canonical, read, sha256_of

_KEPT: Final = 2_000


class Policies:
    """Makes effective policies; remembers what the same layers came to. Safe in threads."""

    def __init__(self, calendars: Calendars) -> None:
        self._calendars = calendars
        self._made: dict[object, Effective | PolicyRefused | None] = {}
        self._lock = threading.Lock()

    def of_school(self, sql: Sql, school: School, today: date) -> Effective | None:
        """Give a school's policy, None where no layer says what to test.

        Raises :class:`PolicyRefused` where its layers do not make a policy together.
        """
        revisions = table.revisions_for(sql, school)
        return self._remembered(
            tuple(revisions), school.code, today, lambda: table.layers_by_revision(sql, revisions)
        )

    def of_layers(self, layers: Iterable[Layer], school_code: str, today: date) -> Effective | None:
        """Lay layers over each other for a school; see :meth:`of_school`."""
        ordered = by_nearness(layers)
        key = tuple((one.scope, one.revision, one.sha256) for one in ordered)
        return self._remembered(key, school_code, today, lambda: ordered)

    def _remembered(
        self, key: object, school_code: str, today: date, layers: Callable[[], Sequence[Layer]]
    ) -> Effective | None:
        calendar = self._calendars.for_school(school_code)
        whole_key = (key, calendar.fingerprint, fiscal_year(today))
        with self._lock:
            known, made = whole_key in self._made, self._made.get(whole_key)
        if not known:
            made = _make(layers(), calendar, today)
            with self._lock:
                if len(self._made) >= _KEPT:
                    self._made.clear()
                self._made[whole_key] = made
        if isinstance(made, PolicyRefused):
            raise PolicyRefused(made.mistakes)
        return made

    def refused(
        self,
        schools: Sequence[School],
        layers: Mapping[Scope, Layer],
        lists: Mapping[str, Sequence[str]],
        today: date,
    ) -> dict[str, PolicyRefused]:
        """Say which schools would be without a policy that can be used, and why."""
        found: dict[str, PolicyRefused] = {}
        named: dict[str, list[str]] = {}
        for name, codes in lists.items():
            for code in codes:
                named.setdefault(code, []).append(name)
        for school in schools:
            scopes = table.scopes_of(school, named.get(school.code, []))
            own = [layers[scope] for scope in scopes if scope in layers]
            try:
                self.of_layers(own, school.code, today)
            except PolicyRefused as error:
                found[school.code] = error
        return found


def _make(
    layers: Sequence[Layer], calendar: Calendar, today: date
) -> Effective | PolicyRefused | None:
    merged = merge(layers)
    if "tests" not in merged:  # an empty list of tests is a mistake, and told
        return None
    document = add_days(merged, *days_of(calendar, today))
    text = canonical(document)
    if (size := len(text.encode())) > MAX_POLICY_BYTES:
        return PolicyRefused([f"policy: found {size} bytes, allowed is {MAX_POLICY_BYTES}"])
    try:
        policy = read(document)
    except PolicyRefused as error:
        return error
    sha256 = sha256_of(text)
    revision = max(layer.revision for layer in layers)
    return Effective(
        version=f"{revision}-{sha256[:8]}",
        sha256=sha256,
        text=text,
        policy=policy,
        sources=sources(layers),
    )
