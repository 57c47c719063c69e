"""Echoes to every hop on one schedule, in a thread of its own, while others load the path.

Each hop gets an echo every ``interval_seconds``, the hops one after the other within that time, so
that all of them see the same queue. A hop that answers none of its first echoes is asked by packets
towards the far end that die there, seldom, since routers tell no more than about one a second, and
not while nobody looks (:meth:`Watch.rest`).
"""

import select
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from agent.clock import Clock
from agent.failure import BY_ERRNO, MeasurementFailed
from agent.latency.sockets import Address, EchoSocket
from agent.latency.train import Reply, Train
from agent.localise.evidence import HopSeen, Method, RoundTrip
from agent.path.flows import LAST_TAG
from agent.path.replies import Reply as Answer
from agent.path.replies import Sent
from agent.path.socket_engine import SocketEngine
from agent.path.trace import Probe
from wire.failure import FailureCode

TIMEOUT_SECONDS: Final = 3.0
PATIENCE_SECONDS: Final = 0.5
"""A hop without an answer for so long is asked the other way."""
LIMITED_SECONDS: Final = 0.65
"""Between two packets that die at one hop on the idle line: three in the shorter window."""
LIMITED_LOADED_SECONDS: Final = 0.85
"""Under load, whose window is longer: what a router has told by then it must have saved up."""
_INITIAL_LIMITS: Final = (64, 128, 255)
"""What systems give a packet to live: RFC 1700 says 64, Windows 128, many routers 255."""
_MOST_WAIT_SECONDS: Final = 0.2


@dataclass(slots=True)
class _Asked:
    """One hop while it is asked."""

    hop: int
    address: str
    echoes: EchoSocket | None
    next_due: float = 0.0
    train: Train = field(default_factory=lambda: Train(TIMEOUT_SECONDS))
    limits: Counter[int] = field(default_factory=Counter)
    """Times to live that were left of replies."""
    expired: list[RoundTrip] = field(default_factory=list)
    next_limited: float = 0.0


