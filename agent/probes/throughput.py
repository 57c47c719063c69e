"""Throughput: goodput of N parallel TCP flows to an ndt7 responder, both directions.

The figures are TCP goodput in bits per second: bytes of the TCP stream that arrived, divided
by time, warm-up discarded. Download is counted here, upload from the bytes that the far
end's kernel acknowledged; never from bytes written.
"""

from collections.abc import Mapping, Sequence
from socket import AF_INET6
from time import sleep
from typing import Final

from agent.clock import Clock
from agent.context import Counters, InterfaceCounters, Watch
from agent.failure import MeasurementFailed
from agent.probes import Findings, Progress, Report, Request
from agent.target import parse_host_port
from agent.throughput.client import DirectionResult, measure_direction
from agent.throughput.connect import resolve as resolve_target
from agent.throughput.directions import DIRECTION, Test, tests_of
from agent.throughput.estimator import Sample
from agent.throughput.limits import Allowance
from agent.throughput.stop import LONGEST_SECONDS, converged
from agent.throughput.why import limited_by, queue_seconds, signs
from wire.failure import FailureCode, Operation
from wire.measurement import Json
from wire.options import Option, Scalar, resolve

TARGET: Final = "HOST:PORT of an ndt7 server without TLS"
FORM: Final = "host_port"
WAN_DEVICE: Final = Option(
    type=str,
    default=None,
    help="the router, read over SNMP, instead of wan_interface (an address in the access file)",
    form="endpoint",
)
WAN_PORT: Final = Option(
    type=str,
    default=None,
    help="its port that all traffic of the school crosses (ifName, ifAlias, ifDescr or ifIndex)",
)
MAX_BYTES: Final = Option(
    type=int,
    default=None,
    minimum=1_000_000,
    maximum=1_000_000_000_000,
    help="most that the whole test may move; it ends before it would pass that (bytes)",
)
WAN_INTERFACE: Final = Option(
    type=str,
    default=None,
    help="interface of this machine that all traffic of the school crosses; with it the "
    "traffic of others and the capacity of the line are measured too (a name)",
)
OPTIONS: Final[Mapping[str, Option]] = {
    "flows": Option(
        type=int, default=4, minimum=1, maximum=16, help="parallel TCP flows (a number of flows)"
    ),
    "seconds": Option(
        type=float,
        default=None,
        minimum=1,
        maximum=LONGEST_SECONDS,
        help="length of the test in each direction, warm-up included; without it a test ends "
        "when its estimate has converged, after 1.5 to 10 s (seconds)",
    ),
    "direction": DIRECTION,
    "wan_interface": WAN_INTERFACE,
    "wan_device": WAN_DEVICE,
    "wan_port": WAN_PORT,
    "max_bytes": MAX_BYTES,
}

_SHOWN_SECONDS: Final = 1.0
_REPORT_SECONDS: Final = 0.25
_BEFORE_SECONDS: Final = 0.5


def probe(request: Request, report: Report) -> Findings:
    """Measure. ``request.target`` is HOST:PORT of an ndt7 server without TLS."""
    options = resolve(OPTIONS, request.options)
    host, port = parse_host_port(request.target)
    flows, seconds, direction = options["flows"], options["seconds"], options["direction"]
    most_bytes = options["max_bytes"]
    assert isinstance(flows, int)
    assert most_bytes is None or isinstance(most_bytes, int)
    assert seconds is None or isinstance(seconds, float)
    counters = counters_of(options, request.clock)
    wanted = tests_of(direction)
    allowance = Allowance(request.clock, request.deadline_seconds, most_bytes)
    targets = resolve_target(host, port, request.token, allowance.left_seconds())
    values: dict[str, Json] = {}
    confidence: dict[str, Json] = {}
    context: dict[str, Json] = {}
    first = watch_of(counters, context)
    counters = None if first is None else counters
    context |= _before(first, request.clock)
    for number, test in enumerate(wanted):
        ticker = Ticker(report, test, seconds, Watch(counters) if counters else None)
        try:
            found = measure_direction(
                targets,
                test,
                flows=flows,
                seconds=ticker.longest_seconds,
                clock=request.clock,
                on_tick=ticker,
                limits=allowance.share(len(wanted) - number),
            )
        except MeasurementFailed as error:
            error.partial = {**values, **error.partial}
            if first is not None:
                first.close()
            raise
        allowance.spend(found.total_bytes, flows)
        # the second direction uses the address that worked for the first
        targets = [found.target]
        values |= direction_values(found)
        confidence |= direction_confidence(found)
        context |= direction_context(found)
        if ticker.watch is not None:
            beside = ticker.watch.beside(found.estimate.rate_bps, test, found.window)
            values |= {} if beside is None else {f"{test}_capacity_bps": beside.capacity_bps}
            context |= {} if beside is None else {_DURING[test]: beside.during_bps}
            context |= ticker.watch.context()
            if beside is not None and beside.error_ratio is not None:
                context[f"{test}_capacity_error_ratio"] = beside.error_ratio
    if first is not None:
        first.close()
    context |= {
        "engine": "ndt7",
        "flows_count": flows,
        "stop_rule": "converged" if seconds is None else "fixed",
        "method": _METHOD,
        "address_family": "ipv6" if targets[0].family == AF_INET6 else "ipv4",
    }
    return Findings(values=values, context=context, confidence=confidence)


