"""DNS: how fast and how truly one resolver answers, by name and record type.

Values: ``first_median_seconds`` (each question's first answer), ``cached_median_seconds``,
``cached_p95_seconds`` (asked again at once), ``uncached_median_seconds``,
``uncached_max_seconds`` (random names under ``uncached_zone``, which no cache can hold);
``query_count``, ``answered_count``, one ``<status>_count`` for each status of
:mod:`agent.dns_probe.judge`, ``truncated_count`` (asked again over TCP);
``nxdomain_rewritten``: a name that cannot exist was answered with an address;
``aaaa_filtered_count``: names whose IPv6 addresses are kept from us; ``by_name``: every question
with its status, rcode, counts and times. Where no answer was usable the measurement fails with
what most questions came to.
"""

from collections.abc import Mapping
from typing import Final

from agent.dns_probe.ask import Asker
from agent.dns_probe.plan import (
    SYSTEM,
    Plan,
    read_expected,
    read_name,
    read_names,
    read_types,
    system_resolvers,
)
from agent.dns_probe.run import Run
from agent.probes import Findings, Report, Request
from agent.resolve import Address
from agent.resolve import resolve as resolve_name
from agent.target import parse_host_port
from agent.web.dial import endpoint
from wire.measurement import Json
from wire.options import Option, resolve

TARGET: Final = "HOST[:PORT] of a resolver, or system for this machine's own"
FORM: Final = "resolver"
OPTIONS: Final[Mapping[str, Option]] = {
    "names": Option(type=str, default="example.com", help="names to ask for, separated by commas"),
    "types": Option(
        type=str, default="A,AAAA,HTTPS", help="record types to ask for, separated by commas"
    ),
    "count": Option(
        type=int,
        default=3,
        minimum=1,
        maximum=20,
        help="times each question is asked; the second and later measure the cache (number)",
    ),
    "uncached_zone": Option(
        type=str, default=None, help="zone under which random names are asked for, uncached"
    ),
    "nonexistent_zone": Option(
        type=str, default="invalid", help="zone in which a random name certainly does not exist"
    ),
    "expected": Option(
        type=str, default=None, help="right addresses: NAME=NETWORK, separated by commas"
    ),
    "control": Option(
        type=str,
        default=None,
        form="endpoint",
        help="another resolver, HOST[:PORT], to tell AAAA filtering",
    ),
    "transport": Option(
        type=str,
        default="udp",
        choices=("udp", "tcp"),
        help="udp goes over to tcp where an answer was cut",
    ),
    "family": Option(
        type=str, default="auto", choices=("auto", "4", "6"), help="IP version to ask over"
    ),
    "timeout_seconds": Option(
        type=float,
        default=3.0,
        minimum=0.05,
        maximum=30,
        help="an answer later than this did not come (seconds)",
    ),
}
_PORT: Final = 53


def probe(request: Request, report: Report) -> Findings:
    """Ask ``request.target``: HOST[:PORT] of a resolver, or ``system`` for this machine's."""
    options = resolve(OPTIONS, request.options)
    plan = _plan(options)
    ends_at = request.clock.monotonic_seconds() + request.deadline_seconds
    server = _server(request.target, str(options["family"]), request.deadline_seconds)
    run = Run(plan, request, report, _number(options, "timeout_seconds"), ends_at)
    run.ask_all(_asker(server, request, options))
    control = options["control"]
    if isinstance(control, str) and control:
        address = _server(control, "auto", run.left())
        run.ask_control(_asker(address, request, options))
    context: dict[str, Json] = {
        "address": endpoint(server),
        "address_family": "ipv6" if len(server) == 4 else "ipv4",
        "transport": options["transport"],
        "timeout_seconds": options["timeout_seconds"],
        "planned_count": run.planned,
    }
    return Findings(values=run.figures(), context=context)


def _plan(options: Mapping[str, object]) -> Plan:
    zone, expected = options["uncached_zone"], options["expected"]
    return Plan(
        names=read_names(str(options["names"])),
        types=read_types(str(options["types"])),
        expected=read_expected(expected if isinstance(expected, str) else None),
        count=int(_number(options, "count")),
        uncached_zone=read_name("uncached_zone", zone) if isinstance(zone, str) and zone else None,
        nonexistent_zone=read_name("nonexistent_zone", str(options["nonexistent_zone"])),
    )


def _server(target: str, family: str, timeout_seconds: float) -> Address:
    if target == SYSTEM:
        return resolve_name(system_resolvers(family)[0], family, timeout_seconds, _PORT)
    host, port = parse_host_port(target, _PORT)
    return resolve_name(host, family, timeout_seconds, port)


def _asker(server: Address, request: Request, options: Mapping[str, object]) -> Asker:
    return Asker(
        server,
        str(options["transport"]),
        _number(options, "timeout_seconds"),
        request.clock,
        request.random,
    )


def _number(options: Mapping[str, object], name: str) -> float:
    value = options[name]
    assert isinstance(value, int | float)
    return value
