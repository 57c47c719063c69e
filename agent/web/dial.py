"""One TCP connection to one address, timed."""

import socket
import threading
from dataclasses import dataclass

from agent.clock import Clock
from agent.failure import MeasurementFailed, translate
from agent.resolve import Address
from agent.throughput import tcp_info
from wire.failure import Operation


@dataclass(frozen=True, slots=True)
class Dialled:
    """A connected socket (with the dial's time-out still set) and how it came about.

    ``seconds``: from the first SYN to the SYN/ACK as this process saw it.
    ``syn_retransmitted``: a SYN or its answer was lost, so ``seconds`` holds the kernel's
    wait of 1 s or more (RFC 6298 section 2); None where this kernel does not say.
    """

    sock: socket.socket
    seconds: float
    syn_retransmitted: bool | None


def dial(address: Address, timeout_seconds: float, clock: Clock) -> Dialled:
    """Connect. Raises :class:`~agent.failure.MeasurementFailed` during CONNECT."""
    try:
        sock = socket.socket(
            socket.AF_INET6 if len(address) == 4 else socket.AF_INET, socket.SOCK_STREAM
        )
    except OSError as error:
        raise _named(address, error, timeout_seconds) from error
    started = clock.monotonic_seconds()
    try:
        sock.settimeout(max(timeout_seconds, 0.001))
        sock.connect(address)
        seconds = clock.monotonic_seconds() - started
        return Dialled(sock, seconds, _retransmitted(sock))
    except OSError as error:
        sock.close()
        raise _named(address, error, timeout_seconds) from error


def wait_until(clock: Clock, moment_seconds: float) -> None:
    """Sleep until a moment of the monotonic clock; at once where it has passed."""
    left = moment_seconds - clock.monotonic_seconds()
    if left > 0:
        threading.Event().wait(left)


def endpoint(address: Address) -> str:
    """ADDRESS:PORT for people."""
    return f"[{address[0]}]:{address[1]}" if len(address) == 4 else f"{address[0]}:{address[1]}"


def _retransmitted(sock: socket.socket) -> bool | None:
    try:
        count = tcp_info.read(sock).total_retrans_segments
    except OSError:
        return None
    return None if count is None else count > 0


def _named(address: Address, error: OSError, timeout_seconds: float) -> MeasurementFailed:
    failure = translate(error, Operation.CONNECT)
    words = error.strerror or f"no answer within {timeout_seconds:.3g} s"
    return MeasurementFailed(
        failure.code, Operation.CONNECT, f"{endpoint(address)}: {words.lower()}"
    )