def counters_of(options: Mapping[str, Scalar], clock: Clock) -> Counters | None:
    """Give the counters that the options name. Raises MeasurementFailed for what cannot be."""
    interface = options["wan_interface"]
    if isinstance(interface, str):
        return InterfaceCounters(interface, clock.monotonic_seconds)
    named = router_port(options)
    if named is None:
        return None
    from agent.snmp.wan import SnmpCounters  # noqa: PLC0415 - few tests read a router

    return SnmpCounters(*named, clock)


def router_port(options: Mapping[str, Scalar]) -> tuple[str, str] | None:
    """Give router and port that the options name. Raises MeasurementFailed for half of it."""
    device, port = options["wan_device"], options["wan_port"]
    if device is None and port is None:
        return None
    if not isinstance(device, str) or not isinstance(port, str):
        text = "wan_device and wan_port: found one without the other, allowed is both or neither"
        raise MeasurementFailed(FailureCode.TARGET_INVALID, Operation.PREPARE, text)
    return device, port


_METHOD: Final = (
    "TCP goodput; warm-up discarded; least-squares slope of bytes received (download) or "
    "acknowledged by the far end (upload) over time"
)


_DURING: Final = {
    "download": "cross_traffic_during_bps",
    "upload": "upload_cross_traffic_during_bps",
}


def watch_of(counters: Counters | None, context: dict[str, Json]) -> Watch | None:
    """Begin to read counters. A device that does not answer spoils no test: it is said so."""
    if counters is None:
        return None
    try:
        return Watch(counters)
    except MeasurementFailed as error:
        context["cross_traffic_unknown"] = str(error.failure)
        return None


def _before(watch: Watch | None, clock: Clock) -> dict[str, Json]:
    """Look at the line for a moment before the test, where there are counters."""
    if watch is None:
        return {}
    begin = clock.monotonic_seconds()
    sleep(_BEFORE_SECONDS)
    watch.tick(clock.monotonic_seconds())
    window = (watch.readings[0].at_seconds, clock.monotonic_seconds())
    seen = {
        "cross_traffic_before_bps": watch.rate_bps("download", window),
        "upload_cross_traffic_before_bps": watch.rate_bps("upload", window),
    }
    return {
        "cross_traffic_source": watch.source,
        "cross_traffic_before_seconds": clock.monotonic_seconds() - begin,
        **{name: value for name, value in seen.items() if value is not None},
    }


class Ticker:
    """Tells a person the rate of the last second, four times a second; reads the counters.

    Without ``seconds`` it ends the test when the estimate has converged.
    """

    def __init__(
        self, report: Report, test: Test, seconds: float | None, watch: Watch | None
    ) -> None:
        self.watch = watch
        self.longest_seconds = LONGEST_SECONDS if seconds is None else seconds
        self._adaptive = seconds is None
        self._report = report
        self._test = test
        self._next = 0.0

    def __call__(self, elapsed_seconds: float, samples: Sequence[Sample]) -> bool:
        """Take note of a tick; say whether the test has seen enough."""
        if self.watch is not None:
            self.watch.tick(samples[-1].at_seconds)
        if elapsed_seconds >= self._next:
            self._next = elapsed_seconds + _REPORT_SECONDS
            self._report(
                Progress(
                    phase=self._test,
                    elapsed_seconds=min(elapsed_seconds, self.longest_seconds),
                    total_seconds=self.longest_seconds,
                    text=f"{_recent_bps(samples) / 1e6:,.1f} Mbit/s",
                )
            )
        return self._adaptive and converged(samples)


def _recent_bps(samples: Sequence[Sample]) -> float:
    last = samples[-1]
    first = next(
        sample for sample in samples if sample.at_seconds >= last.at_seconds - _SHOWN_SECONDS
    )
    if last.at_seconds <= first.at_seconds:
        return 0.0
    return 8 * (last.total_bytes - first.total_bytes) / (last.at_seconds - first.at_seconds)


def direction_values(found: DirectionResult) -> dict[str, Json]:
    """Give the values of one direction under their names in a record."""
    named: dict[str, Json] = {
        "bps": found.estimate.rate_bps,
        "bytes": found.total_bytes,
        "peer_bytes": found.peer_bytes,
        "window_seconds": found.estimate.window_seconds,
        "warmup_seconds": found.estimate.warmup_seconds,
        "min_rtt_seconds": found.min_rtt_seconds,
        "loaded_rtt_seconds": found.rtt_seconds,
        "retransmit_ratio": found.retransmit_ratio,
        "rwnd_limited_ratio": found.rwnd_limited_ratio,
        "sndbuf_limited_ratio": found.sndbuf_limited_ratio,
        "cpu_ratio": found.cpu_ratio,
        "queue_seconds": queue_seconds(found.facts),
        "limited_by": limited_by(found.facts),
        "full_path_signs": " ".join(signs(found.facts)) or None,
    }
    return {f"{found.test}_{name}": value for name, value in named.items() if value is not None}


def direction_context(found: DirectionResult) -> dict[str, Json]:
    """Give what else belongs to one direction, under its names in a record."""
    named: dict[str, Json] = {
        "congestion_control": found.congestion_control,
        "out_of_bytes": True if found.out_of_bytes else None,
    }
    return {f"{found.test}_{name}": value for name, value in named.items() if value is not None}


def direction_confidence(found: DirectionResult) -> dict[str, Json]:
    """Give how much the rate of one direction varied, under its names in a record."""
    return {
        f"{found.test}_windows_count": found.estimate.windows_count,
        f"{found.test}_relative_half_width_ratio": found.estimate.relative_half_width_ratio,
    }
