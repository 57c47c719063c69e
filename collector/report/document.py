"""The figures of one week's report, in no language: what every format is made of.

Speeds are whole bit/s, moments are UTC, days are of Japan. None is 'not measured' or 'not
known', never 0. The same data give the same document, but for ``stated_at`` and how agents are
at that moment.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import msgspec

from collector.report.document_programme import (
    FindingEvent,
    FindingLine,
    MeasureLine,
    Programme,
    RuledOut,
)
from collector.report.document_schools import (
    Agents,
    Baseline,
    Evidence,
    Group,
    Method,
    SchoolLine,
    WeekPoint,
)

SCHEMA_VERSION: Final = 1
_OF_THE_MOMENT: Final = ("stated_at", "revision", "agents", "differences")
"""Fields that change though no figure of the week does."""


class Field(StrEnum):
    """What may differ between two revisions of a week."""

    SCHOOL_ADDED = "school_added"
    SCHOOL_REMOVED = "school_removed"
    NAME = "name"
    PUPILS = "pupils"
    REQUIRED = "required_bps"
    BASELINE = "baseline_met"
    QUIET_STATUS = "quiet_status"
    QUIET_MEDIAN = "quiet_median_bps"
    QUIET_RUNS = "quiet_runs"
    LESSON_STATUS = "lesson_status"
    LESSON_MEDIAN = "lesson_median_bps"
    LESSON_RUNS = "lesson_runs"
    STATE = "state"
    FINDINGS = "findings"
    MEASURES = "measures"
    OTHER = "other"
    """Something else than a school's line: its name is ``before``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that another revision said differently."""

    school_code: str
    """Empty where it is of the whole city."""
    field: Field
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One week."""

    schema_version: int
    week: str
    start: datetime
    end: datetime
    complete: bool
    simulated: bool
    city_names: dict[str, str]
    """By language; without one: 'this city'."""
    stated_at: datetime
    revision: int
    city: Group
    baseline: Baseline | None
    before: WeekPoint | None
    """The week before; None where nothing was judged then."""
    weeks: tuple[WeekPoint, ...]
    """Oldest first, this week last."""
    bands: tuple[Group, ...]
    regions: tuple[Group, ...]
    method: Method
    programme: Programme
    findings: tuple[FindingLine, ...]
    events: tuple[FindingEvent, ...]
    ruled_out: RuledOut
    measures: tuple[MeasureLine, ...]
    agents: Agents
    schools: tuple[SchoolLine, ...]
    evidence: tuple[Evidence, ...]
    evidence_left_out: int
    """Schools NOT MET beyond those that have a page."""
    troubles: tuple[str, ...]
    """What of the city's data could not be read; the report says so and goes on."""
    differences: tuple[Difference, ...]

    @property
    def measured_schools(self) -> int:
        """Schools with a result that counts for one of the two figures."""
        return sum(one.quiet.runs + one.lesson.runs > 0 for one in self.schools)

    def school(self, code: str) -> SchoolLine | None:
        """Find a school."""
        return next((one for one in self.schools if one.code == code), None)


def canonical(report: Report) -> str:
    """Write the document: the same figures give the same text."""
    return _text(msgspec.to_builtins(report))


def content_sha256(report: Report) -> str:
    """Hash what belongs to the week: two revisions with the same hash say the same.

    What the desk survey calls likely is of the moment, as the facts that it rests on are.
    """
    document: dict[str, Any] = msgspec.to_builtins(report)
    for name in _OF_THE_MOMENT:
        del document[name]
    document["findings"] = [
        {key: value for key, value in one.items() if key != "likely"}
        for one in document["findings"]
        if one["confirmed"]
    ]
    return hashlib.sha256(_text(document).encode()).hexdigest()


def read(text: str) -> Report:
    """Read what :func:`canonical` wrote. Raises ValueError where it is of another shape."""
    try:
        return msgspec.json.decode(text, type=Report)
    except msgspec.MsgspecError as error:
        raise ValueError(f"not a report of this release: {error}") from None


def _text(document: object) -> str:
    return json.dumps(
        document, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    )
