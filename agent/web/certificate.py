"""Who issued a certificate, and for whom: the two names of an X.509 certificate (RFC 5280).

Python's ssl gives them only for certificates that it verified; the interesting ones are those
that it did not. So this reads just the way to the two names in DER (X.690) and nothing else.
It trusts nothing: what a stranger sends is bounded by its own length and refused when odd.
"""

import hashlib
from dataclasses import dataclass
from typing import Final

_SEQUENCE: Final = 0x30
_VERSION: Final = 0xA0
_INTEGER: Final = 0x02
_OBJECT_IDENTIFIER: Final = 0x06
_ENCODINGS: Final = {
    0x0C: "utf-8",
    0x13: "ascii",
    0x14: "latin-1",
    0x16: "ascii",
    0x1E: "utf-16-be",
}
_KEYS: Final = {
    bytes((0x55, 0x04, 3)): "CN",
    bytes((0x55, 0x04, 6)): "C",
    bytes((0x55, 0x04, 7)): "L",
    bytes((0x55, 0x04, 8)): "ST",
    bytes((0x55, 0x04, 10)): "O",
    bytes((0x55, 0x04, 11)): "OU",
}
MAX_NAME_CHARACTERS: Final = 200


class Unreadable(ValueError):
    """No certificate, or one that is not encoded as it should be."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """What is kept of a certificate. Names as text: ``C=JP, O=Example, CN=Example CA``."""

    issuer: str
    subject: str
    subject_sha256: str
    """Of the DER of the subject: compares names without keeping them."""
    sha256: str
    """Of the whole certificate: its usual fingerprint."""


def read_certificate(der: bytes) -> Certificate:
    """Read the names of a DER certificate. Raises :class:`Unreadable`."""
    signed = _Reader(_Reader(der).take(_SEQUENCE)).take(_SEQUENCE)
    fields = _Reader(signed)
    if fields.peek() == _VERSION:
        fields.take(_VERSION)
    fields.take(_INTEGER)  # serial number
    fields.take(_SEQUENCE)  # signature algorithm
    issuer = fields.take(_SEQUENCE)
    fields.take(_SEQUENCE)  # validity
    subject = fields.take(_SEQUENCE)
    return Certificate(
        issuer=_name(issuer),
        subject=_name(subject),
        subject_sha256=hashlib.sha256(subject).hexdigest(),
        sha256=hashlib.sha256(der).hexdigest(),
    )


class _Reader:
    """Elements one after the other: tag, length, content."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def peek(self) -> int | None:
        """Tag of the next element; None at the end."""
        return self._data[self._at] if self._at < len(self._data) else None

    def take(self, tag: int) -> bytes:
        """Content of the next element, which must have this tag."""
        found, content = self.next()
        if found != tag:
            raise Unreadable(f"tag {found:#x} where {tag:#x} belongs")
        return content

    def next(self) -> tuple[int, bytes]:
        """Tag and content of the next element."""
        try:
            tag, length = self._data[self._at], self._data[self._at + 1]
        except IndexError:
            raise Unreadable("ends too early") from None
        begins = self._at + 2
        if length >= 0x80:
            octets = length & 0x7F
            if not 1 <= octets <= 4:
                raise Unreadable("a length that DER does not use here")
            length = int.from_bytes(self._data[begins : begins + octets], "big")
            begins += octets
        self._at = begins + length
        if self._at > len(self._data):
            raise Unreadable("an element longer than its place")
        return tag, self._data[begins : self._at]


def _name(content: bytes) -> str:
    sets, parts = _Reader(content), []
    while sets.peek() is not None:
        attributes = _Reader(sets.next()[1])
        while attributes.peek() is not None:
            pair = _Reader(attributes.take(_SEQUENCE))
            key = _KEYS.get(pair.take(_OBJECT_IDENTIFIER))
            tag, value = pair.next()
            if key is not None:
                parts.append(f"{key}={_text(tag, value)}")
    whole = ", ".join(parts) or "no name"
    return whole if len(whole) <= MAX_NAME_CHARACTERS else whole[: MAX_NAME_CHARACTERS - 3] + "..."


def _text(tag: int, value: bytes) -> str:
    text = value.decode(_ENCODINGS.get(tag, "latin-1"), "replace")
    return "".join(character if character.isprintable() else "?" for character in text)
