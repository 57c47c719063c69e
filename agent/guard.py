"""No packet to where this appliance does not go: the rules of one measuring process.

A name is checked again after it was resolved, so neither a name that leads to loopback nor one
that changes its mind between two looks gets through: every address that :func:`socket.getaddrinfo`
gives is looked at, and every address that a socket is told to speak to is looked at again, by the
interpreter's audit hook (PEP 578), which no library can leave out. Processes that this one starts
inherit the rules where they run Python of ours (:func:`inherit`), and get addresses only where
they do not.

Only what the centre chose is guarded. What agent.toml says is the word of the appliance itself.
"""

import ipaddress
import json
import os
import socket
import sys
from collections.abc import Iterable, Mapping
from typing import Any, Final

from agent.allowed import Allowed, IpAddress, read_entries
from agent.failure import MeasurementFailed
from wire.failure import FailureCode, Operation

VARIABLE: Final = "HAKARU_ALLOWED"
_FAMILIES: Final = (socket.AF_INET, socket.AF_INET6)
_SPEAKING: Final[Mapping[str, int]] = {
    "socket.connect": 1,
    "socket.sendto": 1,
    "socket.sendmsg": 1,
}
"""Audit events to the place of the address among their arguments."""


class Guard:
    """Decides about names and addresses; remembers which addresses an admitted name led to."""

    def __init__(self, allowed: Allowed, also: Iterable[str] = ()) -> None:
        self._allowed = allowed
        self._known = {ipaddress.ip_address(address) for address in also}
        """The appliance's own resolvers, where they are what is measured."""

    def check(self, host: str) -> None:
        """Raise :class:`MeasurementFailed` for an address that must not be spoken to."""
        address = _address(host)
        if address is None:  # the C library would resolve it here, unseen
            raise refused(f"{host[:60] or 'no address'}: a socket of ours takes addresses only")
        if address in self._known:
            return
        why = self._allowed.why_not_address(address, by_name=False)
        if why is not None:
            raise refused(why)

    def resolved(self, name: str, addresses: Iterable[str]) -> None:
        """Take note of what a name led to. Raises MeasurementFailed where it leads astray."""
        by_name = _address(name) is None and self._allowed.admits_name(name)
        for text in addresses:
            address = _address(text)
            if address is None or address in self._known:
                continue
            why = self._allowed.why_not_address(address, by_name=by_name)
            if why is not None:
                raise refused(f"{name}: {why}" if name != text else why)
            self._known.add(address)


def refused(why: str) -> MeasurementFailed:
    """Make the failure of a target that is not allowed here."""
    return MeasurementFailed(FailureCode.TARGET_INVALID, Operation.RESOLVE, why)


def install(entries: list[str] | None, also: Iterable[str] = ()) -> None:
    """Guard this process from here on, and tell those it starts. Cannot be taken back."""
    also = tuple(also)
    guard = Guard(read_entries(entries), also)
    os.environ[VARIABLE] = json.dumps({"entries": entries, "also": also})
    resolve = socket.getaddrinfo

    def getaddrinfo(host: Any, *rest: Any, **more: Any) -> Any:  # noqa: ANN401 - as the original
        found = resolve(host, *rest, **more)
        name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
        if isinstance(name, str):  # None: addresses to listen on
            guard.resolved(name, [str(entry[4][0]) for entry in found])
        return found

    socket.getaddrinfo = getaddrinfo
    sys.addaudithook(_hook(guard))


def inherit() -> None:
    """Take over the rules of the process that started this one, where it has any."""
    given = os.environ.get(VARIABLE)
    if given is not None:
        rules = json.loads(given)
        install(rules["entries"], rules["also"])


def _hook(guard: Guard) -> Any:  # noqa: ANN401 - as sys.addaudithook takes it
    def look(event: str, arguments: tuple[Any, ...]) -> None:
        place = _SPEAKING.get(event)
        if place is None or arguments[0].family not in _FAMILIES:
            return
        address = arguments[place]
        if isinstance(address, tuple) and address and isinstance(address[0], str):
            guard.check(address[0])

    return look


def _address(text: str) -> IpAddress | None:
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return found
