"""Targets are data: one strict reading of HOST and HOST:PORT, before any socket or resolver.

The C library reads far more than it shows: ``0x7f000001``, ``127.1`` and ``017700000001`` are
all 127.0.0.1 to it, and ``::ffff:127.0.0.1`` is the same host in another coat. Whoever checks
a target against a list of allowed addresses must see the address that will be used, so only
the one usual spelling of each is taken; everything else is refused here.

Names follow RFC 1123 section 2.1 (letters, digits and hyphens); a last label that is a number
makes the whole an address or nothing (RFC 3696 section 2, WHATWG URL section 3.5).
"""

import ipaddress
import re
from typing import Final

MAX_NAME_CHARACTERS: Final = 253
"""RFC 1035 section 2.3.4: 255 octets on the wire are 253 characters in dotted form."""
_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_ZONE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,14}")
_PORT: Final = re.compile(r"[1-9][0-9]{0,4}")
_WITH_PORT: Final = re.compile(r"[^:]+:[0-9]{1,5}")
_UNPRINTABLE: Final = re.compile(r"[^\x20-\x7e]")


class TargetRefused(ValueError):
    """A target that is not taken; ``found`` shows it on one line, ``allowed`` says what may stand.

    What stands before an @ may be a password: it is not repeated.
    """

    def __init__(self, text: str, allowed: str) -> None:
        shown = _UNPRINTABLE.sub("?", re.sub(r"//.*@", "//...@", text))
        self.found = (shown if len(shown) <= 60 else shown[:57] + "...") or "nothing"
        self.allowed = allowed
        super().__init__(f"target: found {self.found}, allowed is {allowed}")


def parse_host(text: str) -> str:
    """Read a name or an address (IPv6 without brackets) and give its usual spelling.

    Names come back in lower case, addresses in the form of RFC 5952. Raises
    :class:`TargetRefused`.
    """
    if text.startswith("["):
        raise TargetRefused(
            text, "an IPv6 address without brackets where no port follows: 2001:db8::1"
        )
    if _WITH_PORT.fullmatch(text):
        raise TargetRefused(text, "HOST alone: this takes no port")
    if ":" in text:
        return _ipv6(text)
    name = text.lower() if text.isascii() else text  # lower() makes a plain k of the kelvin sign
    labels = name.removesuffix(".").split(".")
    if _NUMBER.fullmatch(labels[-1]):
        return _ipv4(text)
    if len(name.removesuffix(".")) > MAX_NAME_CHARACTERS:
        raise TargetRefused(text, f"a name of at most {MAX_NAME_CHARACTERS} characters")
    if not all(_LABEL.fullmatch(label) for label in labels):
        raise TargetRefused(
            text,
            "a host name (labels of 1 to 63 letters, digits and inner hyphens, joined by dots; "
            "other scripts as xn--) or an IP address",
        )
    return name


def parse_host_port(text: str, default_port: int | None = None) -> tuple[str, int]:
    """Read HOST:PORT, ``[IPv6]:PORT``, or either without port where there is a default.

    Gives the host as :func:`parse_host` does and the port, 1 to 65535. Raises
    :class:`TargetRefused`.
    """
    if text.startswith("["):
        inner, closed, tail = text[1:].partition("]")
        if not closed or (tail and not tail.startswith(":")) or ":" not in inner:
            raise TargetRefused(text, "[IPv6 address]:PORT")
        return parse_host(inner), _port(text, tail[1:] if tail else None, default_port)
    if text.count(":") > 1:
        raise TargetRefused(text, "HOST:PORT; an IPv6 address goes in brackets: [2001:db8::1]:4443")
    host, colon, port = text.partition(":")
    return parse_host(host), _port(text, port if colon else None, default_port)


def _port(text: str, port: str | None, default_port: int | None) -> int:
    if port is None:
        if default_port is None:
            raise TargetRefused(text, "HOST:PORT (the port is missing)")
        return default_port
    if _PORT.fullmatch(port) is None or int(port) > 65_535:
        raise TargetRefused(text, "a port from 1 to 65535 after the last colon")
    return int(port)


def _ipv4(text: str) -> str:
    try:
        address = ipaddress.IPv4Address(text)
    except ValueError:
        raise TargetRefused(text, "an IPv4 address as four decimal numbers, 192.0.2.1") from None
    return _one_machine(text, address)


def _ipv6(text: str) -> str:
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        raise TargetRefused(text, "an IPv6 address such as 2001:db8::1, or a name") from None
    zone = address.scope_id
    if zone is not None and (not address.is_link_local or _ZONE.fullmatch(zone) is None):
        raise TargetRefused(
            text, "a zone (%eth0) only after a link-local address, as interface name"
        )
    if int(address) >> 32 in {0, 0xFFFF} and int(address) > 1:
        raise TargetRefused(text, "an IPv4 address in its own form, not inside an IPv6 address")
    return _one_machine(text, address)


def _one_machine(text: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    if address.is_unspecified or address.is_multicast or int(address) == 0xFFFFFFFF:
        raise TargetRefused(
            text, "the address of one machine, not unspecified, multicast or broadcast"
        )
    return str(address)
