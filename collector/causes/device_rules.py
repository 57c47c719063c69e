"""Causes that a device tells of itself: processor, sessions, clients, broadcast. Pure."""

from collections.abc import Sequence
from statistics import median

from collector.causes.candidate import Answer, Candidate, clear, found, observed, unseen
from collector.causes.devices import Device, Inventory
from collector.causes.figures import Figures
from collector.causes.model import Observed, Strength
from collector.causes.seen import (
    Part,
    Result,
    Seen,
    days,
    moment,
    number,
    parts,
)
from collector.causes.session_rules import can_tell, sessions_by_failures
from collector.causes.speed_rules import router_by_speed


def router_limit(seen: Seen, inventory: Inventory, of_line: Figures) -> Answer:
    """The router's processor is at its limit, or its speed is that of its rating."""
    name = "router_limit"
    asked = [one for one in inventory.routers if _known(one, "cpu_ratio", "cpu_max_ratio")]
    candidates = [made for one in asked if (made := _hot(seen, one)) is not None]
    by_speed = router_by_speed(seen, of_line)
    if candidates:
        return found(*candidates)
    if by_speed is not None:
        return found(by_speed)
    rated = number(seen.school.facts.get("router.rated_bps")) is not None
    looked = asked or ((rated or of_line.places) and of_line.quiet_bps is not None)
    return clear(name) if looked else unseen(name)


def _hot(seen: Seen, device: Device) -> Candidate | None:
    """Its processor was at its limit in many reports of busy hours, on several days."""
    limit = seen.number
    busy = [one for one in device.reports if one.part is Part.LESSON or _beside_test(seen, one)]
    if len(busy) < limit.fewest_reports:
        busy = list(device.reports)
    hot = [
        one
        for one in busy
        if (one.number("cpu_max_ratio") or one.number("cpu_ratio") or 0.0) >= limit.router_cpu_ratio
        and (one.number("cpu_ratio") or 1.0) >= limit.router_cpu_mean_ratio
    ]
    if len(hot) < limit.fewest_reports or len(hot) < limit.hot_share_ratio * len(busy):
        return None
    if days(hot) < limit.fewest_days:
        return None
    most = median(one.number("cpu_max_ratio") or one.number("cpu_ratio") or 0.0 for one in hot)
    return Candidate(
        finding_id="router_limit",
        strength=Strength.TOLD,
        observed=(
            observed(
                "router_is_hot", hot, device=device.name, cpu_ratio=most, times_count=len(hot)
            ),
        ),
        place=device.name,
        hours=parts(hot),
        confirm=("test_past_the_router",),
    )


def _beside_test(seen: Seen, report: Result) -> bool:
    """Whether a throughput test ran while the report was gathered."""
    start, end = moment(report)
    return any(moment(run.result)[0] < end and moment(run.result)[1] > start for run in seen.runs)


def nat_sessions(seen: Seen, inventory: Inventory, of_line: Figures) -> Answer:
    """The session table is full, by the router's own word or by what fails."""
    name, limit = "nat_sessions", seen.number
    asked = [one for one in inventory.routers if _known(one, "sessions_max_ratio")]
    candidates = []
    for device in asked:
        full = _reports(device, "sessions_max_ratio", limit.sessions_ratio)
        if len(full) >= limit.fewest_reports and days(full) >= limit.fewest_days:
            most = max(one.number("sessions_max_ratio") or 0.0 for one in full)
            evidence = observed("sessions_run_out", full, device=device.name, sessions_ratio=most)
            candidates.append(_of(name, device, full, evidence, "raise_session_limit"))
    by_failures = sessions_by_failures(seen, of_line)
    if candidates:
        return found(*candidates)
    if by_failures is not None:
        return found(by_failures)
    return clear(name) if asked or can_tell(seen) else unseen(name)


