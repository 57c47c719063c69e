"""A server that answers speedtest-cli as speedtest.net and its servers are seen to do.

Made after the requests that the library sends; the real service was never reached by these tests.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler

from tests.agent.engine_ends import Answer, say, web

CONFIG = """<?xml version="1.0" encoding="UTF-8"?>
<settings><client ip="192.0.2.7" lat="36.3" lon="139.0" isp="Example"/>
<server-config threadcount="{threads}" ignoreids=""/>
<download testlength="{seconds}" threadsperurl="4"/>
<upload testlength="{seconds}" ratio="5" maxchunkcount="50" threads="2"/></settings>"""
SERVERS = """<?xml version="1.0" encoding="UTF-8"?>
<settings><servers><server url="http://{host}:{port}/speedtest/upload.php" lat="36.4"
 lon="139.1" name="Stand-in" country="Japan" cc="JP" sponsor="Tests" id="7"/></servers>
</settings>"""


class Served:
    """Bytes that the stand-in gave and took."""

    def __init__(self) -> None:
        self.given_bytes = 0
        self.taken_bytes = 0
        self.lock = threading.Lock()


@contextlib.contextmanager
def speedtest(
    wrong: Mapping[str, Answer] | None = None,
    *,
    pace: Callable[[int], None] = lambda _size: None,
    seconds: int = 2,
    threads: int = 1,
    host: str = "127.0.0.1",
) -> Iterator[tuple[str, Served]]:
    """URL of the stand-in and what it counts.

    ``wrong`` maps config, servers, latency, download or upload to another answer; ``pace`` is
    called with the size of every piece given or taken.
    """
    served, place = Served(), {"port": 0}
    config = CONFIG.format(seconds=seconds, threads=threads).encode()

    def servers(handler: BaseHTTPRequestHandler) -> None:
        say(200, SERVERS.format(host=host, port=place["port"]).encode(), "text/xml")(handler)

    answers: dict[str, Answer] = {
        "config": say(200, config, "text/xml"),
        "servers": servers,
        "latency": say(200, b"test=test\n", "text/plain"),
        "download": lambda handler: _give(handler, served, pace),
        "upload": lambda handler: _take(handler, served, pace),
        **(wrong or {}),
    }

    def answer(handler: BaseHTTPRequestHandler) -> None:
        with contextlib.suppress(OSError):
            answers[_kind(handler)](handler)

    with web(answer, host=host) as port:
        place["port"] = port
        yield f"http://{host}:{port}", served


def cut(body: bytes, promised: int, kind: str = "text/xml") -> Answer:
    """Promise more than comes."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(promised))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def everything(answer: Answer) -> dict[str, Answer]:
    """The same answer to every request."""
    return dict.fromkeys(("config", "servers", "latency", "download", "upload"), answer)


def _kind(handler: BaseHTTPRequestHandler) -> str:
    if handler.command == "POST":
        return "upload"
    for words, kind in (("config.php", "config"), ("servers", "servers"), ("latency", "latency")):
        if words in handler.path:
            return kind
    return "download"


def _give(handler: BaseHTTPRequestHandler, served: Served, pace: Callable[[int], None]) -> None:
    size = int(handler.path.partition("random")[2].partition("x")[0]) ** 2 * 2
    handler.send_response(200)
    handler.send_header("Content-Type", "image/jpeg")
    handler.send_header("Content-Length", str(size))
    handler.end_headers()
    piece = bytes(16_384)
    while size > 0:
        part = piece[:size]
        pace(len(part))
        handler.wfile.write(part)
        size -= len(part)
        with served.lock:
            served.given_bytes += len(part)


def _take(handler: BaseHTTPRequestHandler, served: Served, pace: Callable[[int], None]) -> None:
    size = left = int(handler.headers["Content-Length"])
    while left > 0:
        part = handler.rfile.read(min(left, 16_384))
        if not part:
            return
        pace(len(part))
        left -= len(part)
        with served.lock:
            served.taken_bytes += len(part)
    say(200, f"size={size}".encode(), "text/plain")(handler)
