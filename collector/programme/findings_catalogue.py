"""The catalogue of findings (configs/programme/findings.toml): what can be wrong, how one tells.

Adding a finding is adding a table to that file; nothing else knows their names.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Final

from collector import resources
from collector.judge.reading import Reading, Table, join, parse_toml, read_bytes
from collector.programme.catalogue_reading import (
    IDENTIFIER,
    MAX_ENTRIES,
    MAX_WORDS,
    both,
    choice,
    matches,
    nearest,
)
from collector.programme.facts_catalogue import FactDefinition, load_facts, number_of
from collector.programme.model import Grade
from collector.programme.rules import Rule, facts_of
from collector.programme.rules_reading import RuleReader
from collector.programme.words import Owner, Segment

MAX_SIGNS: Final = 20
_KEYS: Final = (
    *("name", "explanation", "segment", "owner", "minimum_grade", "prevalence", "likeness"),
    *("shared", "measures", "source", "applies", "rule", "if_true", "if_false", "sign"),
)


class Strength(StrEnum):
    """How much a piece of evidence weighs: by how much it multiplies the odds."""

    NONE = "none"
    """Not at all."""
    WEAK = "weak"
    """By 2."""
    MODERATE = "moderate"
    """By 4."""
    STRONG = "strong"
    """By 20."""
    DECISIVE = "decisive"
    """By 200: next to a definition."""

    @property
    def odds(self) -> float:
        """What the odds are multiplied with."""
        return _ODDS[self]


_ODDS: Final[Mapping[Strength, float]] = {
    Strength.NONE: 1.0,
    Strength.WEAK: 2.0,
    Strength.MODERATE: 4.0,
    Strength.STRONG: 20.0,
    Strength.DECISIVE: 200.0,
}


class Speaks(StrEnum):
    """Which way a sign points."""

    FOR = "for"
    AGAINST = "against"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """Evidence beside the rule: speaks where its own rule is true, else says nothing."""

    when: Rule
    speaks: Speaks
    strength: Strength


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingDefinition:
    """One thing that can be wrong. Texts are by language, ``ja`` and ``en``."""

    finding_id: str
    names: Mapping[str, str]
    explanation: Mapping[str, str]
    segment: Segment
    owner: Owner
    minimum_grade: Grade
    """The weakest grade of evidence on which it may be called likely."""
    prevalence: float
    """Share of schools that have it, before anything is known of the city."""
    likeness: tuple[str, ...]
    """Facts by which a school is likened to the sample schools."""
    shared: str | None
    """A fact: all schools with the same value have the finding together."""
    measures: tuple[str, ...]
    source: str
    applies: Rule | None
    rule: Rule
    if_true: Strength
    if_false: Strength
    signs: tuple[Sign, ...]

    def facts(self) -> tuple[str, ...]:
        """The facts that it asks for, each once, the rule's first."""
        rules = [self.rule, *(sign.when for sign in self.signs)]
        rules += [] if self.applies is None else [self.applies]
        return tuple(dict.fromkeys(key for rule in rules for key in facts_of(rule)))


def default_findings() -> Path:
    """Give the packaged catalogue."""
    return resources.configs_folder() / "programme" / "findings.toml"


def load_findings(
    path: Path | None = None, facts: Mapping[str, FactDefinition] | None = None
) -> Mapping[str, FindingDefinition]:
    """Read a catalogue, or the packaged one, in its order. Raises ConfigRefused."""
    path = path or default_findings()
    raw = read_bytes(path)
    return parse_findings(raw, str(path), facts) if facts else _of_packaged_facts(raw, str(path))


@functools.lru_cache(maxsize=4)
def _of_packaged_facts(raw: bytes, file: str) -> Mapping[str, FindingDefinition]:
    # many parts of a collector ask for the packaged catalogue: it is read once
    return parse_findings(raw, file, load_facts())


def parse_findings(
    raw: bytes, file: str, facts: Mapping[str, FactDefinition]
) -> Mapping[str, FindingDefinition]:
    """Read a catalogue; ``file`` names it in messages. Raises ConfigRefused with all mistakes."""
    document = parse_toml(raw, file)
    reading = Reading(file)
    reading.only(document, "", ("version", "finding"))
    reading.text(document, "", "version")
    tables = reading.table(document, "", "finding")
    if not tables or len(tables) > MAX_ENTRIES:
        reading.wrong("finding", len(tables), f"1 to {MAX_ENTRIES} findings")
    reader = _FindingReader(reading, facts)
    found: dict[str, FindingDefinition] = {}
    for finding_id in list(tables)[:MAX_ENTRIES]:
        one = reader.read(finding_id, reading.table(tables, "finding", finding_id))
        if one is not None:
            found[finding_id] = one
    reading.refuse_if_wrong()
    return MappingProxyType(found)


