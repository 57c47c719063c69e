"""Which targets this appliance lets the centre choose: names and address ranges. Pure.

The appliance has the last word. Without a list of its own it takes any name and any ordinary
address; with one (``[allow] targets`` in agent.toml) only what is on it. Addresses of the machine
itself, of its link and of the services that hand out a cloud's secrets are denied unless a range
on the list holds them: a name on the list does not vouch for them.

::

    target is       no list                      with a list
    an address      ordinary                     in a range of the list
    a name          resolves to ordinary         on the list and resolves to ordinary,
                    addresses only               or resolves into a range of the list
"""

import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from wire.options import OptionRefused
from wire.planning.planned import Planned
from wire.probes import PROBES
from wire.target import TargetRefused, parse_host
from wire.target_forms import hosts_of_options, hosts_of_target

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

_SPECIAL: Final = {
    "0.0.0.0/8": "this machine (RFC 1122)",
    "127.0.0.0/8": "loopback",
    "169.254.0.0/16": "link-local, where clouds keep their metadata",
    "100.100.100.200/32": "metadata of a cloud",
    "168.63.129.16/32": "metadata of a cloud",
    "192.0.0.192/32": "metadata of a cloud",
    "224.0.0.0/4": "multicast",
    "240.0.0.0/4": "reserved or broadcast",
    "::/128": "this machine",
    "::1/128": "loopback",
    "fe80::/10": "link-local",
    "ff00::/8": "multicast",
    "fd00:ec2::254/128": "metadata of a cloud",
}
_SPECIAL_NETWORKS: Final = tuple(
    (ipaddress.ip_network(text), why) for text, why in _SPECIAL.items()
)
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_COMPATIBLE: Final = ipaddress.ip_network("::/96")
_ADVICE: Final = "add it to [allow] targets in agent.toml if it is meant"


class EntryRefused(ValueError):
    """An entry of a list that is neither a name nor a range."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """The list of an appliance; without ``listed`` there is none."""

    names: tuple[str, ...] = ()
    """Names, and ``.example`` for all names below example."""
    networks: tuple[IpNetwork, ...] = ()
    listed: bool = False

    def admits_name(self, name: str) -> bool:
        """A name that may be asked for, and whose ordinary addresses may be used."""
        plain = name.lower().removesuffix(".")
        return not self.listed or any(
            plain.endswith(entry) if entry.startswith(".") else plain == entry
            for entry in self.names
        )

    def why_not_address(self, address: IpAddress, *, by_name: bool) -> str | None:
        """Say why an address must not be used. ``by_name``: an admitted name led to it."""
        for inner in _coats(address):
            if any(inner in network for network in self.networks):
                return None
        for inner in _coats(address):
            for network, why in _SPECIAL_NETWORKS:
                if inner in network:
                    return f"{address} is not allowed on this appliance ({why}): {_ADVICE}"
        if self.listed and not by_name:
            return f"{address} is not allowed on this appliance: {_ADVICE}"
        return None

    def why_not_host(self, host: str) -> str | None:
        """Say why a host (as :func:`wire.target.parse_host` spells it) is refused unresolved."""
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            if self.admits_name(host) or self.networks:  # it may lead into a range
                return None
            return f"{host} is not allowed on this appliance: {_ADVICE}"
        return self.why_not_address(address, by_name=False)

    def entries(self) -> list[str] | None:
        """The list as :func:`read_entries` takes it; None where there is none."""
        if not self.listed:
            return None
        names = [f"*{name}" if name.startswith(".") else name for name in self.names]
        return [*names, *map(str, self.networks)]


def read_entries(entries: Sequence[str] | None) -> Allowed:
    """Read a list. Raises :class:`EntryRefused`."""
    if entries is None:
        return Allowed()
    names: list[str] = []
    networks: list[IpNetwork] = []
    for entry in entries:
        try:
            networks.append(ipaddress.ip_network(entry))
            continue
        except ValueError:
            pass
        try:
            names.append(parse_host(entry.removeprefix("*.")).removesuffix("."))
        except TargetRefused:
            raise EntryRefused(entry) from None
        if entry.startswith("*."):
            names[-1] = "." + names[-1]
    return Allowed(tuple(names), tuple(networks), listed=True)


def why_not_tests(tests: Iterable[Planned], allowed: Allowed) -> list[str]:
    """Name each test that leads where this appliance does not go, with its place."""
    return [
        f"tests[{number}].target: {why}"
        for number, planned in enumerate(tests)
        if (why := why_not_test(planned, allowed)) is not None
    ]


def why_not_test(planned: Planned, allowed: Allowed) -> str | None:
    """Say why a test leads where this appliance does not go."""
    form = PROBES[planned.probe]
    try:
        hosts = (
            *hosts_of_target(form, planned.target, planned.options),
            *hosts_of_options(form, planned.options),
        )
    except (TargetRefused, OptionRefused) as error:
        return str(error)
    return next((why for host in hosts if (why := allowed.why_not_host(host)) is not None), None)


def _coats(address: IpAddress) -> Iterator[IpAddress]:
    """The address itself, and the IPv4 address that an IPv6 one stands for."""
    yield address
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            yield address.ipv4_mapped
        if address.sixtofour is not None:
            yield address.sixtofour
        if address.teredo is not None:
            yield address.teredo[1]
        if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
            yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
