"""The client: connect N flows, run one direction, say what was found."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import process_time
from typing import Final

from agent.clock import Clock
from agent.failure import MeasurementFailed, translate
from agent.throughput.connect import Opened, Target, open_all
from agent.throughput.directions import Test
from agent.throughput.engine import FINISH_SECONDS, Engine, FlowEnded, OnTick, Stalled
from agent.throughput.estimator import Estimate, Sample, TooLittle, estimate, warmup_seconds
from agent.throughput.flow import POLICY_VIOLATION, Flow
from agent.throughput.framing import ProtocolViolation
from agent.throughput.limits import UNLIMITED, ByteLimit, Limits
from agent.throughput.payload import FrameStore
from agent.throughput.tcp_info import TcpInfo
from agent.throughput.why import Facts
from wire.failure import FailureCode, Operation

_LATE_ENOUGH_RATIO: Final = 0.8
"""A polite close of the far end after this share of the test ends it; before, it is a failure."""
_FEWEST_BYTES: Final = 20 * 1448
"""Twenty full segments: fewer cannot name a rate."""
_SHORTEST_SECONDS: Final = 0.5
"""Of a test whose deadline is near: half of it is warm-up, and ten samples are left."""
_ENDED: Final = {
    "closed": FailureCode.EARLY_CLOSE,
    "eof": FailureCode.EARLY_CLOSE,
    "reset": FailureCode.CONNECTION_RESET,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectionResult:
    """One direction of a test: the rate and what the flows knew at its end.

    Sums and means are over flows; None where neither kernel nor peer said.
    """

    test: Test
    estimate: Estimate
    window: tuple[float, float]
    """Begin and end of the part the rate is from, monotonic seconds."""
    total_bytes: int
    target: Target
    """The address that was used."""
    peer_bytes: int | None
    """Bytes that the far end counted on its side."""
    min_rtt_seconds: float | None
    rtt_seconds: float | None
    retransmit_ratio: float | None
    rwnd_limited_ratio: float | None
    sndbuf_limited_ratio: float | None
    cpu_ratio: float
    """Processor time of this process over the time of the test."""
    congestion_control: str | None
    """Of the sending side, where its kernel says."""
    out_of_bytes: bool
    """It ended because its bytes were used up."""

    @property
    def facts(self) -> Facts:
        """What it says of the limit of the rate."""
        return Facts(
            rwnd_limited_ratio=self.rwnd_limited_ratio,
            sndbuf_limited_ratio=self.sndbuf_limited_ratio,
            cpu_ratio=self.cpu_ratio,
            min_rtt_seconds=self.min_rtt_seconds,
            loaded_rtt_seconds=self.rtt_seconds,
            retransmit_ratio=self.retransmit_ratio,
        )


def measure_direction(
    targets: Sequence[Target],
    test: Test,
    *,
    flows: int,
    seconds: float,
    clock: Clock,
    on_tick: OnTick,
    on_open: Callable[[Sequence[Flow]], None] | None = None,
    limits: Limits = UNLIMITED,
) -> DirectionResult:
    """Run one direction for ``seconds``, or until ``on_tick`` says that it has seen enough.

    It ends earlier where ``limits`` say so. ``on_open`` is given the flows before they start.
    Raises :class:`MeasurementFailed`, with partials.
    """
    store = FrameStore(masked=True) if test == "upload" else None
    target, sockets = open_all(targets, test, flows, clock, limits)
    opened = [_flow(item, test, store, limits.flow_bytes(flows)) for item in sockets]
    engine = Engine(opened, clock)
    try:
        seconds = _time_left(seconds, limits, clock, Operation(test))
        if on_open is not None:
            on_open(opened)
        payload = _PayloadWatch(opened, warmup_seconds(seconds), on_tick)
        before = process_time()
        samples = _run(engine, seconds, payload, Operation(test))
        busy = process_time() - before
        found = _estimate(test, samples, payload)
        own = [flow.tcp_info() for flow in opened]
        for flow in opened:
            flow.allow_good_bye()
        # brings the far end's last word on what it counted
        engine.finish(limits.seconds(FINISH_SECONDS, clock))
        result = _result(test, target, found, samples, own, opened, busy)
        return replace(result, out_of_bytes=payload.out_of_bytes)
    finally:
        engine.close()


def _flow(opened: Opened, test: Test, store: FrameStore | None, most_bytes: int | None) -> Flow:
    quota = None if most_bytes is None else ByteLimit(most_bytes)
    return Flow(
        opened.sock, side="client", test=test, store=store, early=opened.early, quota=quota,
        spent="the bytes of this test are gone",
    )  # fmt: skip


def _time_left(seconds: float, limits: Limits, clock: Clock, operation: Operation) -> float:
    """How long data may flow so that the end is in time. Raises :class:`MeasurementFailed`."""
    left = limits.seconds(seconds + FINISH_SECONDS, clock) - FINISH_SECONDS
    if left < min(seconds, _SHORTEST_SECONDS):
        text = "connecting took what the deadline gives: no time is left for data"
        raise MeasurementFailed(FailureCode.TIMEOUT, operation, text)
    return left


class _PayloadWatch:
    """Counts binary payload after warm-up: measurement messages alone are no download."""

    def __init__(self, flows: Sequence[Flow], warmup: float, on_tick: OnTick) -> None:
        self._flows = flows
        self._warmup = warmup
        self._on_tick = on_tick
        self._before: int | None = None
        self.out_of_bytes = False
        """A flow has moved all that it may."""

    def __call__(self, elapsed_seconds: float, samples: Sequence[Sample]) -> bool:
        if self._before is None and elapsed_seconds >= self._warmup:
            self._before = self._total()
        self.out_of_bytes = any(flow.cut is not None for flow in self._flows)
        return self._on_tick(elapsed_seconds, samples) or self.out_of_bytes

    def after_warmup_bytes(self) -> int:
        """Payload received, or given to the kernel, since warm-up ended."""
        return self._total() - (self._before or 0)

    def _total(self) -> int:
        return sum(flow.app_bytes for flow in self._flows)


def _run(engine: Engine, seconds: float, on_tick: OnTick, operation: Operation) -> Sequence[Sample]:
    try:
        return engine.run(seconds, on_tick)
    except FlowEnded as error:
        elapsed = error.samples[-1].at_seconds - error.samples[0].at_seconds
        if error.flow.ended == "closed" and elapsed >= _LATE_ENOUGH_RATIO * seconds:
            return error.samples
        text = f"after {elapsed:.1f} of {seconds:g} s: {_cut_off(error.flow) or error}"
        raise _failed(_why(error.flow, operation), operation, text, error.samples) from error
    except Stalled as error:
        raise _failed(FailureCode.STALLED, operation, str(error), error.samples) from error


def _why(flow: Flow, operation: Operation) -> FailureCode:
    if isinstance(flow.trouble, ProtocolViolation):
        return FailureCode.PROTOCOL_ERROR
    if flow.ended == "broken" and flow.trouble is not None:
        if isinstance(flow.trouble, TimeoutError):  # the kernel gave up sending again
            return FailureCode.STALLED
        return translate(flow.trouble, operation).code
    if _cut_off(flow) is not None:
        return FailureCode.NOT_ADMITTED
    return _ENDED[flow.ended or "eof"]


def _cut_off(flow: Flow) -> str | None:
    """What the far end said when it allowed no more, made one printable line; else None."""
    if int.from_bytes(flow.farewell[:2], "big") != POLICY_VIOLATION:
        return None
    said = flow.farewell[2:].decode("ascii", "replace")
    return "the responder cut it off: " + "".join(c if " " <= c <= "~" else "?" for c in said)


def _estimate(test: Test, samples: Sequence[Sample], payload: _PayloadWatch) -> Estimate:
    operation = Operation(test)
    took = samples[-1].at_seconds - samples[0].at_seconds
    try:
        found = estimate(samples, warmup_seconds(took))
    except TooLittle as error:
        moved = samples[-1].total_bytes - samples[0].total_bytes
        code = FailureCode.TOO_SLOW if moved else FailureCode.STALLED
        text = str(error)
        if payload.out_of_bytes:
            code = FailureCode.BUDGET_SPENT
            text = f"its bytes were used up after {took:.2f} s, too early to name a rate: {text}"
        raise _failed(code, operation, text, samples) from error
    moved = min(found.window_bytes, payload.after_warmup_bytes())
    if moved < _FEWEST_BYTES:
        text = f"{moved} bytes of data in {found.window_seconds:.1f} s are too few for a rate"
        raise _failed(FailureCode.TOO_SLOW, operation, text, samples)
    return found


def _result(
    test: Test,
    target: Target,
    found: Estimate,
    samples: Sequence[Sample],
    own: Sequence[TcpInfo | None],
    flows: Sequence[Flow],
    cpu_seconds: float,
) -> DirectionResult:
    reports = [flow.peer_report for flow in flows if flow.peer_report is not None]
    senders = own if test == "upload" else [report.tcp for report in reports]
    infos = [info for info in senders if info is not None]
    counted = [report.app_bytes for report in reports if report.app_bytes is not None]

    def column(name: str) -> list[int]:
        values = (getattr(info, name) for info in infos)
        return [value for value in values if value is not None]

    min_rtts, rtts, busy = (
        column("min_rtt_microseconds"),
        column("rtt_microseconds"),
        column("busy_microseconds"),
    )
    return DirectionResult(
        test=test,
        estimate=found,
        window=(samples[-1].at_seconds - found.window_seconds, samples[-1].at_seconds),
        total_bytes=samples[-1].total_bytes,
        target=target,
        peer_bytes=sum(counted) if len(counted) == len(flows) else None,
        min_rtt_seconds=min(min_rtts) / 1e6 if min_rtts else None,
        rtt_seconds=sum(rtts) / len(rtts) / 1e6 if rtts else None,
        retransmit_ratio=_ratio(column("bytes_retrans"), column("bytes_sent")),
        rwnd_limited_ratio=_ratio(column("rwnd_limited_microseconds"), busy),
        sndbuf_limited_ratio=_ratio(column("sndbuf_limited_microseconds"), busy),
        cpu_ratio=min(1.0, cpu_seconds / (samples[-1].at_seconds - samples[0].at_seconds)),
        congestion_control=_congestion_control(test, flows),
        out_of_bytes=False,
    )


def _congestion_control(test: Test, flows: Sequence[Flow]) -> str | None:
    if test == "upload":
        names = {flow.congestion_control() for flow in flows}
    else:
        names = {flow.peer_report.congestion_control for flow in flows if flow.peer_report}
    return " ".join(sorted(name for name in names if name is not None)) or None


def _ratio(parts: Sequence[int], wholes: Sequence[int]) -> float | None:
    if not parts or not sum(wholes):
        return None
    return min(1.0, sum(parts) / sum(wholes))


def _failed(
    code: FailureCode, operation: Operation, text: str, samples: Sequence[Sample]
) -> MeasurementFailed:
    partial = {
        f"{operation.value}_bytes": samples[-1].total_bytes,
        f"{operation.value}_elapsed_seconds": samples[-1].at_seconds - samples[0].at_seconds,
    }
    return MeasurementFailed(code, operation, text, partial)
