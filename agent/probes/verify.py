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
from agent.target import parse_host_port
from agent.throughput.client import measure_direction
from agent.throughput.connect import resolve as resolve_target
from agent.throughput.estimator import Sample
from agent.throughput.handshake import PACE_FIELD
from agent.throughput.verify import VERIFY, Verifier, confirmed
from wire.failure import FailureCode, Operation
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
    verifier = Verifier(required_bps)

    def on_tick(elapsed_seconds: float, samples: Sequence[Sample]) -> bool:
        report(
            Progress(
                phase="verify",
                elapsed_seconds=min(elapsed_seconds, VERIFY.latest_seconds),
                total_seconds=VERIFY.latest_seconds,
                text=f"{verifier.decision.value}",
            )
        )
        return verifier.tick(elapsed_seconds, samples)

    query = {"download": f"{PACE_FIELD}={offered_bps / flows:.0f}"}
    found = measure_direction(
        [replace(target, queries=query) for target in resolve_target(host, port, request.token)],
        "download",
        flows=flows,
        seconds=VERIFY.latest_seconds,
        clock=request.clock,
        on_tick=on_tick,
    )
    rate = verifier.estimate or found.estimate
    decision = confirmed(
        verifier.decision,
        retransmit_ratio=found.retransmit_ratio,
        min_rtt_seconds=found.min_rtt_seconds,
        loaded_rtt_seconds=found.rtt_seconds,
    )
    return Findings(
        values={
            "verdict": decision.value,
            "verify_required_bps": required_bps,
            "verify_offered_bps": offered_bps,
            "verify_rate_bps": rate.rate_bps,
            "verify_bytes": found.total_bytes,
            "verify_window_seconds": rate.window_seconds,
        },
        context={"engine": "ndt7", "flows_count": flows, "method": _METHOD},
        confidence={"verify_relative_half_width_ratio": rate.relative_half_width_ratio},
    )


_METHOD: Final = (
    "offered 1.08 times the requirement, paced; met when the rate less its half width (at least "
    "1.5 %) reaches it, not met when the rate and its half width stay below and the path shows a "
    "queue or loss"
)
