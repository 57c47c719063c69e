"""Traceroute: the routers to a host, along one constant flow and its equal-cost branches.

Values: ``hops``, a list with for each hop ``hop_count`` (from here, 1 is the first router),
``address``, ``sent_count``, ``received_count``, ``loss_ratio``, ``rtt_min_seconds``,
``rtt_median_seconds``, ``reply``, ``icmp`` (type/code), ``mark`` (!N !H !X ... as traceroute
prints), ``mpls`` and ``others`` (addresses seen on other flows); ``hop_count`` to the destination
with ``rtt_min_seconds``, ``rtt_median_seconds`` and ``loss_ratio``, where it was reached;
``destination_reached``, ``stop_reason``, ``responding_hop_count``, ``silent_hop_count``,
``sent_count``, ``received_count``, ``path_fingerprint``; with more than one flow ``load_balanced``
and ``branching_hop_count``. :mod:`agent.path.hops` says how each comes about.

A path that ends in silence behind the last router is a result with ``destination_reached`` false:
many hosts do not answer probes. A network that *says* that it does not deliver, a loop, and no
answer at all are failures, with the hops as partial.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Final

from agent.failure import BY_ERRNO, MeasurementFailed, translate
from agent.path.engine import Engine, NotHere
from agent.path.flows import DEFAULT_PORT, LAST_TAG, MOST_FLOWS
from agent.path.hops import figures, is_reached, last_word, loop_addresses
from agent.path.packet_engine import START_SECONDS, PacketEngine
from agent.path.replies import NotSent, Reply, Sent, mark_of, named
from agent.path.socket_engine import SocketEngine
from agent.path.source import source_of
from agent.path.trace import Plan, Probe, Trace
from agent.probes import Findings, Progress, Report, Request
from agent.resolve import Address
from agent.resolve import resolve as resolve_name
from agent.target import parse_host
from wire.failure import FailureCode, Operation
from wire.measurement import Json
from wire.options import Option, Scalar, resolve

TARGET: Final = "HOST: a name or an address, without port or brackets"
FORM: Final = "host"
OPTIONS: Final[Mapping[str, Option]] = {
    "protocol": Option(
        type=str, default="icmp", choices=("icmp", "udp", "tcp"), help="what the probes are"
    ),
    "port": Option(
        type=int,
        default=None,
        minimum=1,
        maximum=65_535,
        help="destination port of udp (without it 33434) and tcp (443)",
    ),
    "max_hops": Option(type=int, default=30, minimum=1, maximum=64, help="farthest hop (number)"),
    "queries": Option(
        type=int, default=3, minimum=1, maximum=10, help="probes to each hop along the main flow"
    ),
    "flows": Option(
        type=int,
        default=6,
        minimum=1,
        maximum=MOST_FLOWS,
        help="flows to look for equal-cost branches with; 1: none (number)",
    ),
    "interval_seconds": Option(
        type=float,
        default=0.03,
        minimum=0.01,
        maximum=10,
        help="least time from one probe to the next (seconds)",
    ),
    "timeout_seconds": Option(
        type=float,
        default=1.0,
        minimum=0.05,
        maximum=10,
        help="an answer later than this does not count (seconds)",
    ),
    "silent_hops": Option(
        type=int,
        default=5,
        minimum=1,
        maximum=64,
        help="so many silent hops in a row end the trace (number)",
    ),
    "family": Option(
        type=str, default="auto", choices=("auto", "4", "6"), help="IP version to use"
    ),
    "method": Option(
        type=str,
        default="auto",
        choices=("auto", "packets", "sockets"),
        help="packets: raw, needs CAP_NET_RAW; sockets: needs no privilege for udp",
    ),
}
REPORT_EVERY_SECONDS: Final = 0.5
MOST_POLL_SECONDS: Final = 0.05


def probe(request: Request, report: Report) -> Findings:
    """Trace the path to ``request.target``, a HOST. See the module for what is found."""
    options = resolve(OPTIONS, request.options)
    ends_at = request.clock.monotonic_seconds() + request.deadline_seconds
    host = parse_host(request.target)
    address = resolve_name(host, str(options["family"]), request.deadline_seconds)
    version = 6 if len(address) == 4 else 4
    source = source_of(address)
    trace = Trace(
        Plan(
            destination=address[0].partition("%")[0],
            max_hops=_whole(options, "max_hops"),
            queries=_whole(options, "queries"),
            flows=_whole(options, "flows"),
            silent_hops=_whole(options, "silent_hops"),
            timeout_seconds=_number(options, "timeout_seconds"),
        ),
        first_tag=request.random.randrange(1, LAST_TAG),
    )
    port = options["port"] or DEFAULT_PORT[str(options["protocol"])]
    assert isinstance(port, int)
    with ExitStack() as stack:
        engine, fallback = _engine(options, address, source, port, request, ends_at)
        stack.enter_context(engine)
        try:
            complete = run_trace(
                trace, engine, request, report, _number(options, "interval_seconds"), ends_at
            )
        except MeasurementFailed as error:
            error.partial = figures(trace, version) if trace.replies else {}
            raise
    values = figures(trace, version)
    if (failure := why_failed(trace, version, complete=complete)) is not None:
        failure.partial = values
        raise failure
    context: dict[str, Json] = {
        "method": (
            f"{str(options['protocol']).upper()} probes over IPv{version} by {engine.words}; the "
            "flow is constant (Paris traceroute), branches by the stopping rule of MDA at 95 %"
        ),
        "address": address[0],
        "address_family": f"ipv{version}",
        "protocol": options["protocol"],
        "complete": complete,
        "late_count": trace.late_count,
        "duplicate_count": trace.duplicate_count,
        "timeout_seconds": trace.plan.timeout_seconds,
    }
    if port:
        context["port"] = str(port)
    if fallback:
        context["fallback"] = fallback
    return Findings(values=values, context=context)


def run_trace(
    trace: Trace,
    engine: Engine,
    request: Request,
    report: Report,
    interval_seconds: float,
    ends_at: float,
) -> bool:
    """Send what is due and enter what comes, until all is done; False where time ran out first.

    ``ends_at`` is a moment of the monotonic clock. Nothing is sent that could not be waited for.
    """
    clock = request.clock
    started = next_due = reported = clock.monotonic_seconds()
    complete = True
    while True:
        now = clock.monotonic_seconds()
        if complete and now + trace.plan.timeout_seconds > ends_at:
            complete = False
            trace.stop()
        if now >= next_due and len(trace.outstanding(now)) < engine.at_once:
            due = trace.next_probe(now)
            if due is not None:
                next_due = now + interval_seconds
                trace.note_sent(due, now)
                engine.send(due)
        if trace.is_done(now):
            return complete
        left = next_due - now
        _take(trace, engine, left if 0 < left < MOST_POLL_SECONDS else MOST_POLL_SECONDS)
        if now - reported >= REPORT_EVERY_SECONDS:
            reported = now
            report(_progress(trace, now - started, ends_at - started))


def why_failed(trace: Trace, version: int, *, complete: bool) -> MeasurementFailed | None:
    """Name what kept a trace from being a result; None where it is one."""
    if not trace.replies:
        code, operation = FailureCode.NO_REPLY, Operation.RECEIVE
        if not trace.probes:
            code, operation = FailureCode.TIMEOUT, Operation.SEND
        text = (
            f"none of {len(trace.probes)} probes was answered, by no router and not by the host: "
            "look for a filter near this machine"
        )
        return MeasurementFailed(code, operation, text)
    if (word := last_word(trace)) is not None:
        code, words = named(version, word.icmp)
        mark = mark_of(version, word.icmp)
        where = f"reported by {word.address} at hop {trace.probes[word.tag].hops}"
        return MeasurementFailed(code, Operation.RECEIVE, f"{words} ({mark}), {where}")
    if trace.stop_reason == "loop":
        text = f"a routing loop: {', '.join(loop_addresses(trace)[:4])} come again and again"
        return MeasurementFailed(FailureCode.HOST_UNREACHABLE, Operation.RECEIVE, text)
    if not complete and not trace.stop_reason and not is_reached(trace):
        text = "the deadline came before the end of the path"
        return MeasurementFailed(FailureCode.TIMEOUT, Operation.RUN, text)
    return None


def _engine(
    options: Mapping[str, Scalar],
    address: Address,
    source: str,
    port: int,
    request: Request,
    ends_at: float,
) -> tuple[Engine, str]:
    """Give the engine that works here, and why not a better one."""
    why = ""
    protocol = str(options["protocol"])
    try:
        if options["method"] != "sockets":
            left = ends_at - request.clock.monotonic_seconds()
            run = request.random.getrandbits(16)
            seconds = min(START_SECONDS, max(0.0, left))
            try:
                return PacketEngine(
                    address, source, protocol, port, run, request.clock, seconds
                ), ""
            except NotHere as missing:
                if options["method"] == "packets":
                    raise
                why = missing.why
        return SocketEngine(address, protocol, port, request.clock), why
    except NotHere as missing:
        reason = f"{why}; {missing}" if why else str(missing)
        raise MeasurementFailed(
            FailureCode.PERMISSION_DENIED, Operation.PREPARE, reason
        ) from missing
    except OSError as error:
        code = translate(error, Operation.CONNECT).code
        text = f"no socket towards {address[0]}: {error.strerror or error}"
        raise MeasurementFailed(code, Operation.CONNECT, text) from error


def _take(trace: Trace, engine: Engine, timeout_seconds: float) -> None:
    for event in engine.poll(timeout_seconds):
        if isinstance(event, Reply):
            trace.note_reply(event)
        elif isinstance(event, Sent):
            trace.sent_at[event.tag] = event.at_seconds
        else:
            _not_sent(trace, event)


def _not_sent(trace: Trace, event: NotSent) -> None:
    """End the trace: what this machine itself refuses once it refuses every time."""
    error = OSError(event.number, "")
    code = BY_ERRNO.get(event.number, FailureCode.PROTOCOL_ERROR)
    words = translate(error, Operation.SEND).text
    text = f"not sent to {trace.plan.destination} by this machine: {words}"
    raise MeasurementFailed(code, Operation.SEND, text)


def _progress(trace: Trace, elapsed: float, total: float) -> Progress:
    last: Probe | None = next(reversed(trace.probes.values()), None)
    text = f"{len(trace.replies)} of {len(trace.probes)} answered"
    if last is not None:
        text += f", hop {last.hops}, flow {last.flow}"
    return Progress(phase="trace", elapsed_seconds=elapsed, total_seconds=total, text=text)


def _number(options: Mapping[str, Scalar], name: str) -> float:
    value = options[name]
    assert isinstance(value, int | float)
    return value


def _whole(options: Mapping[str, Scalar], name: str) -> int:
    value = options[name]
    assert isinstance(value, int)
    return value