class Watch:
    """Watches from :meth:`start` to :meth:`stop`; what was seen is in :meth:`seen`."""

    def __init__(
        self,
        addresses: Sequence[str | None],
        family_of: Address,
        limited: SocketEngine,
        clock: Clock,
        identifier: int,
        payload: bytes,
        interval_seconds: float = 0.05,
    ) -> None:
        """``addresses``: of hop 0, this machine, to the far end; None is a hop nobody knows.

        ``family_of``: the far end's address, whose family all have.
        """
        self._resting_until = 0.0
        self._limited_seconds = LIMITED_SECONDS
        self._count = len(addresses)
        self._limited = limited
        self._clock = clock
        self._interval_seconds = interval_seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._trouble: BaseException | None = None
        self._tags: dict[int, tuple[_Asked, float]] = {}
        self._next_tag = 1
        self._started = clock.monotonic_seconds()
        self._asked: list[_Asked] = []
        for hop, address in enumerate(addresses):
            if address is not None:
                echoes = _open(_sockaddr(address, family_of), clock, identifier + hop, payload)
                self._asked.append(_Asked(hop, address, echoes))

    def start(self) -> None:
        """Begin to send."""
        self._started = self._clock.monotonic_seconds()
        for number, asked in enumerate(self._asked):
            asked.next_due = self._started + number * self._interval_seconds / len(self._asked)
        self._thread.start()

    def rest(self, seconds: float, limited_seconds: float) -> None:
        """Send nothing that dies on the way for so long: what it would show is not looked at.

        After that one to each silent hop every ``limited_seconds``.
        """
        self._resting_until = self._clock.monotonic_seconds() + seconds
        self._limited_seconds = limited_seconds

    def stop(self) -> None:
        """End, and let go of the sockets. Raises what ended the thread before its time."""
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join()
        for asked in self._asked:
            if asked.echoes is not None:
                asked.echoes.__exit__(None, None, None)
        if self._trouble is not None:
            raise self._trouble

    def seen(self) -> list[HopSeen]:
        """All hops from hop 0 to the far end. Call it after :meth:`stop`."""
        asked = {item.hop: item for item in self._asked}
        return [_seen(number, asked.get(number)) for number in range(self._count)]

    def _run(self) -> None:
        try:
            while not self._over.is_set():
                self._turn()
        except (OSError, MeasurementFailed) as error:  # raised again by stop, in the caller's way
            self._trouble = error

    def _turn(self) -> None:
        now = self._clock.monotonic_seconds()
        due = now + _MOST_WAIT_SECONDS
        for asked in self._asked:
            if asked.echoes is not None:
                if asked.next_due <= now:
                    self._send(asked, asked.echoes)
                due = min(due, asked.next_due)
        self._send_limited(now)
        self._take(max(0.0, due - self._clock.monotonic_seconds()))

    def _send(self, asked: _Asked, echoes: EchoSocket) -> None:
        sequence = len(asked.train.sent)
        now = self._clock.monotonic_seconds()
        try:
            asked.train.note_sent(sequence, echoes.send(sequence & 0xFFFF))
        except OSError as error:
            if error.errno not in BY_ERRNO:
                raise
            asked.train.note_sent(sequence, now)  # not answered, as any other that gets lost
        late = now - asked.next_due > self._interval_seconds
        # after a stall the schedule moves on from here: no burst to catch up
        asked.next_due = (now if late else asked.next_due) + self._interval_seconds

    def _send_limited(self, now: float) -> None:
        if now < max(self._resting_until, self._started + PATIENCE_SECONDS):
            return
        for asked in self._asked:
            silent = not asked.train.rtts_seconds and 0 < asked.hop < self._count - 1
            if silent and now >= asked.next_limited:
                asked.next_limited = now + self._limited_seconds
                self._tags[self._next_tag] = (asked, now)
                self._limited.send(Probe(tag=self._next_tag, hops=asked.hop, flow=0))
                self._next_tag = self._next_tag % (LAST_TAG - 1) + 1

    def _take(self, wait_seconds: float) -> None:
        poller = select.poll()
        ready = {
            asked.echoes.fileno(): (asked, asked.echoes)
            for asked in self._asked
            if asked.echoes is not None
        }
        for number in (*ready, self._limited.fileno()):
            poller.register(number, select.POLLIN)
        came = [number for number, _ in poller.poll(wait_seconds * 1000)]
        for number in came:
            if number in ready:
                _note(*ready[number])
            else:
                self._take_limited()

    def _take_limited(self) -> None:
        for event in self._limited.poll(0.0):
            if isinstance(event, Sent) and event.tag in self._tags:
                self._tags[event.tag] = (self._tags[event.tag][0], event.at_seconds)
            elif isinstance(event, Answer) and event.tag in self._tags:
                asked, sent_at = self._tags.pop(event.tag)
                took = event.at_seconds - sent_at
                if event.kind == "time_exceeded" and 0 <= took <= TIMEOUT_SECONDS:
                    asked.expired.append(RoundTrip(sent_at, took))


def return_hops(limit: int) -> int | None:
    """Length of a reply's way back, from what was left of its time to live."""
    first = next((initial for initial in _INITIAL_LIMITS if limit <= initial), None)
    return None if first is None else first - limit + 1


def _note(asked: _Asked, echoes: EchoSocket) -> None:
    for event in echoes.poll(0.0):
        if isinstance(event, Reply):
            asked.train.note_reply(event)
            if event.hop_limit is not None:
                asked.limits[event.hop_limit] += 1


def _seen(number: int, asked: _Asked | None) -> HopSeen:
    if asked is None:
        return HopSeen(hop=number)
    train = asked.train
    if train.rtts_seconds:
        trips = [RoundTrip(train.sent[at], rtt) for at, rtt in sorted(train.rtts_seconds.items())]
        only = next(iter(asked.limits)) if len(asked.limits) == 1 else None
        back = None if only is None else return_hops(only)
        return HopSeen(
            hop=number, address=asked.address, method=Method.ECHO, trips=trips, return_hops=back
        )
    method = Method.EXPIRED if asked.expired else Method.NONE
    return HopSeen(hop=number, address=asked.address, method=method, trips=asked.expired)


def _open(address: Address, clock: Clock, identifier: int, payload: bytes) -> EchoSocket | None:
    """Open a socket; None where echoes are not permitted, or there is no way to this hop."""
    try:
        return EchoSocket(address, clock, identifier & 0xFFFF, payload)
    except OSError:  # a router's address may be one that nothing here leads to
        return None
    except MeasurementFailed as error:
        if error.failure.code is not FailureCode.PERMISSION_DENIED:
            raise
        return None


def _sockaddr(address: str, like: Address) -> Address:
    return (address, 0) if len(like) == 2 else (address, 0, 0, like[3])
