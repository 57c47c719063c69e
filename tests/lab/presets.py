"""Chains that tests, benchmarks and people start from."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from tests.lab.delaybox import Wire
from tests.lab.netns import Link, Rate

MBPS = 1_000_000


def line(
    down_bps: int, up_bps: int | None = None, rtt_seconds: float = 0.0, queue_seconds: float = 0.05
) -> list[Link]:
    """Appliance - school router - carrier - responder, as a school's line is.

    The LAN is plain, the access line has its rates (the routers at its ends hold the queues, so
    neither end host feels its own shaper's back-pressure), the internet beyond has the delay.
    """
    down = Rate(down_bps, queue_seconds=queue_seconds)
    up = replace(down, bps=up_bps or down_bps)
    return [Link(), Link(down=down, up=up), Link(delay_seconds=rtt_seconds / 2)]


def _lossy() -> list[Link]:
    links = line(323 * MBPS, rtt_seconds=0.020)
    lossy = Wire(delay_seconds=0.010, loss_ratio=0.001)
    return [*links[:2], Link(down_wire=lossy, up_wire=Wire(delay_seconds=0.010))]


def _pppoe() -> list[Link]:
    links = line(108 * MBPS, rtt_seconds=0.020)
    return [links[0], replace(links[1], mtu_bytes=1454), links[2]]


PRESETS: dict[str, tuple[str, Callable[[], Sequence[Link]]]] = {
    "small": ("108 Mbit/s, 20 ms: what 60 pupils need", lambda: line(108 * MBPS, None, 0.020)),
    "large": ("834 Mbit/s, 20 ms: what 1,400 pupils need", lambda: line(834 * MBPS, None, 0.020)),
    "far": ("108 Mbit/s, 150 ms: a server on another continent",
            lambda: line(108 * MBPS, None, 0.150)),
    "slow-up": ("323 Mbit/s down, 10 Mbit/s up, 20 ms", lambda: line(323 * MBPS, 10 * MBPS, 0.020)),
    "bloated": ("50 Mbit/s with a queue of half a second, 20 ms",
                lambda: line(50 * MBPS, None, 0.020, 0.5)),
    "lossy": ("323 Mbit/s, 20 ms, 0.1 % of the packets lost towards the appliance", _lossy),
    "pppoe": ("108 Mbit/s, 20 ms, MTU 1454 on the access line", _pppoe),
    "hops": ("six links, the third with 20 Mbit/s and a queue of 0.2 s, 10 ms behind the last",
             lambda: hops(2, 20 * MBPS, 0.2, 0.010)),
    "delay": ("no rate, 20 ms: the delay box alone", lambda: line_without_rate(0.020)),
}  # fmt: skip
"""Name, what it is, and its links."""


def hops(
    narrow: int, rate_bps: int, queue_seconds: float = 0.2, rtt_seconds: float = 0.0, links: int = 6
) -> list[Link]:
    """Appliance, routers and responder in a row; link ``narrow`` (from 0) has a rate both ways."""
    rate = Rate(rate_bps, queue_seconds=queue_seconds)
    chain = [Link(down=rate, up=rate) if link == narrow else Link() for link in range(links)]
    chain[-1] = replace(chain[-1], delay_seconds=rtt_seconds / 2)
    return chain


def line_without_rate(rtt_seconds: float) -> list[Link]:
    """Hosts with a delay between them and nothing that shapes."""
    return [Link(), Link(delay_seconds=rtt_seconds / 2)]
