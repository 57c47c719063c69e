"""What the target of each kind of probe looks like, and which hosts it leads to. Pure.

A host here is a name or an address as :mod:`wire.target` spells it: what an appliance's own list
of allowed targets is asked about.
"""

from collections.abc import Callable, Mapping
from typing import Final

from wire.measurement import Json
from wire.options import Option, OptionRefused
from wire.probes import ProbeForm
from wire.target import TargetRefused, parse_host, parse_host_port
from wire.target_url import parse_url

SYSTEM: Final = "system"
"""Target of a DNS test: the appliance's own resolver, whichever it is."""
LAN: Final = "lan"
"""Target of a test that looks at the appliance's own network: no host is named."""
OOKLA_HOST: Final = "www.speedtest.net"

Options = Mapping[str, Json]


def hosts_of_target(form: ProbeForm, target: str, options: Options) -> tuple[str, ...]:
    """Hosts that ``target`` leads to. Raises :class:`~wire.target.TargetRefused`."""
    return _FORMS[form.target](target, options)


def hosts_of_options(form: ProbeForm, options: Options) -> tuple[str, ...]:
    """Hosts that options name. Raises :class:`~wire.options.OptionRefused`."""
    found: list[str] = []
    for name, option in form.options.items():
        given = options.get(name)
        if isinstance(given, str) and given:
            found += _hosts_of_option(name, option, given)
    return tuple(found)


def _hosts_of_option(name: str, option: Option, given: str) -> list[str]:
    try:
        if option.form == "endpoint":
            return [] if given == SYSTEM else [parse_host_port(given, 1)[0]]
        if option.form == "hosts":
            return [parse_host(host.strip()) for host in given.split(",") if host.strip()]
    except TargetRefused as error:
        raise OptionRefused(name, error.found, error.allowed) from None
    return []


def _host(target: str, _options: Options) -> tuple[str, ...]:
    return (parse_host(target),)


def _host_port(target: str, _options: Options) -> tuple[str, ...]:
    return (parse_host_port(target)[0],)


def _endpoint(target: str, _options: Options) -> tuple[str, ...]:
    return (parse_host_port(target, 1)[0],)


def _resolver(target: str, _options: Options) -> tuple[str, ...]:
    return () if target == SYSTEM else (parse_host_port(target, 53)[0],)


def _lan(target: str, _options: Options) -> tuple[str, ...]:
    if target != LAN:
        raise TargetRefused(target, f"the word {LAN}: the appliance's own network")
    return ()


def _url(target: str, options: Options) -> tuple[str, ...]:
    return (parse_url(target, http_allowed=options.get("allow_http") is True).host,)


def _service(target: str, _options: Options) -> tuple[str, ...]:
    if target == OOKLA_HOST:
        return (OOKLA_HOST,)
    url = parse_url(target, http_allowed=True)
    if url.path != "/":
        raise TargetRefused(target, f"{OOKLA_HOST}, or http(s)://HOST[:PORT] without a path")
    return (url.host,)


def _ndt7(target: str, _options: Options) -> tuple[str, ...]:
    if target.startswith("https://"):
        return (parse_url(target).host,)
    scheme, _, authority = target.partition("://")
    if scheme != "wss" or not authority.isascii() or any(mark in authority for mark in "?#@ "):
        shown = target.partition("?")[0]  # what follows may hold a token
        raise TargetRefused(shown, "wss://HOST[:PORT] or the https:// URL of a Locate service")
    return (parse_host_port(authority.removesuffix("/"), 443)[0],)


_FORMS: Final[Mapping[str, Callable[[str, Options], tuple[str, ...]]]] = {
    "host": _host,
    "host_port": _host_port,
    "endpoint": _endpoint,
    "resolver": _resolver,
    "lan": _lan,
    "url": _url,
    "service": _service,
    "ndt7": _ndt7,
}
FORMS: Final = frozenset(_FORMS)
