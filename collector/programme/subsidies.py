"""Subsidies (補助金) as dated data, and what one pays of a cost."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Final

from collector.judge.reading import Reading, Table, parse_toml, read_bytes
from collector.programme.catalogue_reading import both
from collector.programme.measures_catalogue import MOST_YEN
from collector.programme.toml_parts import flag, known_texts, ratio, unique
from collector.resources import configs_folder

YEARS: Final = (2019, 2100)
_KEYS: Final = (
    *("id", "name", "example", "rate_ratio", "ceiling_yen_per_school", "total_yen"),
    *("fiscal_years", "measures", "per_year_costs", "source", "dated"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subsidy:
    """One subsidy. Money in yen; None: not known (rate) or no limit (the others)."""

    id: str
    names: Mapping[str, str]
    example: bool
    """Invented to show the form: no such programme is claimed to exist."""
    rate_ratio: float | None
    ceiling_yen_per_school: int | None
    total_yen: int | None
    fiscal_years: frozenset[int]
    measures: frozenset[str]
    per_year_costs: bool
    """Whether it pays yearly costs, too."""
    source: str
    dated: date

    def pays_yen(self, measure_id: str, fiscal_year: int, one_off_yen: int, yearly_yen: int) -> int:
        """What it pays of one measure at one school bought in a year; 0 where it does not."""
        if self.rate_ratio is None or measure_id not in self.measures:
            return 0
        if fiscal_year not in self.fiscal_years:
            return 0
        eligible = one_off_yen + (yearly_yen if self.per_year_costs else 0)
        paid = int(eligible * self.rate_ratio)
        if self.ceiling_yen_per_school is not None:
            paid = min(paid, self.ceiling_yen_per_school)
        return paid


def best_subsidy(
    subsidies: Iterable[Subsidy],
    measure_id: str,
    fiscal_year: int,
    one_off_yen: int,
    yearly_yen: int,
) -> tuple[Subsidy | None, int]:
    """Give the subsidy that pays most of a cost, and how much in yen; one cost, one subsidy."""
    best: tuple[Subsidy | None, int] = None, 0
    for one in subsidies:
        paid = one.pays_yen(measure_id, fiscal_year, one_off_yen, yearly_yen)
        if paid > best[1]:
            best = one, paid
    return best


def load_subsidies(measures: Iterable[str], path: Path | None = None) -> Mapping[str, Subsidy]:
    """Read a file, or the packaged one; ``measures`` are the ids it may name. ConfigRefused."""
    path = path or configs_folder() / "programme" / "subsidies.toml"
    return parse_subsidies(read_bytes(path), str(path), measures)


def parse_subsidies(raw: bytes, file: str, measures: Iterable[str]) -> Mapping[str, Subsidy]:
    """Read subsidies; ``file`` names it in messages. Raises ConfigRefused."""
    document = parse_toml(raw, file)
    reading = Reading(file)
    reading.only(document, "", ("table", "subsidy"))
    table = reading.table(document, "", "table")
    reading.only(table, "table", ("version",))
    reading.text(table, "table", "version")
    known = tuple(measures)
    found = [
        _subsidy(reading, item, number, known)
        for number, item in enumerate(reading.tables(document, "", "subsidy"), 1)
    ]
    unique(reading, "subsidy", [one.id for one in found])
    reading.refuse_if_wrong()
    return MappingProxyType({one.id: one for one in found})


def _subsidy(reading: Reading, item: Table, number: int, measures: tuple[str, ...]) -> Subsidy:
    reading.only(item, f"subsidy {number}", _KEYS)
    name = reading.text(item, f"subsidy {number}", "id")
    place = f"subsidy {name or number}"

    def optional_yen(key: str) -> int | None:
        return reading.whole(item, place, key, 0, MOST_YEN) if key in item else None

    return Subsidy(
        id=name,
        names=both(reading, item, place, "name"),
        example=flag(reading, item, place, "example"),
        rate_ratio=ratio(reading, item, place, "rate_ratio") if "rate_ratio" in item else None,
        ceiling_yen_per_school=optional_yen("ceiling_yen_per_school"),
        total_yen=optional_yen("total_yen"),
        fiscal_years=_years(reading, item, place),
        measures=known_texts(reading, item, place, "measures", measures),
        per_year_costs=flag(reading, item, place, "per_year_costs"),
        source=reading.text(item, place, "source"),
        dated=_day(reading, item, place),
    )


def _years(reading: Reading, item: Table, place: str) -> frozenset[int]:
    found = item.get("fiscal_years")
    first, last = YEARS
    if isinstance(found, list) and all(
        isinstance(one, int) and not isinstance(one, bool) and first <= one <= last for one in found
    ):
        return frozenset(found)
    reading.wrong(f"{place}.fiscal_years", found, f"years from {first} to {last}, such as [2027]")
    return frozenset()


def _day(reading: Reading, item: Table, place: str) -> date:
    found = item.get("dated")
    if isinstance(found, date) and not isinstance(found, datetime):
        return found
    reading.wrong(f"{place}.dated", found, "a date without quotes, such as 2026-04-30")
    return date.min
