"""WebSocket frames: the codec of headers and the reader that follows a stream of frames."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.throughput.framing import (
    MAX_MESSAGE_BYTES,
    MAX_TEXT_BYTES,
    Discard,
    FrameReader,
    Header,
    Message,
    Opcode,
    ProtocolViolation,
    Read,
    apply_mask,
    build_frame,
    build_header,
    parse_header,
)

KEY = bytes.fromhex("37fa213d")

# opcode, payload length, mask, bytes on the wire (RFC 6455 section 5.2 and the ends of each form)
HEADERS = [
    (Opcode.TEXT, 5, b"", "8105"),
    (Opcode.TEXT, 5, KEY, "818537fa213d"),
    (Opcode.PING, 0, b"", "8900"),
    (Opcode.CLOSE, 2, KEY, "888237fa213d"),
    (Opcode.PONG, 125, b"", "8a7d"),
    (Opcode.BINARY, 125, b"", "827d"),
    (Opcode.BINARY, 126, b"", "827e007e"),
    (Opcode.BINARY, 256, b"", "827e0100"),
    (Opcode.BINARY, 65535, KEY, "82feffff37fa213d"),
    (Opcode.BINARY, 65536, b"", "827f0000000000010000"),
    (Opcode.BINARY, 1 << 20, KEY, "82ff000000000010000037fa213d"),
]


@pytest.mark.parametrize(("opcode", "size", "mask", "wire"), HEADERS)
def test_header_codec(opcode: Opcode, size: int, mask: bytes, wire: str) -> None:
    """The same table holds for writing and for reading, and no shorter piece is a header."""
    raw = bytes.fromhex(wire)
    assert build_header(opcode, size, mask) == raw
    assert parse_header(raw + b"behind") == Header(True, opcode, mask, size, len(raw))
    assert [parse_header(raw[:cut]) for cut in range(len(raw))] == [None] * len(raw)


def test_example_of_the_rfc() -> None:
    """RFC 6455 section 5.7: a masked 'Hello' is unmasked."""
    reader = FrameReader(expect_masked=True)
    reader.received(bytes.fromhex("818537fa213d7f9f4d5158"))
    assert reader.messages == [Message(Opcode.TEXT, b"Hello")]


@given(st.binary(max_size=300), st.binary(min_size=4, max_size=4))
def test_masking_is_its_own_inverse(payload: bytes, key: bytes) -> None:
    """Masking twice gives the payload back, and byte i is masked with key byte i mod 4."""
    masked = apply_mask(payload, key)
    assert apply_mask(masked, key) == payload
    assert list(masked) == [byte ^ key[index % 4] for index, byte in enumerate(payload)]
    assert apply_mask(payload, b"") == payload


REFUSED = {
    "reserved bit": ("c100", "reserved bits"),
    "unknown data opcode": ("8300", "unknown opcode 0x3"),
    "unknown control opcode": ("8b00", "unknown opcode 0xb"),
    "long ping": ("897e0080", "longer than 125"),
    "fragmented close": ("0800", "control frame is fragmented"),
    "masked by a server": ("818037fa213d", "masked"),
    "continuation of nothing": ("8000", "a continuation of nothing"),
    "text inside text": ("01016181016a", "a new message inside"),
    "binary inside text": ("010161820100", "a new message inside"),
    "huge binary": (f"827f{MAX_MESSAGE_BYTES + 1:016x}", "limit 16777216"),
    "longest possible binary": ("827fffffffffffffffff", "limit 16777216"),
    "huge text": (f"817f{MAX_TEXT_BYTES + 1:016x}", "limit 65536"),
}


@pytest.mark.parametrize(("wire", "text"), REFUSED.values(), ids=REFUSED.keys())
def test_violations(wire: str, text: str) -> None:
    """Each thing RFC 6455 or ndt7 forbids is refused from its header, before its payload."""
    reader = FrameReader(expect_masked=False)
    with pytest.raises(ProtocolViolation, match=text):
        reader.received(bytes.fromhex(wire))


def test_unmasked_client() -> None:
    """A server refuses a client that does not mask (RFC 6455 section 5.1)."""
    with pytest.raises(ProtocolViolation, match="masked"):
        FrameReader(expect_masked=True).received(build_frame(Opcode.TEXT, b"a", masked=False))


def test_binary_from_the_wrong_side() -> None:
    """Only the sending side of a test may send binary messages."""
    reader = FrameReader(expect_masked=False, binary_allowed=False)
    with pytest.raises(ProtocolViolation, match="must not send it"):
        reader.received(build_header(Opcode.BINARY, 1))


def test_fragments_add_up_to_the_limit_of_text() -> None:
    """Text in many fragments is bounded as text in one."""
    reader = FrameReader(expect_masked=False)
    reader.received(b"\x01\x7e\xff\xff" + bytes(65535))
    with pytest.raises(ProtocolViolation, match="over 65536"):
        reader.received(b"\x00\x02ab")


def test_control_frames_inside_fragmented_messages() -> None:
    """A ping between fragments is a message of its own and disturbs neither text nor binary."""
    reader = FrameReader(expect_masked=False)
    ping = build_frame(Opcode.PING, b"x", masked=False)
    reader.received(b"\x01\x02he" + ping + b"\x80\x03llo")
    reader.received(b"\x02\x03abc" + ping + b"\x00\x00" + b"\x80\x02de")
    assert reader.messages == [
        Message(Opcode.PING, b"x"),
        Message(Opcode.TEXT, b"hello"),
        Message(Opcode.PING, b"x"),
    ]
    assert reader.binary_bytes == 5


def test_wants_to_discard_only_binary_payload() -> None:
    """Payload of a binary frame may be thrown away unseen; headers and control frames not."""
    reader = FrameReader(expect_masked=False)
    assert isinstance(reader.wants(), Read)
    reader.received(build_header(Opcode.BINARY, 1000) + b"0123456789")  # reads past the header
    assert reader.wants() == Discard(990)
    reader.discarded(990)
    assert reader.binary_bytes == 1000
    reader.received(b"\x89\x05ab")
    assert reader.wants() == Read(3)
    reader.received(b"cde")
    assert reader.messages == [Message(Opcode.PING, b"abcde")]


def _frame() -> st.SearchStrategy[tuple[Opcode, bytes, int]]:
    data = st.tuples(
        st.sampled_from([Opcode.TEXT, Opcode.BINARY]),
        st.integers(0, 700).map(bytes),
        st.integers(1, 3),
    )
    control = st.tuples(
        st.sampled_from([Opcode.PING, Opcode.PONG, Opcode.CLOSE]),
        st.binary(max_size=125),
        st.just(1),
    )
    return st.one_of(data, control)


def _on_the_wire(opcode: Opcode, payload: bytes, parts: int) -> bytes:
    """One message in ``parts`` fragments with a ping between them."""
    step = len(payload) // parts + 1
    pieces = [payload[at : at + step] for at in range(0, max(1, len(payload)), step)]
    wire = b""
    for index, piece in enumerate(pieces):
        frame = bytearray(
            build_frame(opcode if index == 0 else Opcode.CONTINUATION, piece, masked=True)
        )
        if index + 1 < len(pieces):
            frame[0] &= 0x7F
            frame += build_frame(Opcode.PING, b"between", masked=True)
        wire += frame
    return wire


@given(st.lists(_frame(), max_size=6), st.data())
def test_any_chopping_gives_the_same(
    sent: list[tuple[Opcode, bytes, int]], data: st.DataObject
) -> None:
    """However a stream is cut, and whether payload is read or not, the events are the same."""
    stream = b"".join(_on_the_wire(*frame) for frame in sent)
    whole = FrameReader(expect_masked=True)
    whole.received(stream)
    kept = [Message(opcode, payload) for opcode, payload, _ in sent if opcode is not Opcode.BINARY]
    assert [item for item in whole.messages if item.payload != b"between"] == kept
    assert whole.binary_bytes == sum(len(body) for kind, body, _ in sent if kind is Opcode.BINARY)

    chopped = FrameReader(expect_masked=True)
    at = 0
    while at < len(stream):
        wanted = chopped.wants()
        size = data.draw(st.integers(1, min(wanted.size, len(stream) - at)), label="piece")
        if isinstance(wanted, Discard):
            chopped.discarded(size)
        else:  # more than was asked for may come
            size = min(size + data.draw(st.integers(0, 40), label="more"), len(stream) - at)
            chopped.received(stream[at : at + size])
        at += size
    assert chopped.messages == whole.messages
    assert chopped.binary_bytes == whole.binary_bytes


@given(st.binary(max_size=200), st.booleans())
def test_garbage_is_refused_or_followed(garbage: bytes, masked: bool) -> None:
    """No sequence of bytes raises anything but ProtocolViolation."""
    reader = FrameReader(expect_masked=masked)
    try:
        reader.received(garbage)
    except ProtocolViolation:
        return
    assert reader.wants().size > 0
