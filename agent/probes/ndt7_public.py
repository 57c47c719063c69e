"""ndt7 over TLS: TCP goodput to a server of Measurement Lab (found by Locate), or to your own.

The target is ``wss://HOST[:PORT]`` of a server, or the URL of a Locate service:
https://locate.measurementlab.net/v2/nearest/ndt/ndt7. M-Lab publishes every test for anyone, with
the public IP address that it came from: nothing is sent there until ``accept_terms`` says so.
Automatic clients run at random moments, exponentially distributed with a mean of six hours (not
under 36 minutes, not over 15 hours), by M-Lab's rule.
"""

import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from socket import AF_INET6, socket
from typing import Final

from agent.clock import Clock
from agent.engines import services
from agent.engines.locate import TESTS, Server, locate, parse_wss, with_client
from agent.engines.web import Trust, is_global, secure, trust
from agent.failure import MeasurementFailed
from agent.probes import Findings, Report, Request
from agent.probes.throughput import (
    MAX_BYTES,
    Ticker,
    direction_confidence,
    direction_context,
    direction_values,
)
from agent.resolve import Address
from agent.target_url import parse_url
from agent.throughput.client import DirectionResult, measure_direction
from agent.throughput.connect import Target
from agent.throughput.connect import resolve as resolve_target
from agent.throughput.directions import DIRECTION, Test, tests_of
from agent.throughput.limits import Allowance, Limits
from agent.throughput.transport import TlsFlowSocket
from wire.failure import FailureCode, Operation
from wire.measurement import Json
from wire.options import Option, resolve

TARGET: Final = "wss://HOST[:PORT] of a server, or the URL of a Locate service"
FORM: Final = "ndt7"
OPTIONS: Final[Mapping[str, Option]] = {
    "accept_terms": services.consent("mlab"),
    "flows": Option(
        type=int,
        default=1,
        minimum=1,
        maximum=16,
        help="parallel TCP flows; public servers expect one",
    ),
    "seconds": Option(
        type=float,
        default=10.0,
        minimum=1,
        maximum=10,
        help="length of the test in each direction, warm-up included (s)",
    ),
    "direction": DIRECTION,
    "ca_file": Option(
        type=str,
        default=None,
        form="file",
        help="certificates to trust instead of the machine's (PEM file)",
    ),
    "max_bytes": MAX_BYTES,
}

_MLAB: Final = ("measurement-lab.org", "measurementlab.net")
_BEFORE_DATA: Final = (
    Operation.RESOLVE,
    Operation.CONNECT,
    Operation.TLS,
    Operation.HANDSHAKE,
)
"""What fails here costs no data: the next server is asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """Servers to try, nearest first."""

    servers: Sequence[Server]
    public_only: bool
    engine: str


def probe(request: Request, report: Report) -> Findings:
    """Measure over TLS. ``request.target`` is wss://HOST[:PORT] or the URL of a Locate service."""
    options = resolve(OPTIONS, request.options)
    clock, flows, seconds = request.clock, options["flows"], options["seconds"]
    assert isinstance(flows, int)
    assert isinstance(seconds, float)
    most_bytes = options["max_bytes"]
    assert most_bytes is None or isinstance(most_bytes, int)
    allowance = Allowance(clock, request.deadline_seconds, most_bytes)
    trusted, found = _find(request.target, options, clock)
    wanted = tests_of(options["direction"])
    values: dict[str, Json] = {}
    confidence: dict[str, Json] = {}
    beside: dict[str, Json] = {}
    servers, tried, result = found.servers, 0, None
    for number, test in enumerate(wanted):
        limits = allowance.share(len(wanted) - number)

        def one(server: Server, test: Test = test, limits: Limits = limits) -> DirectionResult:
            return measure_direction(
                _targets(server, trusted, found, clock),
                test,
                flows=flows,
                seconds=seconds,
                clock=clock,
                on_tick=Ticker(report, test, seconds, None),
                limits=limits,
            )

        try:
            server, result, failed = _first(servers, one)
        except MeasurementFailed as error:
            error.partial = {**values, **error.partial}
            raise
        servers, tried = [server], tried + failed + 1  # the second direction: the same server
        values |= direction_values(result)
        confidence |= direction_confidence(result)
        beside |= direction_context(result)
        allowance.spend(result.total_bytes, flows)
    assert result is not None
    context: dict[str, Json] = {
        **beside,
        "engine": found.engine,
        "server": servers[0].machine,
        "servers_tried_count": tried - len(wanted) + 1,
        "flows_count": flows,
        "test_seconds": seconds,
        "method": _METHOD,
        "address_family": "ipv6" if result.target.family == AF_INET6 else "ipv4",
    }
    return Findings(values=values, context=context, confidence=confidence)


