"""STAMP: loss and delay variation of each direction, and the round trip, by RFC 8762 over UDP.

Values: ``rtt_min_seconds``, ``rtt_median_seconds``, ``rtt_p95_seconds``, ``rtt_max_seconds``
without the reflector's processing; ``loss_ratio`` of the round trip; for ``upload`` (from here to
the reflector) and ``download`` each ``_loss_ratio``, ``_lost_count``, ``_offered_count``,
``_pdv_median_seconds``, ``_pdv_p95_seconds``, ``_pdv_max_seconds``, ``_ipdv_mean_seconds``,
``_duplicate_count``, ``_reordered_count``, ``_dscp_kept`` (where a DSCP was set); ``sent_count``,
``received_count``, ``late_count``. Where both clocks are good, ``_delay_min_seconds``,
``_delay_median_seconds`` and ``_delay_p95_seconds`` of each direction with
``one_way_error_seconds``; else ``one_way_absent`` in the context says why not.
:mod:`agent.stamp.books` defines each.

``session`` admitted speaks to a reflector of ours (``hakaru-agent responder --stamp-listen``);
``none`` to any reflector of RFC 8762, with what its packets alone can tell.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from agent.clock import Clock
from agent.failure import MeasurementFailed
from agent.probes import Findings, Report, Request
from agent.resolve import Address
from agent.resolve import resolve as resolve_name
from agent.stamp.admitted import Admitted
from agent.stamp.books import Books, figures, is_stateful, one_way
from agent.stamp.control import MAX_SESSION_SECONDS, Opening, Summary
from agent.stamp.packet import BASE_BYTES, ErrorEstimate
from agent.stamp.quality import clock_quality
from agent.stamp.sender import Sender
from agent.target import parse_host_port
from agent.web.dial import endpoint
from wire.failure import FailureCode, Operation
from wire.measurement import Json
from wire.options import Option, resolve

_CONTROL_SECONDS: Final = 5.0
_LAST_WORD_SECONDS: Final = 1.0
PORT: Final = 862
"""RFC 8762 section 4.1: the port of the TWAMP-test receiver."""
TARGET: Final = "HOST[:PORT] of a STAMP reflector"
FORM: Final = "endpoint"
OPTIONS: Final[Mapping[str, Option]] = {
    "count": Option(
        type=int, default=100, minimum=1, maximum=5000, help="packets to send (number)"
    ),
    "interval_seconds": Option(
        type=float,
        default=0.05,
        minimum=0.005,
        maximum=10,
        help="time from one packet to the next (seconds)",
    ),
    "timeout_seconds": Option(
        type=float,
        default=2.0,
        minimum=0.05,
        maximum=30,
        help="an answer later than this counts as lost (seconds)",
    ),
    "packet_bytes": Option(
        type=int,
        default=BASE_BYTES,
        minimum=BASE_BYTES,
        maximum=1452,
        help="size of each packet without UDP and IP headers (bytes)",
    ),
    "dscp": Option(
        type=int, default=0, minimum=0, maximum=63, help="traffic class of both ways (DSCP number)"
    ),
    "family": Option(
        type=str, default="auto", choices=("auto", "4", "6"), help="IP version to use"
    ),
    "session": Option(
        type=str,
        default="admitted",
        choices=("admitted", "none"),
        help="admitted: a reflector of ours; none: any reflector of RFC 8762",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """One session: where, what, how long."""

    address: Address
    opening: Opening
    packet_bytes: int
    dscp: int
    admitted: bool


def probe(request: Request, report: Report) -> Findings:
    """Measure towards ``request.target``, HOST[:PORT] of a reflector."""
    options = resolve(OPTIONS, request.options)
    ends_at = request.clock.monotonic_seconds() + request.deadline_seconds
    plan = _plan(request, options)
    books = Books(_number(options, "timeout_seconds"))
    own = clock_quality()
    try:
        summary = _run(plan, books, own, request, report, ends_at)
    except MeasurementFailed as error:
        error.partial = figures(books, None) if books.sent_ns else {}
        raise
    values = figures(books, summary) | _marks(books, summary, plan.dscp)
    if (failure := _why_failed(books, plan.address)) is not None:
        failure.partial = values
        raise failure
    delays, why_not = one_way(books, own)
    context: dict[str, Json] = {
        "address": endpoint(plan.address),
        "address_family": "ipv6" if len(plan.address) == 4 else "ipv4",
        "session": options["session"],
        "loss_source": _loss_source(books, summary),
        "planned_count": plan.opening.packet_count,
        "interval_seconds": plan.opening.interval_seconds,
        "timeout_seconds": books.timeout_seconds,
        "packet_bytes": plan.packet_bytes,
    }
    if why_not is not None:
        context["one_way_absent"] = why_not
    return Findings(values=values | delays, context=context)


def _run(
    plan: _Plan,
    books: Books,
    own: ErrorEstimate,
    request: Request,
    report: Report,
    ends_at: float,
) -> Summary | None:
    """Send everything; gives the reflector's counts where it is ours."""
    clock = request.clock
    if not plan.admitted:
        with _sender(plan, own, clock, ssid=0) as sender:
            sender.run(books, plan.opening, ends_at, None, report)
        return None
    wait = min(_CONTROL_SECONDS, max(ends_at - clock.monotonic_seconds(), 0.001))
    with Admitted(plan.address, wait, clock) as control:
        ssid = control.open(plan.opening)
        with _sender(plan, own, clock, ssid=ssid) as sender:
            # some time is kept to ask for the reflector's counts
            sender.run(books, plan.opening, ends_at - _LAST_WORD_SECONDS, control, report)
        return control.end() if books.sent_ns else None


