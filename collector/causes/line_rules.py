"""Causes on the line and behind it, from speeds by part of the day. Pure."""

from statistics import median

from collector.causes.candidate import Answer, Candidate, clear, found, observed, unseen
from collector.causes.devices import Inventory
from collector.causes.figures import Figures, results, rtt_results, slow_days
from collector.causes.model import Observed, Strength
from collector.causes.path import Stretch, agreed
from collector.causes.seen import Part, Result, Run, Seen, days, middle, of_parts, ratio

AGGREGATED = "centre_aggregated"
PPPOE = "best_effort_pppoe"
SMALL_TUNNEL_BYTES = 1454
"""Path MTU of PPPoE on the regional carriers' lines."""
QUIET_PARTS = (Part.MORNING, Part.EVENING)


def line_saturated(seen: Seen, inventory: Inventory, of: Figures) -> Answer:
    """Lessons use up what the line carries."""
    name, limit = "line_saturated", seen.number
    if of.left_bps is None or of.reference_bps is None or of.left_ratio is None:
        return unseen(name)
    if enough(seen, of.left_bps) or of.left_ratio > limit.saturated_left_ratio:
        return clear(name)
    if slow_days(of.lesson, limit.saturated_left_ratio * of.reference_bps) < limit.fewest_days:
        return clear(name)
    evidence = [
        observed(
            "left_in_lessons",
            results(of.lesson),
            left_bps=of.left_bps,
            quiet_bps=of.reference_bps,
        )
    ]
    full = wan_is_full(seen, inventory, of.reference_bps)
    strength = _saturation(seen, of, evidence)
    if full is not None and strength in (None, Strength.POINTED) and not of.crossed:
        strength = Strength.TOLD
    if strength is None:
        return clear(name)
    return found(
        Candidate(
            finding_id=name,
            strength=strength,
            observed=(*evidence, *(() if full is None else (full,))),
            ports=inventory.ends(inventory.wan) if inventory.wan is not None else frozenset(),
            hours=frozenset({Part.LESSON}),
            confirm=("pause_big_traffic",) if strength is Strength.TOLD else ("read_wan_counters",),
        )
    )


def _saturation(seen: Seen, of: Figures, evidence: list[Observed]) -> Strength | None:
    """How well it is known that the school's own traffic fills the line; adds to the evidence."""
    limit, crossed = seen.number, of.crossed
    assert of.reference_bps is not None
    if len(crossed) >= limit.fewest_runs:
        use = median((one.cross_bps or 0.0) / max(one.whole_bps, 1.0) for one in crossed)
        whole = median(one.whole_bps for one in crossed) / of.reference_bps
        evidence.append(
            observed("use_in_lessons", results(crossed), use_ratio=use, whole_ratio=min(whole, 2.0))
        )
        full = use >= limit.saturated_use_ratio and whole >= limit.saturated_whole_ratio
        return Strength.TOLD if full else None
    place = agreed(of.places, Part.LESSON)
    if place is not None:
        evidence.append(located_at(place[0], [one.result for one in place[1]]))
        return Strength.INFERRED if place[0] is Stretch.LINE else None
    if of.centre_lesson_ratio is not None and of.centre_lesson_ratio >= limit.centre_steady_ratio:
        return None  # the line carries tests to the centre as ever: others fill what is behind
    rise = of.lesson_rtt_seconds
    if rise is None or rise < limit.saturated_rtt_seconds:
        return Strength.POINTED if rise is None else None
    calls = [one for one in rtt_results(seen) if one.part is Part.LESSON]
    evidence.append(observed("rtt_in_lessons", calls, rise_seconds=rise))
    upstream = seen.school.line_kind == AGGREGATED and of.centre_lesson_ratio is None
    return Strength.POINTED if upstream or _slumps(seen, of) else Strength.INFERRED


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
        if lan < 1.2 * best:
            return clear(name)  # inside the school it is as slow
        evidence.append(observed("lan_is_faster", results(inside), lan_bps=lan))
    if place is not None:
        evidence.append(located_at(place[0], [one.result for one in place[1]]))
    return found(
        Candidate(
            finding_id=name,
            strength=Strength.INFERRED,
            observed=tuple(evidence),
            confirm=("ask_line_operator",) if on_line else ("locate_bottleneck",),
        )
    )


