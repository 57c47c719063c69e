"""Values of agent.toml that only an appliance has: files, proxies, time servers."""

import ipaddress
from pathlib import Path
from typing import Literal

from agent.allowed import Allowed, EntryRefused, read_entries
from agent.identity import TransportRefused, collector_address
from wire.approval import CHECKS, networks_of
from wire.checks import Wrong, text
from wire.target import TargetRefused, parse_host_port


def file(value: object) -> str:
    """A file that exists."""
    if not isinstance(value, str) or not Path(value).is_file():
        raise Wrong("the path of an existing file")
    return value


def address(value: object) -> str:
    """The address of a proxy."""
    try:
        return collector_address(text(value))
    except TransportRefused:
        raise Wrong("http://HOST:PORT or https://HOST:PORT") from None


def ip_address(value: object) -> str:
    """An address, of either version."""
    try:
        return str(ipaddress.ip_address(value if isinstance(value, str) else ""))
    except ValueError:
        raise Wrong("an IP address") from None


def ntp_server(value: object) -> str:
    """HOST or HOST:PORT."""
    if not isinstance(value, str):
        raise Wrong("HOST or HOST:PORT")
    try:
        parse_host_port(value, 123)
    except TargetRefused as error:
        raise Wrong(error.allowed) from None
    return value


def policy_source(value: object) -> Literal["central", "local"]:
    """Whose word counts on what is measured."""
    if value == "central":
        return "central"
    if value == "local":
        return "local"
    raise Wrong("one of central local")


def allowed(value: object) -> Allowed:
    """Where the centre may point tests."""
    words = "a list of names (centre.example, *.example), addresses and ranges (192.0.2.0/24)"
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise Wrong(words)
    try:
        return read_entries(value)
    except EntryRefused:
        raise Wrong(words) from None


def lan_checks(value: object) -> tuple[str, ...]:
    """Checks of the LAN that may run where they are approved; an empty list forbids all."""
    if not isinstance(value, list) or not all(one in CHECKS for one in value):
        raise Wrong(f"a list of {' '.join(CHECKS)}, or [] for none")
    return tuple(one for one in CHECKS if one in value)


def networks(value: object) -> tuple[str, ...]:
    """Ranges of addresses."""
    words = "a list of ranges such as 192.0.2.0/24"
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise Wrong(words)
    try:
        return tuple(map(str, networks_of(value)))
    except ValueError:
        raise Wrong(words) from None
