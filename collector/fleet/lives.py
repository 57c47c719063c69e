"""Is one identity used by two machines? Pure.

Theory of operation. Each start of the agent is a life with a random id. A machine has one life at
a time: a new one begins after the one before has ended, however often it reboots. So two lives of
one identity that overlap in time are two machines (or two copies on one).

Times are the collector's: the appliances' wall clocks may say anything. Of each life two bounds are
kept. It began at the latest at the arrival of a heartbeat less the age that it gave
(``began_by``); it was still alive at least at the arrival less the longest that a heartbeat can be
under way, and later by as much as it has aged since (``alive_at``). Monotonic clocks run apart
by at most :data:`DRIFT_RATIO`. So ``began_by`` of one before ``alive_at`` of the other, both ways,
is proof, as far as the collector's own clock went evenly; therefore the two must also have been
heard in turns (``first_order``, ``last_order``), which no step of that clock brings about.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

UNDER_WAY_SECONDS: Final = 90.0
"""A heartbeat is given up after 30 s by its sender; a proxy may hold it a while longer."""
DRIFT_RATIO: Final = 500e-6
"""Of a crystal without discipline: what RFC 5905 takes for the worst that can be steered."""
KEPT_LIVES: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One run of the program, as far as the collector has heard of it."""

    life_id: str
    boot_id: str
    began_by: datetime
    alive_at: datetime
    life_seconds: float
    """Age at its newest heartbeat."""
    first_order: int
    last_order: int
    """Places of its first and newest heartbeat among all of the identity."""

    def overlaps(self, other: "Life") -> bool:
        """Tell whether both were alive at one moment."""
        in_turns = self.first_order < other.last_order and other.first_order < self.last_order
        began, ended = max(self.began_by, other.began_by), min(self.alive_at, other.alive_at)
        return in_turns and began < ended


@dataclass(frozen=True, slots=True)
class Judged:
    """A life with this heartbeat in it, and the lives of other machines it overlaps with."""

    life: Life
    overlaps: tuple[Life, ...]


def judge(
    known: Sequence[Life], life_id: str, boot_id: str, life_seconds: float, now: datetime
) -> Judged:
    """Take a heartbeat that arrived ``now`` into the lives of one identity."""
    order = 1 + max((life.last_order for life in known), default=0)
    began_by = now - timedelta(seconds=life_seconds * (1.0 - DRIFT_RATIO))
    alive_at = now - timedelta(seconds=UNDER_WAY_SECONDS)
    mine = next((life for life in known if life.life_id == life_id), None)
    if mine is None:
        life = Life(
            life_id=life_id,
            boot_id=boot_id,
            began_by=began_by,
            alive_at=alive_at,
            life_seconds=life_seconds,
            first_order=order,
            last_order=order,
        )
        return Judged(life, ())
    aged_seconds = life_seconds - mine.life_seconds
    if aged_seconds < 0.0:
        # overtaken on the way; or the same life twice: a copy of a running machine
        return Judged(mine, (mine,) if -aged_seconds > UNDER_WAY_SECONDS else ())
    aged = timedelta(seconds=aged_seconds * (1.0 - DRIFT_RATIO))
    life = replace(
        mine,
        began_by=min(mine.began_by, began_by),
        alive_at=max(mine.alive_at + aged, alive_at),
        life_seconds=life_seconds,
        last_order=order,
    )
    others = (other for other in known if other.life_id != life_id)
    return Judged(life, tuple(other for other in others if life.overlaps(other)))
