"""Evidence on the line that several rules share: speeds, queues, the router's WAN port. Pure.

The bottleneck probe and the router's counters are joined here: a queue at the link behind the
router is the line's own where the port of that link was full while the queue stood.
"""

from statistics import median
from typing import Final

from collector.causes.candidate import observed
from collector.causes.devices import Inventory
from collector.causes.figures import Figures, results, slow_days
from collector.causes.model import Observed
from collector.causes.path import Located, Stretch
from collector.causes.seen import Part, Run, Seen, days

CONFIRM: Final = "confirm"
"""Counters of the named link in a bottleneck result: its port was full or dropped packets."""
Placed = tuple[Stretch, list[Located]]


def enough(seen: Seen, bps: float) -> bool:
    """Whether a school gets what it needs with so much: then nothing is too slow."""
    return seen.school.required_bps is not None and bps >= seen.school.required_bps


def inside_runs(seen: Seen) -> list[Run]:
    """Throughput tests to a responder in the school."""
    return [
        Run(one, down, None)
        for one in seen.good("throughput", beside=True)
        if one.made.segment == "lan" and (down := one.number("download_bps")) is not None
    ]


def located_at(place: Placed) -> Observed:
    """Evidence of the bottleneck probe."""
    return observed(f"located_{place[0]}", [one.result for one in place[1]])


def lessons_are_slow(seen: Seen, of: Figures, most_ratio: float) -> Observed | None:
    """Lessons leave too little, and at most so much of the quiet speed, on several days."""
    if of.left_bps is None or of.reference_bps is None or of.left_ratio is None:
        return None
    if enough(seen, of.left_bps) or of.left_ratio > most_ratio:
        return None
    if slow_days(of.lesson, most_ratio * of.reference_bps) < seen.number.fewest_days:
        return None
    return observed(
        "left_in_lessons",
        results(of.lesson),
        left_bps=of.left_bps,
        quiet_bps=of.reference_bps,
    )


def use_in_lessons(of: Figures) -> tuple[float, float, Observed] | None:
    """The school's share of what crosses the line in lessons, and all of it over the quiet speed.

    None where others' traffic was not read or nothing is known to compare with.
    """
    crossed = of.crossed
    if not crossed or not of.reference_bps:
        return None
    use = median((one.cross_bps or 0.0) / max(one.whole_bps, 1.0) for one in crossed)
    whole = median(one.whole_bps for one in crossed) / of.reference_bps
    told = observed("use_in_lessons", results(crossed), use_ratio=use, whole_ratio=min(whole, 2.0))
    return use, whole, told


def evenings_slump(seen: Seen, of: Figures) -> bool:
    """Evenings are slower than mornings, though nobody is at school then."""
    return of.evening_ratio is not None and of.evening_ratio < seen.number.slump_ratio


def wan_is_full(seen: Seen, inventory: Inventory, quiet_bps: float) -> Observed | None:
    """The router's WAN port carries in lessons what the line carries; None: not, or not known."""
    limit, key = seen.number, inventory.wan
    rows = [] if key is None else inventory.ports().get(key, [])
    busy = [
        one
        for one in rows
        if one.result.part is Part.LESSON
        and (one.number("in_bps") or 0.0) >= limit.saturated_port_ratio * quiet_bps
    ]
    seen_at = [one.result for one in busy]
    if len(busy) < limit.fewest_reports or days(seen_at) < limit.fewest_days:
        return None
    return observed(
        "wan_is_full",
        seen_at,
        port=f"{busy[-1].device.name} {busy[-1].port}",
        port_bps=median(one.number("in_bps") or 0.0 for one in busy),
        quiet_bps=quiet_bps,
    )


def port_confirms(place: Placed) -> Observed | None:
    """The port of the line was full or dropped packets while the queue stood there, each time."""
    confirmed = [one for one in place[1] if one.counters == CONFIRM]
    if place[0] is not Stretch.LINE or not confirmed or len(confirmed) * 2 <= len(place[1]):
        return None
    return observed("line_port_confirms", [one.result for one in confirmed])
