"""A STUN server that answers binding requests and nothing else (RFC 8489).

It needs no admission, since it tells a sender only what the sender's own packet shows, and it
sends no byte more than it got: requests too short for that stay unanswered.
"""

import logging
import socket
import threading
from typing import Final

from agent.path.stun import answer

log = logging.getLogger(__name__)
MOST_REQUEST_BYTES: Final = 2_048
TICK_SECONDS: Final = 0.25


class StunServer:
    """Serves one bound UDP socket until :meth:`stop`."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._stopping = threading.Event()

    def serve(self) -> None:
        """Answer until :meth:`stop` is called from another thread."""
        self._socket.settimeout(TICK_SECONDS)
        with self._socket:
            while not self._stopping.is_set():
                try:
                    message, sender = self._socket.recvfrom(MOST_REQUEST_BYTES)
                    response = answer(message, _plain(sender[0]), sender[1])
                    if response is not None:
                        self._socket.sendto(response, sender)
                except TimeoutError:
                    continue
                except OSError as error:  # an ICMP error about an answer, or no buffers: go on
                    log.debug("stun: %s", error)

    def stop(self) -> None:
        """End within a tick."""
        self._stopping.set()


def bind(host: str, port: int) -> socket.socket:
    """Bind a UDP socket; port 0 takes a free one. Raises OSError."""
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        if ":" in host:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock


def _plain(address: str) -> str:
    return address.partition("%")[0]
