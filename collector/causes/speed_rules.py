"""Causes that speeds alone give away: a plateau, a rating, a filter, days of updates. Pure."""

from statistics import median

from collector.causes.candidate import Answer, Candidate, clear, found, observed, unseen
from collector.causes.devices import OWN_PORT, Inventory
from collector.causes.figures import Figures, results
from collector.causes.line_evidence import enough, inside_runs, located_at
from collector.causes.model import Observed, Strength
from collector.causes.path import Stretch, agreed
from collector.causes.seen import (
    QUIET,
    Part,
    Result,
    Run,
    Seen,
    days,
    middle,
    number,
    of_parts,
    parts,
    phase,
    ratio,
)
from collector.programme.plans.update_days import release_of

CONTRACT_ABOVE_PORT = 1.3
"""A contract of 100 Mbit/s ends at the same speed: only one above tells of a port."""
LAN_FASTER = 1.5


def plateau(seen: Seen, of: Figures) -> Candidate | None:
    """Everything ends at what a 100 Mbit/s link carries; None where it does not."""
    limit, contract = seen.number, seen.school.contract_bps
    runs = [*of.quiet, *of_parts(seen.centre_runs(), *QUIET)]
    downs = [one.left_bps for one in runs]
    if len(downs) < limit.fewest_runs:
        return None
    top = max(downs)
    near = [one for one in runs if one.left_bps >= (1 - limit.plateau_spread_ratio) * top]
    if not limit.plateau_low_bps <= top <= limit.plateau_high_bps:
        return None
    inside = [one for one in inside_runs(seen) if one.left_bps <= limit.plateau_high_bps]
    if len(near) + len(inside) < limit.fewest_runs or median(downs) < 0.9 * top:
        return None
    if contract is not None and contract < CONTRACT_ABOVE_PORT * limit.slow_port_bps:
        return None
    if not slow_port_matters(seen):
        return None
    evidence = [observed("plateau_of_100m", results(near), most_bps=top, near_count=len(near))]
    segment = _where_plateau(seen, of, evidence)
    if segment is None:
        return None
    sure = segment != "" or contract is not None
    return Candidate(
        finding_id="port_100m",
        strength=Strength.INFERRED if sure else Strength.POINTED,
        observed=tuple(evidence),
        segment=segment or None,
        confirm=("read_port_speeds",),
    )


def _where_plateau(seen: Seen, of: Figures, evidence: list[Observed]) -> str | None:
    """Segment; empty where it is not known; None where it lies outside the school."""
    inside = inside_runs(seen)
    if inside:
        lan = median(one.left_bps for one in inside)
        slow = lan <= seen.number.plateau_high_bps
        evidence.append(
            observed("lan_is_as_slow" if slow else "lan_is_faster", results(inside), lan_bps=lan)
        )
        if slow:
            return "core_switch"
    place = agreed(of.places, *QUIET)
    if place is None:
        return "router" if inside else ""
    evidence.append(located_at(place))
    return {Stretch.SCHOOL: "core_switch", Stretch.LINE: "router"}.get(place[0])


def slow_port_matters(seen: Seen) -> bool:
    """Whether a 100 Mbit/s link is less than the school needs."""
    required = seen.school.required_bps
    return required is None or required > seen.number.slow_port_matters_bps


def router_by_speed(seen: Seen, of: Figures) -> Candidate | None:
    """The speed is that of the router's rating, or the queue stands inside the router."""
    limit, contract = seen.number, seen.school.contract_bps
    if of.quiet_bps is None or enough(seen, of.quiet_bps):
        return None
    evidence: list[Observed] = []
    rated = number(seen.school.facts.get("router.rated_bps"))
    share = ratio(of.quiet_bps, rated)
    at_rating = (
        share is not None
        and rated is not None
        and limit.rated_low_ratio <= share <= limit.rated_high_ratio
        and (contract is None or rated < 0.8 * contract)
    )
    if at_rating and rated is not None:
        evidence.append(
            observed("at_rated_speed", results(of.quiet), quiet_bps=of.quiet_bps, rated_bps=rated)
        )
    place = agreed(of.places, *QUIET)
    between = place is not None and place[0] is Stretch.SCHOOL and _only_router(seen, of, evidence)
    if place is not None and (between or at_rating):
        evidence.append(located_at(place))
    if at_rating and place is not None and place[0] in (Stretch.CARRIER, Stretch.BEYOND_CENTRE):
        return None
    if not (at_rating or between):
        return None
    return Candidate(
        finding_id="router_limit",
        strength=Strength.INFERRED,
        observed=tuple(evidence),
        confirm=("read_router_cpu",),
    )


def _only_router(seen: Seen, of: Figures, evidence: list[Observed]) -> bool:
    """The queue stands before the router's LAN side, though the LAN carries more."""
    inside = inside_runs(seen)
    ways = [one for one in of.places if one.upload is Stretch.LINE and one.download]
    if ways and all(one.download is Stretch.SCHOOL for one in ways):
        return True
    if not inside or of.quiet_bps is None:
        return False
    lan = median(one.left_bps for one in inside)
    evidence.append(observed("lan_is_faster", results(inside), lan_bps=lan))
    return lan >= LAN_FASTER * of.quiet_bps


