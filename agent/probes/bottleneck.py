"""Bottleneck: which link of the path fills when a test loads it, each direction by itself.

Values: for each direction ``*_verdict`` (``link``, ``range``, ``none``, ``cannot_tell``),
``*_reason``, ``*_from_hop_count`` and ``*_to_hop_count`` with their addresses,
``*_inflation_seconds`` end to end with ``*_inflation_error_seconds``, ``*_tcp_inflation_seconds``,
``*_load_bps``, ``*_bytes``, ``*_limited_by``, ``*_counters``; ``hops``, with what each showed.
:mod:`agent.localise.decide` is the rule, docs/methods.md says what it cannot see.

With ``lan_target`` the same directions are measured against a responder inside the school before:
``lan_download_bps``, ``lan_upload_bps`` and ``*_segment``.
"""

from collections.abc import Callable, Mapping
from socket import AF_INET6
from typing import Final

from agent.failure import MeasurementFailed
from agent.localise.decide import Verdict, decide
from agent.localise.figures import direction_values, hop_values, summary
from agent.localise.lan import lan_rates
from agent.localise.load import Loaded
from agent.localise.observe import Observation, Plan, observe
from agent.localise.segments import compare
from agent.network_card import card_towards
from agent.probes import Findings, Progress, Report, Request
from agent.probes.throughput import MAX_BYTES, WAN_PORT, router_port
from agent.target import parse_host_port
from agent.throughput.connect import first_reachable
from agent.throughput.connect import resolve as resolve_target
from agent.throughput.directions import DIRECTION, Test, tests_of
from agent.throughput.estimator import Estimate
from agent.throughput.limits import Allowance
from wire.measurement import Json
from wire.options import Option, Scalar, resolve

TARGET: Final = "HOST:PORT of a responder"
FORM: Final = "host_port"
OPTIONS: Final[Mapping[str, Option]] = {
    "flows": Option(
        type=int,
        default=4,
        minimum=1,
        maximum=16,
        help="parallel TCP flows that fill the path (a number of flows)",
    ),
    "seconds": Option(
        type=float,
        default=4.0,
        minimum=2.5,
        maximum=10,
        help="length of the load in each direction (seconds)",
    ),
    "rate_mbps": Option(
        type=float,
        default=None,
        minimum=0.5,
        maximum=100_000,
        help="rate of the load; without it the flows take all they get (Mbit/s)",
    ),
    "direction": DIRECTION,
    "interval_seconds": Option(
        type=float,
        default=0.05,
        minimum=0.02,
        maximum=1,
        help="time from one echo to a hop to the next to the same (seconds)",
    ),
    "lan_target": Option(
        type=str,
        default=None,
        form="endpoint",
        help="HOST:PORT of an open responder in the school, to compare the segments",
    ),
    "wan_device": Option(
        type=str,
        default=None,
        form="endpoint",
        help="the router, read over SNMP: what crossed its port confirms or contradicts the link "
        "behind it (an address in the access file)",
    ),
    "wan_port": WAN_PORT,
    "max_bytes": MAX_BYTES,
}
_METHOD: Final = (
    "ICMP echo to every hop while CUBIC flows load the path; a hop lies behind the queue when its "
    "median inflation exceeds half of the end-to-end inflation by two standard errors"
)


def probe(request: Request, report: Report) -> Findings:
    """Look for the narrow link. ``request.target`` is HOST:PORT of a responder."""
    return find(request, report, lambda _observation: None)


