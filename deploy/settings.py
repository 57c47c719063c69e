"""The settings of ``.env``: which there are, what each may be, and what is wrong with those given.

Pure. The names are those of docker-compose.yml; a test compares both and docs/deployment.md.
"""

import difflib
import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

OF_COMPOSE: Final = ("COMPOSE_", "DOCKER_", "BUILDKIT_", "BUILDX_")
"""How names begin that Compose and the engine read themselves."""
NEVER_PUBLIC: Final = (
    "localhost", "example", "test", "invalid", "local", "internal", "lan", "home.arpa",
)  # fmt: skip
"""Ends of names for which nobody gives a public certificate (RFC 2606, 6761, 6762, 8375, ICANN)."""
Rule = Callable[[str], str | None]
"""Gives what is allowed where a value is not, else None."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One name of ``.env``."""

    name: str
    default: str | None
    """None: has to be given."""
    rule: Rule
    meaning: str


def read(text: str) -> tuple[dict[str, str], list[str]]:
    """Read the lines of an ``.env`` file: values by name, and lines that are none.

    As Compose reads them: NAME=VALUE, ``#`` comments, quotes around a value are taken off.
    """
    values: dict[str, str] = {}
    odd: list[str] = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            odd.append(f"line {number}: found {line!r}, allowed is NAME=VALUE without spaces at =")
            continue
        if name in values:
            odd.append(f"line {number}: {name} stands twice: leave one")
        values[name] = _value(value)
    return values, odd


def _value(text: str) -> str:
    """A value without its quotes, or without the comment behind it."""
    value = text.strip()
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1]
    return re.split(r"\s#", value, maxsplit=1)[0].strip()


def troubles(values: Mapping[str, str]) -> list[str]:
    """Say what is wrong with these values; empty: nothing."""
    return [*_unknown(values), *_refused(values), *_together(with_defaults(values))]


def with_defaults(values: Mapping[str, str]) -> dict[str, str]:
    """Give every setting its value: an empty one counts as not given, as in docker-compose.yml."""
    return {setting.name: values.get(setting.name) or setting.default or "" for setting in SETTINGS}


def _unknown(values: Mapping[str, str]) -> Iterable[str]:
    known = [setting.name for setting in SETTINGS]
    for name in values:
        if name in known or name.startswith(OF_COMPOSE):
            continue
        if re.search("PASS|SECRET|TOKEN|KEY", name):
            yield f"{name}: no such setting; secrets are files in HAKARU_SECRETS, never in .env"
            continue
        near = difflib.get_close_matches(name, known, 1)
        yield f"{name}: no such setting" + (f"; did you mean {near[0]}?" if near else ": remove it")


def overruled(values: Mapping[str, str], environment: Mapping[str, str]) -> list[str]:
    """Say which settings Compose would take from the environment instead of ``.env``."""
    return [
        f"{setting.name}: the environment has another value, which Compose would take: "
        f"unset {setting.name}"
        for setting in SETTINGS
        if setting.name in environment
        and environment[setting.name] != values.get(setting.name, setting.default)
    ]


def _refused(values: Mapping[str, str]) -> Iterable[str]:
    for setting in SETTINGS:
        value = values.get(setting.name, "")
        if not value:
            if setting.default is None:
                yield f"{setting.name}: is missing: {setting.meaning}"
            continue
        allowed = setting.rule(value)
        if allowed is not None:
            yield f"{setting.name}: found {value!r}, allowed is {allowed}"


def _together(values: Mapping[str, str]) -> Iterable[str]:
    """What is right alone and wrong together."""
    site = values["HAKARU_SITE"]
    tls = values["HAKARU_TLS"]
    if "@" in tls and _tls(tls) is None and site and not public(site):
        yield (
            f"HAKARU_TLS: a certificate by ACME is given for public names only, and {site} is "
            "none: use internal, or your own files"
        )
    try:
        front = ipaddress.ip_network(values["HAKARU_FRONT_NETWORK"])
        monitor = ipaddress.ip_network(values["HAKARU_MONITOR_NETWORK"])
        proxy = ipaddress.ip_address(values["HAKARU_PROXY_ADDRESS"])
        prometheus = ipaddress.ip_address(values["HAKARU_PROMETHEUS_ADDRESS"])
    except ValueError:
        return  # told already
    if front.overlaps(monitor):
        yield "HAKARU_FRONT_NETWORK and HAKARU_MONITOR_NETWORK overlap: they must not"
    for name, address, network in (
        ("HAKARU_PROXY_ADDRESS", proxy, front),
        ("HAKARU_PROMETHEUS_ADDRESS", prometheus, monitor),
    ):
        if address not in network:
            yield f"{name}: {address} is not in its network {network}"
        elif address in (network[0], network[1], network[-1]):
            yield f"{name}: {address} is taken: the first two and the last of {network} are"
    ports = ("HAKARU_HTTPS_PORT", "HAKARU_HTTP_PORT", "HAKARU_RESPONDER_PORT", "HAKARU_STAMP_PORT")
    for index, name in enumerate(ports):
        for other in ports[:index]:
            if values[name] == values[other]:
                yield f"{name} and {other} are both {values[name]}: they must differ"


