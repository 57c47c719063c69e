"""What is tried, as data: every link narrow in turn, cross traffic, odd hops, healthy paths."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final, Literal

Group = Literal["plain", "cross", "silent", "slow", "slow under load", "short queue", "healthy"]
GROUPS: Final[tuple[Group, ...]] = (
    "plain", "cross", "silent", "slow", "slow under load", "short queue", "healthy",
)  # fmt: skip
LINKS: Final = 6
"""Of the chain: an appliance, five routers, a responder."""
RATES_BPS: Final = (10_000_000, 25_000_000, 60_000_000)
QUEUE_SECONDS: Final = (0.1, 0.4)
"""Room of the narrow link's queue: what home and school routers are found to have."""

SHORT_BPS: Final = 100_000_000
SHORT_SECONDS: Final = 0.0002
"""Room beside the bucket: at 100 Mbit/s both together hold less than 2 ms, no standing queue."""


@dataclass(frozen=True, kw_only=True)
class Cross:
    """Traffic of others over one link, both ways, by UDP that comes and goes."""

    link: int
    mean_bps: int


@dataclass(frozen=True, kw_only=True)
class Odd:
    """What is wrong with one router, for itself alone: what it forwards is not touched.

    ``no echo``: it answers no echo. ``mute``: it sends no ICMP at all. ``slow``: its answers take
    a constant time. ``jittery``: they take anything up to it. ``under load``: the constant is
    added while traffic passes.
    """

    hop: int
    how: Literal["no echo", "mute", "slow", "jittery", "under load"]
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Case:
    """One run of the probe, both directions."""

    number: int
    group: Group
    rate_bps: int
    queue_seconds: float
    narrow: int | None
    """Link that is the bottleneck, from 0; None: all links have this rate and there is room."""
    seed: int
    delayed: bool
    """Whether the last link has a round trip of 10 ms."""
    cross: tuple[Cross, ...] = ()
    beside_bps: int = 0
    """Rate of the links that only others fill."""
    odd: Odd | None = None
    load_bps: int | None = None
    """Rate asked for; None: as fast as it goes."""

    @property
    def truth(self) -> tuple[int, int] | None:
        """Hops at the ends of the narrow link."""
        return None if self.narrow is None else (self.narrow, self.narrow + 1)


def cases(seed: int, runs: int) -> list[Case]:
    """All cases: ``runs`` of each link, rate and group."""
    random = Random(seed)
    return [
        _made(number, group, narrow, rate, random)
        for number, (group, narrow, rate) in enumerate(_whole(runs, random))
    ]


def quick(seed: int) -> list[Case]:
    """A sample: every link once, and one of every other group."""
    random = Random(seed)
    wanted: list[tuple[Group, int | None, int]] = [
        ("plain", link, RATES_BPS[link % 3]) for link in range(LINKS)
    ]
    wanted += [
        ("cross", 2, RATES_BPS[1]), ("silent", 3, RATES_BPS[0]), ("slow", 1, RATES_BPS[1]),
        ("healthy", None, RATES_BPS[1]), ("healthy", None, RATES_BPS[2]),
    ]  # fmt: skip
    return [_made(number, *each, random) for number, each in enumerate(wanted)]


def _whole(runs: int, random: Random) -> Iterator[tuple[Group, int | None, int]]:
    for _ in range(runs):
        for link in range(LINKS):
            for rate in RATES_BPS:
                yield "plain", link, rate
                yield "cross", link, rate
            yield "silent", link, random.choice(RATES_BPS)
            yield "slow", link, random.choice(RATES_BPS)
            if link % 2:
                yield "slow under load", link, random.choice(RATES_BPS)
        for link in (2, 4):
            yield "short queue", link, SHORT_BPS
        for rate in RATES_BPS:
            yield "healthy", None, rate


def _made(number: int, group: Group, narrow: int | None, rate: int, random: Random) -> Case:
    queue = SHORT_SECONDS if group == "short queue" else random.uniform(*QUEUE_SECONDS)
    return Case(
        number=number,
        group=group,
        rate_bps=rate,
        queue_seconds=queue,
        narrow=narrow,
        seed=random.getrandbits(30),
        delayed=bool(number % 2),
        cross=_cross(group, narrow, rate, random),
        beside_bps=round(2.5 * rate),
        odd=_odd(group, narrow, queue, random),
        load_bps=round(0.4 * rate) if group == "healthy" else None,
    )


def _cross(group: Group, narrow: int | None, rate: int, random: Random) -> tuple[Cross, ...]:
    if group == "cross" and narrow is not None:
        beside = random.choice([link for link in range(LINKS) if link != narrow])
        return (
            Cross(link=narrow, mean_bps=round(0.3 * rate)),
            Cross(link=beside, mean_bps=round(1.2 * rate)),
        )
    if group == "healthy" and random.random() < 0.67:
        return tuple(
            Cross(link=link, mean_bps=round(0.3 * rate))
            for link in random.sample(range(LINKS), random.choice([1, 2]))
        )
    return ()


def _odd(group: Group, narrow: int | None, queue: float, random: Random) -> Odd | None:
    hop = random.randrange(1, LINKS)
    if group == "silent":
        return Odd(hop=hop, how=random.choice(["no echo", "mute"]))
    if group == "slow" and random.random() < 0.5:
        return Odd(hop=hop, how="slow", seconds=random.uniform(0.02, 0.2))
    if group == "slow":
        return Odd(hop=hop, how="jittery", seconds=random.uniform(0.05, 0.4))
    if group == "slow under load" and narrow is not None:
        # just before the queue, where medians alone name the wrong link
        return Odd(hop=narrow, how="under load", seconds=random.uniform(0.6, 1.1) * queue)
    return None
