"""Measures at schools: assigned, changed, done, cancelled; each with its record in the audit log.

A change names the version it was made from and raises :class:`EditedMeanwhile` where another
stands. Raises :class:`MeasureRefused` for what may not be; then nothing is kept.
"""

import random
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from collector.judge.reading import show
from collector.judge.week import local
from collector.operators.audit import Detail, audit
from collector.policy.change import Author
from collector.programme import assignment_rows
from collector.programme.catalogue_reading import IDENTIFIER, nearest
from collector.programme.measures_catalogue import MOST_YEN, MeasureCatalogue
from collector.programme.model import Assignment, MeasureState
from collector.store.interface import Store
from collector.store.sql import Sql

MAX_NOTE_CHARACTERS: Final = 500
MAX_FINDINGS: Final = 20
DAYS: Final = (date(2000, 1, 1), date(2100, 12, 31))
OPEN: Final = (MeasureState.PLANNED, MeasureState.ORDERED)
NEXT: Final[Mapping[MeasureState, frozenset[MeasureState]]] = {
    MeasureState.PLANNED: frozenset(MeasureState),
    MeasureState.ORDERED: frozenset(MeasureState),
    MeasureState.DONE: frozenset({MeasureState.DONE, MeasureState.ORDERED}),
    MeasureState.CANCELLED: frozenset({MeasureState.CANCELLED, MeasureState.PLANNED}),
}
"""To which state each may change; itself: another part of it changed."""


class MeasureRefused(Exception):
    """A change that was not made; the text says why and what is allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What may be said of a measure at a school. Money in yen, None: not known."""

    state: MeasureState = MeasureState.PLANNED
    planned_on: date | None = None
    done_on: date | None = None
    cost_yen: int | None = None
    subsidy_yen: int | None = None
    findings: tuple[str, ...] = ()
    """Findings it is to answer; empty: those of the catalogue."""
    note: str = ""


class Measures:
    """Changes measures at schools, in the name of an author."""

    def __init__(self, store: Store, catalogue: MeasureCatalogue, chance: random.Random) -> None:
        self._store = store
        self._catalogue = catalogue
        self._chance = chance

    def assign(
        self, school_code: str, measure_id: str, details: Details, author: Author
    ) -> Assignment:
        """Give a school a measure. Refused where it has this one planned or ordered already."""
        new = self._new(school_code, measure_id, details, author)
        return self._store.write(lambda sql: self._add(sql, new, author))

    def assign_all(
        self, wanted: Iterable[tuple[str, str, Details]], author: Author
    ) -> list[Assignment]:
        """Give several schools (code, measure, details) at once, or none of them.

        What a school already has planned or ordered is passed over.
        """
        new = [self._new(code, measure, details, author) for code, measure, details in wanted]

        def work(sql: Sql) -> list[Assignment]:
            has = {(one.school_code, one.measure_id) for one in _open(sql)}
            return [
                self._add(sql, one, author)
                for one in new
                if (one.school_code, one.measure_id) not in has
            ]

        return self._store.write(work)

    def change(
        self, assignment_id: str, version: int, details: Details, author: Author
    ) -> Assignment:
        """Replace what is said of a measure at a school."""
        today = local(author.now).date()

        def work(sql: Sql) -> Assignment:
            before = find(sql, assignment_id)
            said = checked(self._catalogue, before.measure_id, details, today)
            may_become(before, said.state)
            after = assignment_rows.put_assignment(
                sql, _with(before, said, version), author.actor, author.now
            )
            changed = [
                f"{name}: {_text(getattr(before, name))} -> {_text(getattr(after, name))}"
                for name in _PARTS
                if getattr(before, name) != getattr(after, name)
            ]
            detail: Detail = {
                "school": after.school_code,
                "measure": after.measure_id,
                "version": after.version,
                "changed": changed,
            }
            audit(sql, author.actor, "measure.change", after.assignment_id, detail, author.now)
            return after

        return self._store.write(work)

    # --- inside -----------------------------------------------------------------------------

    def _new(
        self, school_code: str, measure_id: str, details: Details, author: Author
    ) -> Assignment:
        if self._store.school(school_code) is None:
            raise MeasureRefused(f"there is no school {show(school_code)}: see school list")
        said = checked(self._catalogue, measure_id, details, local(author.now).date())
        blank = Assignment(
            assignment_id=str(uuid.UUID(int=self._chance.getrandbits(128), version=4)),
            school_code=school_code,
            measure_id=measure_id,
            state=said.state,
            planned_on=None,
            done_on=None,
            cost_yen=None,
            subsidy_yen=None,
            findings=(),
            note="",
        )
        return _with(blank, said, 0)

    def _add(self, sql: Sql, new: Assignment, author: Author) -> Assignment:
        sql.lock(f"measures of {new.school_code}")
        for one in _open(sql, new.school_code):
            if one.measure_id == new.measure_id and new.state in OPEN:
                raise MeasureRefused(
                    f"{new.school_code} has {new.measure_id} {one.state.value} already "
                    f"({one.assignment_id[:8]}): change that one, or cancel it first"
                )
        kept = assignment_rows.put_assignment(sql, new, author.actor, author.now)
        detail = {
            "school": kept.school_code,
            "measure": kept.measure_id,
            **{name: _text(getattr(kept, name)) for name in _PARTS},
        }
        audit(sql, author.actor, "measure.assign", kept.assignment_id, detail, author.now)
        return kept


