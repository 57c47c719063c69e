"""Path MTU: the largest packet that reaches a host whole, and whether larger ones just vanish.

Values: ``path_mtu_bytes`` (whole IP packet, exact to the byte: one more did not pass, or it is
``max_bytes``), ``smallest_failed_bytes``, ``interface_mtu_bytes`` (where this machine itself is
the limit), ``black_hole`` (too large packets vanish and no router says so), ``too_big_from`` and
``too_big_said_bytes`` (which router named which size); with ``tcp_port`` also ``mss_bytes``,
``mss_offered_bytes`` (largest segment this side sent and offered to take),
``mss_upload_black_hole``, ``mss_download_black_hole`` (absent where the far end gave no chance to
tell) and ``mss_working_bytes`` (:mod:`agent.path.mss`). ``hints`` says what kind of line an IPv4
path MTU is usual for, with its evidence.
"""

from collections.abc import Mapping
from typing import Final

from agent.failure import MeasurementFailed, translate
from agent.path.hints import mtu_hint
from agent.path.mss import examine
from agent.path.mtu_search import Search
from agent.path.mtu_sockets import SizeSocket
from agent.path.mtu_trial import OutOfTime, Trials
from agent.path.source import source_of
from agent.probes import Findings, Progress, Report, Request
from agent.resolve import Address
from agent.resolve import resolve as resolve_name
from agent.target import parse_host
from wire.failure import FailureCode, Operation
from wire.measurement import Json
from wire.options import Option, Scalar, resolve

LOW_BYTES: Final = 128
"""Passes everywhere: IPv4 links carry at least 68 (RFC 791), IPv6 links 1280 (RFC 8200)."""
TARGET: Final = "HOST: a name or an address, without port or brackets"
FORM: Final = "host"
OPTIONS: Final[Mapping[str, Option]] = {
    "max_bytes": Option(
        type=int,
        default=1500,
        minimum=1280,
        maximum=9216,
        help="largest packet to try, IP header included (bytes)",
    ),
    "protocol": Option(
        type=str,
        default="auto",
        choices=("auto", "icmp", "udp"),
        help="auto: icmp, and udp where that is not permitted or not answered",
    ),
    "timeout_seconds": Option(
        type=float,
        default=1.0,
        minimum=0.25,
        maximum=5,
        help="longest wait for one answer (seconds)",
    ),
    "tcp_port": Option(
        type=int,
        default=None,
        minimum=1,
        maximum=65_535,
        help="test segment sizes too, against this TCP port of the target",
    ),
    "family": Option(
        type=str, default="auto", choices=("auto", "4", "6"), help="IP version to use"
    ),
}
_HOW_TO_PERMIT: Final = (
    "ICMP echo is not permitted to this program: allow its group (sysctl "
    "net.ipv4.ping_group_range), give it CAP_NET_RAW, or choose protocol udp"
)


def probe(request: Request, report: Report) -> Findings:
    """Measure the path MTU to ``request.target``, a HOST. See the module for what is found."""
    options = resolve(OPTIONS, request.options)
    ends_at = request.clock.monotonic_seconds() + request.deadline_seconds
    host = parse_host(request.target)
    address = resolve_name(host, str(options["family"]), request.deadline_seconds)
    source_of(address)  # no way there at all: said at once, and by name
    version = 6 if len(address) == 4 else 4
    context: dict[str, Json] = {"address": address[0], "address_family": f"ipv{version}"}
    values: dict[str, Json] = {}
    port = options["tcp_port"]
    if isinstance(port, int):  # first: what is learnt below would hide the fault
        report(_progress(f"segments to port {port}", request, ends_at))
        try:
            values |= _segments((*address[:1], port, *address[2:]), host, request, ends_at)
        except MeasurementFailed as error:
            context["mss_failure"] = str(error.failure)
    try:
        found, protocol, sent = measure_mtu(address, options, request, report, ends_at)
    except MeasurementFailed as error:
        if not values:
            raise
        context["mtu_failure"] = str(error.failure)
        context["method"] = "TCP segments only: what the host did not answer is in mtu_failure"
        return Findings(values={**values, **error.partial}, context=context)
    values |= figures(found)
    context["method"] = _method(protocol, version)
    context["sent_count"] = sent
    if version == 4 and (hints := mtu_hint(found.passed_bytes)):
        values["hints"] = hints
    return Findings(values=values, context=context)


