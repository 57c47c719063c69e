"""A program of others as a child: words never a shell, output capped, ended at its time.

It stays in this process's group, so whoever kills a measurement with its group
(:mod:`agent.supervise`) takes it along. At its time it is asked to end first (SIGTERM): some then
say what they have so far.
"""

import contextlib
import os
import selectors
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from agent.clock import Clock

TERMINATE_SECONDS: Final = 1.0
"""Between SIGTERM and SIGKILL."""
MAX_ERROR_BYTES: Final = 4_000
_CHUNK_BYTES: Final = 65_536
_POLL_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a child ended and what it said."""

    output: bytes
    errors: bytes
    """The last of it."""
    returncode: int
    late: bool
    """It was ended at its time."""
    excessive: bool
    """It was ended because it said too much."""


def run(
    command: Sequence[str],
    *,
    limit_seconds: float,
    max_bytes: int,
    clock: Clock,
    stdin: bytes = b"",
    environment: Mapping[str, str] | None = None,
) -> Ended:
    """Run ``command`` to its end or for ``limit_seconds``. Raises OSError if it does not start.

    ``stdin`` (at most what a pipe holds) stays open until the child has ended, so that it
    can see this process die.
    """
    until = clock.monotonic_seconds() + limit_seconds
    with subprocess.Popen(  # noqa: S603 - a list of words, checked by the caller; no shell
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=None if environment is None else {**os.environ, **environment},
    ) as process:
        listener = _Listener(process, max_bytes)
        try:
            assert process.stdin is not None
            if stdin:
                with contextlib.suppress(BrokenPipeError):  # it died at once; see its return code
                    process.stdin.write(stdin)
                    process.stdin.flush()
            late = not listener.listen(until, clock)
            if process.poll() is None:
                process.terminate()
                if not listener.excessive:
                    listener.listen(clock.monotonic_seconds() + TERMINATE_SECONDS, clock)
        finally:
            process.kill()
            listener.close()
            with contextlib.suppress(BrokenPipeError):
                assert process.stdin is not None
                process.stdin.close()
            process.wait()
        return Ended(
            output=bytes(listener.output),
            errors=bytes(listener.errors[-MAX_ERROR_BYTES:]),
            returncode=process.returncode,
            late=late,
            excessive=listener.excessive,
        )


class _Listener:
    """Takes what a child says."""

    def __init__(self, process: "subprocess.Popen[bytes]", max_bytes: int) -> None:
        self.output, self.errors = bytearray(), bytearray()
        self._process = process
        self._max_bytes = max_bytes
        self._selector = selectors.DefaultSelector()
        for pipe, buffer in ((process.stdout, self.output), (process.stderr, self.errors)):
            assert pipe is not None
            os.set_blocking(pipe.fileno(), False)
            self._selector.register(pipe, selectors.EVENT_READ, buffer)

    @property
    def excessive(self) -> bool:
        """Whether it said more than is allowed."""
        return len(self.output) > self._max_bytes

    def listen(self, until: float, clock: Clock) -> bool:
        """Listen until the child has ended (True), the moment has come (False), or too much."""
        while not self.excessive:
            ended = self._process.poll() is not None
            left = until - clock.monotonic_seconds()
            self._take(0.0 if ended else max(0.0, min(left, _POLL_SECONDS)))
            if ended:
                return True
            if left <= 0:
                return False
        return True

    def close(self) -> None:
        """Let go of the selector."""
        self._selector.close()

    def _take(self, seconds: float) -> None:
        if not self._selector.get_map():
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
            return
        for key, _ in self._selector.select(seconds):
            buffer: bytearray = key.data
            chunk = os.read(key.fd, _CHUNK_BYTES)
            if not chunk:
                self._selector.unregister(key.fileobj)
            buffer.extend(chunk)
            if buffer is self.errors:
                del buffer[:-MAX_ERROR_BYTES]
