"""Causes on the line itself: used up in lessons, or less than was contracted. Pure."""

from statistics import median

from collector.causes.candidate import Answer, Candidate, clear, found, observed, unseen
from collector.causes.devices import Inventory
from collector.causes.figures import Figures, results, rtt_results
from collector.causes.line_evidence import (
    enough,
    evenings_slump,
    inside_runs,
    lessons_are_slow,
    located_at,
    port_confirms,
    use_in_lessons,
    wan_is_full,
)
from collector.causes.model import Observed, Strength
from collector.causes.path import Stretch, agreed
from collector.causes.seen import Part, Seen
from collector.causes.upstream_rules import AGGREGATED

QUIET_PARTS = (Part.MORNING, Part.EVENING)
LAN_FASTER = 1.2
"""Inside the school it must be so much faster for the line to be what is slow."""


def line_saturated(seen: Seen, inventory: Inventory, of: Figures) -> Answer:
    """Lessons use up what the line carries."""
    name = "line_saturated"
    if of.left_ratio is None or of.reference_bps is None:
        return unseen(name)
    slow = lessons_are_slow(seen, of, seen.number.saturated_left_ratio)
    if slow is None:
        return clear(name)
    evidence = [slow]
    strength = _saturation(seen, inventory, of, evidence)
    if strength is None:
        return clear(name)
    return found(
        Candidate(
            finding_id=name,
            strength=strength,
            observed=tuple(evidence),
            ports=inventory.ends(inventory.wan) if inventory.wan is not None else frozenset(),
            hours=frozenset({Part.LESSON}),
            confirm=("pause_big_traffic",) if strength is Strength.TOLD else ("read_wan_counters",),
        )
    )


def _saturation(
    seen: Seen, inventory: Inventory, of: Figures, evidence: list[Observed]
) -> Strength | None:
    """How well it is known that the school's own traffic fills the line; adds to the evidence.

    Traffic beside the tests tells it outright. Else the queue at the link behind the router, and
    the WAN port being full then, each infer it and together tell it.
    """
    assert of.reference_bps is not None
    limit, use = seen.number, use_in_lessons(of)
    if use is not None and len(of.crossed) >= limit.fewest_runs:
        evidence.append(use[2])
        full = use[0] >= limit.saturated_use_ratio and use[1] >= limit.saturated_whole_ratio
        return Strength.TOLD if full else None
    strength, port_told = _by_queue(seen, of, evidence), False
    place = agreed(of.places, Part.LESSON)
    confirmed = None if place is None else port_confirms(place)
    full_port = None
    if not of.crossed:
        full_port = wan_is_full(seen, inventory, of.reference_bps)
    for told in (full_port, confirmed):
        if told is not None:
            evidence.append(told)
            port_told = True
    if port_told and (place is None or place[0] is Stretch.LINE):
        return Strength.TOLD
    return strength


def _by_queue(seen: Seen, of: Figures, evidence: list[Observed]) -> Strength | None:
    """By where the queue stands, else by round trips alone."""
    limit, place = seen.number, agreed(of.places, Part.LESSON)
    if place is not None:
        evidence.append(located_at(place))
        return Strength.INFERRED if place[0] is Stretch.LINE else None
    if of.centre_lesson_ratio is not None and of.centre_lesson_ratio >= limit.centre_steady_ratio:
        return None  # the line carries tests to the centre as ever: others fill what is behind
    rise = of.lesson_rtt_seconds
    if rise is None or rise < limit.saturated_rtt_seconds:
        return Strength.POINTED if rise is None else None
    calls = [one for one in rtt_results(seen) if one.part is Part.LESSON]
    evidence.append(observed("rtt_in_lessons", calls, rise_seconds=rise))
    upstream = seen.school.line_kind == AGGREGATED and of.centre_lesson_ratio is None
    return Strength.POINTED if upstream or evenings_slump(seen, of) else Strength.INFERRED


def line_below_contract(seen: Seen, of: Figures) -> Answer:
    """At all hours far less than was contracted, and nothing inside the school holds it up."""
    name, limit, contract = "line_below_contract", seen.number, seen.school.contract_bps
    best = max(of.quiet_bps or 0.0, of.centre_quiet_bps or 0.0)
    if contract is None or of.quiet_bps is None:
        return unseen(name)
    place = agreed(of.places, *QUIET_PARTS)
    on_line = place is not None and place[0] is Stretch.LINE
    allowed = limit.below_located_ratio if on_line else limit.below_contract_ratio
    if enough(seen, best) or best >= allowed * contract or (place is not None and not on_line):
        return clear(name)
    if of.evening_ratio is not None and of.evening_ratio < limit.steady_ratio:
        return clear(name)
    evidence = [
        observed("below_contract", results(of.quiet), quiet_bps=best, contract_bps=contract)
    ]
    if of.evening_ratio is not None:
        evidence.append(
            observed("same_at_all_hours", results(of.evening), evening_ratio=of.evening_ratio)
        )
    inside = inside_runs(seen)
    if inside:
        lan = median(one.left_bps for one in inside)
        if lan < LAN_FASTER * best:
            return clear(name)  # inside the school it is as slow
        evidence.append(observed("lan_is_faster", results(inside), lan_bps=lan))
    if place is not None:
        evidence.append(located_at(place))
        confirmed = port_confirms(place)
        evidence += [] if confirmed is None else [confirmed]
    return found(
        Candidate(
            finding_id=name,
            strength=Strength.INFERRED,
            observed=tuple(evidence),
            confirm=("ask_line_operator",) if on_line else ("locate_bottleneck",),
        )
    )
