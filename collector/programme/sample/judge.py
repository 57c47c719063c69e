"""Judge a sample, proposed or picked by hand: whom each school stands for, and what is not seen."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from collector.programme.model import Fact, Grade, Value
from collector.programme.sample.miss import (
    SHOWN_FAULTY,
    a_quarter_of,
    fewest_found,
    missed,
)
from collector.programme.sample.strata import (
    Bands,
    Cell,
    Margin,
    SampleRefused,
    cell_of,
    margin_distances,
    pair_distance,
)
from collector.schools.model import School

GROUP: Final = "aggregation_group"
KIND: Final = "kind"
MAX_NAMED: Final = 40
_LIKENESS: Final = ((Margin.LINE, 4), (Margin.BAND, 2), (Margin.REGION, 1))
"""What counts how much when a school looks for the one that stands for it: the line first, because
what limits a line is shared by all lines of its kind; a shared upstream counts eight."""
_SAME_GROUP: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One school of a sample, and whom it stands for."""

    school: School
    cell: Cell
    cell_schools: int
    """Schools of its own stratum, itself among them."""
    cell_pupils: int
    nearest_schools: int
    """Schools of the city that are most like it of all chosen, itself among them."""
    nearest_pupils: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StratumLine:
    """One value of a margin: how much of it is in the sample."""

    margin: str
    """band, region, line, kind, aggregation_group, or the key of a fact about equipment."""
    value: str
    schools: int
    pupils: int
    chosen: int
    share: float
    """Schools it would have in exact proportion."""
    faulty: int
    """A quarter of its schools, rounded up."""
    missed: float
    """Chance that a fault in so many of its schools is in none of the chosen ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a sample shows and does not show."""

    schools: int
    pupils: int
    size: int
    choices: Sequence[Choice]
    distances: Mapping[Margin, float]
    """Schools that would have to lie elsewhere for exact proportion, by margin."""
    pair_distance: float
    missed: Sequence[tuple[int, float]]
    """Of a fault in so many schools of the city: the chance that none of them is chosen."""
    fewest_found: int | None
    """A fault in fewer schools is missed in more than one of twenty samples."""
    strata: Sequence[StratumLine]

    @property
    def unseen(self) -> Sequence[StratumLine]:
        """Values with no school in the sample."""
        return [line for line in self.strata if line.chosen == 0]


def judge(
    schools: Sequence[School],
    codes: Sequence[str],
    bands: Bands,
    facts: Sequence[Fact] = (),
) -> Judged:
    """Judge the sample ``codes``. Raises :class:`SampleRefused` naming what cannot be one."""
    chosen = chosen_of(schools, codes)
    nearest = {school.code: nearest_of(school, chosen, bands) for school in schools}
    return Judged(
        schools=len(schools),
        pupils=sum(one.pupils for one in schools),
        size=len(chosen),
        choices=[_choice(one, schools, nearest, bands) for one in chosen],
        distances={
            margin: float(found)
            for margin, found in margin_distances(schools, chosen, bands).items()
        },
        pair_distance=float(pair_distance(schools, chosen, bands)),
        missed=[
            (faulty, float(missed(len(schools), faulty, len(chosen))))
            for faulty in SHOWN_FAULTY
            if faulty <= len(schools)
        ],
        fewest_found=fewest_found(len(schools), len(chosen)),
        strata=_strata(schools, chosen, bands, facts),
    )


def chosen_of(schools: Sequence[School], codes: Sequence[str]) -> list[School]:
    """Give the schools of these codes, by code. Raises :class:`SampleRefused`."""
    known = {school.code: school for school in schools}
    unknown = sorted(set(codes) - known.keys())
    twice = sorted({code for code in codes if codes.count(code) > 1})
    if unknown:
        raise SampleRefused(
            f"found {' '.join(unknown[:MAX_NAMED])}, allowed are codes of schools: "
            "see hakaru-collector school list"
        )
    if twice:
        raise SampleRefused(f"found {' '.join(twice[:MAX_NAMED])} twice, allowed is each once")
    if not codes:
        raise SampleRefused("found no school, allowed is one or more")
    return [known[code] for code in sorted(codes)]


