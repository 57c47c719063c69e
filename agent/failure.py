"""The one seam where foreign exceptions become failures of the wire vocabulary.

::

    MeasurementFailed          raised inside probes; carries a wire Failure
    ├── (from OSError)         translate(): by errno, without one by type
    ├── (from TimeoutError)    translate(): by operation
    ├── (from ssl.SSLError)    translate()
    └── (from libraries)       translate(): by the name of the class, so that none is imported here

Probes raise :class:`MeasurementFailed` or let one of these exceptions pass; whoever runs a
probe calls :func:`translate` once.
"""

import errno
import socket
import ssl
from collections.abc import Mapping
from typing import Final

from wire.failure import MAX_TEXT_CHARACTERS, Failure, FailureCode, Operation
from wire.measurement import NOTHING, Fields


class MeasurementFailed(Exception):
    """A measurement came to no usable value, and why.

    ``partial`` keeps what was measured before it failed; it is stored, never judged.
    """

    def __init__(
        self, code: FailureCode, operation: Operation, text: str = "", partial: Fields = NOTHING
    ) -> None:
        self.failure = Failure(code, operation, text[:MAX_TEXT_CHARACTERS])
        self.partial = partial
        super().__init__(str(self.failure))


BY_ERRNO: Final[Mapping[int, FailureCode]] = {
    errno.ECONNREFUSED: FailureCode.CONNECTION_REFUSED,
    errno.ECONNRESET: FailureCode.CONNECTION_RESET,
    errno.ECONNABORTED: FailureCode.CONNECTION_RESET,
    errno.EPIPE: FailureCode.CONNECTION_RESET,
    errno.ENOTCONN: FailureCode.CONNECTION_RESET,  # reset before it was first used
    errno.EHOSTUNREACH: FailureCode.HOST_UNREACHABLE,
    errno.EHOSTDOWN: FailureCode.HOST_UNREACHABLE,
    errno.ENETUNREACH: FailureCode.NETWORK_UNREACHABLE,
    errno.ENETDOWN: FailureCode.NETWORK_UNREACHABLE,
    errno.ETIMEDOUT: FailureCode.CONNECT_TIMEOUT,
    errno.EADDRNOTAVAIL: FailureCode.ADDRESS_UNAVAILABLE,
    errno.EAFNOSUPPORT: FailureCode.ADDRESS_UNAVAILABLE,
    errno.EPROTONOSUPPORT: FailureCode.ADDRESS_UNAVAILABLE,
    errno.EINVAL: FailureCode.TARGET_INVALID,
    errno.EACCES: FailureCode.PERMISSION_DENIED,
    errno.EPERM: FailureCode.PERMISSION_DENIED,
    errno.EMFILE: FailureCode.RESOURCE_EXHAUSTED,
    errno.ENFILE: FailureCode.RESOURCE_EXHAUSTED,
    errno.ENOBUFS: FailureCode.RESOURCE_EXHAUSTED,
    errno.ENOMEM: FailureCode.RESOURCE_EXHAUSTED,
    errno.ENOSPC: FailureCode.RESOURCE_EXHAUSTED,
}

BY_TYPE: Final[Mapping[type[OSError], FailureCode]] = {
    ConnectionRefusedError: FailureCode.CONNECTION_REFUSED,
    ConnectionError: FailureCode.CONNECTION_RESET,
    PermissionError: FailureCode.PERMISSION_DENIED,
}
"""For exceptions without errno, as libraries raise them ('Connection lost'). First match wins."""

BY_CLASS_NAME: Final[Mapping[str, FailureCode]] = {
    "dns.exception.DNSException": FailureCode.PROTOCOL_ERROR,  # dnspython only reads messages here
}
"""Exceptions of libraries, which stand for their subclasses too. Nearest class first."""

BY_OPERATION_TIMEOUT: Final[Mapping[Operation, FailureCode]] = {
    Operation.RESOLVE: FailureCode.DNS_FAILED,
    Operation.CONNECT: FailureCode.CONNECT_TIMEOUT,
    Operation.TLS: FailureCode.HANDSHAKE_TIMEOUT,
    Operation.HANDSHAKE: FailureCode.HANDSHAKE_TIMEOUT,
    Operation.DOWNLOAD: FailureCode.STALLED,
    Operation.UPLOAD: FailureCode.STALLED,
    Operation.SEND: FailureCode.STALLED,
    Operation.RECEIVE: FailureCode.NO_REPLY,
    Operation.PREPARE: FailureCode.TIMEOUT,
    Operation.RUN: FailureCode.TIMEOUT,
}

_TRANSFERS: Final = (Operation.DOWNLOAD, Operation.UPLOAD, Operation.SEND, Operation.RECEIVE)


def translate(error: BaseException, operation: Operation) -> Failure:
    """Name any exception that ended ``operation``. What is in no table is a crash of the probe."""
    if isinstance(error, MeasurementFailed):
        return error.failure
    text = (str(error) or type(error).__name__)[:MAX_TEXT_CHARACTERS]
    return Failure(_code(error, operation), operation, text)


def _code(error: BaseException, operation: Operation) -> FailureCode:
    if isinstance(error, socket.gaierror | socket.herror):
        return FailureCode.DNS_FAILED
    if isinstance(error, ssl.SSLError):
        return FailureCode.TLS_FAILED
    if isinstance(error, TimeoutError) and operation in _TRANSFERS:
        return BY_OPERATION_TIMEOUT[operation]  # ETIMEDOUT, too: it was connected before
    if isinstance(error, OSError) and (code := BY_ERRNO.get(error.errno or 0)) is not None:
        return code
    if isinstance(error, TimeoutError):
        return BY_OPERATION_TIMEOUT[operation]
    if isinstance(error, MemoryError):
        return FailureCode.RESOURCE_EXHAUSTED
    for kind, code in BY_TYPE.items():
        if isinstance(error, kind):
            return code
    for base in type(error).__mro__:
        if (code := BY_CLASS_NAME.get(f"{base.__module__}.{base.__qualname__}")) is not None:
            return code
    return FailureCode.PROBE_CRASHED