_METHOD: Final = (
    "goodput inside TLS; warm-up discarded; least-squares slope of bytes received (download) or "
    "acknowledged by the far end (upload) over time"
)


def _find(target: str, options: Mapping[str, object], clock: Clock) -> tuple[Trust, _Found]:
    """Read the target, ask for consent, find servers."""
    if target.startswith("https://"):
        url = parse_url(target)
        services.require("mlab", options["accept_terms"])
        trusted = trust(options["ca_file"])
        _for_flows(trusted)
        located = locate(url, trusted, clock)
        return trusted, _Found(
            servers=located.servers, public_only=located.public, engine="ndt7_mlab"
        )
    host, port, path, query = parse_wss(target)
    if path not in ("", "/") or query:
        text = "target: allowed is wss://HOST[:PORT] without path and query (they may hold a token)"
        raise MeasurementFailed(FailureCode.TARGET_INVALID, Operation.PREPARE, text)
    of_mlab = any(host == name or host.endswith("." + name) for name in _MLAB)
    if of_mlab:
        services.require("mlab", options["accept_terms"])
    trusted = trust(options["ca_file"])
    _for_flows(trusted)
    queries = dict.fromkeys(TESTS, with_client(""))
    server = Server(machine=host[:100], host=host, port=port, queries=queries)
    engine = "ndt7_mlab" if of_mlab else "ndt7_tls"
    return trusted, _Found(servers=[server], public_only=False, engine=engine)


def _for_flows(trusted: Trust) -> None:
    trusted.verifying.sslsocket_class = TlsFlowSocket


def _first(
    servers: Sequence[Server], one: Callable[[Server], DirectionResult]
) -> tuple[Server, DirectionResult, int]:
    """Measure with the first server that takes the test; say how many did not."""
    failures: list[MeasurementFailed] = []
    for server in servers:
        try:
            return server, one(server), len(failures)
        except MeasurementFailed as error:
            if error.failure.operation not in _BEFORE_DATA:
                raise
            failures.append(error)
    last = failures[-1].failure
    text = f"none of {len(servers)} servers took the test; the last: {last.text}"
    raise MeasurementFailed(
        last.code, last.operation, text if len(servers) > 1 else last.text
    ) from failures[-1]


def _targets(server: Server, trusted: Trust, found: _Found, clock: Clock) -> list[Target]:
    def shake(sock: socket, address: Address, seconds: float) -> TlsFlowSocket:
        secured: ssl.SSLSocket = secure(sock, address, server.host, trusted, seconds, clock)
        assert isinstance(secured, TlsFlowSocket)
        return secured

    targets = [
        Target(
            host=server.host,
            port=server.port,
            address=plain.address,
            secure=shake,
            queries=server.queries,
        )
        for plain in resolve_target(server.host, server.port)
        if is_global(plain.address) or not found.public_only
    ]
    if not targets:
        raise MeasurementFailed(
            FailureCode.INTERCEPTED,
            Operation.CONNECT,
            f"{server.host[:100]}, named by Locate, has only addresses of the local network here",
        )
    return targets
