"""Names to addresses, within a time. The C library's resolver takes none and can hang for long."""

import queue
import socket
import threading
from typing import Final

from agent.failure import MeasurementFailed
from wire.failure import FailureCode, Operation

FAMILIES: Final = {
    "auto": socket.AF_UNSPEC,
    "4": socket.AF_INET,
    "6": socket.AF_INET6,
}

Address = tuple[str, int] | tuple[str, int, int, int]


def resolve(host: str, family: str, timeout_seconds: float, port: int = 0) -> Address:
    """Find the address to use for ``host``: the first of :func:`resolve_all`."""
    return resolve_all(host, family, timeout_seconds, port)[0]


def resolve_all(host: str, family: str, timeout_seconds: float, port: int = 0) -> list[Address]:
    """Find the addresses of ``host``, at least one, in the order of RFC 6724.

    ``family`` is ``auto``, ``4`` or ``6``. A tuple of four is an IPv6 address. Raises
    :class:`~agent.failure.MeasurementFailed` with DNS_FAILED (no such name, or no answer within
    ``timeout_seconds``) or ADDRESS_UNAVAILABLE (an address of the other family).
    """
    answers: queue.Queue[list[Address] | socket.gaierror | MeasurementFailed] = queue.Queue()
    # A daemon thread: a resolver that hangs must neither hold up the probe nor the exit.
    threading.Thread(
        target=_ask, args=(host, port, FAMILIES[family], answers), name="resolve", daemon=True
    ).start()
    try:
        answer = answers.get(timeout=max(timeout_seconds, 0.0))
    except queue.Empty:
        raise MeasurementFailed(
            FailureCode.DNS_FAILED,
            Operation.RESOLVE,
            f"no answer from the resolver for {host} within {timeout_seconds:g} s",
        ) from None
    if isinstance(answer, MeasurementFailed):
        raise answer
    if isinstance(answer, socket.gaierror):
        raise _named(host, family, answer) from answer
    if not answer:
        raise MeasurementFailed(
            FailureCode.DNS_FAILED, Operation.RESOLVE, f"{host} has no address of this kind"
        )
    return answer


def _ask(
    host: str,
    port: int,
    family: socket.AddressFamily,
    answers: "queue.Queue[list[Address] | socket.gaierror | MeasurementFailed]",
) -> None:
    try:
        found = socket.getaddrinfo(host, port, family, socket.SOCK_DGRAM)
    except (socket.gaierror, MeasurementFailed) as error:  # the latter from agent.guard
        answers.put(error)
        return
    except UnicodeError:  # the idna codec refuses a label that the resolver never sees
        answers.put(socket.gaierror(socket.EAI_NONAME, "not a name that DNS can carry"))
        return
    answers.put([_address(entry[4]) for entry in found])


def _address(sockaddr: tuple[object, ...]) -> Address:
    host, port, *rest = sockaddr
    if len(rest) == 2:
        return str(host), int(str(port)), int(str(rest[0])), int(str(rest[1]))
    return str(host), int(str(port))


def _named(host: str, family: str, error: socket.gaierror) -> MeasurementFailed:
    if error.errno == socket.EAI_ADDRFAMILY:
        return MeasurementFailed(
            FailureCode.ADDRESS_UNAVAILABLE,
            Operation.RESOLVE,
            f"{host} has no IPv{family} address: choose another family or auto",
        )
    return MeasurementFailed(
        FailureCode.DNS_FAILED, Operation.RESOLVE, f"{host}: {error.strerror or error}"
    )
