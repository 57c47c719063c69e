"""Causes at a port: half duplex, 100 Mbit/s, errors and discards. Pure."""

from collections.abc import Sequence
from statistics import median

from collector.causes.candidate import Answer, Candidate, clear, found, observed, unseen
from collector.causes.devices import OWN_PORT, Inventory, PortRow, stands
from collector.causes.figures import Figures
from collector.causes.model import Observed, Strength
from collector.causes.once import once_per_link
from collector.causes.seen import Part, Result, Seen, days, number, parts, ratio
from collector.causes.speed_rules import plateau, slow_port_matters
from collector.programme.words import Segment

Key = tuple[str, str]


def half_duplex(seen: Seen, inventory: Inventory) -> Answer:
    """A port on the path runs half duplex, by its device's own word or the appliance's card."""
    name = "half_duplex"
    candidates = []
    told = 0
    for key, of in inventory.ports().items():
        told += any("duplex" in one.row for one in of)
        half = [one for one in of if one.row.get("duplex") == "half" and _up(one)]
        if half and _stands(of, half) and _on_path(seen, inventory, key, of):
            late = sum(one.number("late_collisions_count") or 0 for one in half)
            evidence = observed("port_is_half_duplex", _results(half), port=_label(of))
            collisions = observed("late_collisions", _results(half), collisions_count=late)
            candidates.append(
                _at(inventory, name, key, of, (evidence, collisions) if late else (evidence,))
            )
    own = [one for one in _own_port(seen) if _own_duplex(one) is not None]
    if own and _own_duplex(own[-1]) == "half":
        half_own = [one for one in own if _own_duplex(one) == "half"]
        if 2 * len(half_own) > len(own[-5:]):
            candidates.append(_own(name, observed("own_port_is_half_duplex", half_own)))
    if candidates:
        return found(*once_per_link(candidates))
    return clear(name) if told or own else unseen(name)


def port_100m(seen: Seen, inventory: Inventory, of_line: Figures) -> Answer:
    """A port on the path runs at 100 Mbit/s or less; or everything ends at such a speed."""
    name, limit = "port_100m", seen.number
    candidates = []
    told = 0
    for key, of in inventory.ports().items():
        told += any(one.number("speed_bps") is not None for one in of)
        slow = [
            one
            for one in of
            if _up(one) and 0 < (one.number("speed_bps") or 0) <= limit.slow_port_bps
        ]
        if not slow or not _stands(of, slow) or not _on_path(seen, inventory, key, of):
            continue
        if not slow_port_matters(seen) or (key == inventory.wan and _contracted(seen)):
            continue
        evidence = observed(
            "port_is_slow",
            _results(slow),
            port=_label(of),
            speed_bps=slow[-1].number("speed_bps") or 0.0,
        )
        candidates.append(_at(inventory, name, key, of, (evidence,)))
    own = [one for one in _own_port(seen) if _own_speed(one) is not None]
    slow_own = [one for one in own if (_own_speed(one) or 0.0) <= limit.slow_port_bps]
    matters = slow_port_matters(seen) and not _contracted(seen)
    if own and slow_own and slow_own[-1] is own[-1] and matters:
        speed = _own_speed(own[-1]) or 0.0
        candidates.append(_own(name, observed("own_port_is_slow", slow_own, speed_bps=speed)))
    ended = plateau(seen, of_line)
    if candidates:
        return found(*once_per_link(candidates))
    if ended is not None:
        return found(ended)
    looked = told or own or len(of_line.quiet) >= limit.fewest_runs
    return clear(name) if looked else unseen(name)


def port_errors(seen: Seen, inventory: Inventory) -> Answer:
    """Frames are lost at a port, again and again; or between the appliance and its router."""
    name, limit = "port_errors", seen.number
    candidates = []
    told = 0
    for key, of in inventory.ports().items():
        known = [one for one in of if "error_ratio" in one.row or "discard_ratio" in one.row]
        told += bool(known)
        broken = [one for one in known if _broken(seen, one)]
        dropped = [one for one in known if _dropping(seen, one)]
        bad = [one for one in known if one in broken or one in dropped]
        if len(bad) < limit.fewest_reports or len(bad) < limit.bad_share_ratio * len(known):
            continue
        evidence: list[Observed] = []
        if len(broken) >= limit.fewest_reports:
            share = median(one.number("error_ratio") or 0.0 for one in broken)
            evidence.append(
                observed("port_has_errors", _results(broken), port=_label(of), error_ratio=share)
            )
        if len(dropped) >= limit.fewest_reports:
            share = median(one.number("discard_ratio") or 0.0 for one in dropped)
            evidence.append(
                observed("port_drops", _results(dropped), port=_label(of), discard_ratio=share)
            )
        if evidence:
            hours = parts(one.result for one in bad)
            candidates.append(_at(inventory, name, key, of, tuple(evidence), hours=hours))
    own = _own_errors(seen) or _near_loss(seen)
    if own is not None:
        candidates.append(own)
    if candidates:
        return found(*once_per_link(candidates))
    return clear(name) if told or _near(seen) else unseen(name)


