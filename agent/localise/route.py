"""The hops of the path, found by their time to live, with ordinary sockets.

Few packets, since a Linux router tells one peer no more than six at once and one a second after
that: what it has told here it does not tell while the load runs. Two to each hop, one flow.
"""

from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

from agent.failure import MeasurementFailed, translate
from agent.path.engine import NotHere
from agent.path.hops import is_reached, path
from agent.path.socket_engine import SocketEngine
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
    """Of the packets that found it: ``icmp`` or ``udp``."""

    def differs(self, other: "Route") -> bool:
        """Tell whether another look found other routers; a silent hop is no other router."""
        return any(
            here is not None and there is not None and here != there
            for here, there in zip_longest(self.addresses, other.addresses)
        ) or (self.reached and other.reached and len(self.addresses) != len(other.addresses))


def find_route(address: Address, request: Request, report: Report, ends_at: float) -> Route:
    """Look for the hops on the way to ``address``. Raises :class:`MeasurementFailed`."""
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
    protocol, engine = limited_engine(address, request)
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
