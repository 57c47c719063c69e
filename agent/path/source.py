"""The address this machine would send from, and what its interface takes: asked of the kernel."""

import errno
import socket
from typing import Final

from agent.error_queue import errors, never_fragment, want_errors
from agent.failure import MeasurementFailed, translate
from agent.resolve import Address
from wire.failure import Operation

_TOO_BIG_BYTES: Final = 65_000
_DISCARD_PORT: Final = 9


def source_of(address: Address) -> str:
    """Source address towards ``address``. Raises MeasurementFailed where there is no way there."""
    family = socket.AF_INET6 if len(address) == 4 else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect((address[0], _DISCARD_PORT, *address[2:]))  # nothing is sent
            return str(sock.getsockname()[0]).partition("%")[0]
    except OSError as error:
        failure = translate(error, Operation.CONNECT)
        text = f"no way towards {address[0]}: {error.strerror or error}"
        raise MeasurementFailed(failure.code, Operation.CONNECT, text) from error


def interface_mtu(address: Address) -> int | None:
    """MTU of the interface towards ``address``, whatever was learnt of the path behind it.

    None where it takes even the largest datagram (loopback) or does not say.
    """
    family = socket.AF_INET6 if len(address) == 4 else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        want_errors(sock)
        never_fragment(sock)
        try:
            sock.connect((address[0], _DISCARD_PORT, *address[2:]))
            sock.send(bytes(_TOO_BIG_BYTES))
        except OSError as error:
            if error.errno != errno.EMSGSIZE:
                return None
        said = [item.info for item in errors(sock) if item.icmp is None and item.info]
    return said[-1] if said else None
