"""TLS under a flow: a socket that looks to :mod:`~agent.throughput.flow` like a plain one.

With TLS the payload has to be decrypted before it can be thrown away, so the kernel can neither
discard it (``MSG_TRUNC``) nor be told its size; TCP_INFO, socket options and readiness are those
of the TCP connection underneath. What OpenSSL wants (more to read, room to write) is what a
non-blocking socket says with BlockingIOError.
"""

import ssl
from collections.abc import Callable
from socket import socket
from typing import TYPE_CHECKING, Final

from agent.resolve import Address

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

Secure = Callable[[socket, Address, float], "TlsFlowSocket"]
"""Shake hands over a connected socket: (socket, its address, seconds). Closes it on failure."""

_RECORD_BYTES: Final = {"TLSv1.3": 22, "TLSv1.2": 29}
"""Around the payload of one record: header 5, authentication tag 16, and a content type
(RFC 8446 section 5.2) or an explicit nonce of 8 (RFC 5288 section 3)."""


class TlsFlowSocket(ssl.SSLSocket):
    """An SSLSocket that flows can use; make it with ``SSLContext.sslsocket_class``."""

    payload_bytes = 0
    """Application bytes sent."""
    record_bytes = 0
    """The same with what TLS put around them."""

    @property
    def payload_ratio(self) -> float:
        """Share of application bytes in what was sent over TCP."""
        return self.payload_bytes / self.record_bytes if self.record_bytes else 1.0

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """Read application bytes; b'' at the end. Raises BlockingIOError where none is there."""
        del flags
        try:
            return super().recv(buflen)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError) as error:
            raise BlockingIOError from error
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            return b""

    def recv_into(
        self, buffer: "WriteableBuffer", nbytes: int | None = None, flags: int = 0
    ) -> int:
        """Read into ``buffer``; flags of the kernel mean nothing behind TLS."""
        del flags
        try:
            return super().recv_into(buffer, nbytes)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError) as error:
            raise BlockingIOError from error
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            return 0

    def send(self, data: "ReadableBuffer", flags: int = 0) -> int:
        """Send as much as goes, one record at most. Raises BlockingIOError where none goes."""
        del flags
        try:
            sent = super().send(data)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError) as error:
            raise BlockingIOError from error
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError) as error:
            raise BrokenPipeError("the far end closed the TLS connection") from error
        self.payload_bytes += sent
        self.record_bytes += sent + _RECORD_BYTES.get(self.version() or "", 29)
        return sent
