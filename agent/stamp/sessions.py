"""What a reflector decides: who has a session, which packet is answered, what was counted.

No socket and no clock: every call brings its moment. The rules that keep a reflector from being
turned against others: an answer goes only to the address that opened the session over TCP, has
the size of its request, and there are at most two for each announced packet, no faster than
:data:`BURST_PACKETS` at once and twice the announced rate.
"""

from dataclasses import dataclass, field
from random import Random
from typing import Final

from agent.stamp.control import Opening, Summary
from agent.stamp.packet import BASE_BYTES, read_sent

BURST_PACKETS: Final = 256.0
"""A queue on the way may let many packets go at once; they are still measured."""
SESSIONS_PER_SOURCE: Final = 4
MAX_SESSIONS: Final = 256
GRACE_SECONDS: Final = 30.0
"""A session may last so much longer than its packets."""


@dataclass(slots=True)
class Session:
    """The state of one admitted sender: what makes the reflector stateful (RFC 8762 section 4)."""

    ssid: int
    source: str
    opening: Opening
    expires_at: float
    allowance: float = BURST_PACKETS
    refilled_at: float = 0.0
    port: int | None = None
    """UDP port of the sender, fixed by its first packet (a NAT may have changed it)."""
    seen: set[int] = field(default_factory=set)
    duplicate_count: int = 0
    reflected_count: int = 0
    limited_count: int = 0
    dscp_seen: set[int] = field(default_factory=set)

    def summary(self) -> Summary:
        """The counts so far."""
        return Summary(
            received_count=len(self.seen),
            duplicate_count=self.duplicate_count,
            reflected_count=self.reflected_count,
            limited_count=self.limited_count,
            dscp_seen=sorted(self.dscp_seen),
        )


class Sessions:
    """All sessions of a reflector."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._by_key: dict[tuple[str, int], Session] = {}

    def __len__(self) -> int:
        return len(self._by_key)

    def open(self, source: str, opening: Opening, now: float) -> Session | str:
        """Open a session for ``source``, an address; else the reason why not."""
        self.expire(now)
        if len(self._by_key) >= MAX_SESSIONS:
            return f"busy: {MAX_SESSIONS} sessions are open; try again later"
        if sum(key[0] == source for key in self._by_key) >= SESSIONS_PER_SOURCE:
            return f"busy: {SESSIONS_PER_SOURCE} sessions from this address; try again later"
        ssid = self._random.randrange(1, 1 << 16)
        while (source, ssid) in self._by_key:
            ssid = self._random.randrange(1, 1 << 16)
        lasts = opening.packet_count * opening.interval_seconds + GRACE_SECONDS
        session = Session(ssid, source, opening, now + lasts, refilled_at=now)
        self._by_key[source, ssid] = session
        return session

    def close(self, session: Session) -> None:
        """End a session; nothing is answered in it any more."""
        self._by_key.pop((session.source, session.ssid), None)

    def expire(self, now: float) -> None:
        """End the sessions whose time is over."""
        for session in [item for item in self._by_key.values() if now >= item.expires_at]:
            self.close(session)

    def take(self, data: bytes, source: str, port: int, dscp: int, now: float) -> int | None:
        """Decide on a packet: the reflector's sequence number to answer with, or None."""
        packet = read_sent(data) if len(data) >= BASE_BYTES else None
        session = self._by_key.get((source, packet.ssid)) if packet else None
        if packet is None or session is None or now >= session.expires_at:
            return None
        if packet.sequence >= session.opening.packet_count or session.port not in (None, port):
            return None
        session.port = port
        if not _may(session, now):
            session.limited_count += 1
            return None
        if packet.sequence in session.seen:
            session.duplicate_count += 1
        session.seen.add(packet.sequence)
        session.dscp_seen.add(dscp)
        session.reflected_count += 1
        return session.reflected_count - 1


def _may(session: Session, now: float) -> bool:
    rate = 2.0 / session.opening.interval_seconds
    grown = session.allowance + (now - session.refilled_at) * rate
    session.allowance, session.refilled_at = min(BURST_PACKETS, grown), now
    if session.allowance < 1 or session.reflected_count >= 2 * session.opening.packet_count:
        return False
    session.allowance -= 1
    return True
