"""What a test must not pass: a moment by which it has ended, bytes it may move.

Bytes are kept where they are counted first: a sender draws them before it sends, a receiver before
it reads. The far end of a download is asked to send no more, so that a stranger who does is not
read any further, and our own responder leaves nothing on the line.
"""

from dataclasses import dataclass
from typing import Final, Protocol

from agent.clock import Clock

GOOD_BYE_BYTES: Final = 64 * 1024
"""Of a flow's share, for what both sides say at its end: never for data."""
NO_TIME_SECONDS: Final = 0.001  # 0 would mean: do not block


class Quota(Protocol):
    """Bytes that flows may move, shared by them."""

    def take(self, most_bytes: int) -> int:
        """Draw up to so many; 0: none are left."""
        ...

    def give_back(self, unused_bytes: int) -> None:
        """Return what was drawn and not used."""
        ...


class ByteLimit:
    """Bytes that one flow may still move (a :class:`Quota`)."""

    def __init__(self, most_bytes: int) -> None:
        self.left_bytes = most_bytes

    def take(self, most_bytes: int) -> int:
        """Draw up to so many; 0: none are left."""
        taken = min(self.left_bytes, most_bytes)
        self.left_bytes -= taken
        return taken

    def give_back(self, unused_bytes: int) -> None:
        """Return what was drawn and not used."""
        self.left_bytes += unused_bytes


class Both:
    """Two quotas that are drawn on together."""

    def __init__(self, first: Quota, second: Quota) -> None:
        self._first = first
        self._second = second

    def take(self, most_bytes: int) -> int:
        """Draw up to so many from both."""
        allowed = self._second.take(most_bytes)
        taken = self._first.take(allowed)
        self._second.give_back(allowed - taken)
        return taken

    def give_back(self, unused_bytes: int) -> None:
        """Return what was drawn and not used."""
        self._first.give_back(unused_bytes)
        self._second.give_back(unused_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Of one direction of a test. None: without bound."""

    ends_at: float | None = None
    """Monotonic seconds by which everything has ended."""
    most_bytes: int | None = None
    """Of all flows together, received or sent, what is said at the end included."""

    def seconds(self, most_seconds: float, clock: Clock) -> float:
        """So long at most, but no longer than there is time; never 0."""
        if self.ends_at is None:
            return most_seconds
        return max(NO_TIME_SECONDS, min(most_seconds, self.ends_at - clock.monotonic_seconds()))

    def flow_bytes(self, flows: int) -> int | None:
        """Data that one of ``flows`` may move; None: without bound."""
        if self.most_bytes is None:
            return None
        return max(0, self.most_bytes // flows - GOOD_BYE_BYTES)


class Allowance:
    """What a whole test may take, dealt out to its directions: time and bytes in equal shares.

    What an earlier direction leaves is for the later ones.
    """

    def __init__(self, clock: Clock, seconds: float, most_bytes: int | None) -> None:
        self._clock = clock
        self._ends_at = clock.monotonic_seconds() + seconds
        self._left_bytes = most_bytes

    def left_seconds(self) -> float:
        """Until the end of the whole test."""
        return self._ends_at - self._clock.monotonic_seconds()

    def share(self, directions: int) -> Limits:
        """Of the next of ``directions`` that are still to come."""
        now = self._clock.monotonic_seconds()
        left = self._left_bytes
        return Limits(
            ends_at=now + (self._ends_at - now) / directions,
            most_bytes=None if left is None else left // directions,
        )

    def spend(self, moved_bytes: int, flows: int) -> None:
        """Take off what a direction has moved, what was said at its end included."""
        if self._left_bytes is not None:
            self._left_bytes = max(0, self._left_bytes - moved_bytes - flows * GOOD_BYE_BYTES)


UNLIMITED: Final = Limits()
