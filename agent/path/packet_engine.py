"""The engine that traces with raw packets: starts the child with scapy and speaks to it."""

import contextlib
import json
import os
import select
import subprocess
import sys
import tempfile
from types import TracebackType
from typing import Any, Final, Self

from agent.clock import Clock
from agent.failure import MeasurementFailed
from agent.path.engine import NotHere
from agent.path.replies import Event, NotSent, Reply, Sent
from agent.path.trace import Probe
from agent.resolve import Address
from wire.failure import FailureCode, Operation

COMMAND: Final = (sys.executable, "-m", "agent.path.child")
START_SECONDS: Final = 15.0
"""Loading scapy takes a third of a second, several on a small and busy box."""
END_SECONDS: Final = 1.0
MOST_LINE_BYTES: Final = 65_536
_WHAT_TO_DO: Final = "give it CAP_NET_RAW (systemd: AmbientCapabilities=CAP_NET_RAW)"


class PacketEngine:
    """One child for one trace. Raises :class:`NotHere` where it may not or cannot work."""

    at_once = 12
    words = "raw packets (scapy), answers stamped by the kernel"

    def __init__(
        self,
        address: Address,
        source: str,
        protocol: str,
        port: int,
        run: int,
        clock: Clock,
        start_seconds: float = START_SECONDS,
    ) -> None:
        self._buffer = bytearray()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed in _end
        # in our own process group, so that whoever ends us ends it too
        self._process = subprocess.Popen(  # noqa: S603 - our own module; targets are data on a pipe
            COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            bufsize=0,
        )
        try:
            self._write(
                {
                    "source": source,
                    "destination": address,
                    "protocol": protocol,
                    "port": port,
                    "run": run,
                }
            )
            self._wait_until_ready(clock, start_seconds)
        except (MeasurementFailed, NotHere):
            self._end()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end()

    def send(self, probe: Probe) -> None:
        """Have one probe sent; the child says when it was."""
        self._write({"tag": probe.tag, "hops": probe.hops, "flow": probe.flow})

    def poll(self, timeout_seconds: float) -> list[Event]:
        """Wait up to ``timeout_seconds`` and give what has come, possibly nothing."""
        return [_event(line) for line in self._lines(timeout_seconds)]

    def _wait_until_ready(self, clock: Clock, seconds: float) -> None:
        until = clock.monotonic_seconds() + seconds
        while (left := until - clock.monotonic_seconds()) > 0:
            for answer in self._lines(left):
                if "missing" in answer:
                    raise NotHere(str(answer["missing"]), _WHAT_TO_DO)
                return
        raise NotHere(f"the packet process was not ready within {seconds:g} s", "look at its CPU")

    def _lines(self, timeout_seconds: float) -> list[dict[str, Any]]:
        out = self._process.stdout
        assert out is not None
        if not select.select([out], [], [], max(0.0, timeout_seconds))[0]:
            return []
        came = os.read(out.fileno(), MOST_LINE_BYTES)
        if not came:
            raise MeasurementFailed(
                FailureCode.PROBE_CRASHED,
                Operation.RUN,
                f"the packet process ended by itself: {self._last_words()}",
            )
        self._buffer += came
        *whole, rest = self._buffer.split(b"\n")
        self._buffer = bytearray(rest)
        return [json.loads(line) for line in whole]

    def _write(self, order: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it died: the next read says so
            self._process.stdin.write(json.dumps(order).encode() + b"\n")

    def _last_words(self) -> str:
        self._errors.seek(0)
        said = self._errors.read(MOST_LINE_BYTES).decode("utf-8", "replace").strip().splitlines()
        return said[-1][:300] if said else "no word"

    def _end(self) -> None:
        self._errors.close()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _event(line: dict[str, Any]) -> Event:
    if "sent" in line:
        return Sent(tag=line["sent"], at_seconds=line["at_seconds"])
    if "not_sent" in line:
        return NotSent(tag=line["not_sent"], number=line["errno"])
    icmp = line["icmp"]
    return Reply(
        tag=line["reply"],
        at_seconds=line["at_seconds"],
        address=line["address"],
        kind=line["kind"],
        icmp=(icmp[0], icmp[1]) if icmp else None,
        mpls=tuple(line["mpls"]),
    )
