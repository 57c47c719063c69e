"""The processes of a run: started one after the other, ended in reverse, whatever happens."""

import pwd
import signal
import subprocess
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from collector.clock import Clock
from collector.demo.processes import INTERRUPTS, environment, pause, stop

TAIL_CHARACTERS: Final = 2_000
POLL_SECONDS: Final = 0.1


class StackFailed(Exception):
    """The services do not run as they should; the text says which, and the end of its log."""


class Running:
    """All processes; leaving the block ends them, with everything they started."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._processes: list[tuple[str, subprocess.Popen[bytes]]] = []

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
        while self._processes:
            stop(self._processes.pop()[1])

    def start(
        self,
        name: str,
        command: Sequence[str],
        given: Mapping[str, str] | None = None,
        user: pwd.struct_passwd | None = None,
    ) -> None:
        """Start one in a session of its own, its output in NAME.log. Raises StackFailed."""
        # a signal between starting one and noting it would leave an orphan
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTS)
        try:
            with self.log(name).open("ab") as output:
                process = subprocess.Popen(  # noqa: S603 - words of docker-compose.yml, no shell
                    list(command),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=environment() | dict(given or {}),
                    cwd=self._folder,
                    start_new_session=True,  # Ctrl-C reaches us, and we end them
                    user=user.pw_uid if user else None,
                    group=user.pw_gid if user else None,
                    extra_groups=[] if user else None,
                    preexec_fn=partial(signal.pthread_sigmask, signal.SIG_SETMASK, mask),  # noqa: PLW1509 - one thread runs here
                )
            self._processes.append((name, process))
        except OSError as error:
            raise StackFailed(f"{name}: {error}") from error
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def finish(
        self,
        name: str,
        command: Sequence[str],
        given: Mapping[str, str] | None = None,
        *,
        seconds: float = 60.0,
        text: str = "",
    ) -> str:
        """Run to the end; give its standard output. Raises StackFailed where it does not end well.

        Only for what ends by itself in seconds; ``text`` is its standard input.
        """
        try:
            ran = subprocess.run(  # noqa: S603 - our own words, no shell
                list(command),
                input=text,
                env=environment() | dict(given or {}),
                cwd=self._folder,
                capture_output=True,
                text=True,
                timeout=seconds,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise StackFailed(f"{name}: {error}") from error
        self.log(name).write_text(ran.stdout + ran.stderr, encoding="utf-8")
        if ran.returncode != 0:
            raise StackFailed(f"{name} ended with {ran.returncode}:\n{self.tail(name)}")
        return ran.stdout

    def until_ended(self, name: str, seconds: float) -> None:
        """Wait for one that ends by itself. Raises StackFailed where it does not end well."""
        index = self.names().index(name)
        process = self._processes[index][1]
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise StackFailed(f"{name}: {error}") from error
        del self._processes[index]
        if code != 0:
            raise StackFailed(f"{name} ended with {code}:\n{self.tail(name)}")

    def ended(self) -> str | None:
        """Say which one has ended that was to go on, with the end of its log; None: none."""
        for name, process in self._processes:
            if process.poll() is not None:
                return f"{name} ended with {process.returncode}:\n{self.tail(name)}"
        return None

    def names(self) -> list[str]:
        """Those that were started, in order."""
        return [name for name, _ in self._processes]

    def log(self, name: str) -> Path:
        """Where a process writes to."""
        return self._folder / f"{name}.log"

    def tail(self, name: str) -> str:
        """The end of its log."""
        return self.log(name).read_text("utf-8", "replace")[-TAIL_CHARACTERS:].strip()

    def wait(self, seconds: float) -> None:
        """Let time pass; woken by signals. Raises StackFailed where a process has ended."""
        ends = self._clock.monotonic_seconds() + seconds
        while True:
            ended = self.ended()
            if ended is not None:
                raise StackFailed(ended)
            left = ends - self._clock.monotonic_seconds()
            if left <= 0:
                return
            pause(min(left, POLL_SECONDS))
