"""The responder's key file follows the collector, and nothing else gets into it."""

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy import slot_keys

KEY = "k4.public." + "A" * 43
OTHER = "k4.public." + "B" * 43


class Answering(http.server.BaseHTTPRequestHandler):
    """Says what the test wants."""

    text = KEY
    status = 200

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(self.text.encode())

    def log_message(self, *_words: object) -> None:
        """Be quiet."""


@pytest.fixture
def url() -> Iterator[str]:
    """A server on loopback."""
    Answering.text, Answering.status = KEY + "\n", 200
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def run(url: str, out: Path) -> int:
    """Look once."""
    return slot_keys.main(["--collector", url, "--out", str(out), "--once"])


def test_keys_are_brought_and_followed(url: str, tmp_path: Path) -> None:
    """A new key replaces the file as a whole; an equal answer leaves it alone."""
    out = tmp_path / "collector.keys"
    assert run(url, out) == 0
    first = out.stat()
    assert run(url, out) == 0
    assert out.stat().st_ino == first.st_ino
    Answering.text = f"{KEY}\n{OTHER}\n"
    assert run(url, out) == 0
    assert out.read_text() == f"{KEY}\n{OTHER}\n"
    assert [path.name for path in tmp_path.iterdir()] == ["collector.keys"]


@pytest.mark.parametrize(
    ("status", "text"),
    [(200, "<html>log in</html>"), (200, ""), (200, f"{KEY}\n../../etc"), (503, KEY), (200, "é")],
)
def test_other_answers_leave_the_file_as_it_is(
    url: str, tmp_path: Path, status: int, text: str
) -> None:
    """A login page is no list of keys."""
    out = tmp_path / "collector.keys"
    assert run(url, out) == 0
    Answering.status, Answering.text = status, text
    assert run(url, out) == 1
    assert out.read_text() == KEY + "\n"