def ap_overload(seen: Seen, inventory: Inventory) -> Answer:
    """An access point serves more than a class, or all of them together do on average."""
    name, limit = "ap_overload", seen.number
    points = [one for one in inventory.of("access_point") if _known(one, "clients_max_count")]
    controllers = [
        one
        for one in inventory.of("controller")
        if _known(one, "clients_max_count") and _known(one, "access_points_count")
    ]
    candidates = []
    for device in points:
        full = _reports(device, "clients_max_count", limit.access_point_clients_count)
        if len(full) >= limit.fewest_reports and days(full) >= limit.fewest_days:
            most = max(one.number("clients_max_count") or 0 for one in full)
            evidence = observed(
                "access_point_is_full", full, device=device.name, clients_count=most
            )
            candidates.append(_of(name, device, full, evidence, "count_clients_in_class"))
    for device in controllers:
        full = [one for one in device.reports if _mean(one) >= limit.controller_clients_count]
        if len(full) >= limit.fewest_reports and days(full) >= limit.fewest_days:
            evidence = observed(
                "access_points_are_full",
                full,
                device=device.name,
                clients_count=max(map(_mean, full)),
            )
            candidates.append(_of(name, device, full, evidence, "count_clients_in_class"))
    if candidates:
        return found(*candidates)
    return clear(name) if points or controllers else unseen(name)


def _mean(one: Result) -> float:
    """Clients for each access point that is up, of a controller."""
    points = (one.number("access_points_count") or 0) - (
        one.number("access_points_down_count") or 0
    )
    return (one.number("clients_max_count") or 0) / points if points > 0 else 0.0


def loop(seen: Seen, inventory: Inventory) -> Answer:
    """Broadcast without end at a switch, frames that come back, a tree that never rests."""
    name, limit = "loop", seen.number
    candidates = []
    asked = [
        one
        for one in inventory.devices
        if _known(one, "broadcast_max_per_second", "topology_changes_count")
    ]
    for device in asked:
        storm = _reports(device, "broadcast_max_per_second", limit.broadcast_per_second)
        restless = _reports(device, "topology_changes_count", limit.topology_changes_count)
        told = [one for one in storm if one in restless]
        evidence: list[Observed] = []
        if len(storm) >= limit.fewest_reports or told:
            most = max(one.number("broadcast_max_per_second") or 0.0 for one in storm)
            evidence.append(
                observed("broadcast_storm", storm, device=device.name, frames_per_second=most)
            )
        if len(restless) >= limit.fewest_reports or told:
            most = max(one.number("topology_changes_count") or 0 for one in restless)
            evidence.append(
                observed("tree_is_restless", restless, device=device.name, changes_count=most)
            )
        if evidence:
            strength = (
                Strength.TOLD if len(storm) >= limit.fewest_reports or told else Strength.POINTED
            )
            candidates.append(
                Candidate(
                    finding_id=name,
                    strength=strength,
                    observed=tuple(evidence),
                    place=device.name,
                    hours=parts([*storm, *restless]),
                    confirm=("look_for_loop",),
                )
            )
    heard = seen.good("lan_listen")
    back = [one for one in heard if one.made.values.get("loop_suspected") is True]
    if back:
        candidates.append(
            Candidate(
                finding_id=name,
                strength=Strength.TOLD if len(back) > 1 else Strength.INFERRED,
                observed=(observed("frames_come_back", back),),
                hours=parts(back),
                confirm=("look_for_loop",),
            )
        )
    if candidates:
        return found(*_worst_first(candidates))
    return clear(name) if asked or heard else unseen(name)


def _worst_first(candidates: Sequence[Candidate]) -> list[Candidate]:
    """A storm is heard at every switch: the one that says most stands for all."""
    order = list(Strength)
    return sorted(candidates, key=lambda one: order.index(one.strength))[:1]


def _known(device: Device, *names: str) -> bool:
    return any(one.number(name) is not None for one in device.reports for name in names)


def _reports(device: Device, name: str, least: float) -> list[Result]:
    return [one for one in device.reports if (one.number(name) or 0.0) >= least]


def _of(
    name: str, device: Device, of: Sequence[Result], evidence: Observed, confirm: str
) -> Candidate:
    return Candidate(
        finding_id=name,
        strength=Strength.TOLD,
        observed=(evidence,),
        place=device.name,
        hours=parts(of),
        confirm=(confirm,),
    )
