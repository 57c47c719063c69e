"""Ookla's Speedtest through speedtest-cli, believed only as far as bytes and statuses were seen.

The licence of Ookla's service is for personal, non-commercial use; a city needs Ookla's
permission. Nothing is sent until ``accept_terms`` says so. The target is www.speedtest.net, or
http(s)://HOST[:PORT] of a private server that answers like it.
"""

import json
import sys
from collections.abc import Mapping
from typing import Any, Final

from agent.engines import process, services
from agent.failure import MeasurementFailed
from agent.probes import Findings, Progress, Report, Request
from agent.target_url import parse_url
from agent.throughput.directions import DIRECTION
from wire.failure import FailureCode, Operation
from wire.measurement import Json
from wire.options import Option, resolve

COMMAND: Final = (sys.executable, "-m", "agent.engines.ookla_child")
SERVICE_HOST: Final = "www.speedtest.net"
PREPARE_SECONDS: Final = 30.0
"""For configuration, list of servers and latency tests, each with its own time-outs."""
SPARE_SECONDS: Final = 10.0
MAX_OUTPUT_BYTES: Final = 200_000

TARGET: Final = "www.speedtest.net, or the URL of a private stand-in"
FORM: Final = "service"
OPTIONS: Final[Mapping[str, Option]] = {
    "accept_terms": services.consent("ookla"),
    "seconds": Option(
        type=float, default=10.0, minimum=1, maximum=15, help="longest duration of a direction (s)"
    ),
    "direction": DIRECTION,
}


def probe(request: Request, report: Report) -> Findings:
    """Measure. ``request.target`` is www.speedtest.net or the URL of a private stand-in."""
    options = resolve(OPTIONS, request.options)
    services.require("ookla", options["accept_terms"])
    seconds = options["seconds"]
    assert isinstance(seconds, float)
    limit = min(PREPARE_SECONDS + 2 * seconds + SPARE_SECONDS, request.deadline_seconds)
    given = {
        "base": _base(request.target),
        "seconds": seconds,
        "direction": options["direction"],
    }
    report(Progress(phase="speedtest", elapsed_seconds=0.0, total_seconds=limit, text="running"))
    ended = process.run(
        COMMAND,
        limit_seconds=limit,
        max_bytes=MAX_OUTPUT_BYTES,
        clock=request.clock,
        stdin=json.dumps(given).encode() + b"\n",
        environment={"no_proxy": "*", "PYTHONWARNINGS": "ignore"},  # straight, not by a proxy
    )
    said = _last(ended.output)
    if said.get("final") is not True:
        raise _unfinished(ended, said)
    values, failure = _fields(said.get("values")), said.get("failure")
    if failure is not None:
        raise MeasurementFailed(
            FailureCode(failure[0]), Operation(failure[1]), str(failure[2]), values
        )
    return Findings(
        values=values,
        context={
            "engine": "ookla",
            "engine_version": "speedtest-cli",
            "test_seconds": seconds,
            "method": "bytes of good answers (download) or acknowledged by the server's kernel "
            "(upload), warm-up discarded, least-squares slope; *_library_bps is speedtest-cli's "
            "own figure",
            **_fields(said.get("context")),
        },
        confidence=_fields(said.get("confidence")),
    )


def _base(target: str) -> str:
    if target == SERVICE_HOST:
        return f"https://{SERVICE_HOST}"
    url = parse_url(target, http_allowed=True)
    if url.path != "/":
        text = f"target: allowed is {SERVICE_HOST}, or http(s)://HOST[:PORT] without a path"
        raise MeasurementFailed(FailureCode.TARGET_INVALID, Operation.PREPARE, text)
    return f"{url.scheme}://{url.authority}"


def _last(output: bytes) -> Mapping[str, Any]:
    """Read the last whole line."""
    lines = output.split(b"\n")[:-1]
    try:
        said = json.loads(lines[-1]) if lines else {}
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _unfinished(ended: process.Ended, said: Mapping[str, Any]) -> MeasurementFailed:
    partial = _fields(said.get("partial"))
    if ended.late:
        text = "it did not end within its time"
        return MeasurementFailed(FailureCode.TIMEOUT, Operation.RUN, text, partial)
    last = ended.errors.decode("utf-8", "replace").strip().splitlines()[-1:] or ["nothing"]
    shown = "".join(char if char.isprintable() else "?" for char in last[0])[:200]
    text = f"the process of speedtest-cli ended with {ended.returncode} and said: {shown}"
    return MeasurementFailed(FailureCode.PROBE_CRASHED, Operation.RUN, text, partial)


def _fields(given: object) -> dict[str, Json]:
    return given if isinstance(given, dict) else {}
