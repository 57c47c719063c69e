"""TCP connect: how long the handshake to one port takes, and how often it fails.

Values: ``connect_min_seconds``, ``connect_median_seconds``, ``connect_p95_seconds``,
``connect_max_seconds`` over the attempts that connected; ``attempt_count``,
``connected_count``, ``failed_count``, one ``<failure code>_count`` for each way of failing,
``failure_ratio``, and ``syn_retransmitted_count``: connections whose SYN was lost at least once,
so that their time holds the kernel's wait of a second or more. Where nothing connected there is
no value but the most frequent failure.

Nothing is sent on the connection. Who completes the handshake is not proved: a transparent
proxy does it in the far end's place (the https probe tells).
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from agent.clock import Clock
from agent.failure import MeasurementFailed
from agent.latency.statistics import median, percentile
from agent.probes import Findings, Progress, Report, Request
from agent.resolve import Address
from agent.resolve import resolve as resolve_name
from agent.target import parse_host_port
from agent.web.dial import dial, wait_until
from wire.failure import Failure, FailureCode, Operation
from wire.measurement import Json
from wire.options import Option, resolve

TARGET: Final = "HOST:PORT, or [IPv6 address]:PORT"
FORM: Final = "host_port"
OPTIONS: Final[Mapping[str, Option]] = {
    "count": Option(
        type=int, default=10, minimum=1, maximum=200, help="connections to make (number)"
    ),
    "interval_seconds": Option(
        type=float,
        default=0.5,
        minimum=0.1,
        maximum=60,
        help="time from the start of one attempt to the next (seconds)",
    ),
    "timeout_seconds": Option(
        type=float,
        default=3.0,
        minimum=0.05,
        maximum=30,
        help="an attempt that takes longer has failed (seconds)",
    ),
    "family": Option(
        type=str, default="auto", choices=("auto", "4", "6"), help="IP version to use"
    ),
}


@dataclass(slots=True)
class _Attempts:
    """The books of one run."""

    seconds: list[float] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    syn_retransmitted: int = 0
    syn_known: int = 0

    def note(self, address: Address, timeout_seconds: float, clock: Clock) -> None:
        """Make one attempt and enter what became of it."""
        try:
            dialled = dial(address, timeout_seconds, clock)
        except MeasurementFailed as error:
            self.failures.append(error.failure)
            return
        dialled.sock.close()
        self.seconds.append(dialled.seconds)
        if dialled.syn_retransmitted is not None:
            self.syn_known += 1
            self.syn_retransmitted += dialled.syn_retransmitted


def probe(request: Request, report: Report) -> Findings:
    """Connect to ``request.target``, a HOST:PORT, several times."""
    options = resolve(OPTIONS, request.options)
    clock = request.clock
    count, interval, timeout = (
        int(_number(options, "count")),
        _number(options, "interval_seconds"),
        _number(options, "timeout_seconds"),
    )
    started = clock.monotonic_seconds()
    ends_at = started + request.deadline_seconds
    host, port = parse_host_port(request.target)
    address = resolve_name(host, str(options["family"]), request.deadline_seconds, port)
    attempts = _Attempts()
    due = clock.monotonic_seconds()
    for number in range(count):
        if max(clock.monotonic_seconds(), due) + timeout > ends_at:
            break  # it could not be waited for: neither connected nor failed
        wait_until(clock, due)
        attempts.note(address, timeout, clock)
        due = max(due + interval, clock.monotonic_seconds())
        report(_progress(attempts, number + 1, count, clock.monotonic_seconds() - started))
    context: dict[str, Json] = {
        "address": address[0],
        "address_family": "ipv6" if len(address) == 4 else "ipv4",
        "planned_count": count,
        "interval_seconds": interval,
        "timeout_seconds": timeout,
    }
    return Findings(values=_figures(attempts), context=context)


def _figures(attempts: _Attempts) -> dict[str, Json]:
    tried = len(attempts.seconds) + len(attempts.failures)
    if not tried:
        raise MeasurementFailed(
            FailureCode.TIMEOUT,
            Operation.CONNECT,
            "the deadline left no time to wait for one connection",
        )
    by_code = Counter(failure.code for failure in attempts.failures)
    counts: dict[str, Json] = {
        "attempt_count": tried,
        "connected_count": len(attempts.seconds),
        "failed_count": len(attempts.failures),
        **{f"{code}_count": number for code, number in by_code.items()},
    }
    if not attempts.seconds:
        main = by_code.most_common(1)[0][0]
        first = next(failure for failure in attempts.failures if failure.code is main)
        text = f"{first.text} ({by_code[main]} of {tried} attempts)"
        raise MeasurementFailed(first.code, first.operation, text, counts)
    ordered = sorted(attempts.seconds)
    if attempts.syn_known:
        counts["syn_retransmitted_count"] = attempts.syn_retransmitted
    return {
        "connect_min_seconds": ordered[0],
        "connect_median_seconds": median(ordered),
        "connect_p95_seconds": percentile(ordered, 95),
        "connect_max_seconds": ordered[-1],
        "failure_ratio": len(attempts.failures) / tried,
        **counts,
    }


def _progress(attempts: _Attempts, done: int, count: int, elapsed: float) -> Progress:
    text = f"{len(attempts.seconds)} of {done} connected"
    if attempts.seconds:
        text += f", median {median(sorted(attempts.seconds)) * 1000:.2f} ms"
    total = elapsed / done * count
    return Progress(phase="connect", elapsed_seconds=elapsed, total_seconds=total, text=text)


def _number(options: Mapping[str, object], name: str) -> float:
    value = options[name]
    assert isinstance(value, int | float)
    return value
