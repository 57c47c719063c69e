"""Indicators that the collector computes by itself, from what it knows already."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Final

from collector.programme.model import Assignment, Fact, Grade, MeasureState, State
from collector.programme.plans.cloud import Cloud
from collector.programme.plans.model import Automatic, Indicator
from collector.programme.standing import Standing
from collector.views import CityView

DEVICES: Final = "device.count"
"""Fact: pupils' devices of a school, without spares."""


class Missing(StrEnum):
    """Why there is no computed value."""

    NO_SCHOOLS = "no_schools"
    NO_MEASURES = "no_measures"
    """No measure is assigned to any school."""
    DEVICES_NOT_KNOWN = "devices_not_known"
    """Not every school has its number of devices."""
    NO_TARGET = "no_target"
    """The plans name no ``https_target``."""
    NO_TESTS = "no_tests"
    """No agent tried ``https_target`` in the week shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What indicators are computed from."""

    city: CityView
    standing: Standing
    assignments: Sequence[Assignment]
    facts: Sequence[Fact]
    clouds: Mapping[str, Cloud]
    """By target."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Computed:
    """A value, or why there is none. ``of``: of how many things it is a count, if it is one."""

    value: Fraction | None
    missing: Missing | None = None
    of: int | None = None


def compute(indicator: Indicator, known: Known) -> Computed | None:
    """Compute an indicator; None for one that people note."""
    if indicator.automatic is None:
        return None
    if not known.city.rows:
        return _missing(Missing.NO_SCHOOLS)
    if indicator.automatic.asks_cloud:
        return _cloud(indicator, known)
    if indicator.automatic in (Automatic.MEASURES_BEGUN, Automatic.MEASURES_DONE_PERCENT):
        return _measures(indicator.automatic, known.assignments)
    if indicator.automatic is Automatic.DEVICES_TOTAL:
        return _devices(known)
    return _counts(indicator.automatic, known)


def devices_by_school(facts: Sequence[Fact]) -> dict[str, int]:
    """Pupils' devices of each school that has them as a fact; the strongest evidence counts."""
    found: dict[str, int] = {}
    for grade in reversed(Grade):
        for fact in facts:
            number = fact.value
            if fact.key == DEVICES and fact.grade is grade and not isinstance(number, bool | str):
                found[fact.school_code] = round(number)
    return found


def _counts(automatic: Automatic, known: Known) -> Computed:
    schools, quiet, standing = len(known.city.rows), known.city.city.quiet, known.standing
    if automatic is Automatic.MET_SCHOOLS:
        return Computed(value=Fraction(quiet.met), of=schools)
    if automatic is Automatic.MET_PERCENT:
        return Computed(value=Fraction(100 * quiet.met, schools))
    if automatic is Automatic.SAMPLE_IDENTIFIED:
        return Computed(value=Fraction(standing.samples.done), of=standing.samples.total)
    if automatic is Automatic.DESK_IDENTIFIED:
        return Computed(value=Fraction(standing.others.done), of=standing.others.total)
    return Computed(value=Fraction(standing.by_state[State.COMPLETE]), of=schools)


def _measures(automatic: Automatic, assignments: Sequence[Assignment]) -> Computed:
    kept = [one for one in assignments if one.state is not MeasureState.CANCELLED]
    if automatic is Automatic.MEASURES_BEGUN:
        return Computed(value=Fraction(bool(kept)))
    if not kept:
        return _missing(Missing.NO_MEASURES)
    done = sum(one.state is MeasureState.DONE for one in kept)
    return Computed(value=Fraction(100 * done, len(kept)))


def _devices(known: Known) -> Computed:
    devices = devices_by_school(known.facts)
    if any(row.school.code not in devices for row in known.city.rows):
        return _missing(Missing.DEVICES_NOT_KNOWN)
    return Computed(value=Fraction(sum(devices[row.school.code] for row in known.city.rows)))


def _cloud(indicator: Indicator, known: Known) -> Computed:
    if indicator.https_target is None:
        return _missing(Missing.NO_TARGET)
    cloud = known.clouds.get(indicator.https_target)
    if cloud is None or not cloud.city.tests:
        return _missing(Missing.NO_TESTS)
    if indicator.automatic is Automatic.CLOUD_REACHABLE_PERCENT:
        return Computed(value=cloud.city.reached_percent)
    if cloud.city.response is None:
        return _missing(Missing.NO_TESTS)
    return Computed(value=Fraction(cloud.city.response.median))


def _missing(why: Missing) -> Computed:
    return Computed(value=None, missing=why)
