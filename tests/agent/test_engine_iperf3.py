"""iperf3: what its program says becomes a figure or a named failure. A script stands in for it.

The program itself runs in tests/lab/test_engines.py.
"""

import json
import stat
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from agent.engines.iperf3_report import read
from agent.failure import MeasurementFailed
from agent.probes import iperf3
from agent.probes.iperf3 import probe
from tests.agent.engine_ends import run
from wire.failure import FailureCode, Operation, Outcome


def report(**changes: Any) -> bytes:
    """A report of iperf 3.12, shortened, with changes."""
    whole: dict[str, Any] = {
        "start": {"connected": [{"socket": 5}], "version": "iperf 3.12"},
        "intervals": [{"sum": {"seconds": 1.0, "bytes": 3_000_000, "omitted": True}}],
        "end": {
            "streams": [{"sender": {"min_rtt": 800, "mean_rtt": 1000}, "receiver": {}}],
            "sum_sent": {"seconds": 2.0, "bytes": 9_000_000, "retransmits": 4},
            "sum_received": {"seconds": 2.0, "bytes": 6_000_000, "bits_per_second": 1},
        },
    }
    return json.dumps({**whole, **changes}).encode()


def test_the_receiver_counts() -> None:
    """Bytes and seconds of the receiver make the rate; bytes of the sender do not."""
    found = read(report(), Operation.UPLOAD)
    assert found.rate_bps == 24_000_000
    assert found.received_bytes == 6_000_000
    assert found.retransmits_count == 4
    assert found.min_rtt_seconds == 0.0008


NONSENSE = {
    "nothing": b"",
    "no JSON": b"iperf3: hello",
    "a list": b"[1]",
    "infinity": b'{"end": {"sum_received": {"seconds": Infinity, "bytes": 1}}}',
    "no end": report(end={}),
    "no seconds": report(end={"sum_received": {"seconds": 0, "bytes": 1}}),
    "negative": report(end={"sum_received": {"seconds": 1, "bytes": -5}}),
    "text": report(end={"sum_received": {"seconds": 1, "bytes": "9"}}),
    "truth": report(end={"sum_received": {"seconds": True, "bytes": 9}}),
    "half a byte": report(end={"sum_received": {"seconds": 1, "bytes": 9.5}}),
    "deep": b"[" * 100_000,
}


@pytest.mark.parametrize("output", NONSENSE.values(), ids=NONSENSE.keys())
def test_nonsense_is_no_figure(output: bytes) -> None:
    """What is not a whole report is a protocol error."""
    with pytest.raises(MeasurementFailed) as refusal:
        read(output, Operation.DOWNLOAD)
    assert refusal.value.failure.code is FailureCode.PROTOCOL_ERROR


ERRORS = {
    "the server is busy running a test. try again later": FailureCode.NOT_ADMITTED,
    "unable to connect to server: Connection refused": FailureCode.CONNECTION_REFUSED,
    "unable to connect to server: Connection timed out": FailureCode.CONNECT_TIMEOUT,
    "unable to connect to server: Operation now in progress": FailureCode.CONNECT_TIMEOUT,
    "unable to connect to server: No route to host": FailureCode.HOST_UNREACHABLE,
    "unable to connect to server: Network is unreachable": FailureCode.NETWORK_UNREACHABLE,
    "unable to write to stream socket: Connection reset by peer": FailureCode.CONNECTION_RESET,
    "control socket has closed unexpectedly": FailureCode.EARLY_CLOSE,
    "the server has terminated": FailureCode.EARLY_CLOSE,
    "received an unknown control message": FailureCode.PROTOCOL_ERROR,
    "test authorization failed": FailureCode.NOT_ADMITTED,
    "something nobody has seen\x1b[31m": FailureCode.PROTOCOL_ERROR,
}


@pytest.mark.parametrize(("error", "code"), ERRORS.items())
def test_errors_have_names(error: str, code: FailureCode) -> None:
    """Each complaint has its code, keeps its words without control characters, and the bytes."""
    with pytest.raises(MeasurementFailed) as refusal:
        read(report(error=error, end={}), Operation.DOWNLOAD)
    assert refusal.value.failure.code is code
    assert refusal.value.failure.text.isprintable()
    assert refusal.value.partial == {
        "download_bytes": 3_000_000,
        "download_elapsed_seconds": 1.0,
    }


def test_bytes_of_a_broken_upload_are_named_as_sent() -> None:
    """The client's intervals of an upload are bytes written: they are not called uploaded."""
    with pytest.raises(MeasurementFailed) as refusal:
        read(report(error="Connection reset by peer"), Operation.UPLOAD)
    assert "upload_bytes" not in refusal.value.partial
    assert refusal.value.partial["upload_sent_bytes"] == 3_000_000


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place in PATH for a script called iperf3, and nothing else there."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path / "iperf3"