_PARTS: Final = (
    *("state", "planned_on", "done_on", "cost_yen", "subsidy_yen", "findings", "note"),
)


def checked(catalogue: MeasureCatalogue, measure_id: str, details: Details, today: date) -> Details:
    """Complete what is said of a measure. Raises MeasureRefused for what may not be."""
    measure = catalogue.measures.get(measure_id)
    if measure is None:
        known = sorted(catalogue.measures)
        raise MeasureRefused(
            f"measure: found {show(measure_id)}, allowed is one of {', '.join(known)}"
            f"{nearest(measure_id, known)}"
        )
    done = details.state is MeasureState.DONE
    if done and details.done_on is None:
        raise MeasureRefused("done_on: found nothing, allowed is the day on which it was done")
    if done and details.done_on is not None and details.done_on > today:
        raise MeasureRefused(f"done_on: found {details.done_on}, allowed is up to {today}")
    for name in ("planned_on", "done_on"):
        _check_day(name, getattr(details, name))
    for name in ("cost_yen", "subsidy_yen"):
        _check_yen(name, getattr(details, name))
    _check_subsidy(details)
    findings = details.findings or tuple(sorted(measure.answers))
    wrong = [one for one in findings if IDENTIFIER.fullmatch(one) is None]
    if wrong or len(findings) > MAX_FINDINGS:
        raise MeasureRefused(
            f"findings: found {show(' '.join(findings))}, allowed are up to {MAX_FINDINGS} ids "
            "such as line_saturated"
        )
    return replace(
        details,
        done_on=details.done_on if done else None,
        findings=findings,
        note=_note(details.note),
    )


def find(sql: Sql, assignment_id: str) -> Assignment:
    """Give a measure at a school by its id or the first letters of it. Raises MeasureRefused."""
    found = [
        one
        for one in assignment_rows.assignments(sql)
        if assignment_id and one.assignment_id.startswith(assignment_id)
    ]
    if len(found) == 1:
        return found[0]
    said = "there is no measure" if not found else f"{len(found)} measures begin with"
    raise MeasureRefused(f"{said} {show(assignment_id)}: see measure list")


def details_of(one: Assignment) -> Details:
    """Give what is said of a measure at a school, to change a part of it."""
    return Details(**{name: getattr(one, name) for name in _PARTS})


def _with(one: Assignment, details: Details, version: int) -> Assignment:
    return replace(one, version=version, **{name: getattr(details, name) for name in _PARTS})


def _open(sql: Sql, school_code: str | None = None) -> list[Assignment]:
    return [one for one in assignment_rows.assignments(sql, school_code) if one.state in OPEN]


def may_become(before: Assignment, state: MeasureState) -> None:
    """Raise MeasureRefused where a measure in this state may not get that one."""
    if state not in NEXT[before.state]:
        allowed = ", ".join(sorted(one.value for one in NEXT[before.state] - {before.state}))
        raise MeasureRefused(
            f"state: it is {before.state.value}, so found {state.value}, allowed is {allowed}"
        )


def _check_day(name: str, day: date | None) -> None:
    first, last = DAYS
    if day is not None and not first <= day <= last:
        raise MeasureRefused(f"{name}: found {day}, allowed is {first} to {last}")


def _check_yen(name: str, yen: int | None) -> None:
    if yen is not None and not 0 <= yen <= MOST_YEN:
        raise MeasureRefused(f"{name}: found {yen}, allowed is 0 to {MOST_YEN} yen")


def _check_subsidy(details: Details) -> None:
    if details.subsidy_yen is None:
        return
    if details.cost_yen is None or details.subsidy_yen > details.cost_yen:
        cost = "nothing" if details.cost_yen is None else str(details.cost_yen)
        raise MeasureRefused(
            f"subsidy_yen: found {details.subsidy_yen}, allowed is up to the cost ({cost})"
        )


def _note(text: str) -> str:
    if len(text) > MAX_NOTE_CHARACTERS:
        raise MeasureRefused(
            f"note: found {len(text)} characters, allowed are {MAX_NOTE_CHARACTERS}"
        )
    return "".join(char if char.isprintable() or char == "\n" else "?" for char in text).strip()


def _text(value: object) -> str | None:
    if value is None:
        return None
    return " ".join(value) if isinstance(value, tuple) else str(value)
