"""How one collector serves: everything ``serve`` can be told."""

import argparse
import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from collector.judge.week import Week

DEFAULT_LISTEN: Final = "127.0.0.1:8080"


@dataclass(frozen=True, slots=True)
class Listen:
    """An address to listen on."""

    host: str
    port: int
    """0: any free port."""

    @property
    def url_host(self) -> str:
        """The host as it stands in a URL."""
        return f"[{self.host}]" if ":" in self.host else self.host


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeConfig:
    """Settings of one serving collector."""

    listen: Listen
    tls_cert: Path | None = None
    """Certificate chain (PEM). With ``tls_key``, the collector speaks TLS itself."""
    tls_key: Path | None = None
    behind_tls_proxy: str | None = None
    """Address of the proxy whose X-Forwarded headers are believed."""
    insecure_lab: bool = False
    """Take secrets over plain HTTP from anywhere."""
    week: Week | None = None
    """The week shown where none is asked for; None: the last complete one."""


def parse_listen(text: str) -> Listen:
    """Read HOST:PORT (``[::1]:8080`` for IPv6). Raises ArgumentTypeError."""
    host, separator, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        separator = ""
    if not separator or not host or not port.isdecimal() or len(port) > 5 or int(port) > 65_535:
        raise argparse.ArgumentTypeError(
            f"found {text!r}, allowed is HOST:PORT such as {DEFAULT_LISTEN} or [::1]:8080 "
            "(port 0: any free one)"
        )
    return Listen(host, int(port))


def parse_address(text: str) -> str:
    """Read an IP address or network. Raises ArgumentTypeError."""
    try:
        ipaddress.ip_network(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"found {text!r}, allowed is the proxy's address, such as 127.0.0.1 or 10.0.0.0/28"
        ) from None
    return text


def parse_week(text: str) -> Week:
    """Read an ISO week. Raises ArgumentTypeError."""
    try:
        return Week.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
