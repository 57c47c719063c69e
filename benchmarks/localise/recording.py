"""Evidence to JSON and back, so that recorded paths can be judged again."""

from collections.abc import Mapping
from typing import Any

from agent.localise.evidence import Evidence, HopSeen, LoadSeen, Method, RoundTrip, Window
from agent.throughput.why import LimitedBy


def to_json(evidence: Evidence) -> dict[str, Any]:
    """Write. Moments are kept to 0.1 ms, round trips to a microsecond."""
    load = evidence.load
    return {
        "hops": [
            {
                "hop": hop.hop,
                "address": hop.address,
                "method": hop.method.value,
                "return_hops": hop.return_hops,
                "at": [round(trip.at_seconds, 4) for trip in hop.trips],
                "rtt_us": [round(1e6 * trip.seconds) for trip in hop.trips],
            }
            for hop in evidence.hops
        ],
        **{
            name: [window.begin, window.end]
            for name, window in (
                ("before", evidence.before), ("loaded", evidence.loaded), ("after", evidence.after),
            )
        },
        "load": {
            "test": load.test,
            "limited_by": load.limited_by,
            "tcp_inflation_seconds": load.tcp_inflation_seconds,
            "pace_reached": load.pace_reached,
            "congestion_control": load.congestion_control,
        },
        "path_changed": evidence.path_changed,
    }  # fmt: skip


def from_json(given: Mapping[str, Any]) -> Evidence:
    """Read what :func:`to_json` wrote."""
    load = dict(given["load"])
    limited = load.pop("limited_by")
    return Evidence(
        hops=[
            HopSeen(
                hop=hop["hop"],
                address=hop["address"],
                method=Method(hop["method"]),
                return_hops=hop["return_hops"],
                trips=[
                    RoundTrip(at, micro / 1e6)
                    for at, micro in zip(hop["at"], hop["rtt_us"], strict=True)
                ],
            )
            for hop in given["hops"]
        ],
        before=Window(*given["before"]),
        loaded=Window(*given["loaded"]),
        after=Window(*given["after"]),
        load=LoadSeen(limited_by=None if limited is None else LimitedBy(limited), **load),
        path_changed=given["path_changed"],
    )
