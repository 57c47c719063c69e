"""Run one measurement in a child process, within bounds, and name whatever goes wrong.

Whatever the child does - hangs, forks, ignores SIGTERM, prints without end, prints nonsense,
dies - becomes a Measurement: a failed one that says what happened. A process that leaves its group
(setsid) is not followed; in the packaged service the control group ends it.
"""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Final, Protocol

from agent.allowed import Allowed
from agent.clock import Clock
from agent.config import Planned
from agent.failure import MeasurementFailed, translate
from agent.measure import measure
from agent.probes import Findings, Progress, Report, Request
from wire.codec import MAX_RECORD_BYTES, Refused, decode
from wire.failure import Failure, FailureCode, Operation
from wire.measurement import Measurement

CHILD_COMMAND: Final = (sys.executable, "-m", "agent.child")
GRACE_SECONDS: Final = 5.0
"""On top of the deadline of the measurement, for starting Python and writing the result."""
MAX_ERROR_BYTES: Final = 2_000
"""Kept of what a child says on standard error."""
POLL_SECONDS: Final = 0.2
CHUNK_BYTES: Final = 65_536
BITES: Final = 16


class AnyOf:
    """Set where one of several events is."""

    def __init__(self, *events: threading.Event) -> None:
        self._events = events

    def is_set(self) -> bool:
        """One of them is set."""
        return any(event.is_set() for event in self._events)


class Cuts:
    """Measurements under way, each with an event that ends it."""

    def __init__(self) -> None:
        self._events: set[threading.Event] = set()

    @contextlib.contextmanager
    def ready(self, event: threading.Event) -> Iterator[None]:
        """Have ``event`` set by :meth:`cut` while in the block."""
        self._events.add(event)
        try:
            yield
        finally:
            self._events.discard(event)

    def cut(self) -> bool:
        """End all of them; True where there was one."""
        for event in self._events:
            event.set()
        return bool(self._events)


class Cancelled(Protocol):
    """Says whether a measurement is to be ended: a :class:`threading.Event`, or several."""

    def is_set(self) -> bool:
        """It is to be ended."""
        ...


@dataclass(frozen=True, slots=True)
class _Said:
    """What a child said until it ended or was ended."""

    output: bytes
    errors: bytes
    failure: Failure | None


def supervise(
    planned: Planned,
    clock: Clock,
    random: Random,
    cancelled: Cancelled,
    command: Sequence[str] = CHILD_COMMAND,
    allowed: Allowed | None = None,
    token: str | None = None,
) -> Measurement:
    """Measure once in a child process; never raises for what the child does. Blocks.

    With ``allowed`` the child speaks to nothing that this appliance does not allow. ``token``:
    a slot token; it goes to the child through its standard input only.
    """
    started_at, started = clock.now(), clock.monotonic_seconds()
    failure, result = _measure(planned, clock, cancelled, command, allowed, token)
    if result is not None:
        return result
    failed = failure or Failure(FailureCode.PROBE_CRASHED, Operation.RUN, "no result")

    def raising(_request: Request, _report: Report) -> Findings:
        raise MeasurementFailed(failed.code, failed.operation, failed.text)

    request = Request(target=planned.target, clock=clock, random=random)
    made = measure(planned.probe, raising, request, _unseen, segment=planned.segment)
    return replace(
        made,
        started_at=started_at,
        monotonic_start_seconds=started,
        duration_seconds=max(0.0, clock.monotonic_seconds() - started),
    )