def _own_errors(seen: Seen) -> Candidate | None:
    asked = seen.tried("gateway")
    limit = seen.number
    bad = [
        one
        for one in asked
        if (one.number("port_errors_count") or 0) + (one.number("port_discards_count") or 0)
        >= limit.error_count
    ]
    if len(bad) < limit.fewest_reports or len(bad) < limit.bad_share_ratio * len(asked):
        return None
    return _own("port_errors", observed("own_port_has_errors", bad))


def _near(seen: Seen) -> list[Result]:
    """Results that count packets to the router or to another host in the school."""
    return [
        one
        for one in seen.tried("latency", "gateway", "stamp")
        if (one.made.segment == "lan" or one.made.probe == "gateway")
        and one.number("sent_count") is not None
        and one.number("received_count") is not None
    ]


def _near_loss(seen: Seen) -> Candidate | None:
    limit, near = seen.number, [one for one in _near(seen) if one.ok]
    sent = sum(one.number("sent_count") or 0 for one in near)
    got = sum(one.number("received_count") or 0 for one in near)
    lossy = [
        one for one in near if (one.number("received_count") or 0) < (one.number("sent_count") or 0)
    ]
    share = ratio(sent - got, sent)
    if share is None or sent < limit.loss_packets_count or share < limit.loss_ratio:
        return None
    if len(lossy) < limit.fewest_reports or days(lossy) < limit.fewest_days:
        return None
    return Candidate(
        finding_id="port_errors",
        strength=Strength.INFERRED,
        observed=(observed("loss_in_the_lan", lossy, loss_ratio=share, sent_count=sent),),
        segment=Segment.CORE_SWITCH,
        place=OWN_PORT,
        ports=frozenset({(OWN_PORT, OWN_PORT)}),
        hours=parts(lossy),
        confirm=("read_port_errors",),
    )


def _broken(seen: Seen, one: PortRow) -> bool:
    limit = seen.number
    return (one.number("error_ratio") or 0.0) >= limit.error_ratio and (
        one.number("errors_count") or 0
    ) >= limit.error_count


def _dropping(seen: Seen, one: PortRow) -> bool:
    limit = seen.number
    return (one.number("discard_ratio") or 0.0) >= limit.discard_ratio and (
        one.number("discards_count") or 0
    ) >= limit.discard_count


def _contracted(seen: Seen) -> bool:
    """The contract itself is no more than such a port carries."""
    contract = seen.school.contract_bps
    return contract is not None and contract <= seen.number.slow_port_bps


def _on_path(seen: Seen, inventory: Inventory, key: Key, of: Sequence[PortRow]) -> bool:
    return inventory.is_path(key, of, seen.number.uplink_addresses_count)


def _stands(of: Sequence[PortRow], holds: Sequence[PortRow]) -> bool:
    return stands(of, of[-1].device.reports, holds)


def _up(one: PortRow) -> bool:
    return one.row.get("state") == "up"


def _results(of: Sequence[PortRow]) -> list[Result]:
    return [one.result for one in of]


def _label(of: Sequence[PortRow]) -> str:
    return f"{of[-1].device.name} {of[-1].port}"


def _segment(inventory: Inventory, key: Key) -> str | None:
    """Part of the path that the device of a port is, as far as it is known."""
    placed = inventory.placed
    if any(one.address == key[0] for one in inventory.routers):
        return Segment.ROUTER
    if placed.core is not None and placed.core.target == key[0]:
        return Segment.CORE_SWITCH
    if any(one.target == key[0] for one in placed.floors):
        return Segment.FLOOR_SWITCH
    if any(one.target == key[0] for one in placed.access_points):
        return Segment.ACCESS_POINT
    return None


def _at(
    inventory: Inventory,
    name: str,
    key: Key,
    of: Sequence[PortRow],
    evidence: tuple[Observed, ...],
    hours: frozenset[Part] = frozenset(Part),
) -> Candidate:
    return Candidate(
        finding_id=name,
        strength=Strength.TOLD,
        observed=evidence,
        segment=_segment(inventory, key),
        place=_label(of),
        ports=inventory.ends(key),
        hours=hours,
        confirm=("look_at_port",),
    )


def _own(name: str, evidence: Observed) -> Candidate:
    return Candidate(
        finding_id=name,
        strength=Strength.TOLD,
        observed=(evidence,),
        place=OWN_PORT,
        ports=frozenset({(OWN_PORT, OWN_PORT)}),
        confirm=("look_at_port",),
    )


def _own_port(seen: Seen) -> list[Result]:
    """Results that say how the appliance's own port is linked, oldest first."""
    told = [*seen.tried("throughput", "bottleneck", "http_download", "gateway")]
    told = [one for one in told if _own_speed(one) is not None or _own_duplex(one) is not None]
    return sorted(told, key=lambda one: one.made.started_at)


def _own_speed(one: Result) -> float | None:
    if one.made.probe == "gateway":
        wireless = one.made.values.get("port_wireless") is True
        return None if wireless else one.number("port_speed_bps")
    return number(one.made.context.get("link_speed_bps"))


def _own_duplex(one: Result) -> str | None:
    of = one.made.values if one.made.probe == "gateway" else one.made.context
    told = of.get("port_duplex" if one.made.probe == "gateway" else "link_duplex")
    return told if told in ("half", "full") else None
