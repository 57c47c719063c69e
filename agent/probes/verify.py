"""Verify: does the path carry the required download speed? Few bytes, met or not met.

The responder offers a little more than the requirement, paced over N flows, and the test ends
as soon as the answer is clear. The figures say nothing of the capacity beyond the requirement,
so there is no ``download_bps`` here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from agent.failure import MeasurementFailed
from agent.probes import Findings, Progress, Report, Request
from agent.probes.throughput import (
    MAX_BYTES,
    WAN_DEVICE,
    WAN_INTERFACE,
    WAN_PORT,
    counters_of,
    watch_of,
)
from agent.target import parse_host_port
from agent.throughput.client import measure_direction
from agent.throughput.connect import resolve as resolve_target
from agent.throughput.estimator import Sample
from agent.throughput.flow import Flow
from agent.throughput.handshake import PACE_FIELD
from agent.throughput.limits import Allowance
from agent.throughput.verify import VERIFY, PathState, Verifier, beside_others
from wire.failure import FailureCode, Operation
from wire.measurement import Json
from wire.options import Option, resolve

TARGET: Final = "HOST:PORT of a responder"
FORM: Final = "host_port"
ONE_WAY: Final = True
OPTIONS: Final[Mapping[str, Option]] = {
    "required_mbps": Option(
        type=float,
        default=None,
        minimum=0.5,
        maximum=100_000,
        help="the speed to verify, which must be given (Mbit/s)",
    ),
    "flows": Option(
        type=int, default=4, minimum=1, maximum=16, help="parallel TCP flows (a number of flows)"
    ),
    "wan_interface": WAN_INTERFACE,
    "wan_device": WAN_DEVICE,
    "wan_port": WAN_PORT,
    "max_bytes": MAX_BYTES,
}


def probe(request: Request, report: Report) -> Findings:
    """Decide. ``request.target`` is HOST:PORT of a responder, which paces what it sends."""
    options = resolve(OPTIONS, request.options)
    host, port = parse_host_port(request.target)
    required, flows = options["required_mbps"], options["flows"]
    assert isinstance(flows, int)
    if not isinstance(required, float):
        raise MeasurementFailed(
            FailureCode.TARGET_INVALID, Operation.PREPARE, "required_mbps: found nothing, "
            "allowed is the speed to verify in Mbit/s",
        )  # fmt: skip
    required_bps = required * 1e6
    offered_bps = VERIFY.offer_ratio * required_bps
    most_bytes = options["max_bytes"]
    assert most_bytes is None or isinstance(most_bytes, int)
    context: dict[str, Json] = {"engine": "ndt7", "flows_count": flows, "method": _METHOD}
    counters = counters_of(options, request.clock)
    watch = watch_of(counters, context)
    allowance = Allowance(request.clock, request.deadline_seconds, most_bytes)
    sender = _Sender()
    verifier = Verifier(required_bps, sender.path)

    def on_tick(elapsed_seconds: float, samples: Sequence[Sample]) -> bool:
        if watch is not None:
            watch.tick(samples[-1].at_seconds)
        report(
            Progress(
                phase="verify",
                elapsed_seconds=min(elapsed_seconds, VERIFY.latest_seconds),
                total_seconds=VERIFY.latest_seconds,
                text=f"{verifier.answer.decision.value}",
            )
        )
        return verifier.tick(elapsed_seconds, samples)

    query = {"download": f"{PACE_FIELD}={offered_bps / flows:.0f}"}
    targets = resolve_target(host, port, request.token, allowance.left_seconds())
    found = measure_direction(
        [replace(target, queries=query) for target in targets],
        "download",
        flows=flows,
        seconds=VERIFY.latest_seconds,
        clock=request.clock,
        on_tick=on_tick,
        on_open=sender.open,
        limits=allowance.share(1),
    )
    rate = verifier.answer.estimate or found.estimate
    end = found.window[1]
    beside = watch and watch.beside(rate.rate_bps, "download", (end - rate.window_seconds, end))
    answer = beside_others(verifier.answer, required_bps, beside.during_bps if beside else None)
    if watch is not None:
        context |= watch.context()
        watch.close()
    if answer.reason is not None:
        context["undetermined_because"] = answer.reason.value
    if found.congestion_control is not None:
        context["download_congestion_control"] = found.congestion_control
    if beside:
        context["cross_traffic_during_bps"] = beside.during_bps
    return Findings(
        values={
            "verdict": answer.decision.value,
            "verify_required_bps": required_bps,
            "verify_offered_bps": offered_bps,
            "verify_rate_bps": rate.rate_bps,
            "verify_bytes": found.total_bytes,
            "verify_window_seconds": rate.window_seconds,
        },
        context=context,
        confidence={"verify_relative_half_width_ratio": rate.relative_half_width_ratio},
    )


class _Sender:
    """What the far end's kernel said last, of all flows together."""

    def __init__(self) -> None:
        self._flows: Sequence[Flow] = ()

    def open(self, flows: Sequence[Flow]) -> None:
        """Take the flows before they start."""
        self._flows = flows

    def path(self) -> PathState:
        """Sums and means over those that said anything."""
        reports = [flow.peer_report for flow in self._flows if flow.peer_report is not None]
        infos = [report.tcp for report in reports if report.tcp is not None]
        again = [info.bytes_retrans for info in infos if info.bytes_retrans is not None]
        least = [info.min_rtt_microseconds for info in infos if info.min_rtt_microseconds]
        rtts = [info.rtt_microseconds for info in infos if info.rtt_microseconds]
        return PathState(
            retransmitted_bytes=sum(again) if again else None,
            min_rtt_seconds=min(least) / 1e6 if least else None,
            rtt_seconds=sum(rtts) / len(rtts) / 1e6 if rtts else None,
        )


_METHOD: Final = (
    "offered 1.08 times the requirement, paced; met when the rate less its half width is 3 % above "
    "it, not met when the rate and its half width are 3 % below it, the rate does not grow and the "
    "path shows a queue or loss"
)
