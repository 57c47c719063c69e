"""Paths made up for the rule that finds a bottleneck: a queue, noise, hops with oddities."""

from collections.abc import Callable, Mapping
from random import Random

from agent.localise.evidence import Evidence, HopSeen, LoadSeen, Method, RoundTrip, Window
from agent.throughput.directions import Test
from agent.throughput.why import LimitedBy

BEFORE, LOADED, AFTER = Window(0.0, 2.5), Window(3.5, 6.5), Window(7.5, 9.5)
END_SECONDS = 9.5
BASE_SECONDS = 0.0005
"""Of each hop more than of the one before."""

Delay = Callable[[float, Random], float]
"""What a hop adds to a round trip at a moment, beside path and queue (seconds)."""


def sawtooth(queue_seconds: float, at_seconds: float) -> float:
    """A queue as CUBIC makes it: between two thirds and full, a cycle a second, under load only."""
    if not 2.5 <= at_seconds < 7.0:
        return 0.0
    return queue_seconds * (2 / 3 + (at_seconds % 1.0) / 3)


def path(
    *,
    hops: int = 6,
    narrow: int | None = 3,
    queue_seconds: float = 0.1,
    noise_seconds: float = 0.0002,
    odd: Mapping[int, Delay] | None = None,
    silent: frozenset[int] = frozenset(),
    every_seconds: Mapping[int, float] | None = None,
    return_hops: Mapping[int, int] | None = None,
    load: LoadSeen | None = None,
    changed: bool = False,
    seed: int = 1,
) -> Evidence:
    """Evidence of a path whose link from hop ``narrow - 1`` to ``narrow`` holds the queue."""
    random = Random(seed)
    seen = []
    for hop in range(hops + 1):
        if hop in silent:
            seen.append(HopSeen(hop=hop))
            continue
        trips = []
        step = (every_seconds or {}).get(hop, 0.05)
        at = random.random() * step
        while at < END_SECONDS:
            rtt = BASE_SECONDS * hop + abs(random.gauss(0, noise_seconds))
            if narrow is not None and hop >= narrow:
                rtt += sawtooth(queue_seconds, at)
            if odd is not None and hop in odd:
                rtt += odd[hop](at, random)
            trips.append(RoundTrip(at, rtt))
            at += step
        seen.append(
            HopSeen(
                hop=hop,
                address=f"10.0.{hop}.1",
                method=Method.ECHO,
                trips=trips,
                return_hops=(return_hops or {}).get(hop, hop) if hop else None,
            )
        )
    return Evidence(
        hops=seen,
        before=BEFORE,
        loaded=LOADED,
        after=AFTER,
        load=load or loading("download", queue_seconds if narrow is not None else 0.0),
        path_changed=changed,
    )


def loading(
    test: Test, tcp_seconds: float | None, *, limited_by: LimitedBy | None = LimitedBy.NETWORK,
    pace_reached: bool | None = None,
) -> LoadSeen:  # fmt: skip
    """A load whose own round trip grew by ``tcp_seconds``."""
    return LoadSeen(
        test=test,
        limited_by=limited_by,
        tcp_inflation_seconds=tcp_seconds,
        pace_reached=pace_reached,
        congestion_control="cubic",
    )


def under_load(seconds: float) -> Delay:
    """A hop whose own processor adds a constant while the path is loaded."""
    return lambda at, _random: seconds if 2.5 <= at < 7.0 else 0.0


def always(seconds: float) -> Delay:
    """A hop that is always so slow."""
    return lambda _at, _random: seconds


def jittery(seconds: float) -> Delay:
    """A hop that answers after anything up to so much."""
    return lambda _at, random: random.uniform(0, seconds)
