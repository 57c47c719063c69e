"""How long the agent waits before trying again: the arithmetic of :mod:`wire.backoff`."""

from wire.backoff import (
    CAP_SECONDS,
    FIRST_SECONDS,
    FLOOR_SECONDS,
    RETRY_AFTER_CAP_SECONDS,
    delay_seconds,
    parse_retry_after,
    wait_seconds,
)

__all__ = [
    "CAP_SECONDS",
    "FIRST_SECONDS",
    "FLOOR_SECONDS",
    "RETRY_AFTER_CAP_SECONDS",
    "delay_seconds",
    "parse_retry_after",
    "wait_seconds",
]
