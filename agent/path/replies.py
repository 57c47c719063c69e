"""What comes back to a probe, and ICMP errors in the marks that traceroute has always used."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from agent.latency.packet import name_error
from wire.failure import FailureCode

Kind = Literal["time_exceeded", "unreachable", "echo_reply", "tcp_open", "tcp_reset", "udp_reply"]
ANSWERS: Final = ("echo_reply", "tcp_open", "tcp_reset", "udp_reply")
"""Kinds that only the destination sends."""
MOST_LABELS: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """The probe with this tag left at ``at_seconds`` of the monotonic clock."""

    tag: int
    at_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSent:
    """This machine's kernel did not take the probe; ``number`` is the errno."""

    tag: int
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer to the probe with this tag, at ``at_seconds`` of the monotonic clock."""

    tag: int
    at_seconds: float
    address: str
    kind: Kind
    icmp: tuple[int, int] | None = None
    """Type and code, where it is ICMP."""
    mpls: tuple[str, ...] = ()
    """Label stack that the router reports (RFC 4950), outermost first."""


Event = Sent | NotSent | Reply

# the marks of traceroute(8)
_MARKS_4: Final[Mapping[tuple[int, int], str]] = {
    (3, 0): "!N",
    (3, 1): "!H",
    (3, 2): "!P",
    (3, 4): "!F",
    (3, 5): "!S",
    (3, 6): "!N",
    (3, 7): "!H",
    (3, 9): "!X",
    (3, 10): "!X",
    (3, 13): "!X",
    (3, 14): "!V",
    (3, 15): "!C",
}
_MARKS_6: Final[Mapping[tuple[int, int], str]] = {
    (1, 0): "!N",
    (1, 1): "!X",
    (1, 2): "!S",
    (1, 3): "!H",
    (1, 5): "!X",
    (1, 6): "!X",
    (2, 0): "!F",
}
PORT_UNREACHABLE: Final = {4: (3, 3), 6: (1, 4)}


def kind_of_icmp(version: int, kind: int, code: int) -> Kind | None:
    """Sort an ICMP message; None where it ends no probe (redirects and the like)."""
    if (kind, code) == ((11, 0) if version == 4 else (3, 0)):
        return "time_exceeded"
    if kind in ((3,) if version == 4 else (1, 2)):
        return "unreachable"
    if kind == (0 if version == 4 else 129) and code == 0:
        return "echo_reply"
    return None


def mark_of(version: int, icmp: tuple[int, int] | None) -> str:
    """Give the mark of an error: !N network, !H host, !X prohibited ...; empty where it has none.

    Port unreachable has none: it is how a host answers.
    """
    table = _MARKS_4 if version == 4 else _MARKS_6
    if icmp is None or icmp == PORT_UNREACHABLE[version]:
        return ""
    mark = table.get(icmp)
    if mark is None and icmp[0] == (3 if version == 4 else 1):
        return f"!{icmp[1]}"
    return mark or ""


def named(version: int, icmp: tuple[int, int] | None) -> tuple[FailureCode, str]:
    """Name an error as a failure, in words."""
    found = name_error(version, *icmp) if icmp is not None else None
    return found or (FailureCode.HOST_UNREACHABLE, "destination unreachable")
