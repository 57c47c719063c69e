"""What to ask, from the options of the probe: names, types, expectations, resolvers."""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.failure import MeasurementFailed
from agent.target import parse_host
from wire.failure import FailureCode, Operation

MAX_NAMES: Final = 20
TYPES: Final = ("A", "AAAA", "HTTPS")
RESOLV_CONF: Final = Path("/etc/resolv.conf")
SYSTEM: Final = "system"
_MAX_RESOLV_CONF_CHARACTERS: Final = 65_536
IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Expected = Mapping[str, Sequence[Network]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Questions and what is known of their answers."""

    names: Sequence[str]
    types: Sequence[str]
    expected: Expected
    """Networks that hold the right addresses, by name."""
    count: int
    """Times each question is asked: the first, then those that the cache may answer."""
    uncached_zone: str | None
    nonexistent_zone: str


def read_names(text: str) -> list[str]:
    """Read names separated by commas, each once. Raises MeasurementFailed."""
    names = list(dict.fromkeys(read_name("names", part) for part in _parts(text)))
    if not 1 <= len(names) <= MAX_NAMES:
        raise _refused("names", text, f"1 to {MAX_NAMES} names separated by commas")
    return names


def read_types(text: str) -> list[str]:
    """Read record types separated by commas. Raises MeasurementFailed."""
    types = list(dict.fromkeys(part.upper() for part in _parts(text)))
    if not types or not set(types) <= set(TYPES):
        raise _refused("types", text, f"some of {', '.join(TYPES)}, separated by commas")
    return types


def read_expected(text: str | None) -> Expected:
    """Read ``name=network`` pairs separated by commas, a name as often as needed."""
    expected: dict[str, list[Network]] = {}
    for part in _parts(text or ""):
        name, equals, network = part.partition("=")
        try:
            read = ipaddress.ip_network(network.strip() if equals else "")
        except ValueError:
            allowed = "NAME=ADDRESS or NAME=NETWORK (192.0.2.0/24), separated by commas"
            raise _refused("expected", part, allowed) from None
        expected.setdefault(read_name("expected", name.strip()), []).append(read)
    return expected


def read_name(option: str, text: str) -> str:
    """Read one name, without its last dot. Raises MeasurementFailed for an address."""
    name = parse_host(text).removesuffix(".")
    if _address(name) is not None:
        raise _refused(option, text, "a name, not an address")
    return name


def system_resolvers(family: str, path: Path = RESOLV_CONF) -> list[str]:
    """List the addresses that resolv.conf(5) names, of ``family`` (auto, 4, 6), in its order.

    Raises MeasurementFailed where there is none; the C library would ask 127.0.0.1 then, which
    nobody meant.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")[:_MAX_RESOLV_CONF_CHARACTERS]
    except FileNotFoundError:
        text = ""
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) < 2 or words[0] != "nameserver":
            continue
        address = _address(words[1])
        if address is not None and family in ("auto", str(address.version)):
            found.append(words[1])
    if not found:
        kind = "" if family == "auto" else f" over IPv{family}"
        text = f"{path} names no resolver{kind}: give its address as the target"
        raise MeasurementFailed(FailureCode.ADDRESS_UNAVAILABLE, Operation.PREPARE, text)
    return found


def _address(text: str) -> IpAddress | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _refused(option: str, found: str, allowed: str) -> MeasurementFailed:
    shown = ascii(found[:60]) if not found.isprintable() else found[:60]
    return MeasurementFailed(
        FailureCode.TARGET_INVALID,
        Operation.PREPARE,
        f"option {option}: found {shown or 'nothing'}, allowed is {allowed}",
    )
