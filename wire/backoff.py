"""How long a sender waits before it tries again: pure functions of attempt, chance and reply.

Part of what both sides agree on: an agent waits so, a simulated fleet waits so.
"""

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from random import Random
from typing import Final

FIRST_SECONDS: Final = 2.0
CAP_SECONDS: Final = 300.0
FLOOR_SECONDS: Final = 0.5
"""Never sooner, so that no mistake becomes a busy loop."""
RETRY_AFTER_CAP_SECONDS: Final = 3600.0
"""A collector cannot silence an agent for longer than this."""
MAX_HEADER_CHARACTERS: Final = 64


def delay_seconds(
    attempt: int,
    random: Random,
    *,
    first_seconds: float = FIRST_SECONDS,
    cap_seconds: float = CAP_SECONDS,
) -> float:
    """Exponential back-off with full jitter after the cap, in seconds; ``attempt`` from 0.

    Jitter is applied to the capped value, so agents that failed together spread over the whole
    interval also late in an outage (AWS Architecture Blog, 'Exponential Backoff And Jitter').
    """
    ceiling = min(cap_seconds, first_seconds * 2.0 ** min(attempt, 60))
    return max(FLOOR_SECONDS, random.uniform(0.0, ceiling))


def parse_retry_after(text: str | None, now: datetime) -> float | None:
    """Read a Retry-After header (RFC 9110 section 10.2.3): seconds from now, or None.

    Whole seconds, or an HTTP date (one in the past is 0). Everything else, negative numbers
    included, is ignored. The result is at most :data:`RETRY_AFTER_CAP_SECONDS`.
    """
    if text is None or len(text) > MAX_HEADER_CHARACTERS:
        return None
    stripped = text.strip()
    if stripped.isascii() and stripped.isdigit():
        return min(float(stripped), RETRY_AFTER_CAP_SECONDS)
    try:
        moment = parsedate_to_datetime(stripped)
    except (ValueError, IndexError, TypeError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    seconds = (moment - now).total_seconds()
    return min(max(0.0, seconds), RETRY_AFTER_CAP_SECONDS) if math.isfinite(seconds) else None


def wait_seconds(attempt: int, retry_after_seconds: float | None, random: Random) -> float:
    """Wait after a failure: what the collector asked plus jitter, else the back-off.

    The jitter on top (up to half as much again) keeps agents that were told the same moment
    from returning together.
    """
    own = delay_seconds(attempt, random)
    if retry_after_seconds is None:
        return own
    jitter = random.uniform(0.0, retry_after_seconds / 2)
    return max(retry_after_seconds + jitter, min(own, FIRST_SECONDS))
