"""One question, one answer: what the walker needs of whoever speaks SNMP with a device.

Two things stand behind it: :mod:`agent.snmp.library` (pysnmp) and :mod:`agent.snmp.direct`, the
cheap one for polling. Both pass the same tests with the same results.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Protocol

from agent.snmp.values import Binding, Oid


class Ask(StrEnum):
    """Kinds of questions."""

    GET = "get"
    NEXT = "next"
    BULK = "bulk"


class Version(StrEnum):
    """Versions of the protocol, as configuration spells them."""

    V1 = "1"
    V2C = "2c"
    V3 = "3"


class Status(IntEnum):
    """Error status of an answer, as far as it is told apart (RFC 3416 section 3)."""

    NO_ERROR = 0
    TOO_BIG = 1
    NO_SUCH_NAME = 2
    GENERAL_ERROR = 5
    NO_ACCESS = 6
    AUTHORIZATION_ERROR = 16


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    """0: no error; see :class:`Status`."""
    index: int
    """Which of the things asked for is in error, from 1; 0: none is named."""
    bindings: Sequence[Binding]


class Exchange(Protocol):
    """Asks one device."""

    version: Version
    engine_changed: bool
    """The device's engine id is another than at first: it was replaced or set up anew."""

    async def ask(self, kind: Ask, oids: Sequence[Oid], repetitions: int = 0) -> Answer:
        """Ask once, with the retries of the limits.

        Raises :class:`~agent.failure.MeasurementFailed` where nothing usable comes.
        """
        ...

    def close(self) -> None:
        """Let go of sockets."""
        ...
