"""Actual values of indicators, in portable SQL. One a day; each change is in the audit log."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from typing import Final

from collector.operators.audit import audit
from collector.programme.plans.relations import number_text
from collector.store.sql import Sql
from collector.store.times import from_micros, to_micros

_COLUMNS: Final = "indicator_id, observed_on, value, source, noted_at, noted_by"
MAX_SOURCE_CHARACTERS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Actual:
    """What an indicator was on a day, and where that is from."""

    indicator_id: str
    observed_on: date
    value: float
    """In the unit of the indicator; 1 and 0 for yes and no."""
    source: str
    noted_at: datetime
    noted_by: str

    def same_as(self, other: "Actual") -> bool:
        """Whether value and source are the same."""
        return (self.value, self.source) == (other.value, other.source)


class ActualStands(Exception):
    """The day has another value already: nothing was kept. Say that it is to be replaced."""

    def __init__(self, standing: Actual, new: Actual) -> None:
        self.standing = standing
        self.new = new
        super().__init__(
            f"{standing.indicator_id} has a value on {standing.observed_on} already: "
            f"{standing.value:g} ({standing.source}, {standing.noted_by}), yours is {new.value:g}: "
            "nothing was kept; give another day, or replace it"
        )


def actuals(sql: Sql, indicator_id: str | None = None) -> list[Actual]:
    """Actual values, by indicator and day."""
    where, given = ("", ()) if indicator_id is None else ("WHERE indicator_id = ?", (indicator_id,))
    rows = sql.execute(
        f"SELECT {_COLUMNS} FROM indicator_actual {where} ORDER BY indicator_id, observed_on",  # noqa: S608 - constants
        given,
    )
    return [
        Actual(
            indicator_id=row[0],
            observed_on=date.fromisoformat(row[1]),
            value=row[2],
            source=row[3],
            noted_at=from_micros(row[4]),
            noted_by=row[5],
        )
        for row in rows
    ]


def put_actuals(sql: Sql, new: Sequence[Actual], *, replace: bool) -> int:
    """Keep values, all or none; give how many changed anything.

    Raises :class:`ActualStands` where a day has another value and ``replace`` is false.
    """
    sql.lock("indicator_actual")
    standing = {(one.indicator_id, one.observed_on): one for one in actuals(sql)}
    changed = 0
    for one in new:
        before = standing.get((one.indicator_id, one.observed_on))
        if before is not None and before.same_as(one):
            continue
        if before is not None and not replace:
            raise ActualStands(before, one)
        _keep(sql, one, before)
        changed += 1
    return changed


def _keep(sql: Sql, one: Actual, before: Actual | None) -> None:
    sql.execute(
        f"INSERT INTO indicator_actual ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?) "  # noqa: S608 - constants
        "ON CONFLICT (indicator_id, observed_on) DO UPDATE SET value = excluded.value, "
        "source = excluded.source, noted_at = excluded.noted_at, noted_by = excluded.noted_by",
        (
            one.indicator_id,
            one.observed_on.isoformat(),
            float(one.value),
            one.source,
            to_micros(one.noted_at),
            one.noted_by,
        ),
    )
    detail = {
        "observed_on": one.observed_on.isoformat(),
        "value": number_text(Fraction(one.value)),
        "source": one.source,
        "before": None if before is None else number_text(Fraction(before.value)),
    }
    audit(sql, one.noted_by, "plans.actual", one.indicator_id, detail, one.noted_at)
