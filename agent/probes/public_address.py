"""Public address: how a STUN server sees this machine, what a NAT does, what line that fits.

Values, for each IP version that worked: ``public_ipv4`` and ``public_ipv6``, ``ipv4_nat`` and
``ipv6_nat`` (others see another address than the one used here), ``ipv4_ports_kept``,
``public_ipv4_count`` (addresses seen for some sockets; more than 1 is a pool), ``ipv4_mapping``
(with ``second``: endpoint_independent or endpoint_dependent, RFC 4787), ``shared_address``
(100.64.0.0/10, RFC 6598), ``rtt_min_seconds``; ``path_mtu_bytes`` towards the server where it
could be measured; ``hints``, each a sentence with its evidence and never certain.

The server is the target: one of ours (``hakaru-agent responder --stun-listen``) or one that
somebody else offers, who then learns this line's address. Nothing is asked that is not given.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from agent.failure import MeasurementFailed
from agent.path.hints import Evidence, is_shared, line_hints
from agent.path.mapping import Asked, addresses, are_ports_kept, is_translated, mapping
from agent.path.source import source_of
from agent.path.stun_client import Asker
from agent.probes import Findings, Progress, Report, Request
from agent.probes.path_mtu import OPTIONS as MTU_OPTIONS
from agent.probes.path_mtu import measure_mtu
from agent.resolve import Address
from agent.resolve import resolve as resolve_name
from agent.target import parse_host_port
from wire.failure import FailureCode
from wire.measurement import Json
from wire.options import Option, Scalar, resolve

PORT: Final = 3478
"""RFC 8489 section 8.1."""
TARGET: Final = "HOST[:PORT] of a STUN server"
FORM: Final = "endpoint"
OPTIONS: Final[Mapping[str, Option]] = {
    "second": Option(
        type=str,
        default=None,
        form="endpoint",
        help="HOST:PORT of a second STUN server, at another address or port, to tell the mapping",
    ),
    "sockets": Option(
        type=int, default=8, minimum=1, maximum=16, help="sockets to ask from (number)"
    ),
    "timeout_seconds": Option(
        type=float,
        default=3.0,
        minimum=0.5,
        maximum=15,
        help="longest wait for the answers of one server (seconds)",
    ),
    "path_mtu": Option(
        type=bool, default=True, help="measure the path MTU to the server too, for the hints"
    ),
    "family": Option(
        type=str, default="auto", choices=("auto", "4", "6"), help="IP version; auto: both"
    ),
}
MTU_SECONDS: Final = 15.0
_NOT_THERE: Final = (
    FailureCode.ADDRESS_UNAVAILABLE,
    FailureCode.NETWORK_UNREACHABLE,
    FailureCode.DNS_FAILED,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """One family: every socket as the first server saw it, the first one as the second did."""

    address: Address
    asked: list[Asked]
    second: Asked | None
    second_failure: str
    rtt_seconds: float


def probe(request: Request, report: Report) -> Findings:
    """Ask ``request.target``, HOST[:PORT] of a STUN server. See the module for what is found."""
    options = resolve(OPTIONS, request.options)
    ends_at = request.clock.monotonic_seconds() + request.deadline_seconds
    host, port = parse_host_port(request.target, PORT)
    if options["second"] is not None:
        parse_host_port(str(options["second"]), PORT)
    context: dict[str, Json] = {
        "method": (
            "STUN binding requests (RFC 8489) over UDP from several sockets; hints are read from "
            "addresses, ports and path MTU and are never certain"
        )
    }
    found: dict[int, _Seen] = {}
    failures: dict[int, MeasurementFailed] = {}
    for version in (4, 6) if options["family"] == "auto" else (int(str(options["family"])),):
        report(_progress(f"asking over IPv{version}", request, ends_at))
        try:
            found[version] = _ask(version, host, port, options, request, ends_at)
        except MeasurementFailed as error:
            failures[version] = error
            context[f"ipv{version}_failure"] = str(error.failure)
    if not found:
        raise _worst(failures)
    values: dict[str, Json] = {}
    for version, seen in found.items():
        values |= figures(version, seen.asked, seen.second)
        context[f"ipv{version}_server"] = seen.address[0]
        if seen.second_failure:
            context[f"ipv{version}_second_failure"] = seen.second_failure
    values["rtt_min_seconds"] = min(seen.rtt_seconds for seen in found.values())
    if options["path_mtu"] and 4 in found:
        report(_progress("path MTU", request, ends_at))
        values |= _path_mtu(found[4].address, request, report, ends_at, context)
    values["hints"] = line_hints(_evidence(found, values))
    return Findings(values=values, context=context)


def figures(version: int, asked: list[Asked], second: Asked | None) -> dict[str, Json]:
    """Values of one IP version."""
    name = f"ipv{version}"
    values: dict[str, Json] = {
        f"public_{name}": asked[0].seen.address,
        f"{name}_nat": is_translated(asked),
        f"{name}_ports_kept": are_ports_kept(asked),
        f"public_{name}_count": len(addresses(asked)),
    }
    if (kind := mapping(asked[0], second)) is not None:
        values[f"{name}_mapping"] = kind
    if version == 4:
        seen = (asked[0].local.address, asked[0].seen.address)
        values["shared_address"] = any(is_shared(address) for address in seen)
    return values


def _ask(
    version: int,
    host: str,
    port: int,
    options: Mapping[str, Scalar],
    request: Request,
    ends_at: float,
) -> _Seen:
    def left() -> float:
        return max(0.0, ends_at - request.clock.monotonic_seconds())

    timeout, count = options["timeout_seconds"], options["sockets"]
    assert isinstance(timeout, float)
    assert isinstance(count, int)
    address = resolve_name(host, str(version), left(), port)
    source = source_of(address)
    with Asker(version, source, count, request.clock, request.random) as asker:
        asked, rtt = asker.ask(address, min(timeout, left()))
        second: Asked | None = None
        trouble = ""
        if options["second"] is not None:
            other = parse_host_port(str(options["second"]), PORT)
            try:
                there = resolve_name(other[0], str(version), left(), other[1])
                answers, _ = asker.ask(there, min(timeout, left()), 1)
                first_port = answers[0].local.port
                second = answers[0]
                asked.sort(key=lambda item: item.local.port != first_port)
            except MeasurementFailed as error:
                trouble = str(error.failure)
    if second is not None and asked[0].local != second.local:
        second, trouble = None, "the first server did not answer the socket that the second saw"
    return _Seen(
        address=address, asked=asked, second=second, second_failure=trouble, rtt_seconds=rtt
    )


def _path_mtu(
    address: Address,
    request: Request,
    report: Report,
    ends_at: float,
    context: dict[str, Json],
) -> dict[str, Json]:
    """Path MTU for the hints; that it could not be measured is said and changes nothing else."""
    until = min(ends_at, request.clock.monotonic_seconds() + MTU_SECONDS)
    options = resolve(MTU_OPTIONS, {"timeout_seconds": 0.5})
    try:
        search, _, _ = measure_mtu(address, options, request, report, until)
    except MeasurementFailed as error:
        context["mtu_failure"] = str(error.failure)
        return {}
    return {"path_mtu_bytes": search.passed_bytes}


def _evidence(found: Mapping[int, _Seen], values: Mapping[str, Json]) -> Evidence:
    four = found[4].asked if 4 in found else []
    mtu = values.get("path_mtu_bytes", 0)
    assert isinstance(mtu, int)
    return Evidence(
        local_ipv4=four[0].local.address if four else "",
        public_ipv4=four[0].seen.address if four else "",
        public_ipv6=found[6].asked[0].seen.address if 6 in found else "",
        path_mtu_bytes=mtu,
        ports=tuple(item.seen.port for item in sorted(four, key=lambda item: item.local.port)),
        ports_kept=bool(four) and are_ports_kept(four),
    )


def _worst(failures: Mapping[int, MeasurementFailed]) -> MeasurementFailed:
    """The failure that says most: of a version that exists here, IPv4 first."""
    ordered = [failures[version] for version in sorted(failures)]
    with suppress(StopIteration):
        return next(item for item in ordered if item.failure.code not in _NOT_THERE)
    return ordered[0]


def _progress(text: str, request: Request, ends_at: float) -> Progress:
    left = max(0.0, ends_at - request.clock.monotonic_seconds())
    return Progress(
        phase="address",
        elapsed_seconds=request.deadline_seconds - left,
        total_seconds=request.deadline_seconds,
        text=text,
    )
