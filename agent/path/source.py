"""The address this machine would send from: asked of the kernel, without a packet."""

import socket

from agent.failure import MeasurementFailed, translate
from agent.resolve import Address
from wire.failure import Operation


def source_of(address: Address) -> str:
    """Source address towards ``address``. Raises MeasurementFailed where there is no way there."""
    family = socket.AF_INET6 if len(address) == 4 else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect((address[0], 9, *address[2:]))  # the port does not matter: nothing is sent
            return str(sock.getsockname()[0]).partition("%")[0]
    except OSError as error:
        failure = translate(error, Operation.CONNECT)
        text = f"no way towards {address[0]}: {error.strerror or error}"
        raise MeasurementFailed(failure.code, Operation.CONNECT, text) from error
