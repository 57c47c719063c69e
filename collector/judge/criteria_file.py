"""Read a table of required speeds from TOML, refusing with every mistake at once."""

from datetime import date, datetime
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Final

from collector.judge.bands import DEFAULT_BANDS, Band, bands_up_to
from collector.judge.criteria import MAX_PUPILS, Criteria, Row, Uncertain, enclosing_rows, slope
from collector.judge.reading import Reading, Table, parse_toml, read_bytes, words

LAST_SLOPE: Final = "last slope"
_TABLE_KEYS: Final = (
    "name",
    "version",
    "issued_by",
    "below_first_row_mbps_per_pupil",
    "above_last_row_mbps_per_pupil",
    "size_bands_up_to",
)


def load_criteria(path: Path) -> Criteria:
    """Read a table from a file. Raises :class:`collector.judge.reading.ConfigRefused`."""
    return parse_criteria(read_bytes(path), str(path))


def parse_criteria(raw: bytes, file: str) -> Criteria:
    """Read a table; ``file`` names it in messages. Raises ConfigRefused with all mistakes."""
    document = parse_toml(raw, file)
    reading = Reading(file)
    reading.only(document, "", ("table", "row", "uncertain"))
    table = reading.table(document, "", "table")
    reading.only(table, "table", _TABLE_KEYS)
    name, version, issued_by = (
        reading.text(table, "table", key) for key in ("name", "version", "issued_by")
    )
    below = reading.positive(table, "table", "below_first_row_mbps_per_pupil")
    bands = _bands(reading, table)
    rows = _rows(reading, reading.tables(document, "", "row"))
    uncertain = _uncertain(reading, reading.tables(document, "", "uncertain"), rows)
    above = _above(reading, table, rows)
    reading.refuse_if_wrong()
    assert below is not None
    return Criteria(
        name=name,
        version=version,
        issued_by=issued_by,
        rows=rows,
        below_mbps_per_pupil=Fraction(below),
        above_mbps_per_pupil=above,
        uncertain=uncertain,
        bands=bands,
    )


def _rows(reading: Reading, tables: list[Table]) -> tuple[Row, ...]:
    rows: list[Row] = []
    for number, item in enumerate(tables, 1):
        place = f"row {number}"
        reading.only(item, place, ("pupils", "mbps", "source", "date"))
        pupils = reading.whole(item, place, "pupils", 1, MAX_PUPILS)
        mbps = reading.positive(item, place, "mbps")
        source = reading.text(item, place, "source")
        published_on = _date(reading, item, place)
        if pupils is not None and mbps is not None:
            rows.append(
                Row(pupils=pupils, mbps=Fraction(mbps), source=source, published_on=published_on)
            )
    if len(tables) < 2:
        reading.wrong("row", words(f"{len(tables)} rows"), "at least two [[row]] tables")
    if len(rows) == len(tables):
        _check_ascending(reading, rows)
    return tuple(rows)


def _check_ascending(reading: Reading, rows: list[Row]) -> None:
    for number, (left, right) in enumerate(pairwise(rows), 2):
        if right.pupils <= left.pupils:
            reading.wrong(f"row {number}.pupils", right.pupils, f"more than {left.pupils}")
        elif right.mbps < left.mbps:
            reading.wrong(
                f"row {number}.mbps",
                words(f"{float(right.mbps):g}"),
                f"at least {float(left.mbps):g}",
            )


def _date(reading: Reading, item: Table, place: str) -> date:
    found = item.get("date")
    if isinstance(found, date) and not isinstance(found, datetime):
        return found
    reading.wrong(f"{place}.date", found, "a date without quotes, such as 2024-04-30")
    return date.min


def _above(reading: Reading, table: Table, rows: tuple[Row, ...]) -> Fraction:
    key = "above_last_row_mbps_per_pupil"
    if table.get(key) == LAST_SLOPE:
        usable = len(rows) >= 2 and rows[-2].pupils < rows[-1].pupils
        return slope(rows[-2], rows[-1]) if usable else Fraction(0)
    number = reading.positive(table, "table", key, extra=f', or "{LAST_SLOPE}"')
    return Fraction(0) if number is None else Fraction(number)


def _uncertain(
    reading: Reading, tables: list[Table], rows: tuple[Row, ...]
) -> tuple[Uncertain, ...]:
    result: list[Uncertain] = []
    for number, item in enumerate(tables, 1):
        place = f"uncertain {number}"
        reading.only(item, place, ("first_pupils", "last_pupils", "reason"))
        first = reading.whole(item, place, "first_pupils", 1, MAX_PUPILS)
        last = reading.whole(item, place, "last_pupils", 1, MAX_PUPILS)
        reason = reading.text(item, place, "reason")
        if first is None or last is None:
            continue
        one = Uncertain(first_pupils=first, last_pupils=last, reason=reason)
        if enclosing_rows(rows, one) is None:
            reading.wrong(
                place,
                words(f"{first} to {last} pupils"),
                "a range between two neighbouring rows that have a further row on each side",
            )
        result.append(one)
    return tuple(result)


def _bands(reading: Reading, table: Table) -> tuple[Band, ...]:
    found = table.get("size_bands_up_to")
    if found is None:
        return DEFAULT_BANDS
    whole = isinstance(found, list) and all(
        isinstance(item, int) and not isinstance(item, bool) and 1 <= item <= MAX_PUPILS
        for item in found
    )
    if not whole or not found or any(right <= left for left, right in pairwise(found)):
        reading.wrong(
            "table.size_bands_up_to",
            found,
            f"ascending whole numbers from 1 to {MAX_PUPILS}, such as [60, 120, 315]",
        )
        return DEFAULT_BANDS
    return bands_up_to(found)
