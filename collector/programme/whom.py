"""``MEASURE=SCHOOLS`` as people write it in a what-if: codes, groups, lines, or all that fail."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from collector.judge.model import Status
from collector.judge.reading import show
from collector.programme.catalogue_reading import nearest
from collector.programme.measures_catalogue import MeasureCatalogue
from collector.schools.model import Line, School

FORMS: Final = "CODE, group:NAME, line:KIND, region:NAME, not_met or all, divided by commas"
MAX_CHARACTERS: Final = 4_000


class WhomRefused(ValueError):
    """A what-if that cannot be understood; the text says what is allowed."""


def read_chosen(
    texts: Iterable[str],
    catalogue: MeasureCatalogue,
    schools: Sequence[School],
    status: Mapping[str, Status],
) -> dict[str, frozenset[str]]:
    """Read ``MEASURE=SCHOOLS`` texts into measures by school code. Raises WhomRefused."""
    chosen: dict[str, set[str]] = {}
    for text in texts:
        measure_id, separator, whom = text.strip().partition("=")
        known = list(catalogue.measures)
        if not separator:
            raise WhomRefused(f"found {show(text)}, allowed is MEASURE=SCHOOLS")
        if measure_id not in catalogue.measures:
            raise WhomRefused(
                f"measure: found {show(measure_id)}, allowed is one of {', '.join(known)}"
                f"{nearest(measure_id, known)}"
            )
        for code in read_whom(whom, schools, status):
            chosen.setdefault(code, set()).add(measure_id)
    return {code: frozenset(ids) for code, ids in sorted(chosen.items())}


def read_whom(
    text: str, schools: Sequence[School], status: Mapping[str, Status]
) -> tuple[str, ...]:
    """Give the codes of the schools that are meant, each once. Raises WhomRefused."""
    if len(text) > MAX_CHARACTERS:
        raise WhomRefused(f"schools: found {len(text)} characters, allowed are {MAX_CHARACTERS}")
    parts = [part.strip() for part in text.replace("、", ",").split(",") if part.strip()]
    if not parts:
        raise WhomRefused(f"schools: found nothing, allowed is {FORMS}")
    return tuple(dict.fromkeys(code for part in parts for code in _codes(part, schools, status)))


def _codes(part: str, schools: Sequence[School], status: Mapping[str, Status]) -> list[str]:
    if part == "all":
        return [school.code for school in schools]
    if part == "not_met":
        return [code for code, one in status.items() if one is Status.NOT_MET]
    kind, separator, name = part.partition(":")
    if not separator:
        known = [school.code for school in schools]
        if part not in known:
            raise WhomRefused(
                f"school: found {show(part)}, allowed is {FORMS}{nearest(part, known)}"
            )
        return [part]
    attribute = {"group": "aggregation_group", "line": "line", "region": "region"}.get(kind)
    if attribute is None:
        raise WhomRefused(f"schools: found {show(part)}, allowed is {FORMS}")
    found = [school.code for school in schools if name and getattr(school, attribute) == name]
    if not found:
        there = sorted({str(getattr(school, attribute)) for school in schools} - {""})
        known = [one.value for one in Line] if kind == "line" else there
        raise WhomRefused(
            f"{kind}: found {show(name)}, allowed is one of {', '.join(known) or 'none there is'}"
        )
    return found