def script(place: Path, body: str, version: str = "iperf 3.12 (cJSON 1.7.15)") -> None:
    """Write a stand-in for iperf3."""
    place.write_text(
        f"#!{sys.executable}\nimport os, sys, time\n"
        f"if '--version' in sys.argv:\n    print({version!r})\n    raise SystemExit\n{body}\n"
    )
    place.chmod(place.stat().st_mode | stat.S_IXUSR)


def test_the_words(program: Path, tmp_path: Path) -> None:
    """The target goes as words of its own, and -R makes a download; no shell is involved."""
    script(
        program,
        f"open({str(tmp_path / 'words')!r}, 'a').write(repr(sys.argv[1:]) + '\\n')\n"
        f"print({report().decode()!r})",
    )
    found = run("iperf3", probe, "127.0.0.1:5299", seconds=2, flows=3)
    assert found.outcome is Outcome.OK, found.failure
    assert found.values["download_bps"] == found.values["upload_bps"] == 24_000_000
    assert found.context["engine"] == "iperf3"
    down, up = (tmp_path / "words").read_text().splitlines()
    assert "'--client', '127.0.0.1', '--port', '5299', '--json'" in down
    assert "'--reverse'" in down
    assert "'--reverse'" not in up
    assert "'--parallel', '3'" in up


HOSTILE = ["-f", ";id", "$(id)", "a b:1", "127.0.0.1:5201 --logfile /x", "0x7f000001", "h:99999"]


@pytest.mark.parametrize("target", HOSTILE)
def test_hostile_targets_start_nothing(program: Path, tmp_path: Path, target: str) -> None:
    """A target that is no host is refused before any process starts."""
    script(program, f"open({str(tmp_path / 'ran')!r}, 'w')")
    found = run("iperf3", probe, target)
    assert found.failure is not None
    assert found.failure.code is FailureCode.TARGET_INVALID
    assert not (tmp_path / "ran").exists()


def test_without_the_program() -> None:
    """A missing program is named, with what to install."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", "/nonexistent")
        found = run("iperf3", probe, "127.0.0.1")
    assert found.failure is not None
    assert found.failure.operation is Operation.PREPARE
    assert "apt-get install iperf3" in found.failure.text


@pytest.mark.parametrize("version", ["iperf 3.1.3", "iperf version 2.1.8 (pthreads)", ""])
def test_a_program_that_is_too_old(program: Path, version: str) -> None:
    """Another iperf, or one that counts omitted bytes, is refused by its version."""
    script(program, "", version)
    found = run("iperf3", probe, "127.0.0.1")
    assert found.failure is not None
    assert "3.7 or newer" in found.failure.text


TELLS = (
    "import signal\n"
    "def end(*_):\n"
    f"    print({report(error='interrupt - the client has terminated', end={}).decode()!r})\n"
    "    sys.stdout.flush(); os._exit(1)\n"
    "signal.signal(signal.SIGTERM, end)\n"
    "time.sleep(600)"
)
CHILDREN = {
    "endless printer": (
        "while True: os.write(1, b'x' * 65536)",
        FailureCode.PROBE_CRASHED,
        "printed more than",
    ),
    "hangs and ignores SIGTERM": (
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)",
        FailureCode.TIMEOUT,
        "did not end",
    ),
    "dies with a word": ("sys.exit('out of luck')", FailureCode.PROBE_CRASHED, "out of luck"),
    "asked to end, tells what it has": (
        TELLS,
        FailureCode.STALLED,
        "did not end in its time",
    ),
}


@pytest.mark.parametrize(("body", "code", "words"), CHILDREN.values(), ids=CHILDREN.keys())
def test_children_that_misbehave(
    program: Path, monkeypatch: pytest.MonkeyPatch, body: str, code: FailureCode, words: str
) -> None:
    """Whatever the program does, it is over in bounded time and has a name."""
    monkeypatch.setattr(iperf3, "CONNECT_SECONDS", 0.5)
    monkeypatch.setattr(iperf3, "SPARE_SECONDS", 0.5)
    script(program, body)
    started = time.monotonic()
    found = run("iperf3", probe, "127.0.0.1", seconds=1, omit_seconds=0, direction="download")
    assert time.monotonic() - started < 30
    assert found.failure is not None
    assert found.failure.code is code
    assert words in found.failure.text
    assert not [name for name in found.values if name.endswith("_bps")]
