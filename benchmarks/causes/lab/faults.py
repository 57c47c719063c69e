"""Faults as data, and how each is planted in a school and taken out again."""

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.causes.lab.school import LAN_ADDRESS, WAN_DEVICE, School
from benchmarks.causes.lab.services import FILE_PORT, HOLD_PORT, SOURCE_PORT
from tests.lab.netns import Host, Rate, shape

FOLDER: Final = Path(__file__).parent
MBPS: Final = 1_000_000
PORT_100M_BPS: Final = round(100 * MBPS * 1514 / 1538)
"""What tbf counts (frames without preamble, FCS and gap) of a 100 Mbit/s port full of frames."""
LONG_QUEUE_SECONDS: Final = 0.08
PROXY_PORT: Final = 8888
Kind = str


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing that is wrong, or merely so. ``amount`` is in the unit of its kind."""

    kind: Kind
    amount: float = 0.0


@contextmanager
def planted(school: School, faults: tuple[Fault, ...], seed: int) -> Iterator[None]:
    """Plant all of them, as long as the context lasts."""
    orders = {fault.kind: fault.amount for fault in faults if fault.kind in _ORDERS}
    with ExitStack() as stack:
        if orders:
            school.order(**orders)
            stack.callback(school.order)
        for number, fault in enumerate(faults):
            if fault.kind not in _ORDERS:
                stack.enter_context(KINDS[fault.kind](school, fault.amount, seed + number))
        yield


_ORDERS: Final = ("dns_delay_seconds", "dns_failure_ratio", "web_delay_seconds")


@contextmanager
def _shaped(
    ends: list[tuple[Host, str]], bps: float, queue_seconds: float = 0.05
) -> Iterator[None]:
    for host, device in ends:
        shape(host.name, device, Rate(round(bps), queue_seconds=queue_seconds))
    try:
        yield
    finally:
        for host, device in ends:
            host.run("tc", "qdisc", "del", "dev", device, "root", check=False)


@contextmanager
def _filtered(host: Host, *rule: str, table: str = "filter") -> Iterator[None]:
    host.run("iptables", "-t", table, "-I", *rule)
    try:
        yield
    finally:
        host.run("iptables", "-t", table, "-D", *rule)


def _line(school: School, bps: float, _seed: int) -> contextlib.AbstractContextManager[None]:
    """The access line carries so many bit/s."""
    return _shaped([(school.router, WAN_DEVICE), (school.carrier, "near1")], bps)


def _port(school: School, bps: float, _seed: int) -> contextlib.AbstractContextManager[None]:
    """The cable between appliance and switch."""
    return _shaped([(school.router, "near0"), (school.appliance, "far0")], bps, 0.04)


def _router(school: School, bps: float, _seed: int) -> contextlib.AbstractContextManager[None]:
    """What the router forwards, into the LAN and out of it."""
    return _shaped([(school.router, "lan0"), (school.router, WAN_DEVICE)], bps)


def _carrier(school: School, bps: float, _seed: int) -> contextlib.AbstractContextManager[None]:
    """The carrier's network on to the centre, with a long queue."""
    ends = [(school.carrier, "far2"), (school.centre, "near2")]
    return _shaped(ends, bps, LONG_QUEUE_SECONDS)


def _uplink(school: School, bps: float, _seed: int) -> contextlib.AbstractContextManager[None]:
    """The centre's link to the internet, which all schools share."""
    ends = [(school.centre, "far3"), (school.internet, "near3")]
    return _shaped(ends, bps, LONG_QUEUE_SECONDS)


@contextmanager
def _crowd(school: School, host: Host, what: str, count: float, seed: int) -> Iterator[None]:
    port = HOLD_PORT if what == "hold" else SOURCE_PORT
    words = (str(FOLDER / "crowd.py"), what, school.internet.address, str(port),
             str(round(count)), str(seed))  # fmt: skip
    with school.beside(host, "-S", "-E", *words):
        yield


def _pupils(school: School, count: float, seed: int) -> contextlib.AbstractContextManager[None]:
    """So many connections of pupils that fetch all they get."""
    return _crowd(school, school.pupils, "fetch", count, seed)


def _others(school: School, count: float, seed: int) -> contextlib.AbstractContextManager[None]:
    """So many connections of other schools, at the centre."""
    return _crowd(school, school.others, "fetch", count, seed)


def _customers(school: School, count: float, seed: int) -> contextlib.AbstractContextManager[None]:
    """So many connections of the carrier's other customers."""
    return _crowd(school, school.carrier, "fetch", count, seed)


@contextmanager
def _traffic(school: School, bps: float, seed: int) -> Iterator[None]:
    """Pupils' traffic at a mean rate, which comes and goes."""
    words = (str(FOLDER.parents[1] / "localise" / "cross.py"), school.pupils.address, str(bps),
             str(seed))  # fmt: skip
    sink = (str(FOLDER.parents[1] / "localise" / "cross.py"), school.internet.address,
            str(bps / 10), str(seed + 1))  # fmt: skip
    with _quietly(school.internet, *words), _quietly(school.pupils, *sink):
        yield


@contextmanager
def _quietly(host: Host, *words: str) -> Iterator[None]:
    with subprocess.Popen(
        host.command(sys.executable, "-S", "-E", *words), stdout=subprocess.DEVNULL
    ) as process:
        try:
            yield
        finally:
            process.kill()


