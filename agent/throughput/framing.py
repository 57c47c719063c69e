"""WebSocket framing (RFC 6455 section 5) without input or output.

A :class:`FrameReader` is told what came in and says what it wants next::

    wants()         the caller then does                 and reports
    ------------    ---------------------------------    ---------------
    Discard(n)      throws away up to n payload bytes    discarded(k)
    Read(n)         reads up to n bytes                  received(bytes)

States: header -> payload (kept: text, close, ping, pong; thrown away: binary) -> header.
Bytes read past a header are consumed as what they are, so a caller may always read more
than it was asked to.
"""

import os
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

MAX_MESSAGE_BYTES: Final = 1 << 24
"""Upper limit of a binary message in the ndt7 specification."""
MAX_TEXT_BYTES: Final = 1 << 16
LONGEST_HEADER: Final = 14


class ProtocolViolation(Exception):
    """The peer sent what RFC 6455 or ndt7 does not allow."""


class Opcode(IntEnum):
    """Frame types, RFC 6455 section 5.2."""

    CONTINUATION = 0x0
    TEXT = 0x1
    BINARY = 0x2
    CLOSE = 0x8
    PING = 0x9
    PONG = 0xA


_CONTROL: Final = (Opcode.CLOSE, Opcode.PING, Opcode.PONG)


@dataclass(frozen=True, slots=True)
class Header:
    """A frame header. ``mask`` is empty where the frame is not masked."""

    fin: bool
    opcode: Opcode
    mask: bytes
    payload_bytes: int
    header_bytes: int


@dataclass(frozen=True, slots=True)
class Message:
    """A complete text, close, ping or pong message."""

    opcode: Opcode
    payload: bytes


@dataclass(frozen=True, slots=True)
class Read:
    """The reader wants up to ``size`` bytes to look at."""

    size: int


@dataclass(frozen=True, slots=True)
class Discard:
    """The next ``size`` bytes are payload nobody looks at."""

    size: int


def parse_header(data: bytes | bytearray) -> Header | None:
    """Read a header from the start of ``data``; None where more bytes are needed."""
    if len(data) < 2:
        return None
    if data[0] & 0x70:
        raise ProtocolViolation("reserved bits are set but no extension was agreed on")
    try:
        opcode = Opcode(data[0] & 0x0F)
    except ValueError:
        raise ProtocolViolation(f"unknown opcode {data[0] & 0x0F:#x}") from None
    masked, short = bool(data[1] & 0x80), data[1] & 0x7F
    extra = {126: 2, 127: 8}.get(short, 0)
    size = 2 + extra + (4 if masked else 0)
    if len(data) < size:
        return None
    length = int.from_bytes(data[2 : 2 + extra], "big") if extra else short
    mask = bytes(data[size - 4 : size]) if masked else b""
    if opcode in _CONTROL and (length > 125 or not data[0] & 0x80):
        raise ProtocolViolation("a control frame is fragmented or longer than 125 bytes")
    return Header(bool(data[0] & 0x80), opcode, mask, length, size)


def build_header(opcode: Opcode, payload_bytes: int, mask: bytes = b"") -> bytes:
    """Write the header of an unfragmented frame."""
    flag = 0x80 if mask else 0
    first = 0x80 | opcode
    if payload_bytes < 126:
        head = bytes((first, flag | payload_bytes))
    elif payload_bytes < 1 << 16:
        head = struct.pack(">BBH", first, flag | 126, payload_bytes)
    else:
        head = struct.pack(">BBQ", first, flag | 127, payload_bytes)
    return head + mask


def largest_payload(frame_bytes: int) -> int:
    """Payload of the longest unmasked frame of at most ``frame_bytes``; 0 where none fits."""
    for header, lowest, highest in ((10, 1 << 16, 1 << 62), (4, 126, (1 << 16) - 1), (2, 1, 125)):
        if frame_bytes - header >= lowest:
            return min(frame_bytes - header, highest)
    return 0


def build_frame(opcode: Opcode, payload: bytes, *, masked: bool) -> bytes:
    """Write one small frame; a client masks with a fresh random key (RFC 6455 section 5.3)."""
    mask = os.urandom(4) if masked else b""
    return build_header(opcode, len(payload), mask) + apply_mask(payload, mask)


