"""Run a server and a client; say what each cost."""

import contextlib
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
_START_SECONDS = 20
_POLL_SECONDS = 0.05
_LISTEN = "0A"


class RunFailed(Exception):
    """A program gave no usable answer; the text says which and what it said."""


@dataclass
class Usage:
    """What a process and its children cost."""

    cpu_seconds: float = 0.0
    """User and system time, of children that were waited for too (wait4(2))."""
    peak_bytes: int = 0
    """Largest resident memory (VmHWM), summed over the processes alive at once.

    ru_maxrss would not do: a small program inherits that of who started it.
    """


@dataclass
class Watched:
    """A running process whose cost is watched."""

    process: "subprocess.Popen[bytes]"
    usage: Usage = field(default_factory=Usage)
    _over: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def wait(self) -> Usage:
        """Wait for its end."""
        _, status, used = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        self._over.set()
        self._thread.join()
        self.usage.cpu_seconds = used.ru_utime + used.ru_stime
        return self.usage

    def _watch(self) -> None:
        while not self._over.wait(_POLL_SECONDS):
            now = sum(_peak_bytes(pid) for pid in _tree(self.process.pid))
            self.usage.peak_bytes = max(self.usage.peak_bytes, now)


def start(words: Sequence[str]) -> Watched:
    """Start a program that answers on standard output."""
    with tempfile.TemporaryFile() as trouble:
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=trouble, cwd=ROOT)
    return Watched(process)


@contextlib.contextmanager
def serving(words: Sequence[str], port: int) -> Iterator[Watched]:
    """Run a server that listens on ``port``; ended with SIGTERM, costs known afterwards."""
    process = subprocess.Popen(
        words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT
    )
    watched = Watched(process)
    try:
        _await_listener(process.pid, port, words)
        yield watched
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        watched.wait()


def run(words: Sequence[str], *, allowed: Sequence[int] = (0,)) -> tuple[bytes, Usage]:
    """Run a client to its end."""
    watched = start(words)
    assert watched.process.stdout is not None
    output = watched.process.stdout.read()
    watched.process.stdout.close()
    usage = watched.wait()
    if watched.process.returncode not in allowed:
        raise RunFailed(f"{' '.join(words)[:120]} ended with {watched.process.returncode}")
    return output, usage


def _await_listener(pid: int, port: int, words: Sequence[str]) -> None:
    """Wait until somebody listens on ``port`` in the network namespace of ``pid``."""
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
                _, local, _, state = line.split()[:4]
                if state == _LISTEN and int(local.partition(":")[2], 16) == port:
                    return
        time.sleep(0.02)
    raise RunFailed(f"{' '.join(words)[:120]} did not listen on port {port}")


def _tree(pid: int) -> list[int]:
    found = [pid]
    with contextlib.suppress(OSError):
        for listed in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in listed.read_text().split():
                found += _tree(int(child))
    return found


def _peak_bytes(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0
