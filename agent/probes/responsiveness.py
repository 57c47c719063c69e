"""Responsiveness: round trips on the idle line and while it is full, each direction by itself.

The method is that of draft-ietf-ippm-responsiveness-09 in its TCP-only case, with the deviations
that docs/methods.md lists; the figures are not to be compared with those of other tools.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from socket import AF_INET6
from statistics import median
from typing import Final

from agent.clock import Clock
from agent.failure import MeasurementFailed
from agent.probes import Findings, Progress, Report, Request
from agent.probes.throughput import MAX_BYTES
from agent.target import parse_host_port
from agent.throughput.client import DirectionResult, measure_direction
from agent.throughput.connect import CONNECT_SECONDS, Target
from agent.throughput.connect import resolve as resolve_target
from agent.throughput.directions import DIRECTION, Test, tests_of
from agent.throughput.foreign import TIMEOUT_SECONDS, ForeignProber
from agent.throughput.handshake import PROMPT_QUERY
from agent.throughput.limits import Allowance, Limits
from agent.throughput.loaded import Loaded
from agent.throughput.why import limited_by
from agent.throughput.working_latency import (
    RULES,
    Kind,
    RoundTrip,
    rpm,
    seconds_of,
    trimmed_mean,
)
from agent.web.dial import dial
from wire.failure import FailureCode, Operation
from wire.measurement import Json
from wire.options import Option, resolve

TARGET: Final = "HOST:PORT of a responder"
FORM: Final = "host_port"
OPTIONS: Final[Mapping[str, Option]] = {
    "flows": Option(
        type=int,
        default=4,
        minimum=1,
        maximum=16,
        help="parallel TCP flows that fill the line (a number of flows)",
    ),
    "seconds": Option(
        type=float,
        default=6.0,
        minimum=2,
        maximum=10,
        help="longest load in each direction; it ends earlier when the figures settle (seconds)",
    ),
    "direction": DIRECTION,
    "max_bytes": MAX_BYTES,
}
REVISION: Final = "draft-ietf-ippm-responsiveness-09"
IDLE_PROBES: Final = 10
_METHOD: Final = (
    f"{REVISION}, TCP only, intervals of {RULES.interval_seconds:g} s, all flows from the start; "
    "new connections, requests and WebSocket pings beside an ndt7 load; not to be compared with "
    "the figures of other tools"
)


def probe(request: Request, report: Report) -> Findings:
    """Measure. ``request.target`` is HOST:PORT of a responder."""
    options = resolve(OPTIONS, request.options)
    host, port = parse_host_port(request.target)
    flows, seconds, direction = options["flows"], options["seconds"], options["direction"]
    assert isinstance(flows, int)
    assert isinstance(seconds, float)
    most_bytes = options["max_bytes"]
    assert most_bytes is None or isinstance(most_bytes, int)
    allowance = Allowance(request.clock, request.deadline_seconds, most_bytes)
    wanted = tests_of(direction)
    target = _reachable(resolve_target(host, port, request.token), request.clock)
    idle_seconds, values = _idle(target, request.clock, report)
    confidence: dict[str, Json] = {}
    for number, test in enumerate(wanted):
        limits = allowance.share(len(wanted) - number)
        run = _Run(target, test, flows, seconds, idle_seconds, limits)
        try:
            found = run.measure(request, report)
        except MeasurementFailed as error:
            error.partial = {**values, **error.partial}
            raise
        moved = found[0][f"{test}_bytes"]
        assert isinstance(moved, int)
        allowance.spend(moved, flows)
        values |= found[0]
        confidence |= found[1]
    context: dict[str, Json] = {
        "engine": "ndt7",
        "revision": REVISION,
        "flows_count": flows,
        "interval_seconds": RULES.interval_seconds,
        "address_family": "ipv6" if target.family == AF_INET6 else "ipv4",
        "method": _METHOD,
    }
    return Findings(values=values, context=context, confidence=confidence)


def _reachable(targets: Sequence[Target], clock: Clock) -> Target:
    """Give the first address that answers. Raises the failure of the last."""
    failure: MeasurementFailed | None = None
    for target in targets:
        try:
            dial(target.address, CONNECT_SECONDS / 2, clock).sock.close()
        except MeasurementFailed as error:
            failure = error
            continue
        queries = {"download": PROMPT_QUERY, "upload": PROMPT_QUERY}
        return replace(target, queries=queries)
    assert failure is not None
    raise failure


def _idle(target: Target, clock: Clock, report: Report) -> tuple[float, dict[str, Json]]:
    """Round trips before any load: their median, and all values of this part."""
    trips: list[RoundTrip] = []
    total = IDLE_PROBES * RULES.probe_seconds
    report(Progress(phase="idle", elapsed_seconds=0.0, total_seconds=total, text="round trips"))
    prober = ForeignProber(target, clock, trips.append, limit=IDLE_PROBES)
    prober.start()
    prober.join(total + TIMEOUT_SECONDS + 1.0)
    prober.stop()
    prober.join()
    values: dict[str, Json] = {
        "idle_probes_count": prober.finished,
        **_lost("idle", prober.lost),
    }
    if not prober.finished:
        code = prober.lost.most_common(1)[0][0] if prober.lost else FailureCode.NO_REPLY
        reached = bool(seconds_of(trips, Kind.CONNECT))
        text = (
            f"none of {prober.sent} requests on the idle line was answered in HTTP within "
            f"{TIMEOUT_SECONDS:g} s: is the responder running, is a filter in between?"
        )
        operation = Operation.RECEIVE if reached else Operation.CONNECT
        raise MeasurementFailed(code, operation, text, values)
    middle = median([trip.seconds for trip in trips])
    return middle, {"idle_rtt_median_seconds": middle, **values}


@dataclass(frozen=True, slots=True)
class _Run:
    """One direction."""

    target: Target
    test: Test
    flows: int
    seconds: float
    idle_seconds: float
    limits: Limits

    def measure(self, request: Request, report: Report) -> tuple[dict[str, Json], dict[str, Json]]:
        """Load and probe; give values and confidence. Raises with what was found as partial."""

        def on_interval(elapsed_seconds: float, found: float | None) -> None:
            text = "filling the line" if found is None else f"{found:,.0f} round trips a minute"
            elapsed = min(elapsed_seconds, self.seconds)
            report(
                Progress(
                    phase=self.test,
                    elapsed_seconds=elapsed,
                    total_seconds=self.seconds,
                    text=text,
                )
            )

        loaded = Loaded(self.target, request.clock, request.random, self.seconds, on_interval)
        try:
            load = measure_direction(
                [self.target],
                self.test,
                flows=self.flows,
                seconds=self.seconds,
                clock=request.clock,
                on_tick=loaded.tick,
                on_open=loaded.open,
                limits=self.limits,
            )
        except MeasurementFailed as error:
            loaded.close()
            error.partial = {**self._counts(loaded), **error.partial}
            raise
        finally:
            loaded.close()
        return self._values(loaded, load), self._confidence(loaded)

    def _values(self, loaded: Loaded, load: DirectionResult) -> dict[str, Json]:
        trips = loaded.counted()
        beside = {**self._counts(loaded), f"{self.test}_bytes": load.total_bytes}
        if not trips:
            raise MeasurementFailed(
                FailureCode.NO_REPLY,
                Operation(self.test),
                f"no probe of the last {RULES.distance * RULES.interval_seconds:g} s was answered "
                f"while {load.estimate.rate_bps / 1e6:.1f} Mbit/s flowed",
                beside,
            )
        working = median([trip.seconds for trip in trips])
        named: dict[str, float | None] = {
            "responsiveness_rpm": rpm(trips),
            "working_rtt_median_seconds": working,
            "rtt_inflation_seconds": max(0.0, working - self.idle_seconds),
            "connect_rtt_seconds": _mean(trips, Kind.CONNECT),
            "request_rtt_seconds": _mean(trips, Kind.REQUEST),
            "ping_rtt_seconds": _mean(trips, Kind.LOADED),
            "tcp_rtt_seconds": loaded.tcp_rtt_seconds(),
            "load_bps": load.estimate.rate_bps,
        }
        figures: dict[str, Json] = {k: value for k, value in named.items() if value is not None}
        if (limit := limited_by(load.facts)) is not None:
            figures["limited_by"] = limit.value
        return {**{f"{self.test}_{name}": value for name, value in figures.items()}, **beside}

    def _counts(self, loaded: Loaded) -> dict[str, Json]:
        return {
            f"{self.test}_foreign_probes_count": loaded.prober.finished,
            f"{self.test}_ping_probes_count": loaded.pings_answered,
            f"{self.test}_syn_retransmitted_count": loaded.prober.syn_retransmitted,
            f"{self.test}_unfinished_probes_count": loaded.unfinished,
            **_lost(self.test, loaded.lost),
        }

    def _confidence(self, loaded: Loaded) -> dict[str, Json]:
        return {
            f"{self.test}_goodput_confidence": loaded.stages.goodput_confidence.value,
            f"{self.test}_rpm_confidence": loaded.stages.rpm_confidence.value,
            f"{self.test}_intervals_count": loaded.stages.intervals,
        }


def _mean(trips: Sequence[RoundTrip], kind: Kind) -> float | None:
    lengths = seconds_of(trips, kind)
    return trimmed_mean(lengths) if lengths else None


def _lost(phase: str, lost: Counter[FailureCode]) -> dict[str, Json]:
    """How many probes were lost, and how: the codes with their numbers."""
    found = {f"{phase}_lost_probes_count": sum(lost.values())}
    how = ", ".join(f"{code.value} {number}" for code, number in sorted(lost.items()) if number)
    return {**found, f"{phase}_lost_probes": how} if how else {**found}
