"""Communities and keys: a file on the appliance, for address ranges, and nowhere else.

The file is read by the process that asks devices and by no other. It must belong to this user or
root and be closed to everybody else. A secret is sent to addresses of its own ranges only, and
stands in no result, log, argument or text of an error. Example: docs/snmp.md.
"""

import ipaddress
import os
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from agent.snmp.exchange import Version
from agent.snmp.usm import HASH_BYTES, KEY_BYTES, Auth, Privacy
from wire import checks
from wire.checks import Wrong
from wire.table import Reader, Table

VARIABLE: Final = "HAKARU_SNMP"
DEFAULT_FILE: Final = "/etc/hakaru/snmp.toml"
MOST_BYTES: Final = 262_144
MOST_DEVICES: Final = 200
SHORTEST_PASSWORD: Final = 8
"""RFC 3414 section 11.2."""
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_KEYS: Final = (
    "networks",
    "version",
    "community",
    "user",
    "auth",
    "auth_password",
    "privacy",
    "privacy_password",
    "port",
)


_TOLD: Final = ("networks", "version", "auth", "privacy", "port", "devices")
"""Keys whose values may stand in a message."""


class AccessRefused(Exception):
    """The file cannot be used. The text names places and what is allowed, never a secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How devices in some ranges are asked."""

    networks: tuple[Network, ...]
    version: Version
    community: str = field(default="", repr=False)
    user: str = field(default="", repr=False)
    auth: Auth | None = None
    auth_password: str = field(default="", repr=False)
    privacy: Privacy | None = None
    privacy_password: str = field(default="", repr=False)
    port: int = 161
    """UDP."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessFile:
    """What the file says."""

    accesses: tuple[Access, ...] = ()
    devices: tuple[str, ...] = ()
    """Addresses that are polled."""

    def access_to(self, address: str) -> Access | None:
        """Give the first access whose ranges hold an address; None: it must not be asked."""
        wanted = ipaddress.ip_address(address.partition("%")[0])
        for access in self.accesses:
            if any(wanted in network for network in access.networks):
                return access
        return None


def place(environment: Mapping[str, str]) -> Path:
    """Where the file is: ``HAKARU_SNMP``, else /etc/hakaru/snmp.toml."""
    return Path(environment.get(VARIABLE) or DEFAULT_FILE)


def load(path: Path) -> AccessFile:
    """Read and check the file. Raises :class:`AccessRefused`."""
    try:
        with path.open("rb") as file:
            _refuse_open(path, os.fstat(file.fileno()))
            raw = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise AccessRefused(f"{path}: {error.strerror}") from None
    if len(raw) > MOST_BYTES:
        raise AccessRefused(f"{path}: larger than {MOST_BYTES} bytes")
    try:
        given = tomllib.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError):  # what the parser says may quote a line with a secret
        raise AccessRefused(f"{path}: not TOML") from None
    return parse(given, str(path))


def parse(given: Mapping[str, Any], name: str) -> AccessFile:
    """Check what the file gave. Raises :class:`AccessRefused` with all mistakes."""
    reader = _Discreet()
    top = Table(reader, "", given, ("access", "devices"))
    accesses = tuple(
        access for table in top.tables("access", _KEYS) if (access := _access(table)) is not None
    )
    none: tuple[str, ...] = ()
    devices = top.take("devices", none, _devices)
    found = AccessFile(accesses=accesses, devices=devices)
    for device in devices:
        if not reader.mistakes and found.access_to(device) is None:
            reader.refuse("devices", device, "addresses within the networks of an [[access]]")
    if reader.mistakes:
        raise AccessRefused("\n".join(f"{name}: {mistake}" for mistake in reader.mistakes))
    return found


class _Discreet(Reader):
    """Says where a mistake is, and what stands there only where that is no secret."""

    def refuse(self, place: str, found: object, allowed: str) -> None:
        """Note one mistake."""
        told = place.rpartition(".")[2] in _TOLD or found in ("nothing", "an unknown key")
        super().refuse(place, found if told else "something else", allowed)


def _refuse_open(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise AccessRefused(f"{path}: not a file")
    if status.st_mode & 0o077:
        mode = stat.S_IMODE(status.st_mode)
        raise AccessRefused(f"{path}: mode {mode:04o} lets others read secrets: chmod 600 {path}")
    if status.st_uid not in (0, os.geteuid()):
        raise AccessRefused(f"{path}: belongs to user {status.st_uid}: chown it to this user")


def _access(table: Table) -> Access | None:
    nowhere: tuple[Network, ...] = ()
    networks = table.need("networks", nowhere, _networks)
    version = Version(table.need("version", "2c", checks.one_of(*(one.value for one in Version))))
    port = table.take("port", 161, checks.whole(1, 65_535))
    if version is not Version.V3:
        community = table.need("community", "", _secret(1))
        return Access(networks=networks, version=version, community=community, port=port)
    user = table.need("user", "", _secret(1))
    auth = table.need("auth", "sha256", checks.one_of(*(one.value for one in Auth)))
    auth_password = table.need("auth_password", "", _secret(SHORTEST_PASSWORD))
    privacy = table.take("privacy", None, checks.one_of(*(one.value for one in Privacy)))
    privacy_password = ""
    if privacy is not None:
        privacy_password = table.need("privacy_password", "", _secret(SHORTEST_PASSWORD))
        if KEY_BYTES[Privacy(privacy)] > HASH_BYTES[Auth(auth)]:
            allowed = f"aes128 with {auth}, or a longer hash with {privacy}"
            table.reader.refuse(table.at("privacy"), privacy, allowed)
    return Access(
        networks=networks,
        version=version,
        user=user,
        auth=Auth(auth),
        auth_password=auth_password,
        privacy=None if privacy is None else Privacy(privacy),
        privacy_password=privacy_password,
        port=port,
    )


def _networks(value: object) -> tuple[Network, ...]:
    words = "a list of addresses and ranges such as 192.0.2.0/24"
    if not isinstance(value, list) or not value:
        raise Wrong(words)
    try:
        return tuple(ipaddress.ip_network(str(one)) for one in value)
    except ValueError:
        raise Wrong(words) from None


def _devices(value: object) -> tuple[str, ...]:
    words = f"a list of at most {MOST_DEVICES} addresses"
    if not isinstance(value, list) or len(value) > MOST_DEVICES:
        raise Wrong(words)
    try:
        return tuple(dict.fromkeys(str(ipaddress.ip_address(str(one))) for one in value))
    except ValueError:
        raise Wrong(words) from None


def _secret(shortest: int) -> Any:  # noqa: ANN401 - a check as wire.table takes it
    def check(value: object) -> str:
        if not isinstance(value, str) or not shortest <= len(value.encode()) <= 255:
            raise Wrong(f"text of {shortest} to 255 bytes")
        return value

    return check
