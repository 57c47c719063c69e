"""How far the clock of each agent is off, by what its results say and when they arrived.

The estimate is the median, over fresh results, of arrival less end of the measurement: the way
from the agent takes seconds, so minutes are a wrong clock. A result that waited for delivery says
nothing; so only the freshest part counts. Beside it stands what the agent itself found out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

import msgspec

from collector.rollup.rows import BELIEVED
from collector.store.sql import Sql

NEWEST: Final = 40
"""Results of an agent that are looked at."""
LEAST: Final = 3
"""With fewer nothing is said."""
WRONG_SECONDS: Final = 120.0
"""Beyond this the clock, or the way of the results, is to be looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skew:
    """One agent's clock."""

    agent_id: str
    results: int
    """Fresh results that the estimate rests on."""
    skew_seconds: float | None
    """Arrival less end of measurement: positive where the agent's clock is slow (or results wait
    at each delivery). None with too few results."""
    reported_offset_seconds: float | None
    """Median of what the agent itself measured: true time less its clock."""
    suspect_results: int
    """Results dated so far from their arrival (1970, 2100) that they are neither judged, rolled
    up nor anybody's newest."""

    @property
    def wrong(self) -> bool:
        """Whether the clock is to be looked at."""
        skew = self.skew_seconds
        return self.suspect_results > 0 or (skew is not None and abs(skew) > WRONG_SECONDS)


class _Record(msgspec.Struct):
    duration_seconds: Any = 0.0
    context: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET


_decode: Final = msgspec.json.Decoder(_Record).decode


def skews(sql: Sql, school_code: str) -> list[Skew]:
    """The clocks of a school's agents."""
    agents = [
        agent_id
        for (agent_id,) in sql.execute(
            "SELECT agent_id FROM agent WHERE school_code = ? ORDER BY agent_id", (school_code,)
        )
    ]
    suspect = dict(
        sql.execute(
            "SELECT agent_id, count(*) FROM result "  # noqa: S608 - constants
            f"WHERE school_code = ? AND NOT {BELIEVED} GROUP BY agent_id",
            (school_code,),
        ).fetchall()
    )
    return [_skew(sql, agent_id, suspect.get(agent_id, 0)) for agent_id in agents]


def estimate(delays_seconds: Sequence[float]) -> float | None:
    """Skew from arrival less end of measurement of each result; None for too few.

    Results that waited are later than fresh ones, never earlier: the lower half is the fresh one.
    """
    fresh = sorted(delays_seconds)[: max(LEAST, (len(delays_seconds) + 1) // 2)]
    return median(fresh) if len(fresh) >= LEAST else None


def _skew(sql: Sql, agent_id: str, suspect: int) -> Skew:
    delays: list[float] = []
    offsets: list[float] = []
    for started_at, received_at, record in sql.execute(
        "SELECT started_at, received_at, record FROM result "  # noqa: S608 - constants
        f"WHERE agent_id = ? AND {BELIEVED} ORDER BY started_at DESC LIMIT ?",
        (agent_id, NEWEST),
    ):
        duration, offset = _said(record)
        delays.append((received_at - started_at) / 1e6 - duration)
        if offset is not None:
            offsets.append(offset)
    skew = estimate(delays)
    return Skew(
        agent_id=agent_id,
        results=len(delays),
        skew_seconds=skew,
        reported_offset_seconds=median(offsets) if offsets else None,
        suspect_results=suspect,
    )


def _said(record: bytes) -> tuple[float, float | None]:
    """Duration and clock offset of a record."""
    try:
        read = _decode(record)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return 0.0, None
    duration = read.duration_seconds
    context = {} if isinstance(read.context, msgspec.UnsetType) else read.context
    offset: Any = context.get("clock_offset_seconds")
    return (
        float(duration) if type(duration) in (int, float) else 0.0,
        float(offset) if type(offset) in (int, float) else None,
    )
