"""Measures (改善策) as data: what each answers, costs and is expected to do to a path."""

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Final

from collector.judge.reading import Reading, Table, parse_toml, read_bytes
from collector.programme.catalogue_reading import both, choice
from collector.programme.findings_catalogue import load_findings
from collector.programme.toml_parts import flag, known_texts, pair, ratio, unique
from collector.programme.words import Segment
from collector.resources import configs_folder

MOST_YEN: Final = 10_000_000_000
MOST_WEEKS: Final = 260
_MEASURE_KEYS: Final = (
    *("id", "name", "explanation", "answers", "helps", "segment", "shared", "one_off_yen"),
    *("per_year_yen", "assumption", "cost_source", "lead_weeks", "lifts", "effect"),
)
_MODEL_KEYS: Final = (
    *("limits_quiet", "hide_capacity", "least_known_ratio", "other_limit_spread"),
    *("rest_mbps", "rest_spread", "goodput_ratio"),
)


class EffectKind(StrEnum):
    """What a measure does to what its segment carries."""

    CEILING = "ceiling"
    """It then carries about ``ceiling_bps``."""
    FACTOR = "factor"
    """It then carries ``factor`` times what it did."""
    CLEARS = "clears"
    """The limit goes away and brings none of its own."""
    NONE = "none"
    """The quiet capacity stays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """The effect model; every figure is an assumption until measured (``basis`` says of what)."""

    kind: EffectKind
    ceiling_bps: float | None = None
    factor: float | None = None
    spread_city: float = 0.0
    """Standard deviation of the logarithm, common to all schools."""
    spread_school: float = 0.0
    """Standard deviation of the logarithm, of each school alone."""
    works_ratio: float = 1.0
    basis: Mapping[str, str]
    """By language; of kind ``none``: why the quiet capacity stays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureDefinition:
    """One measure of the catalogue. Money in yen, [low, high]."""

    id: str
    names: Mapping[str, str]
    explanations: Mapping[str, str]
    answers: frozenset[str]
    """Findings whose limit it lifts."""
    helps: frozenset[str]
    """Findings that it also helps against; nothing is calculated from that."""
    segment: Segment
    shared: bool
    """Bought once for all schools of an aggregation group."""
    one_off_yen: tuple[int, int]
    per_year_yen: tuple[int, int]
    assumption: bool
    cost_source: str
    lead_weeks: tuple[int, int]
    lifts: frozenset[str]
    """Facts whose ceiling it replaces."""
    effect: Effect


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectModel:
    """What holds for all measures; the file tells what each figure means."""

    limits_quiet: frozenset[str]
    hide_capacity: frozenset[str]
    least_known_ratio: float
    other_limit_spread: float
    rest_bps: float
    rest_spread: float
    goodput_ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureCatalogue:
    """The whole file."""

    version: str
    model: EffectModel
    measures: Mapping[str, MeasureDefinition]

    def answering(self, finding_id: str) -> tuple[MeasureDefinition, ...]:
        """Measures that answer a finding, in the order of the file."""
        return tuple(one for one in self.measures.values() if finding_id in one.answers | one.helps)


def load_measures(
    path: Path | None = None, findings: Iterable[str] | None = None
) -> MeasureCatalogue:
    """Read a file, or the packaged one. Raises ConfigRefused with every mistake.

    ``findings`` are the ids it may name; None: those of the packaged catalogue of findings.
    """
    path = path or configs_folder() / "programme" / "measures.toml"
    known = tuple(load_findings() if findings is None else findings)
    return parse_measures(read_bytes(path), str(path), known)


