"""Causes behind the line: carrier and PPPoE by the hour, the centre that schools share. Pure."""

from statistics import median

from collector.causes.candidate import Answer, Candidate, clear, found, observed, unseen
from collector.causes.devices import Inventory
from collector.causes.figures import Figures, results, rtt_results, slow_days
from collector.causes.line_evidence import (
    enough,
    evenings_slump,
    lessons_are_slow,
    located_at,
    use_in_lessons,
)
from collector.causes.model import Observed, Strength
from collector.causes.path import Stretch, agreed
from collector.causes.seen import Part, Seen, middle, of_parts

AGGREGATED = "centre_aggregated"
PPPOE = "best_effort_pppoe"
SMALL_TUNNEL_BYTES = 1454
"""Path MTU of PPPoE on the regional carriers' lines."""
RISE_SECONDS = 0.002
"""A longer round trip from which on it is worth saying."""


def carrier(seen: Seen, inventory: Inventory, of: Figures) -> tuple[Answer, Answer]:
    """PPPoE termination or carrier's network crowded at some hours; one of the two at most."""
    if of.evening_ratio is None:
        return unseen("pppoe_congested"), unseen("carrier_congested")
    pppoe = _is_pppoe(seen)
    name = "pppoe_congested" if pppoe else "carrier_congested"
    other = clear("carrier_congested" if pppoe else "pppoe_congested")
    confirm = "compare_ipoe" if pppoe else "ask_carrier"
    answer = _crowded(seen, inventory, of, name, confirm)
    return (answer, other) if pppoe else (other, answer)


def _crowded(seen: Seen, inventory: Inventory, of: Figures, name: str, confirm: str) -> Answer:
    limit = seen.number
    late = middle((one.whole_bps for one in of.evening), limit.fewest_runs)
    early = middle((one.whole_bps for one in of.morning), limit.fewest_runs)
    assert early is not None
    assert late is not None
    aggregated = seen.school.line_kind == AGGREGATED
    behind = aggregated and (of.centre_evening_ratio or 0.0) >= limit.steady_ratio
    enough_days = slow_days(of.evening, limit.slump_ratio * early) >= limit.fewest_days
    if not evenings_slump(seen, of) or behind or enough(seen, late) or not enough_days:
        return clear(name)
    evidence = [observed("evening_slump", results(of.evening), late_bps=late, early_bps=early)]
    if of.evening_rtt_seconds is not None and of.evening_rtt_seconds > RISE_SECONDS:
        calls = [one for one in rtt_results(seen) if one.part is Part.EVENING]
        evidence.append(observed("rtt_in_evenings", calls, rise_seconds=of.evening_rtt_seconds))
    place, strength = agreed(of.places, Part.EVENING), Strength.INFERRED
    if place is not None:
        evidence.append(located_at(place))
        if place[0] is Stretch.SCHOOL:
            strength = Strength.POINTED
    return found(
        Candidate(
            finding_id=name,
            strength=strength,
            observed=tuple(evidence),
            ports=inventory.way_out(),
            hours=frozenset({Part.EVENING}),
            confirm=(confirm,),
        )
    )


def aggregation_thin(seen: Seen, of: Figures) -> Answer:
    """Lessons are slow behind the centre, for all its schools."""
    name = "aggregation_thin"
    if seen.school.line_kind not in (None, AGGREGATED, "other"):
        return clear(name)
    if of.left_ratio is None or of.reference_bps is None:
        return unseen(name)
    slow = lessons_are_slow(seen, of, seen.number.lesson_slump_ratio)
    if slow is None:
        return clear(name)
    evidence = [slow]
    strength = _behind_centre(seen, of, evidence)
    if strength is None:
        return clear(name)
    return found(
        Candidate(
            finding_id=name,
            strength=strength,
            observed=tuple(evidence),
            hours=frozenset({Part.LESSON}),
            confirm=("ask_centre",),
        )
    )


def _behind_centre(seen: Seen, of: Figures, evidence: list[Observed]) -> Strength | None:
    limit = seen.number
    if of.centre_lesson_ratio is not None:
        steady = of.centre_lesson_ratio >= limit.centre_steady_ratio
        centre = of_parts(seen.centre_runs(), Part.LESSON)
        ratio = min(of.centre_lesson_ratio, 2.0)
        evidence.append(observed("centre_in_lessons", results(centre), centre_ratio=ratio))
        return Strength.INFERRED if steady else None
    place = agreed(of.places, Part.LESSON)
    if place is not None:
        evidence.append(located_at(place))
        return Strength.INFERRED if place[0] is Stretch.BEYOND_CENTRE else None
    if seen.school.line_kind != AGGREGATED:
        return None
    use = use_in_lessons(of)
    if use is None or len(of.crossed) < limit.fewest_runs:
        return Strength.POINTED
    evidence.append(use[2])
    return Strength.INFERRED if use[1] <= limit.lesson_slump_ratio else None


def _is_pppoe(seen: Seen) -> bool:
    if seen.school.line_kind is not None:
        return seen.school.line_kind == PPPOE
    sizes = [one.number("path_mtu_bytes") for one in seen.good("path_mtu", beside=False)]
    known = [size for size in sizes if size is not None]
    return bool(known) and median(known) <= SMALL_TUNNEL_BYTES