class _FindingReader:
    def __init__(self, reading: Reading, facts: Mapping[str, FactDefinition]) -> None:
        self._reading = reading
        self._facts = facts
        self._rules = RuleReader(reading, facts)

    def read(self, finding_id: str, table: Table) -> FindingDefinition | None:
        """Give a finding, or None and note what is wrong with it."""
        reading, place = self._reading, f"finding.{finding_id}"
        reading.only(table, place, _KEYS)
        if not matches(IDENTIFIER, finding_id):
            reading.wrong(place, finding_id, "small letters, digits and _, at most 40")
        names = both(reading, table, place, "name")
        explanation = both(reading, table, place, "explanation")
        segment = choice(reading, table, place, "segment", Segment)
        owner = choice(reading, table, place, "owner", Owner)
        grade = choice(reading, table, place, "minimum_grade", Grade)
        prevalence = number_of(table.get("prevalence"))
        if prevalence is None or not 0.001 <= prevalence <= 0.999:
            found = table.get("prevalence")
            reading.wrong(f"{place}.prevalence", found, "a share from 0.001 to 0.999")
        applies = None
        if "applies" in table:
            applies = self._rules.read(table["applies"], f"{place}.applies")
        rule = self._rules.read(table.get("rule"), f"{place}.rule")
        if_true = choice(reading, table, place, "if_true", Strength)
        if_false = choice(reading, table, place, "if_false", Strength)
        shared = self._keys(table, place, "shared", [table["shared"]] if "shared" in table else [])
        likeness = self._keys(table, place, "likeness", table.get("likeness"))
        measures = self._identifiers(table, place)
        source = self._source(table, place)
        signs = self._signs(table, place)
        if segment is None or owner is None or grade is None or prevalence is None:
            return None
        if rule is None or if_true is None or if_false is None:
            return None
        return FindingDefinition(
            finding_id=finding_id,
            names=names,
            explanation=explanation,
            segment=segment,
            owner=owner,
            minimum_grade=grade,
            prevalence=prevalence,
            likeness=likeness,
            shared=shared[0] if shared else None,
            measures=measures,
            source=source,
            applies=applies,
            rule=rule,
            if_true=if_true,
            if_false=if_false,
            signs=signs,
        )

    def _keys(self, table: Table, place: str, key: str, found: object) -> tuple[str, ...]:
        here = join(place, key)
        if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
            self._reading.wrong(here, table.get(key), 'facts such as ["line.kind"]')
            return ()
        for one in found:
            if one not in self._facts:
                hint = nearest(one, list(self._facts))
                self._reading.wrong(here, one, f"a fact of the list of facts{hint}")
        return tuple(found)

    def _identifiers(self, table: Table, place: str) -> tuple[str, ...]:
        found = table.get("measures")
        if isinstance(found, list) and all(
            isinstance(one, str) and matches(IDENTIFIER, one) for one in found
        ):
            return tuple(found)
        self._reading.wrong(f"{place}.measures", found, 'ids of measures such as ["ipoe"]')
        return ()

    def _source(self, table: Table, place: str) -> str:
        found = table.get("source", "")
        if isinstance(found, str) and len(found) <= MAX_WORDS:
            return found
        self._reading.wrong(f"{place}.source", found, f"a text of at most {MAX_WORDS} characters")
        return ""

    def _signs(self, table: Table, place: str) -> tuple[Sign, ...]:
        tables = self._reading.tables(table, place, "sign")
        if len(tables) > MAX_SIGNS:
            self._reading.wrong(f"{place}.sign", len(tables), f"at most {MAX_SIGNS} signs")
        signs = []
        for number, one in enumerate(tables[:MAX_SIGNS], 1):
            here = f"{place}.sign {number}"
            self._reading.only(one, here, ("when", "speaks", "strength"))
            when = self._rules.read(one.get("when"), f"{here}.when")
            speaks = choice(self._reading, one, here, "speaks", Speaks)
            strength = choice(self._reading, one, here, "strength", Strength)
            if when is not None and speaks is not None and strength is not None:
                signs.append(Sign(when=when, speaks=speaks, strength=strength))
        return tuple(signs)
