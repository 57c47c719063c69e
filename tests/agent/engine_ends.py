"""Far ends for the other engines: TLS before our responder, a stand-in for Locate, web servers."""

import contextlib
import json
import random
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import trustme

from agent.clock import SystemClock
from agent.measure import measure
from agent.probes import Findings, Request
from agent.probes import Report as ProbeReport
from wire.measurement import Json, Measurement

AGENT = (sys.executable, "-m", "agent.cli")
Answer = Callable[[BaseHTTPRequestHandler], None]


class Authority:
    """A certificate authority that only these tests trust."""

    def __init__(self, folder: Path) -> None:
        self._ca = trustme.CA()
        self.file = str(folder / "ca.pem")
        self._ca.cert_pem.write_to_path(self.file)

    def server(self, *names: str) -> ssl.SSLContext:
        """Context of a server with a certificate for ``names``."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(*(names or ("127.0.0.1", "localhost"))).configure_cert(context)
        return context


@contextlib.contextmanager
def responder() -> Iterator[int]:
    """Port of an open responder in its own process."""
    with subprocess.Popen(
        [*AGENT, "responder", "--listen", "127.0.0.1:0", "--open"],
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stderr is not None
            line = process.stderr.readline()
            yield int(line.split(" port ")[1].split(",")[0])
        finally:
            process.terminate()
            process.wait(20)


TERMINATOR = """
import socket, ssl, sys, threading
def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except (OSError, ValueError):
        pass
    for end in (source, sink):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
def one(sock):
    try:
        with context.wrap_socket(sock, server_side=True) as near:
            with socket.create_connection((sys.argv[3], int(sys.argv[2]))) as far:
                other = threading.Thread(target=pump, args=(far, near))
                other.start()
                pump(near, far)
                other.join()
    except OSError:
        pass
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1])
listener = socket.create_server((sys.argv[3], 0))
print(listener.getsockname()[1], flush=True)
while True:
    threading.Thread(target=one, args=(listener.accept()[0],), daemon=True).start()
"""


@contextlib.contextmanager
def terminator(folder: Path, authority: Authority, port: int) -> Iterator[int]:
    """Port of a process that takes TLS off and hands on to ``port``."""
    own = authority._ca.issue_cert("127.0.0.1", "localhost")
    chain = folder / "server.pem"
    own.private_key_and_cert_chain_pem.write_to_path(str(chain))
    with subprocess.Popen(
        [sys.executable, "-c", TERMINATOR, str(chain), str(port), "127.0.0.1"],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.kill()
            process.wait(20)


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients of these tests leave early on purpose."""


@contextlib.contextmanager
def web(
    answer: Answer, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> Iterator[int]:
    """Port of a web server that lets ``answer`` do everything."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            answer(self)
            self.close_connection = True

        do_POST = do_GET  # noqa: N815 - the name that http.server calls

        def log_message(self, *words: object) -> None:
            """Tests are quiet."""

    server = _Quiet((host, 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def say(status: int, body: bytes = b"", kind: str = "application/json", **headers: str) -> Answer:
    """Give one whole answer to everything."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        with contextlib.suppress(OSError):
            handler.wfile.write(body)

    return answer


def located(*ports: int, token: str = "secret-of-the-test") -> Answer:
    """Answer as Locate does, with servers at ``ports`` of this machine."""
    results = [
        {
            "machine": f"mlab{index}-nrt01.example",
            "urls": {
                f"wss:///ndt/v7/{test}": f"wss://127.0.0.1:{port}/ndt/v7/{test}?access_token={token}"
                for test in ("download", "upload")
            },
        }
        for index, port in enumerate(ports, 1)
    ]
    return say(200, json.dumps({"results": results}).encode())


def closed_port() -> int:
    """A port where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def run(
    name: str,
    probe: Callable[[Request, ProbeReport], Findings],
    target: str,
    **options: Json,
) -> Measurement:
    """Measure once and give the record."""
    request = Request(target=target, options=options, clock=SystemClock(), random=random.Random(1))
    return measure(name, probe, request, lambda _progress: None)