def _host(value: str) -> str | None:
    label = r"(?!-)[a-z0-9-]{1,63}(?<!-)"
    if len(value) <= 253 and re.fullmatch(rf"{label}(\.{label})*", value):
        return None
    return "a host name in small letters without https:// and port, such as hakaru.city.example"


def public(site: str) -> bool:
    """Whether an authority could give a certificate for this name."""
    if re.fullmatch(r"[0-9.]+", site) or "." not in site:
        return False
    return not site.endswith(tuple(f".{end}" for end in NEVER_PUBLIC))


def _tls(value: str) -> str | None:
    if value in ("internal", "/tls/cert.pem /tls/key.pem"):
        return None
    if re.fullmatch(r"[^@\s{}$\"]+@[a-z0-9-]+(\.[a-z0-9-]+)+", value):
        return None
    return (
        "internal (an authority of its own), an e-mail address (a certificate by ACME), or "
        "'/tls/cert.pem /tls/key.pem' (your own files, in HAKARU_SECRETS/tls)"
    )


def _whole(low: int, high: int) -> Rule:
    def rule(value: str) -> str | None:
        if value.isascii() and value.isdecimal() and len(value) < 8 and low <= int(value) <= high:
            return None
        return f"a whole number from {low} to {high}"

    return rule


def _port(value: str) -> str | None:
    return None if _whole(1, 65_535)(value) is None else "a port from 1 to 65535"


def _path(value: str) -> str | None:
    fine = value.startswith(("/", "./", "../")) and not re.search(r"[:\s$]", value)
    return None if fine else "a path that begins with / or ./, without spaces, : and $"


def _network(value: str) -> str | None:
    try:
        network = ipaddress.ip_network(value)
    except ValueError:
        network = None
    if isinstance(network, ipaddress.IPv4Network) and network.prefixlen <= 28:
        return None
    return "an IPv4 network of at least 16 addresses, such as 172.31.84.0/28"


def _address(value: str) -> str | None:
    try:
        ipaddress.IPv4Address(value)
    except ValueError:
        return "an IPv4 address, such as 172.31.84.2"
    return None


def _duration(value: str) -> str | None:
    if re.fullmatch(r"[1-9][0-9]{0,4}[hdwy]", value):
        return None
    return "a number with h, d, w or y, such as 400d or 2y"


def _tag(value: str) -> str | None:
    return (
        None if re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", value) else "a tag of an image"
    )


SETTINGS: Final = (
    Setting("HAKARU_SITE", None, _host, "the name that schools and people open"),
    Setting("HAKARU_TLS", "internal", _tls, "where its certificate comes from"),
    Setting("HAKARU_HTTPS_PORT", "443", _port, "port of this machine for HTTPS"),
    Setting("HAKARU_HTTP_PORT", "80", _port, "port for HTTP, which leads to HTTPS"),
    Setting("HAKARU_RESPONDER_PORT", "4443", _port, "port of the responder"),
    Setting("HAKARU_STAMP_PORT", "862", _port, "port of STAMP, TCP and UDP"),
    Setting("HAKARU_SECRETS", "./secrets", _path, "folder of the secrets"),
    Setting("HAKARU_BACKUPS", "./backups", _path, "folder of the back-ups"),
    Setting("HAKARU_BACKUP_HOURS", "24", _whole(1, 168), "hours between two back-ups"),
    Setting("HAKARU_BACKUP_KEEP", "14", _whole(1, 1000), "how many back-ups are kept"),
    Setting("HAKARU_SERIES_RETENTION", "2y", _duration, "how long Prometheus keeps series"),
    Setting("HAKARU_FRONT_NETWORK", "172.31.84.0/28", _network, "network of proxy and collector"),
    Setting("HAKARU_PROXY_ADDRESS", "172.31.84.2", _address, "the proxy in it"),
    Setting("HAKARU_MONITOR_NETWORK", "172.31.84.16/28", _network, "network of Prometheus"),
    Setting("HAKARU_PROMETHEUS_ADDRESS", "172.31.84.18", _address, "Prometheus in it"),
    Setting("HAKARU_DEMO_AGENTS", "84", _whole(1, 5000), "simulated agents of the demo profile"),
    Setting("HAKARU_VERSION", "0.1.0", _tag, "tag of the images that are built here"),
)
