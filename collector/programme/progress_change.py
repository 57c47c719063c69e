"""Changing how far a school is: what may follow what, checked and audited in one transaction."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Final

from collector.judge.week import local
from collector.operators.audit import audit
from collector.programme import progress_rows, texts
from collector.programme.model import EditedMeanwhile, Progress, State
from collector.programme.standing import DEADLINE
from collector.store import rows_schools
from collector.store.interface import Store
from collector.store.sql import Sql

NEXT: Final[Mapping[State, frozenset[State]]] = {
    State.NOT_STARTED: frozenset({State.INVESTIGATING, State.IDENTIFIED}),
    State.INVESTIGATING: frozenset({State.NOT_STARTED, State.IDENTIFIED}),
    State.IDENTIFIED: frozenset({State.INVESTIGATING, State.IMPROVING, State.COMPLETE}),
    State.IMPROVING: frozenset({State.IDENTIFIED, State.COMPLETE}),
    State.COMPLETE: frozenset({State.IMPROVING, State.INVESTIGATING}),
}
"""One step on or back; a desk survey may identify in one sitting; a school without a problem is
complete once that is known; a complete school may get a new problem."""
FIRST_DAY: Final = date(2019, 4, 1)


class ProgressRefused(Exception):
    """A change that was not made; ``field`` is what is wrong, the text says what is allowed."""

    def __init__(self, field: str, found: object, allowed: str) -> None:
        self.field = field
        self.found = found
        self.allowed = allowed
        super().__init__(f"{field}: found {found}, allowed is {allowed}")


def not_started(school_code: str, today: date) -> Progress:
    """Give where a school stands of which nothing was noted yet."""
    return Progress(
        school_code=school_code,
        state=State.NOT_STARTED,
        since_on=today,
        planned_on=None,
        assessor="",
        note="",
        version=0,
    )


def check(new: Progress, before: Progress | None, today: date) -> Progress:
    """Give a change as it is kept. Raises :class:`ProgressRefused`."""
    standing = before.state if before else State.NOT_STARTED
    allowed = NEXT[standing] | {standing}
    if new.state not in allowed:
        names = ", ".join(state.value for state in State if state in allowed)
        raise ProgressRefused("state", new.state.value, f"one of {names} (after {standing.value})")
    if not FIRST_DAY <= new.since_on <= today:
        raise ProgressRefused("since_on", new.since_on, f"a day from {FIRST_DAY} to {today}")
    if before is not None and new.state is not standing and new.since_on < before.since_on:
        raise ProgressRefused("since_on", new.since_on, f"{before.since_on} or later")
    if new.planned_on is not None and not FIRST_DAY <= new.planned_on <= date(
        today.year + 20, 1, 1
    ):
        raise ProgressRefused("planned_on", new.planned_on, f"a day from {FIRST_DAY} on")
    return Progress(
        school_code=new.school_code,
        state=new.state,
        since_on=new.since_on,
        planned_on=new.planned_on,
        assessor=_checked("assessor", new.assessor),
        note=_checked("note", new.note),
        version=new.version,
    )


def apply(sql: Sql, new: Progress, actor: str, now: datetime) -> Progress:
    """Make a change inside a transaction, audited. Raises ProgressRefused and EditedMeanwhile."""
    if rows_schools.school(sql, new.school_code) is None:
        raise ProgressRefused("code", new.school_code, "the code of a school")
    before = next(iter(progress_rows.progress(sql, new.school_code)), None)
    standing = before.version if before else 0
    if new.version != standing:  # before the step is judged: it was meant from another state
        raise EditedMeanwhile(f"progress of {new.school_code}", new.version, standing)
    checked = check(new, before, local(now).date())
    kept = progress_rows.put_progress(sql, checked, actor, now)
    detail = {
        "before": before.state.value if before else None,
        "after": kept.state.value,
        "since_on": kept.since_on.isoformat(),
        "version": kept.version,
    }
    audit(sql, actor, "progress.set", new.school_code, detail, now)
    return kept


def set_progress(store: Store, new: Progress, actor: str, now: datetime) -> Progress:
    """Make one change. Raises ProgressRefused and EditedMeanwhile; then nothing was kept."""
    return store.write(lambda sql: apply(sql, new, actor, now))


def set_deadline(store: Store, deadline: date | None, actor: str, now: datetime) -> None:
    """Set the city's deadline; None: the end of the running fiscal year. Raises ProgressRefused."""
    if deadline is not None and not FIRST_DAY <= deadline <= date(2100, 3, 31):
        raise ProgressRefused("deadline", deadline, f"a day from {FIRST_DAY} to 2100-03-31")
    value = "" if deadline is None else deadline.isoformat()

    def work(sql: Sql) -> None:
        rows_schools.set_setting(sql, DEADLINE, value)
        audit(sql, actor, "progress.deadline", "city", {"deadline": value}, now)

    store.write(work)


def _checked(field: str, text: str) -> str:
    try:
        return texts.note(text) if field == "note" else texts.line(text)
    except ValueError as error:
        raise ProgressRefused(field, repr(text[:40]), str(error)) from None
