"""The agent's side of polling: starts the polling process, takes its reports, ends it in time.

Where the process says nothing for longer than its slowest turn it is killed with its group and
started again, later each time. Its reports become results of the probe ``snmp``.
"""

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random
from typing import Any, Final

from agent.clock import Clock
from agent.failure import MeasurementFailed
from agent.measure import measure
from agent.probes import Findings, Report, Request
from agent.snmp.access import VARIABLE
from agent.waiting import set_within
from wire.codec import encode
from wire.failure import FailureCode, Operation
from wire.measurement import Measurement

log: Final = logging.getLogger(__name__)

COMMAND: Final = (sys.executable, "-m", "agent.snmp.child")
DEVICE_SECONDS: Final = 25.0
GRACE_SECONDS: Final = 20.0
EXIT_SECONDS: Final = 2.0
"""From the end of its output to its own end; one that stays longer is killed."""
MOST_LINE_BYTES: Final = 262_144
LONGEST_PAUSE_SECONDS: Final = 900.0
CHECK_SECONDS: Final = 5.0
PROBE: Final = "snmp"
SEGMENT: Final = "lan"
_NONSENSE: Final = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,  # a time that is too long
    RecursionError,  # brackets in brackets
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PollSettings:
    """``[snmp]`` of agent.toml."""

    access_file: str | None = None
    """Polled are the devices that it names. None: nothing is polled."""
    poll_seconds: float = 60.0
    """From one reading of a device's counters to the next."""
    report_seconds: float = 900.0
    """From one result of a device to the next."""


class Polling:
    """Polls as long as the agent runs."""

    def __init__(
        self,
        settings: PollSettings,
        clock: Clock,
        random: Random,
        keep: Callable[[Measurement], Awaitable[object]],
        suppressed: Callable[[], str | None] = lambda: None,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._random = random
        self._keep = keep
        self._suppressed = suppressed
        self._command = command
        self.starts_count = 0

    @property
    def silence_seconds(self) -> float:
        """Longer than this the process may not be silent."""
        return self._settings.poll_seconds + 2 * DEVICE_SECONDS + GRACE_SECONDS

    async def run(self, stop: asyncio.Event) -> None:
        """Poll until ``stop``. Never raises for what the process does."""
        failures = 0
        while not stop.is_set():
            if self._suppressed() is None:
                began = self._clock.monotonic_seconds()
                why = await self._one_life(stop)
                lived = self._clock.monotonic_seconds() - began
                failures = 1 if lived > LONGEST_PAUSE_SECONDS else failures + 1
                if why and not stop.is_set():
                    log.warning("polling of devices ended: %s", why)
            pause = min(LONGEST_PAUSE_SECONDS, CHECK_SECONDS * 2 ** min(failures, 10))
            await set_within(stop, pause)

    async def _one_life(self, stop: asyncio.Event) -> str:
        """Run the process until it ends or is ended; say why."""
        self.starts_count += 1
        environment = {**os.environ}
        if self._settings.access_file is not None:
            environment[VARIABLE] = self._settings.access_file
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                limit=MOST_LINE_BYTES,
                start_new_session=True,
                env=environment,
            )
        except OSError as error:
            return f"cannot be started ({error.strerror})"
        try:
            return await self._listen(process, stop)
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            if process.stdin is not None:
                process.stdin.close()

    async def _listen(self, process: asyncio.subprocess.Process, stop: asyncio.Event) -> str:
        assert process.stdin is not None
        assert process.stdout is not None
        order = {
            "poll_seconds": self._settings.poll_seconds,
            "report_seconds": self._settings.report_seconds,
            "device_seconds": DEVICE_SECONDS,
        }
        with contextlib.suppress(ConnectionError):
            process.stdin.write(json.dumps(order).encode() + b"\n")
            await process.stdin.drain()
        heard = self._clock.monotonic_seconds()
        reading: asyncio.Task[bytes] | None = None
        try:
            while not stop.is_set() and self._suppressed() is None:
                reading = reading or asyncio.create_task(process.stdout.readline())
                done, _ = await asyncio.wait((reading,), timeout=CHECK_SECONDS)
                if done:
                    line, reading = await reading, None
                    if not line:
                        return await _why_it_fell_silent(process)
                    heard = self._clock.monotonic_seconds()
                    if (why := await self._take(line)) is not None:
                        return why
                elif self._clock.monotonic_seconds() - heard > self.silence_seconds:
                    return f"silent for {self.silence_seconds:g} s: killed"
        except ValueError as error:  # a line that is too long
            return _no_report(error)
        finally:
            if reading is not None:
                reading.cancel()
        return ""

    async def _take(self, line: bytes) -> str | None:
        """Make use of a line; give why polling ends."""
        try:
            told = json.loads(line)
            if "refused" in told:
                return str(told["refused"])
            result = self._result(told) if "report" in told else None
            if result is not None:
                encode(result)  # what the spool could not write is no report either
        except _NONSENSE as error:
            return _no_report(error)
        if result is not None:
            await self._keep(result)
        return None

    def _result(self, told: dict[str, Any]) -> Measurement:
        def found(_request: Request, _report: Report) -> Findings:
            if told["failure"] is not None:
                code, operation, text = told["failure"]
                raise MeasurementFailed(FailureCode(code), Operation(operation), text)
            return Findings(values=told["values"], context=told["context"])

        request = Request(target=told["report"], clock=self._clock, random=self._random)
        made = measure(PROBE, found, request, lambda _: None, segment=SEGMENT)
        seconds = float(told["seconds"])
        return replace(
            made,
            started_at=made.started_at - timedelta(seconds=seconds),
            monotonic_start_seconds=max(0.0, made.monotonic_start_seconds - seconds),
            duration_seconds=seconds,
            context={**made.context, "polled": True},
        )


async def _why_it_fell_silent(process: asyncio.subprocess.Process) -> str:
    """Say how a process ended that says no more, or that it did not."""
    try:
        async with asyncio.timeout(EXIT_SECONDS):
            return f"exit code {await process.wait()}"
    except TimeoutError:
        return "it closed its output and went on: killed"


def _no_report(error: Exception) -> str:
    return f"it said what is no report ({type(error).__name__}: {error})"