@contextmanager
def _loss(school: School, ratio: float, _seed: int) -> Iterator[None]:
    """Frames between appliance and switch are lost by chance, both ways."""
    rule = ("-m", "statistic", "--mode", "random", "--probability", f"{ratio:.5f}", "-j", "DROP")
    with (
        _filtered(school.appliance, "PREROUTING", "-i", "far0", *rule, table="raw"),
        _filtered(school.router, "PREROUTING", "-s", school.appliance.address, *rule, table="raw"),
    ):
        yield


@contextmanager
def _hole(school: School, mtu_bytes: float, _seed: int) -> Iterator[None]:
    """The line takes packets of so many bytes, and nobody says so."""
    ends = ((school.router, WAN_DEVICE), (school.carrier, "near1"))
    too_big = ("-p", "icmp", "--icmp-type", "fragmentation-needed", "-j", "DROP")
    with ExitStack() as stack:
        for host, device in ends:
            host.run("ip", "link", "set", device, "mtu", str(round(mtu_bytes)))
            stack.callback(host.run, "ip", "link", "set", device, "mtu", "1500")
            stack.enter_context(_filtered(host, "OUTPUT", *too_big))
        try:
            yield
        finally:
            for host in school.chain:
                host.run("ip", "route", "flush", "cache")


@contextmanager
def _sessions(school: School, limit: float, seed: int) -> Iterator[None]:
    """The router keeps so many sessions; pupils want half as many again.

    ``nf_conntrack_max`` is the whole machine's, so the limit is a rule on new sessions: what a
    full table does to them.
    """
    rule = ("FORWARD", "-m", "conntrack", "--ctstate", "NEW", "-m", "connlimit",
            "--connlimit-above", str(round(limit)), "--connlimit-mask", "0",
            "-j", "DROP")  # fmt: skip
    with (
        _filtered(school.router, *rule),
        _crowd(school, school.pupils, "hold", 1.5 * limit, seed),
    ):
        yield


@contextmanager
def _between(school: School, words: tuple[str, ...]) -> Iterator[None]:
    """A program in the router takes the web's connections of the LAN."""
    ports = ("-i", "lan0", "-p", "tcp", "-m", "multiport", "--dports", f"443,{FILE_PORT}")
    rule = ("PREROUTING", *ports, "-j", "REDIRECT", "--to-ports", str(PROXY_PORT))
    with (
        school.beside(school.router, *words),
        _filtered(school.router, *rule, table="nat"),
    ):
        yield


def _proxy(school: School, bps: float, _seed: int) -> contextlib.AbstractContextManager[None]:
    """A filter that looks at what browsers fetch and passes on so much of each connection."""
    return _between(school, (str(FOLDER / "filter.py"), "slow", LAN_ADDRESS, str(bps)))


def _block(school: School, _amount: float, _seed: int) -> contextlib.AbstractContextManager[None]:
    """A filter that answers every page with its own, over TLS of its own authority."""
    certificate = str(school.folder / "inspecting.pem")
    return _between(school, (str(FOLDER / "filter.py"), "block", LAN_ADDRESS, certificate))


def _login(school: School, _amount: float, _seed: int) -> contextlib.AbstractContextManager[None]:
    """A filter, trusted here, that sends every page to its login."""
    certificate = str(school.folder / "server.pem")
    return _between(school, (str(FOLDER / "filter.py"), "login", LAN_ADDRESS, certificate))


def _pool(school: School, count: float, _seed: int) -> contextlib.AbstractContextManager[None]:
    """The router has so many addresses, and all are given away."""
    return school.addresses(round(count))


@contextmanager
def _loop(school: School, bps: float, _seed: int) -> Iterator[None]:
    """A cable from one port of the switch to another, which carries so many bit/s of the storm.

    Real switches go up to their port's rate; here two processors carry the whole laboratory.
    """
    router = school.router
    router.run("ip", "link", "add", "loop0", "type", "veth", "peer", "name", "loop1")
    for port in ("loop0", "loop1"):
        shape(router.name, port, Rate(round(bps), queue_bytes=20_000))
        router.run("ip", "link", "set", port, "master", "lan0", "up")
    try:
        yield
    finally:
        router.run("ip", "link", "delete", "loop0")


@contextmanager
def _appliance(school: School, bps: float, _seed: int) -> Iterator[None]:
    """What the appliance carries on any of its interfaces, loopback too.

    Loopback gets the frames of a cable: a shaper drops those of 64 kB, which no weak box does.
    """
    ends = [(school.appliance, "lo"), (school.appliance, "far0"), (school.router, "near0")]
    school.appliance.run("ip", "link", "set", "lo", "mtu", "1500")
    with _shaped(ends, bps):
        yield
    school.appliance.run("ip", "link", "set", "lo", "mtu", "65536")


KINDS: Final[Mapping[Kind, Callable[[School, float, int], contextlib.AbstractContextManager[None]]]]
KINDS = {
    "line_bps": _line,
    "port_bps": _port,
    "router_bps": _router,
    "carrier_bps": _carrier,
    "uplink_bps": _uplink,
    "pupils_count": _pupils,
    "other_schools_count": _others,
    "customers_count": _customers,
    "traffic_bps": _traffic,
    "loss_ratio": _loss,
    "hole_bytes": _hole,
    "sessions_count": _sessions,
    "proxy_bps": _proxy,
    "block": _block,
    "login": _login,
    "appliance_bps": _appliance,
    "addresses_count": _pool,
    "loop_bps": _loop,
}
