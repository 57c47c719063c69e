"""Far ends that misbehave on purpose: one script a connection, on loopback, with or without TLS."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from random import Random

import trustme

from agent.clock import SystemClock
from agent.measure import measure
from agent.probes import Request, load
from wire.codec import decode, encode
from wire.measurement import Json, Measurement

Script = Callable[[socket.socket], None]
NO_OPTIONS: Mapping[str, Json] = {}


def measured(
    probe: str,
    target: str,
    options: Mapping[str, Json] = NO_OPTIONS,
    deadline_seconds: float = 30.0,
) -> Measurement:
    """Run a probe for real; what comes out has been through the wire and back."""
    request = Request(
        target=target,
        options=options,
        clock=SystemClock(),
        random=Random(7),
        deadline_seconds=deadline_seconds,
    )
    return decode(encode(measure(probe, load(probe), request, lambda _: None)))


def free_port(family: socket.AddressFamily = socket.AF_INET) -> int:
    """A TCP port of loopback on which nobody listens."""
    host = "::1" if family == socket.AF_INET6 else "127.0.0.1"
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.bind((host, 0))
        return int(sock.getsockname()[1])


def has_ipv6_loopback() -> bool:
    """Tell whether ::1 can be used here."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


def read_head(sock: socket.socket) -> bytes:
    """Read a request up to its empty line; less where the peer gives up."""
    head = b""
    while b"\r\n\r\n" not in head and (data := sock.recv(4096)):
        head += data
    return head


def answer(status: str, body: bytes = b"", *headers: str, length: int | None = None) -> Script:
    """A script that reads a request and gives one answer; ``length`` may lie about the body."""
    size = len(body) if length is None else length
    head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {size}", *headers, "", ""])

    def script(sock: socket.socket) -> None:
        read_head(sock)
        sock.sendall(head.encode() + body)

    return script


def silent(sock: socket.socket) -> None:
    """Read and never say anything; ends with the peer."""
    while sock.recv(4096):
        pass


def reset(sock: socket.socket) -> None:
    """Take a little and end the connection with RST."""
    sock.recv(1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    sock.close()


@contextlib.contextmanager
def server(
    script: Script, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1", port: int = 0
) -> Iterator[int]:
    """Run ``script`` on every connection, each in its thread; gives the port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family)
    open_sockets: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def serve_one(sock: socket.socket) -> None:
        with contextlib.suppress(OSError), sock:
            if tls is None:
                script(sock)
            else:
                with tls.wrap_socket(sock, server_side=True) as secured:
                    open_sockets.append(secured)
                    script(secured)

    def accept() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            open_sockets.append(sock)
            threads.append(threading.Thread(target=serve_one, args=(sock,)))
            threads[-1].start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join()
        for sock in open_sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()


class Authority:
    """A certificate authority made for a test."""

    def __init__(self, name: str) -> None:
        self._ca = trustme.CA(organization_name=name, organization_unit_name="tests")

    def server(self, *names: str) -> ssl.SSLContext:
        """A server's context with a certificate for ``names``."""
        certificate = self._ca.issue_cert(*names)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        return context

    def leaf_pem(self, *names: str) -> bytes:
        """A certificate for ``names``, in PEM."""
        return self._ca.issue_cert(*names).cert_chain_pems[0].bytes()

    def write(self, path: Path) -> Path:
        """Write the authority's certificate, to be trusted."""
        self._ca.cert_pem.write_to_path(str(path))
        return path
