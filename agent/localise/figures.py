"""A verdict to the values of a result. Pure; docs/methods.md has a row for each."""

from collections.abc import Mapping, Sequence

from agent.localise.decide import Kind, Placed, Verdict
from agent.localise.evidence import HopSeen
from agent.throughput.directions import Test
from wire.measurement import Json


def direction_values(verdict: Verdict, hops: Sequence[HopSeen], test: Test) -> dict[str, Json]:
    """Values of one direction, under their names in a record."""
    found: dict[str, Json] = {"verdict": verdict.kind.value}
    if verdict.reason is not None:
        found["reason"] = verdict.reason.value
    if verdict.between is not None:
        near, far = verdict.between
        found |= {"from_hop_count": near, "to_hop_count": far}
        for name, number in (("from_address", near), ("to_address", far)):
            if (address := hops[number].address) is not None:
                found[name] = address
    if verdict.end_to_end is not None:
        # an inflation below 0 is noise about none
        found["inflation_seconds"] = max(0.0, verdict.end_to_end.seconds)
        found["inflation_error_seconds"] = verdict.end_to_end.error_seconds
    if verdict.counters is not None:
        found["counters"] = verdict.counters.value
    return {f"{test}_{name}": value for name, value in found.items()}


def hop_values(hops: Sequence[HopSeen], verdicts: Mapping[Test, Verdict]) -> list[Json]:
    """One entry a hop: how it was watched, and its part in each direction."""
    made: list[Json] = []
    for hop in hops:
        entry: dict[str, Json] = {"hop_count": hop.hop, "watched_by": hop.method.value}
        if hop.address is not None:
            entry["address"] = hop.address
        if hop.return_hops is not None and hop.hop:
            entry["return_hop_count"] = hop.return_hops
        for test, verdict in verdicts.items():
            placed = next((item for item in verdict.placed if item.seen.hop == hop.hop), None)
            if placed is not None:
                entry |= {f"{test}_{name}": value for name, value in _hop(placed).items()}
        made.append(entry)
    return made


def _hop(placed: Placed) -> dict[str, Json]:
    found: dict[str, Json] = {"side": placed.side.value}
    if placed.grew is not None:
        before, loaded, after = placed.grew.counts
        found |= {
            "delay_change_offset_seconds": placed.grew.since.seconds,
            "delay_change_error_seconds": placed.grew.since.error_seconds,
            "return_change_offset_seconds": placed.grew.until.seconds,
            "before_count": before,
            "loaded_count": loaded,
            "after_count": after,
        }
    return found


def summary(verdict: Verdict, hops: Sequence[HopSeen]) -> str:
    """One line for a person."""
    if verdict.between is None:
        reason = verdict.reason.value.replace("_", " ") if verdict.reason else ""
        return f"{verdict.kind.value.replace('_', ' ')}: {reason}"
    near, far = (f"hop {number} ({hops[number].address or '?'})" for number in verdict.between)
    start = "link from" if verdict.kind is Kind.LINK else "somewhere between"
    joint = "to" if verdict.kind is Kind.LINK else "and"
    return f"{start} {near} {joint} {far}"
