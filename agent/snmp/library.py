"""SNMP through pysnmp 7: for what is asked seldom.

Only ``get_cmd``, ``next_cmd`` and ``bulk_cmd`` are used, with numeric OIDs and without its MIBs:
its walkers never end on OIDs that do not increase, and a lookup doubles the cost and reads files
in the event loop. One engine serves the whole process, since each leaks a descriptor, a task and a
megabyte; it is given up for a new one only where a device of version 3 that was known stops being
understood, because an engine holds on to the engine ids it has seen.
"""

import asyncio
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from pysnmp.hlapi.v3arch import asyncio as hlapi  # type: ignore[import-untyped] # no types
from pysnmp.proto import errind  # type: ignore[import-untyped] # no types

from agent.failure import MeasurementFailed
from agent.snmp.access import Access
from agent.snmp.exchange import Answer, Ask, Version
from agent.snmp.limits import Limits
from agent.snmp.usm import Auth, Privacy
from agent.snmp.values import Binding, Kind, Oid, Value
from wire.failure import FailureCode, Operation

_AUTH: Final = {
    Auth.SHA1: hlapi.USM_AUTH_HMAC96_SHA,
    Auth.SHA224: hlapi.USM_AUTH_HMAC128_SHA224,
    Auth.SHA256: hlapi.USM_AUTH_HMAC192_SHA256,
    Auth.SHA384: hlapi.USM_AUTH_HMAC256_SHA384,
    Auth.SHA512: hlapi.USM_AUTH_HMAC384_SHA512,
}
_PRIVACY: Final = {
    None: hlapi.USM_PRIV_NONE,
    Privacy.AES128: hlapi.USM_PRIV_CFB128_AES,
    Privacy.AES192: hlapi.USM_PRIV_CFB192_AES,
    Privacy.AES256: hlapi.USM_PRIV_CFB256_AES,
}
_REFUSED: Final = (
    errind.UnknownUserName,
    errind.WrongDigest,
    errind.AuthenticationFailure,
    errind.AuthenticationError,
    errind.DecryptionError,
    errind.UnsupportedSecurityLevel,
    errind.UnsupportedAuthProtocol,
    errind.UnsupportedPrivProtocol,
)
_KINDS: Final = {
    "NoSuchObject": Kind.NO_SUCH_OBJECT,
    "NoSuchInstance": Kind.NO_SUCH_INSTANCE,
    "EndOfMibView": Kind.END_OF_MIB,
    "Null": Kind.NULL,
    "Counter32": Kind.COUNTER32,
    "Gauge32": Kind.GAUGE32,
    "Unsigned32": Kind.GAUGE32,
    "TimeTicks": Kind.TICKS,
    "Counter64": Kind.COUNTER64,
    "Integer": Kind.INTEGER,
    "IpAddress": Kind.ADDRESS,
    "Opaque": Kind.OPAQUE,
    "OctetString": Kind.STRING,
    "ObjectIdentifier": Kind.OID,
}
_AS_NUMBER: Final = (
    Kind.COUNTER32,
    Kind.GAUGE32,
    Kind.TICKS,
    Kind.COUNTER64,
    Kind.INTEGER,
)
_AS_BYTES: Final = (Kind.ADDRESS, Kind.OPAQUE, Kind.STRING)


class _Shared:
    """The one engine of this process."""

    def __init__(self) -> None:
        self.engine: Any = None
        self.loop: asyncio.AbstractEventLoop | None = None
        self.users_count = 0

    def get(self) -> Any:  # noqa: ANN401 - pysnmp has no types to speak of
        """Give the engine of this event loop."""
        loop = asyncio.get_running_loop()
        if self.engine is None or self.loop is not loop:
            self.engine, self.loop = hlapi.SnmpEngine(), loop
        return self.engine

    def renew(self) -> None:
        """Give the engine up."""
        if self.engine is not None:
            self.engine.close_dispatcher()
        self.engine = None

    def leave(self) -> None:
        """Be used by one less; without a user the engine's socket and timer are let go."""
        self.users_count -= 1
        if self.users_count <= 0:
            self.renew()


SHARED: Final = _Shared()


