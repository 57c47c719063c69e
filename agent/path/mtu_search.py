"""Search of the largest packet that passes whole: which size to try, what follows from each. Pure.

A router that cannot pass a packet says how much it could (RFC 1191, RFC 4443); that is tried, and
one byte more, since a message is a claim and not a measurement. Where nobody says anything, the
sizes that lines usually have are tried first, then halves, down to the byte.
"""

from dataclasses import dataclass, field
from typing import Final

from wire.failure import FailureCode, Operation

USUAL_BYTES: Final = (
    1280, 1300, 1340, 1380, 1400, 1406, 1414, 1420, 1428, 1432, 1438, 1440, 1442, 1446, 1450, 1452,
    1454, 1456, 1460, 1462, 1472, 1476, 1480, 1488, 1492, 1496, 1500,
)  # fmt: skip
"""MTUs of PPPoE, of tunnels in IPv4 and IPv6, and of VPNs, in bytes of the IP packet."""


@dataclass(frozen=True, slots=True)
class Passed:
    """An answer came to a packet of that size, after ``rtt_seconds``."""

    rtt_seconds: float


@dataclass(frozen=True, slots=True)
class TooBig:
    """Somebody said so, and that ``mtu_bytes`` would pass (0: did not say)."""

    mtu_bytes: int
    reporter: str
    """Who; empty is this machine."""


@dataclass(frozen=True, slots=True)
class Lost:
    """No answer, while smaller packets at the same time were answered."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The network says that it delivers nothing there."""

    code: FailureCode
    operation: Operation
    text: str


Verdict = Passed | TooBig | Lost


@dataclass(slots=True)
class Search:
    """Mutable books of one search between two sizes, in bytes of the whole IP packet."""

    low_bytes: int
    high_bytes: int
    passed_bytes: int = 0
    """Largest that passed; 0 before any has."""
    failed_bytes: int = 0
    """Smallest that did not; 0 before any has."""
    said: list[TooBig] = field(default_factory=list)
    """Claims of routers, in order."""
    interface_bytes: int = 0
    """What this machine's own interface takes; 0 where it was not asked."""
    lost_count: int = 0
    """Sizes that vanished in silence."""
    _hint: int = 0

    def next_size(self) -> int | None:
        """Size to try now, or None where all is known."""
        if not self.passed_bytes:
            return self.low_bytes if not self.failed_bytes else None
        if not self.failed_bytes:
            return self.high_bytes if self.passed_bytes < self.high_bytes else None
        if self.failed_bytes - self.passed_bytes <= 1:
            return None
        if self.passed_bytes < self._hint < self.failed_bytes:
            return self._hint
        if self.passed_bytes == self._hint:
            return self._hint + 1
        usual = [size for size in USUAL_BYTES if self.passed_bytes < size < self.failed_bytes]
        if usual:
            return usual[len(usual) // 2]
        if self.passed_bytes in USUAL_BYTES:
            return self.passed_bytes + 1
        return (self.passed_bytes + self.failed_bytes) // 2

    def note(self, size: int, verdict: Verdict) -> None:
        """Enter what became of a packet of ``size``."""
        if isinstance(verdict, Passed):
            self.passed_bytes = max(self.passed_bytes, size)
            return
        self.failed_bytes = min(self.failed_bytes or size, size)
        if isinstance(verdict, Lost):
            self.lost_count += 1
            return
        if verdict.reporter:
            self.said.append(verdict)
        elif verdict.mtu_bytes:
            self.interface_bytes = verdict.mtu_bytes
        if verdict.mtu_bytes < size:
            self._hint = verdict.mtu_bytes

    @property
    def is_done(self) -> bool:
        """Tell whether the largest size is known to the byte, or is as large as was asked for."""
        return bool(self.passed_bytes) and self.next_size() is None

    @property
    def is_black_hole(self) -> bool:
        """Tell whether too large packets vanish and no router says so (RFC 2923 section 2.1)."""
        return bool(self.lost_count) and not self.said
