"""Latency: a train of ICMP echoes to one host, IPv4 or IPv6.

Values, in seconds of round trip: ``rtt_min_seconds``, ``rtt_median_seconds``,
``rtt_mean_seconds``, ``rtt_p95_seconds``, ``rtt_max_seconds``, ``jitter_seconds``
(:mod:`agent.latency.statistics` defines each); ``loss_ratio`` and the counts ``sent_count``,
``received_count``, ``duplicate_count``, ``reordered_count``, ``late_count``
(:mod:`agent.latency.train`). Where nothing came back there is no ratio and no round trip but a
failure: what the network said (unreachable, prohibited), else NO_REPLY.

Requests leave on an absolute schedule, so that one slow moment shifts no other packet. The train
ends early at the deadline: nothing is sent that could not be waited for, since a packet without
its full time-out is neither lost nor received.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Final

from agent.failure import BY_ERRNO, MeasurementFailed, translate
from agent.latency.sockets import Address, Echoes, EchoSocket, local_trouble
from agent.latency.statistics import median, summarise
from agent.latency.train import Reply, Train
from agent.probes import Findings, Progress, Report, Request
from agent.resolve import resolve as resolve_name
from agent.target import parse_host
from wire.failure import FailureCode, Operation
from wire.measurement import Json
from wire.options import Option, resolve

TARGET: Final = "HOST: a name or an address, without port or brackets"
FORM: Final = "host"
OPTIONS: Final[Mapping[str, Option]] = {
    "count": Option(
        type=int, default=20, minimum=1, maximum=1000, help="echo requests to send (number)"
    ),
    "interval_seconds": Option(
        type=float,
        default=0.2,
        minimum=0.1,
        maximum=60,
        help="time from one request to the next (seconds)",
    ),
    "timeout_seconds": Option(
        type=float,
        default=2.0,
        minimum=0.05,
        maximum=30,
        help="a reply later than this counts as lost (seconds)",
    ),
    "payload_bytes": Option(
        type=int,
        default=56,
        minimum=8,
        maximum=1452,
        help="data in each request, without ICMP and IP headers (bytes)",
    ),
    "family": Option(
        type=str, default="auto", choices=("auto", "4", "6"), help="IP version to use"
    ),
}
REPORT_EVERY_SECONDS: Final = 0.5
MAX_POLL_SECONDS: Final = 0.5


def probe(request: Request, report: Report) -> Findings:
    """Measure the latency to ``request.target``, a HOST. See the module for what is found."""
    options = resolve(OPTIONS, request.options)
    ends_at = request.clock.monotonic_seconds() + request.deadline_seconds
    host = parse_host(request.target)
    address = resolve_name(host, str(options["family"]), request.deadline_seconds)
    train = Train(_number(options, "timeout_seconds"))
    payload = request.random.randbytes(int(_number(options, "payload_bytes")))
    with _open(address, request, payload) as echoes:
        run_train(
            train,
            echoes,
            request,
            report,
            count=int(_number(options, "count")),
            interval_seconds=_number(options, "interval_seconds"),
            ends_at=ends_at,
        )
        context: dict[str, Json] = {
            "method": (
                f"ICMP echo over {echoes.kind} IPv{echoes.version} socket, replies stamped by the "
                f"{'kernel' if echoes.stamped else 'process'}; percentiles by RFC 2330 (nearest "
                "rank); jitter is the mean difference of neighbouring round trips (RFC 3393)"
            ),
            "address": address[0],
            "address_family": f"ipv{echoes.version}",
            "socket_kind": echoes.kind,
            "receive_clock": "kernel" if echoes.stamped else "process",
            "planned_count": options["count"],
            "interval_seconds": options["interval_seconds"],
            "timeout_seconds": train.timeout_seconds,
            "payload_bytes": len(payload),
            **{f"{code}_count": count for code, count in train.trouble_counts().items()},
        }
    return Findings(values=figures(train), context=context)


def run_train(
    train: Train,
    echoes: Echoes,
    request: Request,
    report: Report,
    *,
    count: int,
    interval_seconds: float,
    ends_at: float,
) -> None:
    """Send ``count`` requests on schedule and enter all that happens into ``train``.

    ``ends_at`` is a moment of the monotonic clock. Ends when every request is answered or timed
    out, or when the next one could no longer be waited for.
    """
    clock = request.clock
    started = clock.monotonic_seconds()
    next_due = reported = started
    expected = (count - 1) * interval_seconds + train.timeout_seconds
    sequence = 0
    while True:
        now = clock.monotonic_seconds()
        if sequence < count and max(now, next_due) + train.timeout_seconds > ends_at:
            count = sequence
        if sequence < count and now >= next_due:
            _send(train, echoes, sequence, now)
            sequence += 1
            # After a stall the schedule moves on from here: no burst to catch up.
            next_due = (now if now - next_due > interval_seconds else next_due) + interval_seconds
            continue
        until = next_due if sequence < count else train.waiting_until()
        if until is None or now >= until:
            break
        _take(train, echoes, min(until - now, MAX_POLL_SECONDS))
        if now - reported >= REPORT_EVERY_SECONDS:
            reported = now
            report(_progress(train, now - started, expected))
    _take(train, echoes, 0.0)  # what came in time but was not read in time


def figures(train: Train) -> dict[str, Json]:
    """Make the values of a train; a train without any reply in time is a failure."""
    counts: dict[str, Json] = {
        "sent_count": len(train.sent),
        "received_count": len(train.rtts_seconds),
        "duplicate_count": train.duplicate_count,
        "reordered_count": train.reordered_count,
        "late_count": len(train.late),
    }
    if not train.sent:
        raise MeasurementFailed(
            FailureCode.TIMEOUT,
            Operation.SEND,
            "the deadline left no time to send one request and wait for its reply",
        )
    if not train.rtts_seconds:
        raise _nothing_came_back(train, counts)
    summary = {
        name: value
        for name, value in asdict(summarise(train.rtts_seconds)).items()
        if value is not None
    }
    loss = 1.0 - len(train.rtts_seconds) / len(train.sent)
    return {**summary, "loss_ratio": loss, **counts}


def _nothing_came_back(train: Train, counts: dict[str, Json]) -> MeasurementFailed:
    partial = {name: counts[name] for name in ("sent_count", "late_count") if counts[name]}
    trouble = train.main_trouble()
    if trouble is not None:
        said = train.trouble_counts()[trouble.code]
        text = f"{trouble.text} ({said} of {len(train.sent)} requests)"
        return MeasurementFailed(trouble.code, trouble.operation, text, partial)
    late = f", {len(train.late)} later" if train.late else ""
    text = (
        f"none of {len(train.sent)} echo requests was answered within "
        f"{train.timeout_seconds:g} s{late}"
    )
    return MeasurementFailed(FailureCode.NO_REPLY, Operation.RECEIVE, text, partial)


def _send(train: Train, echoes: Echoes, sequence: int, now: float) -> None:
    try:
        train.note_sent(sequence, echoes.send(sequence))
    except OSError as error:
        if error.errno not in BY_ERRNO:
            raise
        train.note_sent(sequence, now)
        train.note_trouble(local_trouble(error, sequence))


def _take(train: Train, echoes: Echoes, timeout_seconds: float) -> None:
    for event in echoes.poll(timeout_seconds):
        if isinstance(event, Reply):
            train.note_reply(event)
        else:
            train.note_trouble(event)


def _open(address: Address, request: Request, payload: bytes) -> EchoSocket:
    try:
        return EchoSocket(address, request.clock, request.random.getrandbits(16), payload)
    except OSError as error:
        code = translate(error, Operation.CONNECT).code
        text = f"no ICMP socket towards {address[0]}: {error.strerror or error}"
        raise MeasurementFailed(code, Operation.CONNECT, text) from error


def _progress(train: Train, elapsed: float, total: float) -> Progress:
    text = f"{len(train.rtts_seconds)} of {len(train.sent)} answered"
    if train.rtts_seconds:
        text += f", median {median(sorted(train.rtts_seconds.values())) * 1000:.2f} ms"
    return Progress(phase="echo", elapsed_seconds=elapsed, total_seconds=total, text=text)


def _number(options: Mapping[str, object], name: str) -> float:
    value = options[name]
    assert isinstance(value, int | float)
    return value
