"""Whatever a measuring child does becomes one named result, in bounded time and memory."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from random import Random

import pytest

from agent import supervise as supervision
from agent.clock import SystemClock
from agent.config import Planned
from agent.supervise import supervise
from wire.failure import FailureCode, Outcome
from wire.measurement import Measurement

CHILD = (sys.executable, str(Path(__file__).parent / "childish.py"))


@pytest.fixture(autouse=True)
def _paths(monkeypatch: pytest.MonkeyPatch) -> None:
    """The script finds the same packages as this process does."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))


def run(target: str, deadline_seconds: float = 30.0, *arguments: str) -> Measurement:
    """Supervise a child that behaves as ``target`` says."""
    planned = Planned(
        probe="latency", target=target, segment="line", deadline_seconds=deadline_seconds
    )
    return supervise(planned, SystemClock(), Random(1), threading.Event(), (*CHILD, *arguments))


def test_result_of_a_child_is_taken_as_it_is() -> None:
    """Probe, target, segment, values and times come from the child."""
    result = run("192.0.2.1")
    assert result.outcome is Outcome.OK
    assert (result.probe, result.target, result.segment) == ("latency", "192.0.2.1", "line")
    assert result.values == {"rtt_median_seconds": 0.001}


@pytest.mark.parametrize(
    ("target", "code", "text"),
    [
        ("die", FailureCode.PROBE_CRASHED, "ended by signal 11"),
        ("exit", FailureCode.PROBE_CRASHED, "ended by exit code 7; it went wrong"),
        ("raise", FailureCode.PROBE_CRASHED, "a bug in a probe"),
        ("refused", FailureCode.CONNECTION_REFUSED, "refused"),
    ],
)
def test_child_that_fails_is_a_result_that_names_why(
    target: str, code: FailureCode, text: str
) -> None:
    """Signals, exit codes, exceptions and failures of the probe each have their name."""
    result = run(target)
    assert result.outcome is Outcome.FAILED
    assert result.failure is not None
    assert result.failure.code is code
    assert text in result.failure.text


@pytest.mark.parametrize("target", ["hang", "deaf"])
def test_child_that_does_not_end_is_killed_at_its_deadline(
    target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that ignores SIGTERM: the deadline holds, the result is a time-out."""
    monkeypatch.setattr(supervision, "GRACE_SECONDS", 1.0)
    result = run(target, 1.0)
    assert result.failure is not None
    assert result.failure.code is FailureCode.TIMEOUT
    assert 2.0 <= result.duration_seconds < 30.0


@pytest.mark.parametrize("kind", ["garbage", "flood"])
def test_output_that_is_no_result_is_a_crash_and_bounded(kind: str) -> None:
    """100 MB of output is cut off; nonsense is named."""
    result = run("192.0.2.1", 30.0, kind)
    assert result.failure is not None
    assert result.failure.code is FailureCode.PROBE_CRASHED
    expected = "printed more than 65536 bytes" if kind == "flood" else "its output is no result"
    assert expected in result.failure.text


def test_what_a_library_prints_is_not_taken_for_the_result() -> None:
    """Megabytes on standard output from within a probe do not spoil its result."""
    assert run("chatter").outcome is Outcome.OK


def test_processes_that_a_child_leaves_behind_are_ended() -> None:
    """The whole group goes, also when the leader has given its result and ended."""
    mark = f"fork:{os.getpid()}-{time.monotonic_ns()}"
    assert run(mark).outcome is Outcome.OK
    for _ in range(100):
        if not running_with(mark):
            break
        time.sleep(0.1)
    assert not running_with(mark)


def running_with(mark: str) -> list[str]:
    """Command lines of running processes that contain ``mark``."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = file.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if mark in line:
            found.append(line)
    return found


def test_stopping_the_agent_cancels_the_measurement() -> None:
    """A stop ends the child at once; the result says that it was cancelled."""
    cancelled = threading.Event()
    threading.Timer(0.5, cancelled.set).start()
    result = supervise(
        Planned(probe="latency", target="hang"), SystemClock(), Random(1), cancelled, CHILD
    )
    assert result.failure is not None
    assert result.failure.code is FailureCode.CANCELLED


def test_child_that_cannot_be_started_is_a_result() -> None:
    """A missing interpreter is a failed measurement, not an exception."""
    planned = Planned(probe="latency", target="192.0.2.1")
    result = supervise(
        planned, SystemClock(), Random(1), threading.Event(), ("/nonexistent/python",)
    )
    assert result.outcome is Outcome.FAILED


def test_child_ends_when_its_agent_is_gone() -> None:
    """The pipe from the agent is its lifeline: closed, the child ends by itself."""
    child = subprocess.Popen(
        CHILD, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True
    )
    assert child.stdin is not None
    child.stdin.write(
        b'{"probe":"latency","target":"hang","segment":null,"options":{},"deadline_seconds":60}\n'
    )
    child.stdin.close()
    assert child.wait(timeout=60) == -9
