"""Schools and the survey baseline from CSV: bytes in, checked records out, nothing else.

Full-width digits in numbers are read as digits, because their meaning cannot be mistaken;
codes are compared with other files and so are taken only as they are.
"""

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Final

from collector.judge.criteria import MAX_PUPILS
from collector.schools.model import BaselineEntry, Kind, Line, School
from collector.schools.table import YES_NO, CsvTable, ImportRefused, Mistake, Row, fold

__all__ = [
    "BASELINE_HEADER",
    "SCHOOLS_HEADER",
    "ImportRefused",
    "Mistake",
    "parse_baseline",
    "parse_schools",
]

SCHOOLS_HEADER: Final = (
    "code",
    "name",
    "kind",
    "region",
    "pupils",
    "line",
    "contracted_mbps",
    "sample",
    "latitude",
    "longitude",
    "aggregation_group",
)
BASELINE_HEADER: Final = ("code", "met", "measured_mbps", "surveyed_on", "source")

MAX_CONTRACTED_MBPS: Final = 1_000_000
LATITUDES: Final = (20.0, 46.0)
"""Degrees north in which Japan lies: Okinotorishima to Cape Soya."""
LONGITUDES: Final = (122.0, 154.0)
"""Degrees east in which Japan lies: Yonaguni to Minamitorishima."""

_KINDS: Final[Mapping[Kind, tuple[str, ...]]] = {
    Kind.ELEMENTARY: ("小学校", "小", "elementary school", "primary"),
    Kind.JUNIOR_HIGH: ("中学校", "中", "junior high school", "junior high"),
    Kind.COMPULSORY: ("義務教育学校", "compulsory education school"),
    Kind.SPECIAL_NEEDS: ("特別支援学校", "special needs school"),
}
_LINES: Final[Mapping[Line, tuple[str, ...]]] = {
    Line.BEST_EFFORT_PPPOE: ("ベストエフォート（PPPoE）", "PPPoE"),
    Line.BEST_EFFORT_IPOE: ("ベストエフォート（IPoE）", "IPoE"),
    Line.GUARANTEED: ("帯域確保", "帯域保証", "帯域確保型", "帯域保証型"),
    Line.CENTRE_AGGREGATED: ("センター集約", "集約", "center aggregated"),
    Line.MOBILE: ("モバイル", "移動体"),
    Line.OTHER: ("その他",),
}
_KIND_WORDS: Final = {
    fold(word): kind for kind, words in _KINDS.items() for word in (kind.value, *words)
}
_LINE_WORDS: Final = {
    fold(word): line for line, words in _LINES.items() for word in (line.value, *words)
}


def parse_schools(raw: bytes, file: str) -> list[School]:
    """Read schools, in the order of the file. Raises :class:`ImportRefused` with all mistakes."""
    table = CsvTable(file, SCHOOLS_HEADER)
    schools: list[School] = []
    seen: dict[str, int] = {}
    for row in table.rows(raw):
        _note_duplicate(row, seen)
        school = _school(row)
        if school is not None:
            schools.append(school)
    if not seen and not table.mistakes:
        table.wrong(2, "code", None, "at least one school")
    table.refuse_if_wrong()
    return schools


def parse_baseline(raw: bytes, file: str, known_codes: Collection[str]) -> list[BaselineEntry]:
    """Read the survey baseline of known schools. Raises :class:`ImportRefused`."""
    table = CsvTable(file, BASELINE_HEADER)
    entries: list[BaselineEntry] = []
    seen: dict[str, int] = {}
    for row in table.rows(raw):
        _note_duplicate(row, seen)
        entry = _entry(row, known_codes)
        if entry is not None:
            entries.append(entry)
    if not seen and not table.mistakes:
        table.wrong(2, "code", None, "at least one school")
    table.refuse_if_wrong()
    return entries


def _school(row: Row) -> School | None:
    code = row.code("code")
    name = row.text("name")
    kind = row.choice("kind", _KIND_WORDS, [item.value for item in Kind])
    region = row.text("region")
    pupils = row.whole("pupils", 1, MAX_PUPILS)
    line = row.choice("line", _LINE_WORDS, [item.value for item in Line])
    contracted_mbps = None
    if not row.is_empty("contracted_mbps"):
        contracted_mbps = row.whole("contracted_mbps", 1, MAX_CONTRACTED_MBPS)
    # A sheet may mark only the sample schools.
    sample = not row.is_empty("sample") and row.choice("sample", YES_NO, ["yes", "no"])
    latitude, longitude = _coordinates(row)
    group = row.text("aggregation_group", may_be_empty=True)
    if kind is None or pupils is None or line is None or sample is None:
        return None
    return School(
        code=code,
        name=name,
        kind=kind,
        region=region,
        pupils=pupils,
        line=line,
        contracted_mbps=contracted_mbps,
        sample=sample,
        latitude=latitude,
        longitude=longitude,
        aggregation_group=group,
    )


def _coordinates(row: Row) -> tuple[float | None, float | None]:
    empty = row.is_empty("latitude"), row.is_empty("longitude")
    if all(empty):
        return None, None
    if any(empty):
        column, other = ("latitude", "longitude") if empty[0] else ("longitude", "latitude")
        row.wrong(column, f"a number, because {other} is given; or leave both empty")
    latitude = longitude = None
    if not empty[0]:
        latitude = row.number("latitude", *LATITUDES, "degrees north, in Japan")
    if not empty[1]:
        longitude = row.number("longitude", *LONGITUDES, "degrees east, in Japan")
    return (
        None if latitude is None else float(latitude),
        None if longitude is None else float(longitude),
    )


def _entry(row: Row, known_codes: Collection[str]) -> BaselineEntry | None:
    code = row.code("code")
    if code and code not in known_codes:
        near = get_close_matches(code, known_codes, 1, 0.6)
        hint = f" (did you mean {near[0]}?)" if near else ""
        row.wrong("code", f"the code of an imported school{hint}; import the schools first")
    met = row.choice("met", YES_NO, ["yes", "no"])
    measured_bps = None
    if not row.is_empty("measured_mbps"):
        measured = row.number("measured_mbps", 0, 1_000_000, "Mbit/s")
        measured_bps = None if measured is None else round(measured * 1_000_000)
    surveyed_on = row.day("surveyed_on")
    source = row.text("source")
    if met is None:
        return None
    return BaselineEntry(
        school_code=code,
        met=met,
        measured_bps=measured_bps,
        surveyed_on=surveyed_on,
        source=source,
    )


def _note_duplicate(row: Row, seen: dict[str, int]) -> None:
    code = row.fields["code"].strip()
    if code in seen:
        if code:
            row.wrong("code", f"each code once; it is already on line {seen[code]}")
    else:
        seen[code] = row.line
