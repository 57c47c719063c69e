"""Values of agent.toml that only an appliance has: files, proxies, time servers."""

from pathlib import Path

from agent.identity import TransportRefused, collector_address
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


def ntp_server(value: object) -> str:
    """HOST or HOST:PORT."""
    if not isinstance(value, str):
        raise Wrong("HOST or HOST:PORT")
    try:
        parse_host_port(value, 123)
    except TargetRefused as error:
        raise Wrong(error.allowed) from None
    return value
