"""Serve the ndt7 page on loopback, open it in Chromium, print what it posts back.

Example: python tests/browser/ndt7_page.py 10.99.1.2:4443
"""

import functools
import json
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, Queue

HERE = Path(__file__).parent
CLIENT = HERE / "node_modules" / "@m-lab" / "ndt7" / "src"
FILES = {
    "/": HERE / "ndt7_page.html",
    "/ndt7_collect.js": HERE / "ndt7_collect.js",
    "/ndt7.js": CLIENT / "ndt7.js",
    "/ndt7-download-worker.js": CLIENT / "ndt7-download-worker.js",
    "/ndt7-upload-worker.js": CLIENT / "ndt7-upload-worker.js",
}
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
LIMIT_SECONDS = 90.0


class Page(BaseHTTPRequestHandler):
    """Give the files of the page; take its result."""

    def __init__(self, results: "Queue[bytes]", *words: object) -> None:
        self._results = results
        super().__init__(*words)  # type: ignore[arg-type]  # the three of the base class

    def do_GET(self) -> None:
        """Give a file; workers get the watch on close in front of them."""
        path = FILES.get(self.path.partition("?")[0])
        if path is None:
            self.send_error(404)
            return
        body = path.read_text(encoding="utf-8")
        if path.name.endswith("worker.js"):
            body = _watch_close() + body
        self._answer(body.encode(), "text/html" if path.suffix == ".html" else "text/javascript")

    def do_POST(self) -> None:
        """Take the result."""
        self._results.put(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(b"", "text/plain")

    def _answer(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words: object) -> None:
        """Say nothing."""


def _watch_close() -> str:
    source = (HERE / "ndt7_collect.js").read_text(encoding="utf-8")
    found = re.search(r"watchClose = `(.*?)`;", source, re.DOTALL)
    assert found is not None
    return found[1]


def main(server: str) -> int:
    """Print the result; 1 where none came in time."""
    results: Queue[bytes] = Queue()
    http = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Page, results))
    threading.Thread(target=http.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{http.server_address[1]}/?server={server}"
    with tempfile.TemporaryDirectory(prefix="hakaru-ndt7-", ignore_cleanup_errors=True) as profile:
        browser = subprocess.Popen(
            [shutil.which("chromium") or "chromium", *FLAGS, f"--user-data-dir={profile}", url],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        try:
            found = results.get(timeout=LIMIT_SECONDS)
        except Empty:
            browser.kill()
            print((browser.stderr or sys.stdin.buffer).read().decode(), file=sys.stderr)
            return 1
        finally:
            browser.terminate()
            browser.wait(20)
            http.shutdown()
    print(json.dumps(json.loads(found)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