def _measure(
    planned: Planned,
    clock: Clock,
    cancelled: Cancelled,
    command: Sequence[str],
    allowed: Allowed | None,
    token: str | None,
) -> tuple[Failure | None, Measurement | None]:
    message = json.dumps(
        {
            "guard": None if allowed is None else {"targets": allowed.entries()},
            "token": token,
            "probe": planned.probe,
            "target": planned.target,
            "segment": planned.segment,
            "options": dict(planned.options),
            "deadline_seconds": planned.deadline_seconds,
        }
    )
    try:
        process = subprocess.Popen(  # noqa: S603 - our own module; the target is data on a pipe
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        return translate(error, Operation.PREPARE), None
    try:
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it died at once; how is told below
            process.stdin.write(message.encode() + b"\n")
            process.stdin.flush()
        said = _listen(process, planned.deadline_seconds + GRACE_SECONDS, clock, cancelled)
    finally:
        _end(process)
    return _judge(said, process.returncode, planned)


def _listen(
    process: "subprocess.Popen[bytes]",
    limit_seconds: float,
    clock: Clock,
    cancelled: Cancelled,
) -> _Said:
    """Read until the child has ended, said too much, or run out of time."""
    output, errors = bytearray(), bytearray()
    ends_at = clock.monotonic_seconds() + limit_seconds
    failure: Failure | None = None
    with selectors.DefaultSelector() as selector:
        for pipe, data in (
            (process.stdout, (output, None)),
            (process.stderr, (errors, MAX_ERROR_BYTES)),
        ):
            assert pipe is not None
            os.set_blocking(pipe.fileno(), False)
            selector.register(pipe, selectors.EVENT_READ, data)
        while failure is None:
            left = ends_at - clock.monotonic_seconds()
            if cancelled.is_set():
                failure = Failure(FailureCode.CANCELLED, Operation.RUN, "the agent was stopped")
            elif left <= 0:
                text = f"ended after its deadline and {GRACE_SECONDS:g} s of grace"
                failure = Failure(FailureCode.TIMEOUT, Operation.RUN, text)
            elif len(output) > MAX_RECORD_BYTES:
                text = f"printed more than {MAX_RECORD_BYTES} bytes"
                failure = Failure(FailureCode.PROBE_CRASHED, Operation.RUN, text)
            else:
                ended = _has_ended(process)
                _read_ready(selector, 0.0 if ended else min(left, POLL_SECONDS))
                if ended:  # what it wrote before it ended has been read once more just now
                    break
    return _Said(bytes(output), bytes(errors), failure)


def _read_ready(selector: selectors.BaseSelector, seconds: float) -> None:
    """Take what is there, in bounded bites, so that an endless printer cannot hold us here."""
    if not selector.get_map():
        threading.Event().wait(seconds)  # both pipes closed, still running
        return
    for key, _ in selector.select(seconds):
        buffer, keep_bytes = key.data
        for _bite in range(BITES):
            try:
                chunk = os.read(key.fd, CHUNK_BYTES)
            except BlockingIOError:
                break
            if not chunk:
                selector.unregister(key.fileobj)
                break
            buffer.extend(chunk)
            if keep_bytes is not None:
                del buffer[:-keep_bytes]


def _has_ended(process: "subprocess.Popen[bytes]") -> bool:
    """Tell whether the leader has ended, leaving it unreaped so that its group id stays ours."""
    flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
    return os.waitid(os.P_PID, process.pid, flags) is not None


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Kill the whole group, also when its leader has ended: it may have left others behind."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


def _judge(
    said: _Said, returncode: int, planned: Planned
) -> tuple[Failure | None, Measurement | None]:
    if said.failure is not None:
        return said.failure, None
    if returncode != 0:
        how = f"signal {-returncode}" if returncode < 0 else f"exit code {returncode}"
        return _crashed(f"ended by {how}", said), None
    try:
        result = decode(said.output)
    except Refused as error:
        return _crashed(f"its output is no result ({error})", said), None
    if (result.probe, result.target) != (planned.probe, planned.target):
        return _crashed("its result is about something else", said), None
    return None, result


def _crashed(text: str, said: _Said) -> Failure:
    last = said.errors.decode("utf-8", "replace").strip().splitlines()[-1:]
    shown = "".join(char if char.isprintable() else " " for char in "".join(last))[:300]
    return Failure(FailureCode.PROBE_CRASHED, Operation.RUN, f"{text}; {shown}" if shown else text)


def _unseen(progress: Progress) -> None:
    """Nobody watches."""
