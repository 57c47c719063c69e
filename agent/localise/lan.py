"""Goodput against a responder inside the school, to compare the segments of the path."""

from collections.abc import Sequence

from agent.failure import MeasurementFailed
from agent.probes import Report, Request
from agent.probes.throughput import Ticker
from agent.target import parse_host_port
from agent.throughput.client import measure_direction
from agent.throughput.connect import resolve as resolve_target
from agent.throughput.directions import Test
from agent.throughput.estimator import Estimate


def lan_rates(
    target: str, tests: Sequence[Test], flows: int, request: Request, report: Report
) -> tuple[dict[Test, Estimate], str]:
    """Measure each direction until its estimate has converged; give what failed, in words.

    A responder inside that does not answer spoils nothing but the comparison. Its bytes do not
    cross the line, so no budget of the line counts them. No token is shown: it is for another.
    """
    found: dict[Test, Estimate] = {}
    try:
        host, port = parse_host_port(target)
        targets = resolve_target(host, port)
        for test in tests:
            ticker = Ticker(report, test, None, None)
            result = measure_direction(
                targets,
                test,
                flows=flows,
                seconds=ticker.longest_seconds,
                clock=request.clock,
                on_tick=ticker,
            )
            found[test] = result.estimate
            targets = [result.target]
    except MeasurementFailed as error:
        return found, str(error)[:200]
    return found, ""
