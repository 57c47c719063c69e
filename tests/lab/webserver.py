"""A small web server with TLS: python -m tests.lab.webserver CERTIFICATE ADDRESS..."""

import signal
import socket
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

BODY = b"<html><title>service</title>" + b"x" * 200_000 + b"</html>"
PORT = 443


class Page(BaseHTTPRequestHandler):
    """One page for every path."""

    headers_to_send: ClassVar = {"Content-Type": "text/html", "Content-Length": str(len(BODY))}

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200)
        for name, value in self.headers_to_send.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, *_arguments: object) -> None:
        """Stay silent."""


class Server(ThreadingHTTPServer):
    """TLS is shaken in the thread of its connection."""

    daemon_threads = True

    def handle_error(self, *_arguments: object) -> None:
        """Clients that go away are the point of these tests."""


def main() -> None:
    """Serve on every address until killed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1])
    for address in sys.argv[2:]:
        kind = type("Kind", (Server,), {"address_family": family(address)})
        server = kind((address, PORT), Page)
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stderr.write("serving\n")
    signal.pause()


def family(address: str) -> socket.AddressFamily:
    """IP version of an address."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


if __name__ == "__main__":
    main()