class Library:
    """An :class:`~agent.snmp.exchange.Exchange` through pysnmp."""

    def __init__(self, address: str, access: Access, limits: Limits) -> None:
        self.version = access.version
        self.engine_changed = False
        self._address = (address, access.port)
        self._limits = limits
        self._data = _security(access)
        self._target: Any = None
        self._was_understood = False
        self._closed = False
        SHARED.users_count += 1

    async def ask(self, kind: Ask, oids: Sequence[Oid], repetitions: int = 0) -> Answer:
        """Ask once, with retries. Raises :class:`MeasurementFailed`."""
        try:
            return await self._ask(kind, oids, repetitions)
        except MeasurementFailed:
            if self.version is not Version.V3 or not self._was_understood:
                raise
        SHARED.renew()
        self._was_understood = False
        answer = await self._ask(kind, oids, repetitions)
        self.engine_changed = True
        return answer

    def close(self) -> None:
        """Leave the engine to others. Inside the event loop that it was used in."""
        if not self._closed:
            self._closed = True
            SHARED.leave()

    async def _ask(self, kind: Ask, oids: Sequence[Oid], repetitions: int) -> Answer:
        engine = SHARED.get()
        if self._target is None:
            form = (
                hlapi.Udp6TransportTarget if ":" in self._address[0] else hlapi.UdpTransportTarget
            )
            self._target = await form.create(
                self._address, timeout=self._limits.pdu_seconds, retries=self._limits.tries - 1
            )
        wanted = [hlapi.ObjectType(hlapi.ObjectIdentity(oid)) for oid in oids]
        head = (engine, self._data, self._target, hlapi.ContextData())
        try:
            if kind is Ask.GET:
                found = await hlapi.get_cmd(*head, *wanted, lookupMib=False)
            elif kind is Ask.NEXT:
                found = await hlapi.next_cmd(*head, *wanted, lookupMib=False)
            else:
                found = await hlapi.bulk_cmd(*head, 0, repetitions, *wanted, lookupMib=False)
        except Exception as error:  # noqa: BLE001 - whatever the library raises for bytes of a device
            text = f"the SNMP library gave up ({type(error).__name__})"
            raise MeasurementFailed(FailureCode.PROTOCOL_ERROR, Operation.RECEIVE, text) from None
        indication, status, index, rows = found
        if isinstance(indication, errind.EmptyResponse):
            return Answer(0, 0, ())
        if indication:
            raise _failed(indication)
        self._was_understood = True
        return Answer(int(status), int(index), _bindings(rows))


def _security(access: Access) -> Any:  # noqa: ANN401 - one of two classes of pysnmp
    if access.version is not Version.V3:
        model = 0 if access.version is Version.V1 else 1
        return hlapi.CommunityData(access.community, mpModel=model)
    assert access.auth is not None
    return hlapi.UsmUserData(
        access.user,
        access.auth_password,
        None if access.privacy is None else access.privacy_password,
        authProtocol=_AUTH[access.auth],
        privProtocol=_PRIVACY[access.privacy],
    )


def _failed(indication: object) -> MeasurementFailed:
    """Name what pysnmp says. Its own words stay away: they may quote what was sent."""
    if isinstance(indication, errind.RequestTimedOut):
        text = "no answer: no SNMP there, not for this address, or another community or user"
        return MeasurementFailed(FailureCode.NO_REPLY, Operation.RECEIVE, text)
    if isinstance(indication, _REFUSED):
        name = type(indication).__name__
        text = f"the device refuses the user or its keys: {name}"
        return MeasurementFailed(FailureCode.NOT_ADMITTED, Operation.RECEIVE, text)
    text = f"answers that are none: {type(indication).__name__}"
    return MeasurementFailed(FailureCode.PROTOCOL_ERROR, Operation.RECEIVE, text)


def _bindings(rows: Sequence[Any]) -> tuple[Binding, ...]:
    return tuple((tuple(row[0]), _value(row[1])) for row in rows)


def _value(given: Any) -> Value:  # noqa: ANN401 - a value of pyasn1
    kind = _kind(type(given).__mro__)
    if kind in _AS_NUMBER:
        return Value(kind, int(given))
    if kind in _AS_BYTES:
        return Value(kind, bytes(given))
    return Value(kind, tuple(given) if kind is Kind.OID else None)


@cache
def _kind(bases: tuple[type, ...]) -> Kind:
    """Tell the kind by the nearest class that has one: absences are strings to pysnmp, too."""
    for base in bases:
        if (kind := _KINDS.get(base.__name__)) is not None:
            return kind
    return Kind.NULL