def measure_mtu(
    address: Address,
    options: Mapping[str, Scalar],
    request: Request,
    report: Report,
    ends_at: float,
) -> tuple[Search, str, int]:
    """Search until it is known to the byte: the books, the protocol that worked, packets sent.

    Raises :class:`~agent.failure.MeasurementFailed` with what is known so far as partial.
    """
    wanted = str(options["protocol"])
    failure: MeasurementFailed | None = None
    for protocol in ("icmp", "udp") if wanted == "auto" else (wanted,):
        try:
            return _measure(address, protocol, options, request, report, ends_at)
        except MeasurementFailed as error:
            if error.failure.code not in (FailureCode.NO_REPLY, FailureCode.PERMISSION_DENIED):
                raise
            failure = failure if failure is not None and not error.partial else error
    assert failure is not None
    raise failure


def _measure(
    address: Address,
    protocol: str,
    options: Mapping[str, Scalar],
    request: Request,
    report: Report,
    ends_at: float,
) -> tuple[Search, str, int]:
    most, timeout = options["max_bytes"], options["timeout_seconds"]
    assert isinstance(most, int)
    assert isinstance(timeout, float)
    search = Search(low_bytes=LOW_BYTES, high_bytes=most)
    with _open(address, protocol, request) as sizes:
        trials = Trials(sizes, LOW_BYTES, timeout, request.clock, ends_at)
        try:
            trials.baseline(search)
            while (size := search.next_size()) is not None:
                report(_progress(f"{size} bytes by {protocol}", request, ends_at))
                search.note(size, trials.judge(size))
        except OutOfTime:
            raise MeasurementFailed(
                FailureCode.TIMEOUT,
                Operation.RUN,
                "the deadline came before the size was known to the byte",
                partial(search),
            ) from None
        except MeasurementFailed as error:
            error.partial = partial(search)
            raise
    return search, protocol, trials.sent_count


def figures(search: Search) -> dict[str, Json]:
    """Values of a search that has come to its end."""
    values: dict[str, Json] = {
        "path_mtu_bytes": search.passed_bytes,
        "black_hole": search.is_black_hole,
    }
    if search.failed_bytes:
        values["smallest_failed_bytes"] = search.failed_bytes
    if search.interface_bytes:
        values["interface_mtu_bytes"] = search.interface_bytes
    if search.said:
        values["too_big_from"] = search.said[-1].reporter
        values["too_big_said_bytes"] = search.said[-1].mtu_bytes
    return values


def partial(search: Search) -> dict[str, Json]:
    """Bounds of a search that was broken off; never called the path MTU."""
    known = (
        ("largest_passed_bytes", search.passed_bytes),
        ("smallest_failed_bytes", search.failed_bytes),
    )
    return {name: value for name, value in known if value}


def _segments(
    address: tuple[str | int, ...], host: str, request: Request, ends_at: float
) -> dict[str, Json]:
    found = examine(_as_address(address), host, request.clock, ends_at)
    said: dict[str, Json] = {
        "mss_bytes": found.mss_bytes,
        "mss_offered_bytes": found.offered_bytes,
        "mss_upload_black_hole": found.upload_black_hole,
        "mss_download_black_hole": found.download_black_hole,
        "mss_working_bytes": found.working_mss_bytes,
    }
    return {name: value for name, value in said.items() if value is not None}


def _as_address(parts: tuple[str | int, ...]) -> Address:
    host, port, *rest = parts
    if len(rest) == 2:
        return str(host), int(port), int(rest[0]), int(rest[1])
    return str(host), int(port)


def _open(address: Address, protocol: str, request: Request) -> SizeSocket:
    try:
        return SizeSocket(address, protocol, request.random.getrandbits(16), request.clock)
    except OSError as error:
        code = translate(error, Operation.PREPARE).code
        text = f"no socket towards {address[0]}: {error.strerror or error}"
        if code is FailureCode.PERMISSION_DENIED:
            text = _HOW_TO_PERMIT
        raise MeasurementFailed(code, Operation.PREPARE, text) from error


def _method(protocol: str, version: int) -> str:
    what = "ICMP echo" if protocol == "icmp" else "UDP to a closed port"
    return (
        f"{what} over IPv{version} that must not be fragmented (IP_PMTUDISC_PROBE); a loss counts "
        "only where a small packet right after it is answered, three times"
    )


def _progress(text: str, request: Request, ends_at: float) -> Progress:
    left = max(0.0, ends_at - request.clock.monotonic_seconds())
    return Progress(
        phase="sizes",
        elapsed_seconds=request.deadline_seconds - left,
        total_seconds=request.deadline_seconds,
        text=text,
    )