def swapped(codes: Sequence[str], out: str, into: str) -> list[str]:
    """Give the codes with one school in place of another. Raises :class:`SampleRefused`."""
    if out not in codes:
        raise SampleRefused(f"found {out} to leave, allowed is one of {' '.join(sorted(codes))}")
    if into in codes:
        raise SampleRefused(f"found {into} to come in, allowed is a school outside the sample")
    return sorted(into if code == out else code for code in codes)


def nearest_of(school: School, chosen: Sequence[School], bands: Bands) -> str:
    """Give the code of the chosen school that stands for a school."""

    def unlike(other: School) -> tuple[bool, int, int, str]:
        mine, theirs = cell_of(school, bands), cell_of(other, bands)
        likeness = sum(
            weight for margin, weight in _LIKENESS if mine.of(margin) == theirs.of(margin)
        )
        if school.aggregation_group and school.aggregation_group == other.aggregation_group:
            likeness += _SAME_GROUP
        itself = school.code == other.code
        return not itself, -likeness, abs(school.pupils - other.pupils), other.code

    return min(chosen, key=unlike).code


def _choice(
    one: School, schools: Sequence[School], nearest: Mapping[str, str], bands: Bands
) -> Choice:
    cell = cell_of(one, bands)
    alike = [other for other in schools if cell_of(other, bands) == cell]
    mine = [other for other in schools if nearest[other.code] == one.code]
    return Choice(
        school=one,
        cell=cell,
        cell_schools=len(alike),
        cell_pupils=sum(other.pupils for other in alike),
        nearest_schools=len(mine),
        nearest_pupils=sum(other.pupils for other in mine),
    )


def _strata(
    schools: Sequence[School], chosen: Sequence[School], bands: Bands, facts: Sequence[Fact]
) -> list[StratumLine]:
    order = [band.label for band in bands]
    lines = [
        *sorted(
            _lines("band", schools, chosen, lambda one: cell_of(one, bands).band),
            key=lambda line: order.index(line.value),
        ),
        *_lines("region", schools, chosen, lambda one: one.region),
        *_lines("line", schools, chosen, lambda one: one.line.value),
        *_lines(KIND, schools, chosen, lambda one: one.kind.value),
        *_lines(GROUP, schools, chosen, lambda one: one.aggregation_group),
    ]
    for key in sorted({fact.key for fact in facts if is_equipment(fact.key)}):
        lines += _of_equipment(key, schools, chosen, _strongest(facts, key))
    return lines


def _of_equipment(
    key: str, schools: Sequence[School], chosen: Sequence[School], models: Mapping[str, str]
) -> list[StratumLine]:
    return _lines(key, schools, chosen, lambda one: models.get(one.code, ""))


def is_equipment(key: str) -> bool:
    """Say whether a fact names equipment: another model may have other faults."""
    return key.endswith((".model", ".firmware"))


def _strongest(facts: Sequence[Fact], key: str) -> dict[str, str]:
    grades = list(Grade)
    best: dict[str, tuple[int, Value]] = {}
    for fact in facts:
        if fact.key == key:
            rank = grades.index(fact.grade), fact.value
            held = best.get(fact.school_code)
            if held is None or rank[0] < held[0]:
                best[fact.school_code] = rank
    return {code: str(value) for code, (_, value) in best.items()}


def _lines(
    margin: str,
    schools: Sequence[School],
    chosen: Sequence[School],
    key: Callable[[School], str],
) -> list[StratumLine]:
    members: dict[str, list[School]] = {}
    for school in schools:
        members.setdefault(key(school), []).append(school)
    codes = {school.code for school in chosen}
    share = Fraction(len(chosen), len(schools))
    lines = []
    for value in sorted(members.keys() - {""}):
        count = sum(school.code in codes for school in members[value])
        faulty = a_quarter_of(len(members[value]))
        lines.append(
            StratumLine(
                margin=margin,
                value=value,
                schools=len(members[value]),
                pupils=sum(school.pupils for school in members[value]),
                chosen=count,
                share=float(len(members[value]) * share),
                faulty=faulty,
                missed=float(missed(len(members[value]), faulty, count)),
            )
        )
    return lines
