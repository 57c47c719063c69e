"""iperf3: TCP goodput to an iperf3 server, by this machine's own iperf3 program.

For any server whose operator agrees: it learns this machine's public address, and public servers
often allow one test at a time. The figure is the receiver's, in bits per second, with the first
seconds omitted. iperf3 is not part of this package (BSD licence; Debian package ``iperf3``).
"""

import re
import shutil
from collections.abc import Mapping, Sequence
from typing import Final

from agent.clock import Clock
from agent.engines import process
from agent.engines.iperf3_report import Report as Iperf3Report
from agent.engines.iperf3_report import read
from agent.failure import MeasurementFailed
from agent.probes import Findings, Progress, Report, Request
from agent.resolve import Address, resolve_all
from agent.target import parse_host_port
from agent.throughput.directions import DIRECTION
from wire.failure import FailureCode, Operation
from wire.measurement import Json
from wire.options import Option, resolve

PORT: Final = 5201
RESOLVE_SECONDS: Final = 5.0
CONNECT_SECONDS: Final = 5.0
SPARE_SECONDS: Final = 5.0
"""Beyond connecting and measuring: exchange of results over a slow line."""
MAX_OUTPUT_BYTES: Final = 2_000_000
_OLDEST: Final = (3, 7)
"""iperf3 before 3.7 mixes omitted bytes into its sums."""
_VERSION: Final = re.compile(rb"iperf (\d+)\.(\d+)")

TARGET: Final = "HOST[:PORT] of an iperf3 server"
FORM: Final = "endpoint"
OPTIONS: Final[Mapping[str, Option]] = {
    "flows": Option(type=int, default=4, minimum=1, maximum=16, help="parallel TCP flows"),
    "seconds": Option(
        type=int, default=5, minimum=1, maximum=30, help="counted length of each direction (s)"
    ),
    "omit_seconds": Option(
        type=int, default=1, minimum=0, maximum=5, help="warm-up before it, not counted (s)"
    ),
    "direction": DIRECTION,
}


def probe(request: Request, report: Report) -> Findings:
    """Measure. ``request.target`` is HOST or HOST:PORT of an iperf3 server."""
    options = resolve(OPTIONS, request.options)
    host, port = parse_host_port(request.target, PORT)
    program = _program(request.clock)
    addresses = resolve_all(host, "auto", RESOLVE_SECONDS, port)
    wanted = [
        operation
        for operation in (Operation.DOWNLOAD, Operation.UPLOAD)
        if options["direction"] in (operation.value, "both")
    ]
    values: dict[str, Json] = {}
    version = ""
    for operation in wanted:
        total = float(f"{options['seconds']}") + float(f"{options['omit_seconds']}")
        report(
            Progress(phase=operation.value, elapsed_seconds=0.0, total_seconds=total, text="iperf3")
        )
        words = _words(options, operation)
        try:
            found, address = _first(program, addresses, words, operation, total, request.clock)
        except MeasurementFailed as error:
            error.partial = {**values, **error.partial}
            raise
        addresses, version = [address], found.version
        values |= _values(found, operation, options)
    return Findings(
        values=values,
        context={
            "engine": "iperf3",
            "engine_version": version,
            "flows_count": options["flows"],
            "test_seconds": options["seconds"],
            "method": "TCP goodput counted by the receiver, first seconds omitted",
            "address_family": "ipv6" if len(addresses[0]) == 4 else "ipv4",
        },
    )


def _program(clock: Clock) -> str:
    found = shutil.which("iperf3")
    if found is None:
        raise MeasurementFailed(
            FailureCode.PROBE_CRASHED,
            Operation.PREPARE,
            "there is no program iperf3 on this machine: apt-get install iperf3",
        )
    ended = process.run([found, "--version"], limit_seconds=5.0, max_bytes=10_000, clock=clock)
    version = _VERSION.match(ended.output)
    if version is None or (int(version[1]), int(version[2])) < _OLDEST:
        shown = ended.output.split(b"\n")[0][:40].decode("ascii", "replace")
        raise MeasurementFailed(
            FailureCode.PROBE_CRASHED,
            Operation.PREPARE,
            f"{found} says it is {shown!r}; iperf {_OLDEST[0]}.{_OLDEST[1]} or newer is needed",
        )
    return found


def _words(options: Mapping[str, object], operation: Operation) -> list[str]:
    words = [
        "--json",
        "--connect-timeout", str(int(CONNECT_SECONDS * 1000)),
        "--time", str(options["seconds"]),
        "--omit", str(options["omit_seconds"]),
        "--parallel", str(options["flows"]),
    ]  # fmt: skip
    return [*words, "--reverse"] if operation is Operation.DOWNLOAD else words


def _first(
    program: str,
    addresses: Sequence[Address],
    words: Sequence[str],
    operation: Operation,
    total_seconds: float,
    clock: Clock,
) -> tuple[Iperf3Report, Address]:
    """Run against the first address that can be connected to."""
    failure: MeasurementFailed | None = None
    for address in addresses[:2]:
        command = [program, "--client", address[0], "--port", str(address[1]), *words]
        try:
            return _run(command, operation, total_seconds, clock), address
        except MeasurementFailed as error:
            failure = error
            if error.failure.operation is not Operation.CONNECT:
                break
    assert failure is not None
    raise failure


def _run(
    command: Sequence[str], operation: Operation, total_seconds: float, clock: Clock
) -> Iperf3Report:
    limit = CONNECT_SECONDS + total_seconds + SPARE_SECONDS
    ended = process.run(command, limit_seconds=limit, max_bytes=MAX_OUTPUT_BYTES, clock=clock)
    if ended.excessive:
        text = f"iperf3 printed more than {MAX_OUTPUT_BYTES} bytes"
        raise MeasurementFailed(FailureCode.PROBE_CRASHED, operation, text)
    if not ended.output.strip():
        if ended.late:
            text = f"iperf3 did not end within {limit:g} s and said nothing"
            raise MeasurementFailed(FailureCode.TIMEOUT, operation, text)
        said = ended.errors.decode("utf-8", "replace").strip().splitlines()[-1:] or ["nothing"]
        text = f"iperf3 ended with {ended.returncode} and said: {said[0][:200]}"
        raise MeasurementFailed(FailureCode.PROBE_CRASHED, operation, text)
    return read(ended.output, operation)


def _values(
    found: Iperf3Report, operation: Operation, options: Mapping[str, object]
) -> dict[str, Json]:
    omitted = options["omit_seconds"]
    assert isinstance(omitted, int)
    named: dict[str, Json] = {
        "bps": found.rate_bps,
        "bytes": found.received_bytes,
        "window_seconds": found.window_seconds,
        "warmup_seconds": float(omitted),
        "min_rtt_seconds": found.min_rtt_seconds,
        "loaded_rtt_seconds": found.loaded_rtt_seconds,
        "retransmits_count": found.retransmits_count,
    }
    return {
        f"{operation.value}_{name}": value for name, value in named.items() if value is not None
    }
