"""Is the line busy? Two looks at the counters of the WAN interface, before a heavy test."""

from typing import Final

from agent.context import Reading

LOOK_SECONDS: Final = 2.0
"""Time between the two looks."""


def busy_bps(before: Reading, after: Reading) -> float | None:
    """Traffic between two readings, the larger direction, bit/s with headers.

    None where the counters ran backwards or no time has passed: then nothing is known.
    """
    seconds = after.at_seconds - before.at_seconds
    received = after.received_bytes - before.received_bytes
    sent = after.sent_bytes - before.sent_bytes
    if seconds <= 0 or received < 0 or sent < 0:
        return None
    return 8 * max(received, sent) / seconds
