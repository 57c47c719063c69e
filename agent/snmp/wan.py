"""Counters of the router's WAN port during a test, read over SNMP by a process of its own.

The process asks every :data:`INTERVAL_SECONDS` and says what came with the moment; decoding never
runs inside the test. :meth:`SnmpCounters.read` only takes the newest of what was said, so it never
waits once the first reading is there.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final

from agent.busy import busy_bps
from agent.clock import Clock
from agent.context import Reading, changes
from agent.failure import MeasurementFailed
from wire.failure import FailureCode, Operation

COMMAND: Final = (sys.executable, "-m", "agent.snmp.wan_child")
INTERVAL_SECONDS: Final = 0.5
FIRST_SECONDS: Final = 10.0
"""Longest wait for the first reading: the port is looked for among all."""
LOOK_SECONDS: Final = 12.0
"""Longest look before a test: devices bring counters up to date every 10 s at worst."""
SHORTEST_LOOK_SECONDS: Final = 2.0
_WAIT_SECONDS: Final = 0.1


def _never() -> bool:
    return False


class SnmpCounters:
    """:class:`agent.context.Stepped` counters. Asks from the first use until :meth:`close`."""

    def __init__(
        self, address: str, port: str, clock: Clock, command: Sequence[str] = COMMAND
    ) -> None:
        self.source = f"snmp {address} {port}"
        self.header_bytes = 14 + 4 + 20 + 32
        """Ethernet with its check sequence (RFC 3635 section 3.2.6), IPv4, TCP with time stamps;
        the process says otherwise where the device counts otherwise."""
        self.speed_bps: float | None = None
        """Of the port, as the device says; None before the first reading, or not known."""
        self._address, self._port, self._clock = address, port, clock
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._newest: Reading | None = None
        self._refused: str | None = None
        self._came = threading.Event()

    def read(self) -> Reading:
        """Give the newest reading. Raises :class:`MeasurementFailed` where none ever came.

        A device that falls silent later is given as it was: no update in the window, no figure.
        """
        return self._read(_never)

    def _read(self, stopping: Callable[[], bool]) -> Reading:
        if self._process is None:
            self._start()
        until = self._clock.monotonic_seconds() + FIRST_SECONDS
        while self._newest is None and not self._came.wait(_WAIT_SECONDS):
            if stopping() or self._clock.monotonic_seconds() >= until:
                break
        if self._newest is None:
            silent = "asking was ended" if stopping() else f"no counters within {FIRST_SECONDS:g} s"
            why = self._refused or silent
            self.close()
            raise MeasurementFailed(
                FailureCode.NO_REPLY, Operation.RECEIVE, f"{self.source}: {why}"
            )
        return self._newest

    def look_bps(self, stopping: Callable[[], bool] = _never) -> float | None:
        """Look until two updates were seen, at most :data:`LOOK_SECONDS`. Blocks.

        None where nothing is known. Counters that stand still all the time are a quiet line.
        """
        try:
            readings = [self._read(stopping)]
            began = readings[0].at_seconds
            pause = threading.Event()
            while (elapsed := self._clock.monotonic_seconds() - began) < LOOK_SECONDS:
                pause.wait(_WAIT_SECONDS)
                if stopping():
                    return None
                reading = self.read()
                if reading.at_seconds > readings[-1].at_seconds:
                    readings.append(reading)
                updates = changes(readings)
                if elapsed >= SHORTEST_LOOK_SECONDS and len(updates) >= 2:
                    return busy_bps(updates[0], updates[-1])
            return 0.0 if len(readings) > 1 and not changes(readings) else None
        finally:
            self.close()

    def close(self) -> None:
        """End the process."""
        process, self._process, self._newest = self._process, None, None
        self._refused = None
        self._came.clear()
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    def _start(self) -> None:
        process = subprocess.Popen(  # noqa: S603 - our own module; the device is data on a pipe
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        assert process.stdin is not None
        order = {
            "address": self._address,
            "port": self._port,
            "interval_seconds": INTERVAL_SECONDS,
        }
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(json.dumps(order).encode() + b"\n")
            process.stdin.flush()
        self._process = process
        threading.Thread(target=self._listen, args=(process,), daemon=True).start()

    def _listen(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout is not None
        with contextlib.suppress(ValueError, OSError):
            for line in process.stdout:
                if self._process is not process:
                    return
                self._take(json.loads(line))
                if self._newest is not None or self._refused is not None:
                    self._came.set()
        if self._process is process:
            self._refused = self._refused or "its process ended"
            self._came.set()

    def _take(self, told: dict[str, Any]) -> None:
        if "refused" in told:
            self._refused = str(told["refused"])
        elif "header_bytes" in told:
            self.header_bytes = int(told["header_bytes"])
            self.speed_bps = told.get("speed_bps")
        else:
            self._newest = Reading(
                told["at_seconds"], *(int(told[name]) for name in ("in", "in_p", "out", "out_p"))
            )