@functools.lru_cache(maxsize=4)
def parse_measures(raw: bytes, file: str, findings: tuple[str, ...]) -> MeasureCatalogue:
    """Read the catalogue, once each; ``file`` names it in messages. Raises ConfigRefused."""
    document = parse_toml(raw, file)
    reading = Reading(file)
    reading.only(document, "", ("table", "model", "measure"))
    table = reading.table(document, "", "table")
    reading.only(table, "table", ("version",))
    version = reading.text(table, "table", "version")
    model = _model(reading, reading.table(document, "", "model"), findings)
    measures = [
        _measure(reading, item, number, findings)
        for number, item in enumerate(reading.tables(document, "", "measure"), 1)
    ]
    if not measures:
        reading.wrong("measure", None, "at least one [[measure]] table")
    unique(reading, "measure", [one.id for one in measures])
    reading.refuse_if_wrong()
    return MeasureCatalogue(
        version=version,
        model=model,
        measures=MappingProxyType({one.id: one for one in measures}),
    )


def _model(reading: Reading, table: Table, findings: Sequence[str]) -> EffectModel:
    reading.only(table, "model", _MODEL_KEYS)
    rest = reading.positive(table, "model", "rest_mbps")
    spread = reading.positive(table, "model", "other_limit_spread")
    return EffectModel(
        limits_quiet=known_texts(reading, table, "model", "limits_quiet", findings),
        hide_capacity=known_texts(reading, table, "model", "hide_capacity", findings),
        least_known_ratio=ratio(reading, table, "model", "least_known_ratio"),
        other_limit_spread=float(spread or 0),
        rest_bps=float(rest or 0) * 1e6,
        rest_spread=ratio(reading, table, "model", "rest_spread"),
        goodput_ratio=ratio(reading, table, "model", "goodput_ratio"),
    )


def _measure(
    reading: Reading, item: Table, number: int, findings: Sequence[str]
) -> MeasureDefinition:
    place = f"measure {number}"
    reading.only(item, place, _MEASURE_KEYS)
    name = reading.text(item, place, "id")
    place = f"measure {name or number}"
    return MeasureDefinition(
        id=name,
        names=both(reading, item, place, "name"),
        explanations=both(reading, item, place, "explanation"),
        answers=known_texts(reading, item, place, "answers", findings),
        helps=known_texts(reading, item, place, "helps", findings)
        if "helps" in item
        else frozenset(),
        segment=choice(reading, item, place, "segment", Segment) or Segment.DEVICE,
        shared=flag(reading, item, place, "shared"),
        one_off_yen=pair(reading, item, place, "one_off_yen", MOST_YEN),
        per_year_yen=pair(reading, item, place, "per_year_yen", MOST_YEN),
        assumption=flag(reading, item, place, "assumption"),
        cost_source=reading.text(item, place, "cost_source"),
        lead_weeks=pair(reading, item, place, "lead_weeks", MOST_WEEKS),
        lifts=known_texts(reading, item, place, "lifts", None),
        effect=_effect(reading, reading.table(item, place, "effect"), f"{place}.effect"),
    )


def _effect(reading: Reading, item: Table, place: str) -> Effect:
    kind = choice(reading, item, place, "kind", EffectKind) or EffectKind.NONE
    if kind is EffectKind.NONE:
        reading.only(item, place, ("kind", "reason"))
        return Effect(kind=kind, basis=both(reading, item, place, "reason"))
    figure = {EffectKind.CEILING: "ceiling_mbps", EffectKind.FACTOR: "factor"}.get(kind)
    spreads = () if figure is None else ("spread_city", "spread_school")
    known = ("kind", "works_ratio", "basis", *spreads, *(() if figure is None else (figure,)))
    reading.only(item, place, known)
    number = None if figure is None else reading.positive(item, place, figure)
    spread = {key: ratio(reading, item, place, key) for key in spreads}
    return Effect(
        kind=kind,
        ceiling_bps=float(number) * 1e6 if number and kind is EffectKind.CEILING else None,
        factor=float(number) if number and kind is EffectKind.FACTOR else None,
        spread_city=spread.get("spread_city", 0.0),
        spread_school=spread.get("spread_school", 0.0),
        works_ratio=ratio(reading, item, place, "works_ratio"),
        basis=both(reading, item, place, "basis"),
    )