def filter_slow(seen: Seen, inventory: Inventory) -> Answer:
    """What a browser fetches is slow where raw tests are not.

    A file comes over one connection, a test over several, so lost frames on the appliance's way
    out hold the file back more: its ports are those where losses make this of no meaning.
    """
    name, limit = "filter_slow", seen.number
    files = [one for one in seen.good("http_download", beside=False) if one.number("download_bps")]
    hours = parts(files)
    beside: list[Run] = of_parts(seen.far_runs(), *hours)
    if len(files) >= limit.fewest_runs and len(beside) >= limit.fewest_runs:
        file_bps = middle((one.number("download_bps") for one in files), limit.fewest_runs)
        raw_bps = median(one.left_bps for one in beside)
        share = ratio(file_bps, raw_bps)
        if file_bps is not None and share is not None and share < limit.filter_ratio:
            if enough(seen, file_bps):
                return clear(name)
            return found(
                Candidate(
                    finding_id=name,
                    strength=Strength.INFERRED,
                    observed=(observed("file_is_slow", files, file_bps=file_bps, raw_bps=raw_bps),),
                    ports=inventory.way_out(),
                    hours=hours,
                    confirm=("past_the_filter",),
                )
            )
        return _slow_tls(seen) or clear(name)
    return _slow_tls(seen) or (
        clear(name) if len(seen.good("https")) >= limit.fewest_runs else unseen(name)
    )


def _slow_tls(seen: Seen) -> Answer | None:
    """Every page's TLS handshake takes long after a quick connection: somebody looks inside."""
    limit = seen.number
    pages = [
        one
        for one in seen.good("https", beside=False)
        if (tls := phase(one, "tls_seconds")) is not None
        and (connect := phase(one, "connect_seconds")) is not None
        and tls >= limit.filter_tls_seconds
        and tls >= limit.filter_tls_times_ratio * connect
    ]
    every = seen.good("https", beside=False)
    targets = {one.made.target for one in every}
    if len(pages) < max(limit.fewest_runs, 0.7 * len(every)) or days(pages) < limit.fewest_days:
        return None
    if targets != {one.made.target for one in pages}:
        return None
    tls = middle((phase(one, "tls_seconds") for one in pages), 1) or 0.0
    connect = middle((phase(one, "connect_seconds") for one in pages), 1) or 0.0
    return found(
        Candidate(
            finding_id="filter_slow",
            strength=Strength.INFERRED if len(targets) > 1 else Strength.POINTED,
            observed=(observed("tls_is_slow", pages, tls_seconds=tls, connect_seconds=connect),),
            hours=parts(pages),
            confirm=("past_the_filter",),
        )
    )


def update_day(seen: Seen, of: Figures) -> Answer:
    """Lessons on days of updates are slower than others, at each of two publications."""
    name, limit = "update_day", seen.number
    by_release: dict[object, list[Run]] = {}
    for one in of.lesson:
        by_release.setdefault(release_of(one.result.day), []).append(one)
    others = by_release.pop(None, [])
    kept = {day: runs for day, runs in by_release.items() if len(runs) >= 2}
    if len(kept) < limit.fewest_days or len(others) < limit.fewest_runs:
        return unseen(name)
    usual = median(one.left_bps for one in others)
    of_updates = [one for runs in kept.values() for one in runs]
    slow = median(one.left_bps for one in of_updates)
    each = [median(one.left_bps for one in runs) for runs in kept.values()]
    if enough(seen, slow) or any(bps >= limit.update_ratio * usual for bps in each):
        return clear(name)
    return found(
        Candidate(
            finding_id=name,
            strength=Strength.INFERRED,
            observed=(
                observed(
                    "slow_on_update_days", results(of_updates), update_bps=slow, other_bps=usual
                ),
            ),
            hours=frozenset({Part.LESSON}),
            confirm=("ask_update_settings",),
        )
    )


def appliance_limit(seen: Seen) -> Answer:
    """The appliance itself cannot carry what is to be judged."""
    name, limit, required = "appliance_limit", seen.number, seen.school.required_bps
    heavy = seen.tried("throughput")
    ceilings = [one for one in heavy if _ceiling(one) is not None]
    evidence: list[Observed] = []
    known = [value for one in ceilings if (value := _ceiling(one)) is not None]
    if required is not None and len(known) >= limit.fewest_runs:
        ceiling = median(known)
        if ceiling < limit.appliance_ratio * required:
            evidence.append(
                observed("ceiling_is_low", ceilings, ceiling_bps=ceiling, required_bps=required)
            )
    own = [one for one in heavy if one.made.values.get("download_limited_by") == "appliance"]
    told = [one for one in heavy if isinstance(one.made.values.get("download_limited_by"), str)]
    fast = [one for one in own if (one.number("download_bps") or 0.0) >= (required or 0.0) > 0]
    if len(own) >= limit.fewest_runs and 2 * len(own) > len(told) and 2 * len(fast) < len(own):
        evidence.append(observed("appliance_is_busy", own, share_ratio=len(own) / len(told)))
    if evidence:
        return found(
            Candidate(
                finding_id=name,
                strength=Strength.TOLD,
                observed=tuple(evidence),
                place=OWN_PORT,
                ports=frozenset({(OWN_PORT, OWN_PORT)}),
                confirm=("run_doctor",),
            )
        )
    looked = (required is not None and len(known) >= limit.fewest_runs) or len(told) >= (
        limit.fewest_runs
    )
    return clear(name) if looked else unseen(name)


def _ceiling(one: Result) -> float | None:
    """The appliance's own; none that was measured while others used its processors."""
    context = one.made.context
    if context.get("appliance_ceiling_under_load") is True:
        return None
    return number(context.get("appliance_ceiling_bps"))