def carrier(seen: Seen, of: Figures) -> tuple[Answer, Answer]:
    """PPPoE termination or carrier's network crowded at some hours; one of the two at most."""
    limit, kind = seen.number, seen.school.line_kind
    if of.evening_ratio is None:
        return unseen("pppoe_congested"), unseen("carrier_congested")
    name = "pppoe_congested" if _is_pppoe(seen) else "carrier_congested"
    other = clear("carrier_congested" if name == "pppoe_congested" else "pppoe_congested")
    answer = clear(name)
    late = middle((one.whole_bps for one in of.evening), limit.fewest_runs)
    early = middle((one.whole_bps for one in of.morning), limit.fewest_runs)
    assert early is not None
    assert late is not None
    behind = kind == AGGREGATED and (of.centre_evening_ratio or 0.0) >= limit.steady_ratio
    enough_days = slow_days(of.evening, limit.slump_ratio * early) >= limit.fewest_days
    if _slumps(seen, of) and not behind and not enough(seen, late) and enough_days:
        evidence = [observed("evening_slump", results(of.evening), late_bps=late, early_bps=early)]
        if of.evening_rtt_seconds is not None and of.evening_rtt_seconds > 0.002:
            calls = [one for one in rtt_results(seen) if one.part is Part.EVENING]
            evidence.append(observed("rtt_in_evenings", calls, rise_seconds=of.evening_rtt_seconds))
        place = agreed(of.places, Part.EVENING)
        strength = Strength.INFERRED
        if place is not None:
            evidence.append(located_at(place[0], [one.result for one in place[1]]))
            if place[0] is Stretch.SCHOOL:
                strength = Strength.POINTED
        answer = found(
            Candidate(
                finding_id=name,
                strength=strength,
                observed=tuple(evidence),
                hours=frozenset({Part.EVENING}),
                confirm=("compare_ipoe" if name == "pppoe_congested" else "ask_carrier",),
            )
        )
    return (answer, other) if name == "pppoe_congested" else (other, answer)


def aggregation_thin(seen: Seen, of: Figures) -> Answer:
    """Lessons are slow behind the centre, for all its schools."""
    name, limit, kind = "aggregation_thin", seen.number, seen.school.line_kind
    if kind not in (None, AGGREGATED, "other"):
        return clear(name)
    if of.left_bps is None or of.reference_bps is None or of.left_ratio is None:
        return unseen(name)
    if enough(seen, of.left_bps) or of.left_ratio > limit.lesson_slump_ratio:
        return clear(name)
    if slow_days(of.lesson, limit.lesson_slump_ratio * of.reference_bps) < limit.fewest_days:
        return clear(name)
    evidence = [
        observed(
            "left_in_lessons",
            results(of.lesson),
            left_bps=of.left_bps,
            quiet_bps=of.reference_bps,
        )
    ]
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
        evidence.append(
            observed(
                "centre_in_lessons",
                results(centre),
                centre_ratio=min(of.centre_lesson_ratio, 2.0),
            )
        )
        return Strength.INFERRED if steady else None
    place = agreed(of.places, Part.LESSON)
    if place is not None:
        evidence.append(located_at(place[0], [one.result for one in place[1]]))
        return Strength.INFERRED if place[0] is Stretch.BEYOND_CENTRE else None
    crossed = of.crossed
    if seen.school.line_kind != AGGREGATED:
        return None
    if len(crossed) < limit.fewest_runs:
        return Strength.POINTED
    use = median((one.cross_bps or 0.0) / max(one.whole_bps, 1.0) for one in crossed)
    whole = ratio(median(one.whole_bps for one in crossed), of.reference_bps) or 0.0
    evidence.append(observed("use_in_lessons", results(crossed), use_ratio=use, whole_ratio=whole))
    return Strength.INFERRED if whole <= limit.lesson_slump_ratio else None


def inside_runs(seen: Seen) -> list[Run]:
    """Throughput tests to a responder in the school."""
    return [
        Run(one, down, None)
        for one in seen.good("throughput", beside=True)
        if one.made.segment == "lan" and (down := one.number("download_bps")) is not None
    ]


def enough(seen: Seen, bps: float) -> bool:
    """Whether a school gets what it needs with so much: then nothing is too slow."""
    return seen.school.required_bps is not None and bps >= seen.school.required_bps


def located_at(stretch: Stretch, of: list[Result]) -> Observed:
    """Evidence of the bottleneck probe."""
    return observed(f"located_{stretch}", of)


def _slumps(seen: Seen, of: Figures) -> bool:
    return of.evening_ratio is not None and of.evening_ratio < seen.number.slump_ratio


def _is_pppoe(seen: Seen) -> bool:
    if seen.school.line_kind is not None:
        return seen.school.line_kind == PPPOE
    sizes = [one.number("path_mtu_bytes") for one in seen.good("path_mtu", beside=False)]
    known = [size for size in sizes if size is not None]
    return bool(known) and median(known) <= SMALL_TUNNEL_BYTES