def find(request: Request, report: Report, keep: Callable[[Observation], object]) -> Findings:
    """Do what :func:`probe` does, and hand over all that was seen before it is judged."""
    options = resolve(OPTIONS, request.options)
    host, port = parse_host_port(request.target)
    direction = options["direction"]
    wanted = tests_of(direction)
    most_bytes = options["max_bytes"]
    assert most_bytes is None or isinstance(most_bytes, int)
    allowance = Allowance(request.clock, request.deadline_seconds, most_bytes)
    rate_mbps = options["rate_mbps"]
    plan = Plan(
        target=first_reachable(
            resolve_target(host, port, request.token, allowance.left_seconds()), request.clock
        ),
        tests=wanted,
        flows=int(_number(options, "flows")),
        seconds=_number(options, "seconds"),
        rate_bps=None if rate_mbps is None else 1e6 * _number(options, "rate_mbps"),
        interval_seconds=_number(options, "interval_seconds"),
        wan=router_port(options),
    )
    lan: dict[Test, Estimate] = {}
    values: dict[str, Json] = {}
    context: dict[str, Json] = {}
    lan_target = options["lan_target"]
    if isinstance(lan_target, str):
        lan, why = lan_rates(lan_target, wanted, plan.flows, request, report)
        values |= {f"lan_{test}_bps": found.rate_bps for test, found in lan.items()}
        context |= {"lan_failure": why} if why else {}

    def on_loaded(loaded: Loaded) -> None:
        values.update(_load_values(loaded))

    try:
        seen = observe(plan, request, report, allowance, card_towards(request.target), on_loaded)
    except MeasurementFailed as error:
        error.partial = {**values, **error.partial}
        raise
    keep(seen)
    verdicts = {
        test: decide(found.evidence, found.counters) for test, found in seen.directions.items()
    }
    values |= _verdict_values(seen, verdicts, lan, report)
    context |= _context(seen, plan)
    return Findings(values=values, context=context)


def _load_values(loaded: Loaded) -> dict[str, Json]:
    named: dict[str, Json] = {
        "load_bps": loaded.result.estimate.rate_bps,
        "bytes": loaded.result.total_bytes,
        "tcp_inflation_seconds": loaded.seen.tcp_inflation_seconds,
        "limited_by": loaded.seen.limited_by,
    }
    test = loaded.seen.test
    return {f"{test}_{name}": value for name, value in named.items() if value is not None}


def _verdict_values(
    seen: Observation,
    verdicts: Mapping[Test, Verdict],
    lan: Mapping[Test, Estimate],
    report: Report,
) -> dict[str, Json]:
    values: dict[str, Json] = {}
    for test, verdict in verdicts.items():
        found = seen.directions[test]
        hops = found.evidence.hops
        values |= direction_values(verdict, hops, test)
        text = summary(verdict, hops)
        values[f"{test}_text"] = text
        report(Progress(phase=f"{test} verdict", elapsed_seconds=0, total_seconds=0, text=text))
        if test in lan:
            inside, centre = lan[test], found.loaded.result.estimate
            values[f"{test}_segment"] = compare(
                inside.rate_bps,
                centre.rate_bps,
                inside.relative_half_width_ratio,
                centre.relative_half_width_ratio,
            ).value
    one = next(iter(seen.directions.values()))
    values["hops"] = hop_values(one.evidence.hops, verdicts)
    values["far_end_reached"] = seen.route.reached
    return values


def _context(seen: Observation, plan: Plan) -> dict[str, Json]:
    context: dict[str, Json] = {
        "engine": "ndt7",
        "method": _METHOD,
        "flows_count": plan.flows,
        "interval_seconds": plan.interval_seconds,
        "address_family": "ipv6" if plan.target.family == AF_INET6 else "ipv4",
        "address": plan.target.address[0],
        "trace_protocol": seen.route.protocol,
    }
    if seen.wan_source is not None:
        context["wan_source"] = seen.wan_source
    if seen.wan_unknown is not None:
        context["wan_unknown"] = seen.wan_unknown
    for test, found in seen.directions.items():
        control = found.evidence.load.congestion_control
        if control is not None:
            context[f"{test}_congestion_control"] = control
        if found.loaded.result.out_of_bytes:
            context[f"{test}_out_of_bytes"] = True
        if found.evidence.path_changed:
            context["path_changed"] = True
    return context


def _number(options: Mapping[str, Scalar], name: str) -> float:
    value = options[name]
    assert isinstance(value, int | float)
    return value
