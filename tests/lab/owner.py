"""Who owns what in the lab: nothing stays behind, whichever way an owner ends.

Every chain has an identity and holds a lock on a file of that name. The kernel lets go of the
lock when the owner ends, by kill -9 too, so whoever can take the lock of an identity knows that
its namespaces and the processes in them are left over. Process numbers would not do: they are
given out again.
"""

import contextlib
import fcntl
import itertools
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

PREFIX = "hklab"
_LOCKS = Path("/run/hakaru-lab")
_GATE = Path("/run/hakaru-lab.gate")
"""Held to take an identity and to look for those left over: between making a file and locking it
an owner would be taken for gone, and lose its file and its processes."""
_numbers = itertools.count()


@contextlib.contextmanager
def identity() -> Iterator[str]:
    """Yield an identity nobody else has; remove what carries it, and what dead owners left."""
    mine = f"{os.getpid()}x{next(_numbers)}"
    path = _LOCKS / mine
    with contextlib.ExitStack() as stack:
        with _gate():
            _remove_stale()
            _LOCKS.mkdir(exist_ok=True)
            lock = stack.enter_context(path.open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield mine
        finally:
            for name in namespaces():
                if _identity_of(name) == mine:
                    remove(name)
            path.unlink(missing_ok=True)


def namespaces() -> list[str]:
    """Names of all namespaces of the lab, of every owner."""
    listed = subprocess.run(["ip", "netns", "list"], check=True, capture_output=True, text=True)
    names = [line.split()[0] for line in listed.stdout.splitlines() if line.strip()]
    return [name for name in names if name.startswith(PREFIX)]


def remove_stale() -> list[str]:
    """Remove the namespaces of owners that are gone, with all processes in them; give names."""
    with _gate():
        return _remove_stale()


def _remove_stale() -> list[str]:
    stale = [name for name in namespaces() if not _owned(_identity_of(name))]
    for name in stale:
        remove(name)
    for lock in _LOCKS.glob("*"):
        if not _owned(lock.name):
            lock.unlink(missing_ok=True)
    return stale


def remove(name: str) -> None:
    """Kill what runs in a namespace and remove it."""
    listed = subprocess.run(
        ["ip", "netns", "pids", name], check=False, capture_output=True, text=True
    )
    for pid in listed.stdout.split():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


@contextlib.contextmanager
def _gate() -> Iterator[None]:
    with _GATE.open("w") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        yield


def _identity_of(name: str) -> str:
    return name.removeprefix(PREFIX).partition("-")[0]


def _owned(owner: str) -> bool:
    try:
        lock = (_LOCKS / owner).open("r+")
    except FileNotFoundError:
        return False
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
