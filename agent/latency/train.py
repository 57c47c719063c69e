"""The books of one train of echoes: what was sent, what came back, when, in which order.

No clock, no socket: every call brings its moment, in seconds of one monotonic clock. A reply
is in time within ``timeout_seconds`` of its own request; a later one is late and its packet
lost (RFC 2681 section 2.6: the threshold is part of the result). A packet is never both: the
first reply decides, every further one is a duplicate.
"""

from collections import Counter
from dataclasses import dataclass, field

from wire.failure import FailureCode, Operation


@dataclass(frozen=True, slots=True)
class Reply:
    """An echo reply, read at ``read_at_seconds`` of the monotonic clock.

    ``age_seconds``: how long the kernel had held it by then. ``hop_limit``: what was left of its
    time to live; None where the kernel does not say.
    """

    sequence: int
    read_at_seconds: float
    age_seconds: float = 0.0
    hop_limit: int | None = None


@dataclass(frozen=True, slots=True)
class Trouble:
    """An error instead of a reply; ``sequence`` is None where it names no packet of ours."""

    sequence: int | None
    code: FailureCode
    operation: Operation
    text: str


@dataclass(slots=True)
class Train:
    """Mutable books; see the module."""

    timeout_seconds: float
    sent: dict[int, float] = field(default_factory=dict)
    """Moment of sending by sequence number."""
    rtts_seconds: dict[int, float] = field(default_factory=dict)
    """Round trip by sequence number, of replies in time."""
    late: set[int] = field(default_factory=set)
    duplicate_count: int = 0
    reordered_count: int = 0
    troubles: list[Trouble] = field(default_factory=list)
    _answered_by_trouble: set[int] = field(default_factory=set)
    _next_expected: int = 0

    def note_sent(self, sequence: int, at_seconds: float) -> None:
        """Enter a request, whether or not the kernel took it."""
        self.sent[sequence] = at_seconds

    def note_reply(self, reply: Reply) -> None:
        """Enter a reply; one that answers no request of this train is left out."""
        sent_at = self.sent.get(reply.sequence)
        if sent_at is None:
            return
        if reply.sequence in self.rtts_seconds or reply.sequence in self.late:
            self.duplicate_count += 1
            return
        self._note_order(reply.sequence)
        since = reply.read_at_seconds - sent_at
        # A wall clock that stepped between kernel and us gives an impossible age: leave it out.
        age = reply.age_seconds if 0.0 <= reply.age_seconds <= since else 0.0
        if since - age > self.timeout_seconds:
            self.late.add(reply.sequence)
        else:
            self.rtts_seconds[reply.sequence] = since - age

    def note_trouble(self, trouble: Trouble) -> None:
        """Enter an error; one about a packet that is not ours is left out."""
        if trouble.sequence is None:
            self.troubles.append(trouble)
        elif trouble.sequence in self.sent and trouble.sequence not in self._answered_by_trouble:
            self._answered_by_trouble.add(trouble.sequence)
            self.troubles.append(trouble)

    def waiting_until(self) -> float | None:
        """Moment at which the last open request times out; None where none is open."""
        open_since = [at for sequence, at in self.sent.items() if self._is_open(sequence)]
        return max(open_since) + self.timeout_seconds if open_since else None

    def trouble_counts(self) -> Counter[FailureCode]:
        """Errors by code, the most frequent first."""
        return Counter(trouble.code for trouble in self.troubles)

    def main_trouble(self) -> Trouble | None:
        """First error of the most frequent code; None where there was none."""
        counts = self.trouble_counts()
        if not counts:
            return None
        code = counts.most_common(1)[0][0]
        return next(trouble for trouble in self.troubles if trouble.code is code)

    def _is_open(self, sequence: int) -> bool:
        return (
            sequence not in self.rtts_seconds
            and sequence not in self.late
            and sequence not in self._answered_by_trouble
        )

    def _note_order(self, sequence: int) -> None:
        """RFC 4737 section 3: reordered is what arrives after one that was sent later."""
        if sequence < self._next_expected:
            self.reordered_count += 1
        else:
            self._next_expected = sequence + 1
