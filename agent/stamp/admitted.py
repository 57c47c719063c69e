"""The control connection to a reflector of ours: admission first, its counts last."""

from types import TracebackType
from typing import Self

from agent.clock import Clock
from agent.failure import MeasurementFailed, translate
from agent.resolve import Address
from agent.stamp import control
from agent.stamp.control import BadLine, Opening, Summary
from agent.web.dial import dial
from wire.failure import FailureCode, Operation


class Admitted:
    """One control connection; see :mod:`agent.stamp.control` for what is said on it."""

    def __init__(self, address: Address, timeout_seconds: float, clock: Clock) -> None:
        self.sock = dial(address, timeout_seconds, clock).sock
        self._timeout_seconds = timeout_seconds
        self._clock = clock

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.sock.close()

    def open(self, opening: Opening) -> int:
        """Ask for a session; gives its SSID. Raises MeasurementFailed."""
        answer = self._ask(control.write_opening(opening), Operation.HANDSHAKE)
        try:
            admitted = control.read_admission(answer)
        except BadLine as error:
            raise _protocol(error, Operation.HANDSHAKE) from error
        if isinstance(admitted, str):
            raise MeasurementFailed(FailureCode.NOT_ADMITTED, Operation.HANDSHAKE, admitted)
        return admitted

    def end(self) -> Summary:
        """Say that all was sent; gives the reflector's counts. Raises MeasurementFailed."""
        answer = self._ask(control.write({"end": True}), Operation.RECEIVE)
        try:
            return control.read_summary(answer)
        except BadLine as error:
            raise _protocol(error, Operation.RECEIVE) from error

    def why_gone(self) -> MeasurementFailed:
        """Say what a connection that became readable in the middle has to say."""
        try:
            data = self.sock.recv(1)
        except OSError as error:
            failure = translate(error, Operation.RECEIVE)
            text = "the reflector went away in the middle"
            return MeasurementFailed(failure.code, Operation.RECEIVE, text)
        if not data:
            text = "the reflector ended the session in the middle"
            return MeasurementFailed(FailureCode.EARLY_CLOSE, Operation.RECEIVE, text)
        return _protocol(BadLine("a line that nobody asked for"), Operation.RECEIVE)

    def _ask(self, line: bytes, operation: Operation) -> bytes:
        ends_at = self._clock.monotonic_seconds() + self._timeout_seconds
        try:
            self.sock.settimeout(self._timeout_seconds)
            self.sock.sendall(line)
            answer = b""
            while not answer.endswith(b"\n"):
                self.sock.settimeout(max(ends_at - self._clock.monotonic_seconds(), 0.001))
                data = self.sock.recv(control.MAX_LINE_BYTES)
                answer += data
                if not data or len(answer) > control.MAX_LINE_BYTES:
                    break
        except OSError as error:
            failure = translate(error, operation)
            text = f"no answer from the reflector's control port: {error}"
            raise MeasurementFailed(failure.code, operation, text) from error
        if not answer:
            text = "the reflector's control port closed without an answer"
            raise MeasurementFailed(FailureCode.EARLY_CLOSE, operation, text)
        return answer


def _protocol(error: BadLine, operation: Operation) -> MeasurementFailed:
    text = f"what answers on the control port is no reflector of ours: {error}"
    return MeasurementFailed(FailureCode.PROTOCOL_ERROR, operation, text)
