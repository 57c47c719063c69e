"""The hops of the path, found by their time to live, with ordinary sockets.

Few packets, since a Linux router tells one peer no more than six at once and one a second after
that: what it has told here it does not tell while the load runs. Two to each hop, one flow.

A far end that answers no echo answers TCP on the responder's port: where raw packets are permitted
and the first look did not reach it, a second one by TCP does.
"""

from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

from agent.failure import MeasurementFailed, translate
from agent.path.engine import Engine, NotHere
from agent.path.hops import is_reached, path
from agent.path.packet_engine import START_SECONDS, PacketEngine
from agent.path.socket_engine import SocketEngine
from agent.path.source import source_of
from agent.path.trace import Plan, Trace
from agent.probes import Report, Request
from agent.probes.traceroute import run_trace
from agent.resolve import Address
from wire.failure import Operation

MOST_HOPS: Final = 30
ANSWER_SECONDS: Final = 0.8
INTERVAL_SECONDS: Final = 0.02
SILENT_HOPS: Final = 4
_UDP_PORT: Final = 33_434


@dataclass(frozen=True, slots=True)
class Route:
    """Addresses of the hops from the first router to the far end; None where one is silent.

    Where the far end did not answer, nobody knows how far it is: then it stands behind one silent
    hop, which may be none or several.
    """

    addresses: tuple[str | None, ...]
    reached: bool
    protocol: str
    """Of the packets that found it: ``icmp``, ``udp`` or ``tcp``."""

    def differs(self, other: "Route") -> bool:
        """Tell whether another look found other routers; a silent hop is no other router."""
        return any(
            here is not None and there is not None and here != there
            for here, there in zip_longest(self.addresses, other.addresses)
        ) or (self.reached and other.reached and len(self.addresses) != len(other.addresses))


def find_route(
    address: Address, port: int, request: Request, report: Report, ends_at: float
) -> Route:
    """Look for the hops to the responder at ``address`` and ``port``.

    Raises :class:`MeasurementFailed`.
    """
    protocol, engine = limited_engine(address, request)
    first = _traced(engine, protocol, address, request, report, ends_at)
    if first.reached:
        return first
    left = max(0.0, ends_at - request.clock.monotonic_seconds())
    try:
        packets = PacketEngine(
            address,
            source_of(address),
            "tcp",
            port,
            request.random.getrandbits(16),
            request.clock,
            min(START_SECONDS, left),
        )
    except NotHere:
        return first
    second = _traced(packets, "tcp", address, request, report, ends_at)
    return second if second.reached else first


def _traced(
    engine: Engine,
    protocol: str,
    address: Address,
    request: Request,
    report: Report,
    ends_at: float,
) -> Route:
    trace = Trace(
        Plan(
            destination=address[0].partition("%")[0],
            max_hops=MOST_HOPS,
            queries=2,
            flows=1,
            silent_hops=SILENT_HOPS,
            timeout_seconds=ANSWER_SECONDS,
        ),
        first_tag=request.random.randrange(1, 1 << 15),
    )
    with engine:
        run_trace(trace, engine, request, report, INTERVAL_SECONDS, ends_at)
    return route_of(trace, address[0], protocol)


def limited_engine(address: Address, request: Request) -> tuple[str, SocketEngine]:
    """Give what sends packets of a limited life: ICMP, or UDP where that is not permitted."""
    try:
        try:
            return "icmp", SocketEngine(address, "icmp", 0, request.clock)
        except NotHere:
            return "udp", SocketEngine(address, "udp", _UDP_PORT, request.clock)
    except OSError as error:
        failure = translate(error, Operation.CONNECT)
        text = f"no socket towards {address[0]}: {failure.text}"
        raise MeasurementFailed(failure.code, Operation.CONNECT, text) from error


def route_of(trace: Trace, destination: str, protocol: str) -> Route:
    """Read a trace that has ended."""
    routers = dict(path(trace))
    reached = is_reached(trace)
    far = trace.end_of(0) if reached else None
    if far is None:
        far = max(routers, default=0) + 2
    hops = [routers.get(number) for number in range(1, far)]
    return Route((*hops, destination), reached, protocol)
