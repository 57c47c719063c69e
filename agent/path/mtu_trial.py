"""Is a size lost because of its size? Each loss is held against a small packet sent right after.

A host that answers only so often (Linux: one 'port unreachable' a second after the first six)
and a line that loses packets would otherwise look like a small MTU.
"""

from typing import Final

from agent.clock import Clock
from agent.failure import MeasurementFailed
from agent.path.mtu_search import Lost, Passed, Refused, Search, TooBig
from agent.path.mtu_sockets import SizeSocket
from wire.failure import FailureCode, Operation

LEAST_STRIKES: Final = 3
"""So often at least a size must be lost, and the small packet after it answered."""
DOUBT: Final = 0.01
"""Chance that a size which passes as often as small packets do is lost every time."""
CONTROLS: Final = 6
"""So often the small packet may be lost in a row."""
REST_SECONDS: Final = 1.0
"""Between two tries of a host that has stopped to answer small packets, too."""
LEAST_TIMEOUT_SECONDS: Final = 0.25
RTT_MULTIPLE: Final = 4


class OutOfTime(Exception):
    """The deadline came first."""


class Trials:
    """Tries sizes over one socket until ``ends_at`` of the monotonic clock."""

    def __init__(
        self,
        sizes: SizeSocket,
        low_bytes: int,
        timeout_seconds: float,
        clock: Clock,
        ends_at: float,
    ) -> None:
        self._sizes = sizes
        self._low_bytes = low_bytes
        self._most_seconds = timeout_seconds
        self._timeout_seconds = timeout_seconds
        self._clock = clock
        self._ends_at = ends_at
        self.sent_count = 0
        self._small_sent = 0
        self._small_answered = 0

    def baseline(self, search: Search) -> None:
        """See that the host answers at all. Raises MeasurementFailed where it does not."""
        for _ in range(CONTROLS):
            verdict = self._small()
            if isinstance(verdict, Passed):
                wanted = max(LEAST_TIMEOUT_SECONDS, RTT_MULTIPLE * verdict.rtt_seconds)
                self._timeout_seconds = min(self._most_seconds, wanted)
                search.note(self._low_bytes, verdict)
                return
            if isinstance(verdict, TooBig):
                raise MeasurementFailed(
                    FailureCode.PROTOCOL_ERROR,
                    Operation.RECEIVE,
                    f"{verdict.reporter or 'this machine'} says that {self._low_bytes} bytes are "
                    "too many, which no path of the internet may say",
                )
        what = "ICMP echo" if self._sizes.protocol == "icmp" else "UDP to a closed port"
        raise MeasurementFailed(
            FailureCode.NO_REPLY,
            Operation.RECEIVE,
            f"no answer to {what} of {self._low_bytes} bytes, so nothing can be said of more",
        )

    def judge(self, size_bytes: int) -> Passed | TooBig | Lost:
        """Try one size until it is decided."""
        strikes = 0
        while not self._is_enough(strikes):
            verdict = self._once(size_bytes)
            if verdict is not None:
                return verdict
            self._control()
            strikes += 1
        return Lost()

    def _is_enough(self, strikes: int) -> bool:
        """Tell whether so many losses in a row cannot be the line's ordinary loss.

        The share of small packets that were answered is estimated by the rule of succession.
        """
        answered = (self._small_answered + 1) / (self._small_sent + 2)
        return strikes >= LEAST_STRIKES and (1 - answered) ** strikes <= DOUBT

    def _control(self) -> None:
        for _ in range(CONTROLS):
            if isinstance(self._small(), Passed):
                return
            self._sizes.rest(min(REST_SECONDS, self._left()))
        raise MeasurementFailed(
            FailureCode.NO_REPLY,
            Operation.RECEIVE,
            "the host answered before and now answers small packets no more",
        )

    def _small(self) -> Passed | TooBig | None:
        verdict = self._once(self._low_bytes)
        self._small_sent += 1
        self._small_answered += isinstance(verdict, Passed)
        return verdict

    def _once(self, size_bytes: int) -> Passed | TooBig | None:
        if self._left() < self._timeout_seconds:
            raise OutOfTime
        self.sent_count += 1
        verdict = self._sizes.trial(size_bytes, self._timeout_seconds)
        if isinstance(verdict, Refused):
            raise MeasurementFailed(verdict.code, verdict.operation, verdict.text)
        return verdict

    def _left(self) -> float:
        return max(0.0, self._ends_at - self._clock.monotonic_seconds())