def apply_mask(payload: bytes, mask: bytes) -> bytes:
    """Mask or unmask; an empty mask leaves the payload as it is."""
    if not mask or not payload:
        return payload
    size = len(payload)
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")


class FrameReader:
    """Follows a stream of frames; counts binary payload, collects everything else.

    ``expect_masked``: True at a server (clients must mask), False at a client. With
    ``binary_allowed`` False a binary frame is a violation (ndt7: only the sending side of the
    test sends them).
    """

    def __init__(self, *, expect_masked: bool, binary_allowed: bool = True) -> None:
        self._expect_masked = expect_masked
        self._binary_allowed = binary_allowed
        self._head = bytearray()
        self._header: Header | None = None
        self._left = 0
        self._kept = bytearray()
        self._text = bytearray()
        self._continues: Opcode | None = None
        self._discards = False
        self.binary_bytes = 0
        """Payload bytes of binary messages so far."""
        self.messages: list[Message] = []
        """Complete other messages; the caller empties it."""

    def wants(self) -> Read | Discard:
        """Say what to do next with the stream."""
        if self._header is None:
            return Read(LONGEST_HEADER)
        if self._discarding(self._header):
            return Discard(self._left)
        return Read(self._left)

    def discarded(self, size: int) -> None:
        """Take note that ``size`` payload bytes were thrown away."""
        self._left -= size
        self.binary_bytes += size
        if self._left == 0:
            self._header = None

    def received(self, data: bytes) -> None:
        """Take bytes that were read. Raises :class:`ProtocolViolation`."""
        view = memoryview(data)
        while view:
            if self._header is None:
                view = self._take_header(view)
            else:
                view = self._take_payload(self._header, view)

    def _take_header(self, view: memoryview) -> memoryview:
        had = len(self._head)
        self._head += view[: LONGEST_HEADER - had]
        header = parse_header(self._head)
        if header is None:
            return view[LONGEST_HEADER - had :]
        self._head.clear()
        self._start(header)
        return view[header.header_bytes - had :]

    def _start(self, header: Header) -> None:
        if bool(header.mask) != self._expect_masked:
            raise ProtocolViolation("a frame of a client is masked, one of a server is not")
        opcode = self._kind(header)
        limit = MAX_MESSAGE_BYTES if opcode is Opcode.BINARY else MAX_TEXT_BYTES
        if header.payload_bytes > limit:
            raise ProtocolViolation(f"a message of {header.payload_bytes} bytes (limit {limit})")
        if opcode is Opcode.BINARY and not self._binary_allowed:
            raise ProtocolViolation("binary data from the side that must not send it")
        if header.opcode not in _CONTROL:
            self._continues = None if header.fin else opcode
        self._header = header
        self._left = header.payload_bytes
        self._discards = opcode is Opcode.BINARY
        if self._left == 0:
            self._finish(header)

    def _kind(self, header: Header) -> Opcode:
        if header.opcode is Opcode.CONTINUATION:
            if self._continues is None:
                raise ProtocolViolation("a continuation of nothing")
            return self._continues
        if self._continues is not None and header.opcode not in _CONTROL:
            raise ProtocolViolation("a new message inside a fragmented one")
        return header.opcode

    def _discarding(self, header: Header) -> bool:
        return self._discards and header.opcode not in _CONTROL

    def _take_payload(self, header: Header, view: memoryview) -> memoryview:
        size = min(self._left, len(view))
        if self._discarding(header):
            self.discarded(size)
            return view[size:]
        self._kept += view[:size]
        self._left -= size
        if self._left == 0:
            self._finish(header)
        return view[size:]

    def _finish(self, header: Header) -> None:
        payload = apply_mask(bytes(self._kept), header.mask)
        self._kept.clear()
        self._header = None
        if header.opcode in _CONTROL:
            self.messages.append(Message(header.opcode, payload))
        elif not self._discards:
            self._text += payload
            if len(self._text) > MAX_TEXT_BYTES:
                raise ProtocolViolation(f"a text message over {MAX_TEXT_BYTES} bytes")
            if header.fin:
                self.messages.append(Message(Opcode.TEXT, bytes(self._text)))
                self._text.clear()
