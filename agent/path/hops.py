"""Books of a trace to hops and figures. Pure.

A silent hop has no loss and no round trip: routers may forward well and answer never. For the same
reason the loss of a hop is a loss of answers; only that of the destination is one of the path.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Final

from agent.latency.statistics import median
from agent.path.replies import Reply, mark_of
from agent.path.trace import Trace
from wire.measurement import Json

MOST_OTHERS: Final = 8
FINGERPRINT_CHARACTERS: Final = 16


def figures(trace: Trace, version: int) -> dict[str, Json]:
    """Values of a trace, of what was sent so far; no hop that was not asked."""
    last = trace.last or max((trace.probes[tag].hops for tag in trace.replies), default=0)
    hops = [hop(trace, number, version) for number in range(1, last + 1)]
    values: dict[str, Json] = {
        "destination_reached": is_reached(trace),
        "responding_hop_count": sum(1 for item in hops if "address" in item),
        "silent_hop_count": sum(1 for item in hops if "address" not in item),
        "sent_count": len(trace.probes),
        "received_count": len(trace.replies),
        "hops": [*hops],
    }
    if trace.stop_reason:
        values["stop_reason"] = trace.stop_reason
    routers = path(trace)
    if routers:
        values["path_fingerprint"] = fingerprint(routers)
    if is_reached(trace) and (end := trace.end_of(0)) is not None:
        values["hop_count"] = end
        values |= {
            name: hops[end - 1][name]
            for name in ("rtt_min_seconds", "rtt_median_seconds", "loss_ratio")
        }
    if trace.plan.flows > 1 and hops:
        branching = [number for number in range(1, last + 1) if len(_at(trace, number)) > 1]
        values["load_balanced"] = bool(branching)
        values["branching_hop_count"] = len(branching)
    return values


def hop(trace: Trace, number: int, version: int) -> dict[str, Json]:
    """One hop: who answered along flow 0, how fast, and who else along other flows."""
    own = trace.at(number, 0)
    answered = [tag for tag in own if tag in trace.replies]
    made: dict[str, Json] = {
        "hop_count": number,
        "sent_count": len(own),
        "received_count": len(answered),
    }
    addresses = _at(trace, number)
    if answered:
        first = _most_frequent([trace.replies[tag] for tag in answered])
        rtts = sorted(trace.rtt_seconds(tag) for tag in answered)
        made |= {
            "address": first.address,
            "loss_ratio": 1 - len(answered) / len(own),
            "rtt_min_seconds": rtts[0],
            "rtt_median_seconds": median(rtts),
            "reply": first.kind,
        }
        if first.icmp is not None:
            made["icmp"] = f"{first.icmp[0]}/{first.icmp[1]}"
        if mark := mark_of(version, first.icmp):
            made["mark"] = mark
        if first.mpls:
            made["mpls"] = [*first.mpls]
        addresses.pop(first.address, None)
    if addresses:
        made["others"] = [
            {"address": address, "flows": " ".join(map(str, sorted(flows)))}
            for address, flows in sorted(addresses.items())[:MOST_OTHERS]
        ]
    return made


def path(trace: Trace) -> list[tuple[int, str]]:
    """Routers of flow 0 that answered: hop and address, the destination left out."""
    found = []
    for number in range(1, 1 + max((probe.hops for probe in trace.probes.values()), default=0)):
        replies = [trace.replies[tag] for tag in trace.at(number, 0) if tag in trace.replies]
        passing = [reply for reply in replies if reply.kind == "time_exceeded"]
        if passing:
            found.append((number, _most_frequent(passing).address))
    return found


def fingerprint(routers: Sequence[tuple[int, str]]) -> str:
    """Short name of a path: equal for equal routers at equal hops, whatever the protocol.

    A router that did not answer is not in it: compare ``hops`` before calling it a change.
    """
    text = "\n".join(f"{number} {address}" for number, address in routers)
    return hashlib.sha256(text.encode()).hexdigest()[:FINGERPRINT_CHARACTERS]


def is_reached(trace: Trace) -> bool:
    """Tell whether the destination itself answered along flow 0."""
    return any(
        trace.is_reached(reply)
        for tag, reply in trace.replies.items()
        if trace.probes[tag].flow == 0
    )


def last_word(trace: Trace) -> Reply | None:
    """Error that ended flow 0 short of the destination; None where there was none."""
    end = trace.end_of(0)
    if end is None or is_reached(trace):
        return None
    return next(
        trace.replies[tag]
        for tag in trace.at(end, 0)
        if tag in trace.replies and trace.replies[tag].kind != "time_exceeded"
    )


def loop_addresses(trace: Trace) -> list[str]:
    """Addresses at more than one hop of flow 0, as they come."""
    counts = Counter(address for _, address in path(trace))
    return [address for address, count in counts.items() if count > 1]


def _at(trace: Trace, number: int) -> dict[str, set[int]]:
    """Addresses that answered at a hop, each with its flows."""
    found: dict[str, set[int]] = {}
    for tag in trace.at(number):
        if tag in trace.replies:
            found.setdefault(trace.replies[tag].address, set()).add(trace.probes[tag].flow)
    return found


def _most_frequent(replies: Sequence[Reply]) -> Reply:
    address = Counter(reply.address for reply in replies).most_common(1)[0][0]
    return next(reply for reply in replies if reply.address == address)
