"""Where the city stands against its deadline, as pure counts of where its schools stand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from collector.programme.fiscal import days_left, end_of, fiscal_year_of
from collector.programme.model import Progress, State
from collector.schools.model import School

DEADLINE: Final = "programme_deadline"
"""Setting: the day (ISO 8601, Japan) by which all problems are to be identified."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of the city: the sample schools, or all others."""

    done: int
    """Schools whose problems are identified."""
    total: int

    @property
    def open(self) -> int:
        """Schools whose problems are not."""
        return self.total - self.done


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where the city stands on a day."""

    today: date
    deadline: date
    samples: Part
    """Of the schools that get an on-site assessment (9/9)."""
    others: Part
    """Of the schools that get a desk survey (75/75)."""
    by_state: Mapping[State, int]

    @property
    def days_left(self) -> int:
        """Days until the deadline, negative once it has passed."""
        return days_left(self.today, self.deadline)

    @property
    def all(self) -> Part:
        """Both parts together."""
        return Part(
            done=self.samples.done + self.others.done, total=self.samples.total + self.others.total
        )


def deadline_of(setting: str | None, today: date) -> date:
    """Give the deadline: the city's own, or the end of the running fiscal year.

    Raises ValueError for a setting that is no day.
    """
    return date.fromisoformat(setting) if setting else end_of(fiscal_year_of(today))


def standing(
    schools: Sequence[School], rows: Sequence[Progress], today: date, deadline: date
) -> Standing:
    """Count. A school without a row has not been started."""
    states = {row.school_code: row.state for row in rows}
    of_school = {school.code: states.get(school.code, State.NOT_STARTED) for school in schools}

    def part(*, sample: bool) -> Part:
        found = [of_school[school.code] for school in schools if school.sample is sample]
        return Part(done=sum(state.identifies for state in found), total=len(found))

    return Standing(
        today=today,
        deadline=deadline,
        samples=part(sample=True),
        others=part(sample=False),
        by_state={state: list(of_school.values()).count(state) for state in State},
    )
