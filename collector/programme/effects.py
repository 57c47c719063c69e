"""Before/after of the measures that were done, read from a store."""

from dataclasses import dataclass

from collector.judge.calendar import Calendars
from collector.judge.model import Figure
from collector.judge.week import Week
from collector.programme import assignment_rows
from collector.programme.before_after import WEEKS, Comparison, compare, span
from collector.programme.model import Assignment, MeasureState
from collector.store.interface import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureEffect:
    """What measurements say of one measure that was done."""

    assignment: Assignment
    weeks: int
    comparisons: tuple[Comparison, ...]
    """Of each figure, quiet first."""
    beside: tuple[str, ...]
    """Other measures done at this school in the same span: their share cannot be told apart."""


def effects(
    store: Store,
    calendars: Calendars,
    *,
    simulated: bool,
    school_code: str | None = None,
    weeks: int = WEEKS,
) -> list[MeasureEffect]:
    """Compare before and after every measure that was done, at one school or all."""
    assigned = store.read(lambda sql: assignment_rows.assignments(sql, school_code))
    done = [one for one in assigned if one.state is MeasureState.DONE and one.done_on]
    return [_effect(store, calendars, one, done, simulated, weeks) for one in done]


def _effect(
    store: Store,
    calendars: Calendars,
    one: Assignment,
    done: list[Assignment],
    simulated: bool,
    weeks: int,
) -> MeasureEffect:
    assert one.done_on is not None
    first, last = span(one.done_on, weeks)
    code = one.school_code
    found = store.observations_between(
        Week.of_day(first).start, Week.of_day(last).end, simulated=simulated, school_code=code
    )
    calendar = calendars.for_school(code)
    return MeasureEffect(
        assignment=one,
        weeks=weeks,
        comparisons=tuple(
            compare(found.get(code, ()), calendar, one.done_on, figure, weeks) for figure in Figure
        ),
        beside=tuple(
            other.measure_id
            for other in done
            if other.school_code == code
            and other.assignment_id != one.assignment_id
            and other.done_on is not None
            and first <= other.done_on <= last
        ),
    )
