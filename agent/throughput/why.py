"""What a throughput test was limited by, from what the sender's kernel knows. Pure.

Linux divides a sender's busy time (RFC 4898 has the same three in its 'congestion', 'receiver'
and 'sender' limited times): stalled by the receiver's window, stalled by its own send buffer, and
the rest, limited by the network. A queue shows as a round trip above the smallest, loss as bytes
sent again.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

WINDOW_SHARE_RATIO: Final = 0.2
"""A fifth of the busy time stalled by a window is worth naming: the path could carry more."""
BUSY_CPU_RATIO: Final = 0.9
"""Of one processor: the flows run in one thread here."""
QUEUE_SECONDS: Final = 0.005
LOSS_RATIO: Final = 0.001


class LimitedBy(StrEnum):
    """What the rate was limited by."""

    NETWORK = "network"
    RECEIVER_WINDOW = "receiver_window"
    SEND_BUFFER = "send_buffer"
    APPLIANCE = "appliance"
    """This machine's processor: the path may carry more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of one direction; None where the sender's kernel does not say."""

    rwnd_limited_ratio: float | None
    sndbuf_limited_ratio: float | None
    cpu_ratio: float | None
    """Processor time of this process over the time of the test."""
    min_rtt_seconds: float | None
    loaded_rtt_seconds: float | None
    retransmit_ratio: float | None


def limited_by(facts: Facts) -> LimitedBy | None:
    """Name the limit; None where nothing is known of the sender."""
    if facts.cpu_ratio is not None and facts.cpu_ratio >= BUSY_CPU_RATIO:
        return LimitedBy.APPLIANCE
    receiver, sender = facts.rwnd_limited_ratio, facts.sndbuf_limited_ratio
    if receiver is None or sender is None:
        return None
    if max(receiver, sender) >= WINDOW_SHARE_RATIO:
        return LimitedBy.RECEIVER_WINDOW if receiver >= sender else LimitedBy.SEND_BUFFER
    return LimitedBy.NETWORK


def queue_seconds(facts: Facts) -> float | None:
    """Delay that the test's own queue added; None where it is not known."""
    if facts.min_rtt_seconds is None or facts.loaded_rtt_seconds is None:
        return None
    return max(0.0, facts.loaded_rtt_seconds - facts.min_rtt_seconds)


def signs(facts: Facts) -> list[str]:
    """Give the signs of a full path that were seen: ``queue``, ``loss``, both or none."""
    queue = queue_seconds(facts)
    found = []
    if queue is not None and queue >= QUEUE_SECONDS:
        found.append("queue")
    if facts.retransmit_ratio is not None and facts.retransmit_ratio >= LOSS_RATIO:
        found.append("loss")
    return found
