"""Run one probe once and make a Measurement of whatever became of it."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random

from agent import __version__
from agent.clock import Clock
from agent.failure import MeasurementFailed, translate
from agent.probes import Findings, Probe, Report, Request
from wire.codec import clean_line
from wire.failure import Failure, Operation, Outcome
from wire.ids import NO_AGENT, uuid4, uuid7
from wire.measurement import Fields, Json, Measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who measures and where in its stream: set by the spool when the result is accepted."""

    agent_id: str = NO_AGENT
    stream: str
    seq: int


def measure(
    name: str, probe: Probe, request: Request, report: Report, segment: str | None = None
) -> Measurement:
    """Run ``probe`` and return its Measurement; failure is a result, so nothing is raised.

    The result carries a provisional identity (nil agent, new stream, seq 1); the spool gives
    it its place with :func:`accepted`.
    """
    clock, random = request.clock, request.random
    started_at, started = clock.now(), clock.monotonic_seconds()
    failure: Failure | None = None
    try:
        findings = probe(request, report)
    except MeasurementFailed as error:
        failure = error.failure
        findings = Findings(values=error.partial)
    except (OSError, MemoryError, ArithmeticError, LookupError, ValueError, TypeError) as error:
        failure = translate(error, Operation.RUN)
        findings = Findings(values={})
    return Measurement(
        result_id=uuid7(int(started_at.timestamp() * 1000), random.getrandbits(74)),
        agent_id=NO_AGENT,
        stream=uuid4(random.getrandbits(128)),
        seq=1,
        probe=name,
        target=clean_line(request.target),
        segment=segment,
        started_at=started_at,
        boot_id=clock.boot_id(),
        monotonic_start_seconds=started,
        duration_seconds=clock.monotonic_seconds() - started,
        outcome=Outcome.OK if failure is None else Outcome.FAILED,
        failure=failure,
        values=findings.values,
        context={**_standing_context(), **findings.context},
        confidence=findings.confidence,
    )


def accepted(
    measurement: Measurement, identity: Identity, clock: Clock, random: Random
) -> Measurement:
    """Give a result its id, its agent and its place in the stream."""
    return replace(
        measurement,
        result_id=uuid7(int(clock.now().timestamp() * 1000), random.getrandbits(74)),
        agent_id=identity.agent_id,
        stream=identity.stream,
        seq=identity.seq,
    )


def _standing_context() -> Fields:
    fields: Mapping[str, Json] = {
        "agent_version": __version__,
        "kernel": platform.release(),
        "machine": platform.machine(),
    }
    return fields


def not_tried(
    name: str, request: Request, failure: Failure, segment: str | None, context: Fields
) -> Measurement:
    """Make the result of a measurement that was put off: deferred, with the reason."""

    def refused(_request: Request, _report: Report) -> Findings:
        raise MeasurementFailed(failure.code, failure.operation, failure.text)

    made = measure(name, refused, request, lambda _progress: None, segment=segment)
    return replace(
        made,
        outcome=Outcome.DEFERRED,
        duration_seconds=0.0,
        context={**made.context, **context},
    )
