"""Pictures: known by content, kept without place, person and device."""

import struct
from random import Random

import pytest

from collector.programme.pictures import MediaType, NotAllowed, cleaned, media_type_of
from tests.collector.programme import pictures as made


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (made.jpeg(), MediaType.JPEG),
        (made.png(), MediaType.PNG),
        (made.webp(), MediaType.WEBP),
    ],
)
def test_a_picture_is_kept_without_what_it_tells(content: bytes, kind: MediaType) -> None:
    """No place, author or serial number; the picture and its colours stay; once is enough."""
    assert made.GPS in content
    assert made.SERIAL in content
    found, kept = cleaned(content)
    assert found is kind
    assert made.GPS not in kept
    assert made.SERIAL not in kept
    assert cleaned(kept) == (kind, kept)


def test_a_jpeg_keeps_its_scans_colours_and_orientation() -> None:
    """Byte for byte what a decoder reads, and which way is up."""
    _, kept = cleaned(made.jpeg(orientation=6))
    assert kept.count(made.SCAN) == 2
    assert made.QUANTISATION in kept
    assert made.FRAME in kept
    assert b"ICC_PROFILE\0\1\1colours" in kept
    assert kept.endswith(b"\xff\xd9")
    at = kept.index(b"Exif\0\0") + 6
    tag, kind, count, value = struct.unpack_from(">HHIH", kept, at + 10)
    assert (tag, kind, count, value) == (0x0112, 3, 1, 6)
    _, little = cleaned(made.jpeg(orientation=3, order="<"))
    at = little.index(b"Exif\0\0") + 6
    assert struct.unpack_from(">HHIH", little, at + 10)[3] == 3
    assert b"Exif" not in cleaned(made.jpeg(orientation=1))[1]


def test_a_png_and_a_webp_keep_the_picture() -> None:
    """PNG's pixel data; WebP's picture, with the flags that say there is no Exif."""
    assert b"IDAT" in cleaned(made.png())[1]
    kept = cleaned(made.webp())[1]
    assert b"VP8L" in kept
    assert kept[20] == 0b00100000
    assert struct.unpack_from("<I", kept, 4)[0] == len(kept) - 8


def test_a_pdf_is_kept_as_it_is() -> None:
    """Nothing here can take it apart."""
    assert cleaned(made.PDF) == (MediaType.PDF, made.PDF)


@pytest.mark.parametrize(
    "content",
    [
        b"<!doctype html><script>alert(1)</script>",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"GIF89a",
        b"MZ",
        b"PK\x03\x04",
        b"",
        b"\xff\xd8",
        b"RIFF....WAVE",
    ],
)
def test_anything_else_is_refused(content: bytes) -> None:
    """By content, whatever it is called."""
    with pytest.raises(NotAllowed, match="allowed is a JPEG, PNG or WebP picture or a PDF"):
        media_type_of(content)


def test_a_heic_picture_is_refused_by_name() -> None:
    """So that its owner knows what to do."""
    with pytest.raises(NotAllowed, match="HEIC"):
        cleaned(b"\0\0\0\x18ftypheic" + bytes(100))


def test_a_broken_picture_is_refused_and_never_half_kept() -> None:
    """Cut anywhere, or with bytes changed: kept whole and clean, or refused; no other error."""
    chance = Random(5)
    refused = 0
    for content in (made.jpeg(), made.png(), made.webp()):
        end = len(content)
        for at in range(16, end):
            broken = bytearray(content[:at])
            broken[chance.randrange(len(broken))] ^= 1 << chance.randrange(8)
            for one in (content[:at], bytes(broken)):
                try:
                    kind, kept = cleaned(one)
                except NotAllowed:
                    refused += 1
                else:
                    assert cleaned(kept) == (kind, kept)
    assert refused > 500
