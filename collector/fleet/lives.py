"""Is one identity used by two machines? Pure.

Theory of operation. Each start of the agent is a life with a random id. A machine has one life at
a time: a new one begins after the one before has ended, however often it reboots. So two lives of
one identity that overlap in time are two machines (or two copies on one).

Times are the collector's: the appliances' wall clocks may say anything. A life began at the
earliest at which an arrival less the life's own age puts it; a later heartbeat of a known life was
sent about as long after the one before as the life has aged. Both can only be late by the time a
message is under way, which :data:`UNDER_WAY_SECONDS` bounds; monotonic clocks run apart by at most
:data:`DRIFT_RATIO`.
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
    began_at: datetime
    """The earliest of arrival less age."""
    last_at: datetime
    """Arrival of the newest heartbeat."""
    last_life_seconds: float
    """Age of the life at that heartbeat."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A life with this heartbeat in it, and the lives of other machines it overlaps with."""

    life: Life
    overlaps: tuple[Life, ...]


def judge(
    known: Sequence[Life], life_id: str, boot_id: str, life_seconds: float, now: datetime
) -> Judged:
    """Take a heartbeat that arrived ``now`` into the lives of one identity."""
    mine = next((life for life in known if life.life_id == life_id), None)
    began_at = now - timedelta(seconds=life_seconds)
    if mine is None:
        life = Life(
            life_id=life_id,
            boot_id=boot_id,
            began_at=began_at,
            last_at=now,
            last_life_seconds=life_seconds,
        )
        return Judged(life, ())
    if life_seconds < mine.last_life_seconds:
        younger_seconds = mine.last_life_seconds - life_seconds
        # overtaken on the way; or the same life twice: a copy of a running machine
        return Judged(mine, (mine,) if younger_seconds > UNDER_WAY_SECONDS else ())
    aged_seconds = life_seconds - mine.last_life_seconds
    sent_at = mine.last_at + timedelta(seconds=aged_seconds * (1.0 - DRIFT_RATIO))
    overlaps = tuple(
        other
        for other in known
        if other.life_id != life_id
        # heard for the first time after this life was: else it is the one that ended before
        and other.began_at + timedelta(seconds=UNDER_WAY_SECONDS) < min(sent_at, now)
        and other.last_at > mine.last_at
    )
    life = replace(
        mine, began_at=min(mine.began_at, began_at), last_at=now, last_life_seconds=life_seconds
    )
    return Judged(life, overlaps)
