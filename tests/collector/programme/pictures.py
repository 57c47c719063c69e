"""Small pictures made by hand, with everything in them that must not be kept."""

import struct
import zlib
from typing import Final

GPS: Final = b"GPS-SECRET-36.3219N"
SERIAL: Final = b"SERIAL-4711"
QUANTISATION: Final = b"\xff\xdb" + struct.pack(">H", 67) + b"\0" + bytes([1] * 64)
FRAME: Final = b"\xff\xc0" + struct.pack(">HBHHB", 11, 8, 8, 8, 1) + b"\x01\x11\0"
SCAN: Final = (
    b"\xff\xda" + struct.pack(">HB", 8, 1) + b"\x01\0\0\x3f\0" + b"\x12\xff\x00\x34\xff\xd0"
)


def exif(orientation: int, order: str = ">") -> bytes:
    """Exif with an orientation, a place and a serial number."""
    head = b"MM\0*" if order == ">" else b"II*\0"
    tags = struct.pack(order + "IHHHIHH", 8, 1, 0x0112, 3, 1, orientation, 0)
    body = b"Exif\0\0" + head + tags + struct.pack(order + "I", 0) + GPS + SERIAL
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


def segment(marker: int, body: bytes) -> bytes:
    """One part of a JPEG."""
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def jpeg(orientation: int = 6, order: str = ">") -> bytes:
    """A JPEG as a telephone writes it, with a film behind it."""
    return b"".join(
        (
            b"\xff\xd8",
            segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0"),
            exif(orientation, order),
            segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + GPS),
            segment(0xE2, b"ICC_PROFILE\0\1\1colours"),
            segment(0xE2, b"MPF\0" + SERIAL),
            segment(0xED, b"Photoshop 3.0\0" + GPS),
            segment(0xFE, SERIAL),
            QUANTISATION,
            FRAME,
            SCAN,
            segment(0xFE, GPS),  # between two scans of a progressive picture
            SCAN,
            b"\xff\xd9",
            b"ftypmp4 " + GPS,
        )
    )


def chunk(kind: bytes, body: bytes) -> bytes:
    """One part of a PNG."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png() -> bytes:
    """A PNG of one pixel with texts in it."""
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)),
            chunk(b"tEXt", b"Author\0" + SERIAL),
            chunk(b"eXIf", GPS),
            chunk(b"iTXt", b"XML:com.adobe.xmp\0" + GPS),
            chunk(b"IDAT", zlib.compress(b"\0\xff\0\0")),
            chunk(b"IEND", b""),
            GPS,
        )
    )


def webp() -> bytes:
    """A WebP with Exif and XMP."""

    def part(kind: bytes, body: bytes) -> bytes:
        return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)

    body = b"WEBP" + b"".join(
        (
            part(b"VP8X", bytes([0b00101100]) + bytes(9)),
            part(b"VP8L", b"\x2fpicture"),
            part(b"EXIF", GPS),
            part(b"XMP ", SERIAL),
        )
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


PDF: Final = b"%PDF-1.7\n%%EOF\n"
