"""Ookla through speedtest-cli: what was not seen to be carried is never a figure.

Against a stand-in for the service, which was never reached by these tests.
"""

import socket
import struct
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler

import pytest

from agent.engines.ookla_ledger import Record, fault
from agent.probes import ookla
from agent.probes.ookla import probe
from tests.agent.engine_ends import Answer, closed_port, run, say
from tests.agent.speedtest_stand_in import CONFIG, SERVERS, cut, everything, speedtest
from wire.failure import FailureCode, Operation, Outcome
from wire.measurement import Measurement

BLOCK_PAGE = b"<!DOCTYPE html><html><body>This page is blocked</body></html>"
BOUND_SECONDS = 40.0


class Pace:
    """Lets bytes pass at a rate."""

    def __init__(self, rate_bps: float) -> None:
        self._rate_bps = rate_bps
        self._lock = threading.Lock()
        self._next = time.monotonic()

    def __call__(self, size_bytes: int) -> None:
        """Wait until the bytes may pass."""
        with self._lock:
            now = time.monotonic()
            self._next = max(self._next, now - 0.02) + 8 * size_bytes / self._rate_bps
            wait = self._next - now
        time.sleep(max(0.0, wait))


def measure(url: str, **options: float | str) -> Measurement:
    """Measure with consent, briefly."""
    return run("ookla", probe, url, **{"accept_terms": "ookla", "seconds": 1, **options})


def no_number(found: Measurement, test: str = "") -> None:
    """No rate of ``test`` (or at all)."""
    assert found.outcome is Outcome.FAILED, found.values
    assert not [name for name in found.values if name.endswith("_bps") and name.startswith(test)]


def test_a_proper_server() -> None:
    """The figures agree with the bytes that the server gave and took, per second of its rate."""
    rate_bps = 40e6
    with speedtest(pace=Pace(rate_bps)) as (url, served):
        found = measure(url, seconds=2)
    assert found.outcome is Outcome.OK, found.failure
    down, up = found.values["download_bps"], found.values["upload_bps"]
    assert isinstance(down, float)
    assert isinstance(up, float)
    print(f"stand-in of {rate_bps / 1e6:g} Mbit/s: {down / 1e6:.2f} down, {up / 1e6:.2f} up")
    # a busy machine serves late; the bytes below are exact whatever it does
    assert abs(down / rate_bps - 1) < 0.15
    assert abs(up / rate_bps - 1) < 0.15
    _agrees(found.values["download_bytes"], served.given_bytes)
    _agrees(found.values["upload_bytes"], served.taken_bytes)
    assert found.context["engine"] == "ookla"
    assert found.context["server"] == "Stand-in"


def _agrees(counted: object, served_bytes: int) -> None:
    """Within 5 %: what was under way when the time was over is counted at one end only."""
    assert isinstance(counted, int)
    assert abs(counted / served_bytes - 1) < 0.05, (counted, served_bytes)


ALL: dict[str, tuple[Answer, FailureCode]] = {
    "403": (say(403, b"no", "text/plain"), FailureCode.HTTP_STATUS),
    "200 with a block page": (say(200, BLOCK_PAGE, "text/html"), FailureCode.INTERCEPTED),
    "truncated": (cut(CONFIG[:300].encode(), 5_000), FailureCode.EARLY_CLOSE),
    "login page": (
        say(302, b"", "text/plain", Location="http://login.example/?user=x"),
        FailureCode.INTERCEPTED,
    ),
    "network login": (say(511, b"", "text/plain"), FailureCode.INTERCEPTED),
}


@pytest.mark.parametrize(("answer", "code"), ALL.values(), ids=ALL.keys())
def test_everything_answered_wrongly(answer: Answer, code: FailureCode) -> None:
    """403, a block page with 200, truncation: each has its own name and no number at all."""
    with speedtest(everything(answer)) as (url, _):
        found = measure(url)
    no_number(found)
    assert found.failure is not None
    assert found.failure.code is code, found.failure
    assert "user=x" not in found.failure.text


