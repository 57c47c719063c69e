"""How long the agent waits: bounds, jitter and every form of Retry-After."""

from datetime import UTC, datetime
from random import Random

import pytest

from agent.backoff import (
    CAP_SECONDS,
    FLOOR_SECONDS,
    RETRY_AFTER_CAP_SECONDS,
    delay_seconds,
    parse_retry_after,
    wait_seconds,
)

NOW = datetime(2026, 5, 11, 0, 0, 0, tzinfo=UTC)


def test_delays_grow_to_the_cap_and_fill_the_whole_interval() -> None:
    """Full jitter after the cap: uniform between floor and min(cap, 2 s x 2^attempt)."""
    random = Random(1)
    for attempt in range(0, 2_000, 37):
        ceiling = min(CAP_SECONDS, 2.0 * 2.0 ** min(attempt, 20))
        delays = [delay_seconds(attempt, random) for _ in range(400)]
        assert min(delays) >= FLOOR_SECONDS
        assert max(delays) <= max(ceiling, FLOOR_SECONDS)
        assert max(delays) > 0.9 * ceiling
        assert min(delays) < 0.1 * ceiling + FLOOR_SECONDS


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        (" 7 ", 7.0),
        ("Mon, 11 May 2026 00:02:00 GMT", 120.0),
        ("Mon, 11 May 2026 09:02:00 +0900", 120.0),
        ("Sun, 10 May 2026 00:00:00 GMT", 0.0),
        ("999999999999999999999999", RETRY_AFTER_CAP_SECONDS),
        ("Mon, 11 May 2099 00:00:00 GMT", RETRY_AFTER_CAP_SECONDS),
        ("-1", None),
        ("-0", None),
        ("1.5", None),
        ("1e3", None),
        ("inf", None),
        ("nan", None),
        ("soon", None),
        ("", None),
        ("٣", None),
        ("9" * 100, None),
        ("Mon, 99 May 2026 00:02:00 GMT", None),
        (None, None),
    ],
)
def test_retry_after_is_read_as_the_rfc_has_it_or_ignored(
    text: str | None, seconds: float | None
) -> None:
    """Seconds, date, past, negative, huge and garbage; the result is bounded."""
    assert parse_retry_after(text, NOW) == seconds


def test_wait_is_never_shorter_than_asked_nor_a_busy_loop() -> None:
    """Retry-After is a lower bound with jitter on top; 0 still waits the floor."""
    random = Random(2)
    waits = [wait_seconds(0, 100.0, random) for _ in range(200)]
    assert min(waits) >= 100
    assert max(waits) <= 150
    assert max(waits) - min(waits) > 30
    assert all(FLOOR_SECONDS <= wait_seconds(9, 0.0, random) <= 2.0 for _ in range(50))
    assert all(wait_seconds(20, None, random) <= CAP_SECONDS for _ in range(50))
