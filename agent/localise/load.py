"""One direction filled by CUBIC flows, and what TCP itself saw meanwhile.

CUBIC (RFC 9438) fills the queue of the narrow link until it drops, so the queue can be seen. BBR
keeps it short. The sending side is asked for CUBIC: here by the socket, at the responder by a word
in the request; a far end that does not know it sends as it always does, and the result says how.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Final

from agent.localise.evidence import LoadSeen, Window
from agent.probes import Progress, Report, Request
from agent.throughput.client import DirectionResult, measure_direction
from agent.throughput.connect import Target
from agent.throughput.directions import Test
from agent.throughput.estimator import Sample
from agent.throughput.flow import Flow
from agent.throughput.handshake import CUBIC_QUERY, PACE_FIELD
from agent.throughput.limits import Limits
from agent.throughput.why import limited_by

RAMP_SECONDS: Final = 1.0
"""Before that the flows still look for the rate."""
REACHED_RATIO: Final = 0.95
_LOOK_SECONDS: Final = 0.1
_REPORT_SECONDS: Final = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What became of a load."""

    result: DirectionResult
    window: Window
    """In which the path was full, by its time; the ramp is left out."""
    seen: LoadSeen
    moved_bytes: int
    """Of the load in that window."""


class _Ticker:
    """Notes begin, end and TCP's round trips of a load."""

    def __init__(self, report: Report, test: Test, seconds: float) -> None:
        self.flows: Sequence[Flow] = ()
        self.rtts: list[float] = []
        self.samples: Sequence[Sample] = ()
        self._report, self._test, self._seconds = report, test, seconds
        self._next_look = RAMP_SECONDS
        self._next_report = 0.0

    def __call__(self, elapsed_seconds: float, samples: Sequence[Sample]) -> bool:
        """Take note of a tick; never ends the load."""
        self.samples = samples
        if elapsed_seconds >= self._next_look:
            self._next_look = elapsed_seconds + _LOOK_SECONDS
            self._look()
        if elapsed_seconds >= self._next_report:
            self._next_report = elapsed_seconds + _REPORT_SECONDS
            moved = 8 * samples[-1].total_bytes / max(elapsed_seconds, 1e-3)
            self._report(
                Progress(
                    phase=self._test,
                    elapsed_seconds=min(elapsed_seconds, self._seconds),
                    total_seconds=self._seconds,
                    text=f"{moved / 1e6:,.1f} Mbit/s",
                )
            )
        return False

    def _look(self) -> None:
        infos = [
            flow.tcp_info() if flow.sends else flow.peer_report and flow.peer_report.tcp
            for flow in self.flows
        ]
        found = [info.rtt_microseconds for info in infos if info and info.rtt_microseconds]
        if found:
            self.rtts.append(sum(found) / len(found) / 1e6)


def fill(
    target: Target,
    test: Test,
    *,
    flows: int,
    seconds: float,
    rate_bps: float | None,
    limits: Limits,
    request: Request,
    report: Report,
) -> Loaded:
    """Load one direction for ``seconds``, at ``rate_bps`` or as fast as it goes.

    Raises :class:`MeasurementFailed`, with partials.
    """
    ticker = _Ticker(report, test, seconds)
    pace_bps = None if rate_bps is None else max(1, round(rate_bps / flows))

    def on_open(opened: Sequence[Flow]) -> None:
        ticker.flows = opened
        for flow in opened:
            if flow.sends:
                flow.be_cubic()
                if pace_bps is not None:
                    flow.pace(pace_bps)

    query = CUBIC_QUERY if pace_bps is None else f"{CUBIC_QUERY}&{PACE_FIELD}={pace_bps}"
    result = measure_direction(
        [replace(target, queries={"download": query})],
        test,
        flows=flows,
        seconds=seconds,
        clock=request.clock,
        on_tick=ticker,
        on_open=on_open,
        limits=limits,
    )
    first, last = ticker.samples[0], ticker.samples[-1]
    window = Window(first.at_seconds + RAMP_SECONDS, last.at_seconds)
    inside = [sample for sample in ticker.samples if sample.at_seconds >= window.begin]
    moved = inside[-1].total_bytes - inside[0].total_bytes if inside else 0
    return Loaded(
        result=result,
        window=window,
        seen=_seen(test, result, ticker.rtts, rate_bps),
        moved_bytes=moved,
    )


def _seen(
    test: Test, result: DirectionResult, rtts: Sequence[float], rate_bps: float | None
) -> LoadSeen:
    base = result.min_rtt_seconds
    grew = max(0.0, median(rtts) - base) if rtts and base is not None else None
    reached = None if rate_bps is None else result.estimate.rate_bps >= REACHED_RATIO * rate_bps
    return LoadSeen(
        test=test,
        limited_by=limited_by(result.facts),
        tcp_inflation_seconds=grew,
        pace_reached=reached,
        congestion_control=result.congestion_control,
    )