def test_what_the_library_says_of_403() -> None:
    """The reason for all this: answered 403 throughout a test, speedtest-cli names a rate."""
    program = (
        "import sys, speedtest\n"
        "asked = speedtest.build_request\n"
        "speedtest.build_request = lambda url, *w, **m: asked(\n"
        "    url.replace('://www.speedtest.net', sys.argv[1]), *w, **m)\n"
        "test = speedtest.Speedtest(); test.get_servers(); test.get_best_server()\n"
        "test.config['length'].update(upload=1)\n"
        "test.download(); print(test.upload(pre_allocate=False))\n"
    )

    refuse = say(403, b"no", "text/plain")

    def take_and_refuse(handler: BaseHTTPRequestHandler) -> None:
        handler.rfile.read(int(handler.headers["Content-Length"]))
        refuse(handler)

    wrong: dict[str, Answer] = {"download": refuse, "upload": take_and_refuse}
    with speedtest(wrong) as (url, _):
        ran = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", program, url],
            capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
        ours = measure(url, direction="upload")
    print(f"every upload answered 403: speedtest-cli says {float(ran.stdout) / 1e6:.1f} Mbit/s")
    assert float(ran.stdout) >= 0
    no_number(ours)
    assert ours.failure is not None
    assert (ours.failure.code, ours.failure.operation) == (
        FailureCode.HTTP_STATUS,
        Operation.UPLOAD,
    )


