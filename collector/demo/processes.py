"""Child processes of the demonstration: started by command line, ended whatever happens."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from collector.clock import Clock
from collector.demo.fill import DemoFailed

INTERRUPTS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
STOP_SECONDS: Final = 15.0
TAIL_CHARACTERS: Final = 2_000
POLL_SECONDS: Final = 0.05


class Child:
    """One running process with a log file of its own."""

    def __init__(self, name: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
        self.name = name
        self.process = process
        self.log = log

    def wait_for(self, pattern: str, clock: Clock, timeout_seconds: float) -> str:
        """Wait until the log holds ``pattern``; give its first group. Raises DemoFailed."""
        deadline = clock.monotonic_seconds() + timeout_seconds
        while True:
            ended = self.process.poll() is not None
            match = re.search(pattern, self.log.read_text("utf-8", "replace"))
            if match:
                return match[1]
            if ended:
                raise DemoFailed(
                    f"{self.name} ended with {self.process.returncode}:\n{self.tail()}"
                )
            if clock.monotonic_seconds() > deadline:
                raise DemoFailed(
                    f"{self.name} was not ready within {timeout_seconds:g} s:\n{self.tail()}"
                )
            pause(POLL_SECONDS)

    def tail(self) -> str:
        """The end of its log."""
        return self.log.read_text("utf-8", "replace")[-TAIL_CHARACTERS:].strip()


class Children:
    """All children; leaving the block ends them, with everything they started."""

    def __init__(self, folder: Path, database: str) -> None:
        self._folder = folder
        self.database = database
        """URL; the collector's commands find it in their environment, where nobody else looks."""
        self._children: list[Child] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number in INTERRUPTS:
            signal.signal(number, signal.SIG_IGN)  # ending them is not to be interrupted
        for child in reversed(self._children):
            stop(child.process)

    def start(self, name: str, module: str, arguments: Sequence[str]) -> Child:
        """Start ``python -m MODULE ARGUMENTS`` in a session of its own."""
        log = self._folder / f"{name}.log"
        # a signal between starting a child and noting it would leave an orphan
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTS)
        try:
            with log.open("wb") as output:
                process = subprocess.Popen(  # noqa: S603 - our own program, no shell
                    command(module, arguments),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=environment()
                    | ({"HAKARU_DATABASE": self.database} if module == "collector.cli" else {}),
                    start_new_session=True,  # Ctrl-C reaches the demo, which ends its children
                    preexec_fn=partial(signal.pthread_sigmask, signal.SIG_SETMASK, mask),  # noqa: PLW1509 - one thread runs here
                )
            child = Child(name, process, log)
            self._children.append(child)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        return child

    def finish(self, name: str, module: str, arguments: Sequence[str], seconds: float) -> str:
        """Run to the end; give what it printed. Raises DemoFailed where it does not end well."""
        child = self.start(name, module, arguments)
        try:
            code = child.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise DemoFailed(f"{name} took more than {seconds:g} s:\n{child.tail()}") from None
        if code != 0:
            raise DemoFailed(f"{name} ended with {code}:\n{child.tail()}")
        _signal_group(child.process, signal.SIGKILL)  # what it may have left behind
        self._children.remove(child)
        return child.log.read_text("utf-8", "replace")

    def ended(self) -> Child | None:
        """Give a child that was to go on and has ended, or None."""
        return next((child for child in self._children if child.process.poll() is not None), None)


def command(module: str, arguments: Sequence[str]) -> list[str]:
    """The command line of one of our programs, by the Python that runs this one."""
    return [sys.executable, "-m", module, *arguments]


def environment(given: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of children: ours without settings that would lead elsewhere."""
    source = os.environ if given is None else given
    return {
        name: value
        for name, value in source.items()
        if not name.startswith("HAKARU_") and not name.lower().endswith("_proxy")
    } | {"PYTHONUNBUFFERED": "1", "NO_PROXY": "*"}


def stop(process: "subprocess.Popen[bytes]") -> None:
    """End a process and its group: ask, then insist."""
    for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, STOP_SECONDS)):
        if process.poll() is not None:
            break
        _signal_group(process, number)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
    _signal_group(process, signal.SIGKILL)  # what it may have left behind


def free_port(host: str, first: int, tries: int = 50) -> int:
    """Give the first port from ``first`` on that nobody listens on. Raises DemoFailed."""
    for port in range(first, min(first + tries, 65_536)):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            found: int = probe.getsockname()[1]
            return found
    raise DemoFailed(f"no free port from {first} on at {host}: name another --listen HOST:PORT")


def pause(seconds: float) -> None:
    """Sleep, woken by signals."""
    signal.sigtimedwait((), seconds)


def _signal_group(process: "subprocess.Popen[bytes]", number: int) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return
