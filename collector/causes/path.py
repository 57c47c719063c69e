"""Where the bottleneck probe saw the narrow link: inside the school, on the line, beyond. Pure.

Hops of the probe's path are joined with devices that answer SNMP (the last of them on the path is
the school's router) and with the centre, where tests have it as a target.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from collector.causes.seen import Part, Result, Seen, host_of, number, rows


class Stretch(StrEnum):
    """Part of the path that holds a link."""

    SCHOOL = "school"
    """Between the appliance and the router."""
    LINE = "line"
    """Between the router and the carrier's first hop."""
    CARRIER = "carrier"
    """Beyond, up to the centre where it is known."""
    BEYOND_CENTRE = "beyond_centre"


@dataclass(frozen=True, slots=True)
class Located:
    """What one bottleneck result says."""

    result: Result
    download: Stretch | None
    upload: Stretch | None
    text: str
    counters: str | None


FEWEST: Final = 2
"""Results that agree, where there are as many: a single verdict may be chance."""


def located(seen: Seen) -> list[Located]:
    """Every bottleneck result that names a link or a range within one stretch."""
    edge, centre = edge_hop(seen), centre_address(seen)
    made = []
    for one in seen.good("bottleneck", beside=False):
        found = {
            way: _stretch(one, way, edge, _hop_of(one, centre)) for way in ("download", "upload")
        }
        if any(found.values()):
            text = str(one.made.values.get("download_text") or "")
            counters = one.made.values.get("download_counters")
            made.append(
                Located(
                    one,
                    found["download"],
                    found["upload"],
                    text,
                    counters if isinstance(counters, str) else None,
                )
            )
    return made


def agreed(places: Iterable[Located], *parts: Part) -> tuple[Stretch, list[Located]] | None:
    """The stretch that most downloads of these parts of the day name, and who says so."""
    of = [one for one in places if one.result.part in parts and one.download is not None]
    if not of:
        return None
    (stretch, count), *others = Counter(one.download for one in of).most_common()
    if stretch is None or (others and others[0][1] * 2 > count):
        return None
    return stretch, [one for one in of if one.download is stretch]


def edge_hop(seen: Seen) -> int:
    """Hop of the school's router: the last on the path that answers SNMP; 1 where none does."""
    asked = {host_of(one.made.target) for one in seen.good("snmp")}
    hops = [
        int(count)
        for one in (*seen.good("bottleneck"), *seen.good("traceroute"))
        for row in rows(one.made, "hops")
        if row.get("address") in asked and (count := number(row.get("hop_count"))) is not None
    ]
    return max(hops, default=1) or 1


def centre_address(seen: Seen) -> str | None:
    """Address of the centre, as tests of that segment have it."""
    for one in reversed(seen.tried("throughput", "latency", "stamp")):
        if one.made.segment == "centre":
            return host_of(one.made.target)
    return None


def gateways(seen: Seen) -> set[str]:
    """Addresses of the hops up to the school's router."""
    edge = edge_hop(seen)
    return {
        str(row["address"])
        for one in (*seen.good("bottleneck"), *seen.good("traceroute"))
        for row in rows(one.made, "hops")
        if isinstance(row.get("address"), str) and 0 < (number(row.get("hop_count")) or 0) <= edge
    }


def _hop_of(result: Result, address: str | None) -> int | None:
    for row in rows(result.made, "hops"):
        if address is not None and row.get("address") == address:
            count = number(row.get("hop_count"))
            return None if count is None else int(count)
    return None


def _stretch(result: Result, way: str, edge: int, centre: int | None) -> Stretch | None:
    values = result.made.values
    if values.get(f"{way}_verdict") not in ("link", "range"):
        return None
    near, far = (
        number(values.get(f"{way}_from_hop_count")),
        number(values.get(f"{way}_to_hop_count")),
    )
    if near is None or far is None:
        return None
    if far <= edge:
        return Stretch.SCHOOL
    if near >= edge and far <= edge + 1:
        return Stretch.LINE
    if near < edge + 1:
        return None  # a range over more than one stretch tells nothing
    if centre is None or far <= centre:
        return Stretch.CARRIER
    return Stretch.BEYOND_CENTRE if near >= centre else None