ONE: dict[str, tuple[dict[str, Answer], FailureCode, Operation]] = {
    "config is no XML": (
        {"config": say(200, b"{}", "text/xml")},
        FailureCode.PROTOCOL_ERROR, Operation.HANDSHAKE,
    ),
    "config is other XML": (
        {"config": say(200, b"<a/>", "text/xml")},
        FailureCode.PROTOCOL_ERROR, Operation.HANDSHAKE,
    ),
    "config cut with a right length": (
        {"config": say(200, CONFIG[:200].encode(), "text/xml")},
        FailureCode.PROTOCOL_ERROR, Operation.HANDSHAKE,
    ),
    "list of servers cut": (
        {"servers": cut(SERVERS[:90].encode(), 9_000)},
        FailureCode.EARLY_CLOSE, Operation.HANDSHAKE,
    ),
    "list cut with a right length": (
        {"servers": say(200, SERVERS[:90].encode(), "text/xml")},
        FailureCode.PROTOCOL_ERROR, Operation.HANDSHAKE,
    ),
    "list empty": (
        {"servers": say(200, b"<settings><servers/></settings>", "text/xml")},
        FailureCode.PROTOCOL_ERROR, Operation.HANDSHAKE,
    ),
    "list refused": (
        {"servers": say(503)}, FailureCode.HTTP_STATUS, Operation.HANDSHAKE,
    ),
    "latency test is a block page": (
        {"latency": say(200, BLOCK_PAGE, "text/html")},
        FailureCode.INTERCEPTED, Operation.HANDSHAKE,
    ),
    "latency test is something else": (
        {"latency": say(200, b"hello", "text/plain")},
        FailureCode.PROTOCOL_ERROR, Operation.HANDSHAKE,
    ),
    "downloads 403": (
        {"download": say(403, b"", "text/plain")}, FailureCode.HTTP_STATUS, Operation.DOWNLOAD,
    ),
    "downloads a block page": (
        {"download": say(200, BLOCK_PAGE, "text/html")},
        FailureCode.INTERCEPTED, Operation.DOWNLOAD,
    ),
    "downloads a page that calls itself a picture": (
        {"download": say(200, BLOCK_PAGE, "image/jpeg")},
        FailureCode.INTERCEPTED, Operation.DOWNLOAD,
    ),
    "downloads cut": (
        {"download": cut(bytes(50_000), 200_000, "image/jpeg")},
        FailureCode.EARLY_CLOSE, Operation.DOWNLOAD,
    ),
    "uploads 403 at once": (
        {"upload": say(403, b"", "text/plain")}, FailureCode.HTTP_STATUS, Operation.UPLOAD,
    ),
    "uploads a block page": (
        {"upload": say(200, BLOCK_PAGE, "text/html")}, FailureCode.INTERCEPTED, Operation.UPLOAD,
    ),
    "uploads not confirmed": (
        {"upload": say(200, b"ok", "text/plain")}, FailureCode.PROTOCOL_ERROR, Operation.UPLOAD,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("wrong", "code", "operation"), ONE.values(), ids=ONE.keys())
def test_one_step_answered_wrongly(
    wrong: dict[str, Answer], code: FailureCode, operation: Operation
) -> None:
    """Each step that goes wrong is named; what was measured before stays, as partial."""
    with speedtest(wrong, pace=Pace(200e6)) as (url, _):
        found = measure(url)
    assert found.failure is not None
    assert (found.failure.code, found.failure.operation) == (code, operation), found.failure
    no_number(found, operation.value)
    if operation is Operation.UPLOAD:
        assert isinstance(found.values["download_bps"], float)


def test_nobody_there() -> None:
    """Nothing listens, and no such name: refused and DNS, from the child too."""
    found = measure(f"http://127.0.0.1:{closed_port()}")
    assert found.failure is not None
    assert found.failure.code is FailureCode.CONNECTION_REFUSED
    found = measure("http://no-such-host.invalid")
    assert found.failure is not None
    assert found.failure.code is FailureCode.DNS_FAILED


@pytest.mark.parametrize("test", ["download", "upload"])
def test_a_server_that_falls_silent(test: str) -> None:
    """After some bytes nothing moves: stalled, in bounded time, and the bytes are kept."""
    passed = threading.Event()
    count = {"bytes": 0}

    def pace(size: int) -> None:
        count["bytes"] += size
        if count["bytes"] > 3_000_000:
            passed.wait(60)
        time.sleep(0.001)

    started = time.monotonic()
    with speedtest(pace=pace, seconds=8) as (url, _):
        found = measure(url, direction=test, seconds=8)
        passed.set()
    assert time.monotonic() - started < BOUND_SECONDS
    no_number(found)
    assert found.failure is not None
    assert (found.failure.code, found.failure.operation.value) == (FailureCode.STALLED, test)
    kept = found.values[f"{test}_bytes"]
    assert isinstance(kept, int)
    assert kept > 1_000_000


def test_a_far_end_that_dies() -> None:
    """A server that resets in the middle: named, the bytes so far kept."""

    def die(handler: BaseHTTPRequestHandler) -> None:
        cut(bytes(2_000_000), 9_000_000, "image/jpeg")(handler)
        handler.wfile.flush()
        time.sleep(0.3)
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.connection.close()

    with speedtest({"download": die}) as (url, _):
        found = measure(url, direction="download")
    no_number(found)
    assert found.failure is not None
    assert found.failure.code in (FailureCode.CONNECTION_RESET, FailureCode.EARLY_CLOSE)
    assert found.values["download_bytes"]


def test_a_child_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The child is ended at its time; what it said last is kept as partial."""
    monkeypatch.setattr(ookla, "PREPARE_SECONDS", 0.5)
    monkeypatch.setattr(ookla, "SPARE_SECONDS", 0.0)
    program = (
        'print(\'{"partial": {"download_bytes": 7}}\', flush=True); import time; time.sleep(99)'
    )
    monkeypatch.setattr(ookla, "COMMAND", (sys.executable, "-c", program))
    found = measure("http://127.0.0.1:1")
    assert found.failure is not None
    assert (found.failure.code, found.values) == (FailureCode.TIMEOUT, {"download_bytes": 7})


def test_a_child_that_crashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last line of its standard error tells why."""
    monkeypatch.setattr(ookla, "COMMAND", (sys.executable, "-c", "raise SystemExit('no library')"))
    found = measure("http://127.0.0.1:1")
    assert found.failure is not None
    assert found.failure.code is FailureCode.PROBE_CRASHED
    assert "no library" in found.failure.text


@pytest.mark.parametrize(
    "target", ["ftp://x/", "http://x/path", "-h", "www.speedtest.net.evil", "http://u:p@x"]
)
def test_targets_that_are_no_service(target: str) -> None:
    """The service by its name, or the URL of a private one; nothing starts otherwise."""
    found = measure(target)
    assert found.failure is not None
    assert found.failure.code is FailureCode.TARGET_INVALID


def test_written_is_not_arrived() -> None:
    """Bytes written count only once they are confirmed or acknowledged."""
    record = Record("upload", "h", body_sent_bytes=1000, acked_bytes=300)
    assert record.good_bytes == 300
    record.status, record.beginning = 200, b"size=1000"
    assert record.good_bytes == 1000
    record.status = 403
    assert record.good_bytes == 300
    assert fault(record) is not None


def test_nothing_of_the_library_is_in_this_process() -> None:
    """The probe imports no library of others: it lives and dies in its child."""
    program = "import sys, agent.probes.ookla; print('speedtest' in sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert ran.stdout.strip() == "False"