def _sender(plan: _Plan, own: ErrorEstimate, clock: Clock, *, ssid: int) -> Sender:
    return Sender(plan.address, clock, own, ssid=ssid, dscp=plan.dscp, size_bytes=plan.packet_bytes)


def _why_failed(books: Books, address: Address) -> MeasurementFailed | None:
    if not books.sent_ns:
        text = "the deadline left no time to send one packet and wait for its answer"
        return MeasurementFailed(FailureCode.TIMEOUT, Operation.SEND, text)
    if books.refused_after_last_reply:
        where = f"nobody listens on UDP port {endpoint(address)}"
        text = f"{where} any more: it went away in the middle" if books.replies else where
        return MeasurementFailed(FailureCode.CONNECTION_REFUSED, Operation.RECEIVE, text)
    if not books.replies:
        late = f", {books.late_count} later" if books.late_count else ""
        text = (
            f"none of {len(books.sent_ns)} packets was answered within "
            f"{books.timeout_seconds:g} s{late}; does a firewall let UDP through?"
        )
        return MeasurementFailed(FailureCode.NO_REPLY, Operation.RECEIVE, text)
    return None


def _marks(books: Books, summary: Summary | None, dscp: int) -> dict[str, Json]:
    """Tell whether the traffic class arrived as it was sent; nothing where none was set."""
    if not dscp or not books.replies:
        return {}
    if summary is None:
        return {}
    kept = summary.dscp_seen == [dscp]
    marks: dict[str, Json] = {"upload_dscp_kept": kept}
    if kept:  # the reflector answers with the class that arrived
        marks["download_dscp_kept"] = all(reply.dscp == dscp for reply in books.replies)
    return marks


def _loss_source(books: Books, summary: Summary | None) -> str:
    if summary is not None:
        return "the reflector's counts"
    if books.is_complete:
        return "nothing was lost"
    return "the reflector's numbering" if is_stateful(books.replies) else "round trip only"


def _plan(request: Request, options: Mapping[str, object]) -> _Plan:
    count, interval = int(_number(options, "count")), _number(options, "interval_seconds")
    if count * interval > MAX_SESSION_SECONDS:
        raise MeasurementFailed(
            FailureCode.TARGET_INVALID,
            Operation.PREPARE,
            f"options count and interval_seconds: found {count * interval:g} s together, "
            f"allowed is at most {MAX_SESSION_SECONDS:g} s",
        )
    host, port = parse_host_port(request.target, PORT)
    return _Plan(
        address=resolve_name(host, str(options["family"]), request.deadline_seconds, port),
        opening=Opening(
            packet_count=count,
            interval_seconds=interval,
            authorization=None if request.token is None else f"Bearer {request.token}",
        ),
        packet_bytes=int(_number(options, "packet_bytes")),
        dscp=int(_number(options, "dscp")),
        admitted=options["session"] == "admitted",
    )


def _number(options: Mapping[str, object], name: str) -> float:
    value = options[name]
    assert isinstance(value, int | float)
    return value
