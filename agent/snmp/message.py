"""Messages of SNMP v1, v2c and v3 (RFC 1157, RFC 3416, RFC 3412): bytes in, bytes out. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from agent.snmp import ber
from agent.snmp.ber import Malformed
from agent.snmp.exchange import Answer, Ask, Version
from agent.snmp.values import Binding, Oid

_TAGS: Final = {Ask.GET: 0xA0, Ask.NEXT: 0xA1, Ask.BULK: 0xA5}
RESPONSE: Final = 0xA2
REPORT: Final = 0xA8
_NUMBERS: Final = {Version.V1: 0, Version.V2C: 1}
V3: Final = 3
USM: Final = 3
MOST_BYTES: Final = 65_507
AUTHENTICATED, PRIVATE, REPORTABLE = 1, 2, 4


def question(kind: Ask, request_id: int, oids: Sequence[Oid], repetitions: int = 0) -> bytes:
    """Write the PDU of a question."""
    numbers = ber.integer(request_id) + ber.integer(0) + ber.integer(repetitions)
    return ber.tlv(_TAGS[kind], numbers + ber.questions(oids))


def with_community(version: Version, community: bytes, pdu: bytes) -> bytes:
    """Write a message of v1 or v2c."""
    number = ber.integer(_NUMBERS[version])
    return ber.tlv(ber.SEQUENCE, number + ber.tlv(ber.STRING, community) + pdu)


class Pdu(NamedTuple):
    """What a message carried."""

    tag: int
    request_id: int
    status: int
    place: int
    bindings: tuple[Binding, ...]

    def answer(self) -> Answer:
        """Give it as an answer."""
        return Answer(self.status, self.place, self.bindings)


def read_pdu(data: bytes, at: int, end: int) -> Pdu:
    """Read an answer or a report. Raises Malformed."""
    tag, at, end = ber.read(data, at, end)
    if tag not in (RESPONSE, REPORT):
        raise Malformed(f"no answer but {tag:#x}")
    request_id, at = ber.whole(data, at, end)
    status, at = ber.whole(data, at, end)
    index, at = ber.whole(data, at, end)
    begin, stop = ber.expect(data, at, end, ber.SEQUENCE)
    return Pdu(tag, request_id, status, index, tuple(ber.bindings(data, begin, stop)))


def read_with_community(data: bytes, version: Version, community: bytes) -> Pdu:
    """Read an answer of v1 or v2c. Raises Malformed, also for another community."""
    at, end = ber.expect(data, 0, len(data), ber.SEQUENCE)
    number, at = ber.whole(data, at, end)
    if number != _NUMBERS[version]:
        raise Malformed("another version")
    said, at = ber.text(data, at, end)
    if said != community:
        raise Malformed("another community")
    return read_pdu(data, at, end)


@dataclass(frozen=True, slots=True)
class Security:
    """Security parameters of v3 (RFC 3414 section 2.4)."""

    engine_id: bytes = b""
    boots: int = 0
    time_seconds: int = 0
    user: bytes = b""
    digest: bytes = b""
    salt: bytes = b""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message of v3 before its payload is read."""

    message_id: int
    flags: int
    security: Security
    digest_at: int
    """Where in the message the digest stands."""
    payload_tag: int
    payload: bytes
    """The scoped PDU with its tag; where it is private, the cipher text."""


def write_v3(message_id: int, flags: int, security: Security, scoped: bytes) -> bytes:
    """Write a message of v3. ``scoped``: a scoped PDU, or the OCTET STRING of its cipher text."""
    header = ber.tlv(
        ber.SEQUENCE,
        ber.integer(message_id)
        + ber.integer(MOST_BYTES)
        + ber.tlv(ber.STRING, bytes((flags,)))
        + ber.integer(USM),
    )
    parameters = ber.tlv(
        ber.SEQUENCE,
        ber.tlv(ber.STRING, security.engine_id)
        + ber.integer(security.boots)
        + ber.integer(security.time_seconds)
        + ber.tlv(ber.STRING, security.user)
        + ber.tlv(ber.STRING, security.digest)
        + ber.tlv(ber.STRING, security.salt),
    )
    body = ber.integer(V3) + header + ber.tlv(ber.STRING, parameters) + scoped
    return ber.tlv(ber.SEQUENCE, body)


def scoped_pdu(engine_id: bytes, pdu: bytes) -> bytes:
    """Write a PDU with the default context of an engine."""
    return ber.tlv(ber.SEQUENCE, ber.tlv(ber.STRING, engine_id) + b"\x04\x00" + pdu)


def cipher_text(data: bytes) -> bytes:
    """Write an encrypted scoped PDU."""
    return ber.tlv(ber.STRING, data)


def read_scoped(data: bytes) -> Pdu:
    """Read a scoped PDU. Raises Malformed."""
    at, end = ber.expect(data, 0, len(data), ber.SEQUENCE)
    _, at = ber.text(data, at, end)
    _, at = ber.text(data, at, end)
    return read_pdu(data, at, end)


def read_v3(data: bytes) -> Envelope:
    """Read all but the payload. Raises Malformed."""
    at, end = ber.expect(data, 0, len(data), ber.SEQUENCE)
    version, at = ber.whole(data, at, end)
    if version != V3:
        raise Malformed("another version")
    header, at = ber.expect(data, at, end, ber.SEQUENCE)
    message_id, header = ber.whole(data, header, at)
    _, header = ber.whole(data, header, at)
    flags, header = ber.text(data, header, at)
    model, _ = ber.whole(data, header, at)
    if len(flags) != 1 or model != USM:
        raise Malformed("another security model")
    begin, at = ber.expect(data, at, end, ber.STRING)
    begin, stop = ber.expect(data, begin, at, ber.SEQUENCE)
    engine_id, begin = ber.text(data, begin, stop)
    boots, begin = ber.whole(data, begin, stop)
    time_seconds, begin = ber.whole(data, begin, stop)
    user, begin = ber.text(data, begin, stop)
    digest, begin = ber.text(data, begin, stop)
    digest_at = begin - len(digest)
    salt, begin = ber.text(data, begin, stop)
    tag, start, stop = ber.read(data, at, end)
    private = flags[0] & PRIVATE
    if tag != (ber.STRING if private else ber.SEQUENCE):
        raise Malformed("a payload that is neither")
    security = Security(engine_id, boots, time_seconds, user, digest, salt)
    payload = data[start:stop] if private else data[at:stop]
    return Envelope(message_id, flags[0], security, digest_at, tag, payload)
