"""What one revision of a week's report says otherwise than another. Pure."""

from collections.abc import Iterator
from typing import Final

from collector.report.document import Difference, Field, Report
from collector.report.document_schools import FigureLine, SchoolLine

_PARTS: Final = (
    *(
        "complete",
        "city_names",
        "baseline",
        "before",
        "weeks",
        "city",
        "bands",
        "regions",
        "method",
    ),
    *(
        "programme",
        "findings",
        "events",
        "ruled_out",
        "schools",
        "evidence",
        "evidence_left_out",
        "troubles",
    ),
)
"""Parts of a document; named only where no difference of a school or a measure explains them."""


def differences(before: Report, after: Report) -> tuple[Difference, ...]:
    """Give the differences by school, then those of the city."""
    old = {line.code: line for line in before.schools}
    new = {line.code: line for line in after.schools}
    found: list[Difference] = []
    for code in sorted({*old, *new}):
        if code not in new:
            found.append(_one(code, Field.SCHOOL_REMOVED, old[code].name, ""))
        elif code not in old:
            found.append(_one(code, Field.SCHOOL_ADDED, "", new[code].name))
        else:
            found += _of_school(code, old[code], new[code])
    found += _measures(before, after)
    if not found:
        found += [
            _one("", Field.OTHER, name, "")
            for name in _PARTS
            if getattr(before, name) != getattr(after, name)
        ]
    return tuple(found)


def _of_school(code: str, old: SchoolLine, new: SchoolLine) -> Iterator[Difference]:
    for field, was, now in (
        (Field.NAME, old.name, new.name),
        (Field.PUPILS, old.pupils, new.pupils),
        (Field.REQUIRED, old.required_bps, new.required_bps),
        (Field.BASELINE, _met(old.baseline_met), _met(new.baseline_met)),
        *_figure(old.quiet, new.quiet, (Field.QUIET_STATUS, Field.QUIET_MEDIAN, Field.QUIET_RUNS)),
        *_figure(
            old.lesson, new.lesson, (Field.LESSON_STATUS, Field.LESSON_MEDIAN, Field.LESSON_RUNS)
        ),
        (Field.STATE, old.state.value, new.state.value),
        (Field.FINDINGS, " ".join(old.findings), " ".join(new.findings)),
    ):
        if was != now:
            yield _one(code, field, was, now)


def _figure(
    old: FigureLine, new: FigureLine, fields: tuple[Field, Field, Field]
) -> Iterator[tuple[Field, object, object]]:
    status, median, runs = fields
    yield status, old.status.value, new.status.value
    yield median, old.median_bps, new.median_bps
    yield runs, old.runs, new.runs


def _measures(before: Report, after: Report) -> Iterator[Difference]:
    old = {one.assignment_id: one for one in before.measures}
    new = {one.assignment_id: one for one in after.measures}
    for key in sorted({*old, *new}):
        was, now = old.get(key), new.get(key)
        if was != now:
            of = now or was
            assert of is not None
            yield _one(
                of.school_code,
                Field.MEASURES,
                "" if was is None else f"{was.measure_id} {was.state.value}",
                "" if now is None else f"{now.measure_id} {now.state.value}",
            )


def _met(value: bool | None) -> str:
    return "none" if value is None else "met" if value else "not_met"


def _one(code: str, field: Field, before: object, after: object) -> Difference:
    return Difference(
        school_code=code,
        field=field,
        before="" if before is None else str(before),
        after="" if after is None else str(after),
    )
