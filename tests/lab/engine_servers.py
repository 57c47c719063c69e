"""Far ends of the other engines, to be started inside a host of the laboratory.

``python -m tests.lab.engine_servers KIND ADDRESS FOLDER`` prints one line, the target to measure:
KIND is http, https (certificate authority in FOLDER/ca.pem) or speedtest.
"""

import contextlib
import sys
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from tests.agent.engine_ends import Authority, web
from tests.agent.speedtest_stand_in import speedtest


def _file(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "application/octet-stream")
    handler.send_header("Content-Length", str(1 << 34))
    handler.end_headers()
    piece = bytes(1 << 18)
    with contextlib.suppress(OSError):
        for _ in range(1 << 16):
            handler.wfile.write(piece)


def main() -> None:
    """Serve until killed."""
    kind, address, folder = sys.argv[1:]
    with contextlib.ExitStack() as stack:
        if kind == "speedtest":
            target, _ = stack.enter_context(speedtest(host=address, seconds=4, threads=2))
        else:
            tls = Authority(Path(folder)).server(address) if kind == "https" else None
            port = stack.enter_context(web(_file, tls, address))
            target = f"{kind}://{address}:{port}/file.bin"
        print(target, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
