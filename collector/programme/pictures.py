"""What a file is, by its content; pictures without what they tell of place, person and device.

Cameras write where a picture was taken (GPS), by whom, with which device and its serial number.
Everything that is not the picture itself is left out: Exif, XMP, IPTC, comments, thumbnails, and
whatever follows the end (phones append short films). Of Exif the orientation alone is written anew,
because a picture would lie on its side without it. Colour profiles stay. A HEIC file is refused:
nothing here can take it apart safely; phones send JPEG when asked. A PDF is kept as it is.
"""

import re
import struct
from collections.abc import Iterator
from enum import StrEnum
from typing import Final

ORIENTATION: Final = 0x0112
_SCAN_END: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_PNG_KEPT: Final = frozenset(
    {
        *(b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB"),
        *(b"iCCP", b"sBIT", b"pHYs", b"bKGD"),
    }
)
_WEBP_DROPPED: Final = frozenset({b"EXIF", b"XMP "})
_WEBP_FLAGS: Final = 0b00001100  # Exif and XMP in the VP8X chunk


class MediaType(StrEnum):
    """A kind of file that is kept."""

    JPEG = "image/jpeg"
    PNG = "image/png"
    WEBP = "image/webp"
    PDF = "application/pdf"

    @property
    def suffix(self) -> str:
        """What its name ends with."""
        return {"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp"}.get(self, ".pdf")

    @property
    def is_picture(self) -> bool:
        """Whether a browser can show it."""
        return self is not MediaType.PDF


ALLOWED: Final = "a JPEG, PNG or WebP picture or a PDF"


class NotAllowed(ValueError):
    """A file that is not kept; the text says what is allowed."""


def media_type_of(content: bytes) -> MediaType:
    """Say what a file is, from its first bytes. Raises :class:`NotAllowed`."""
    if content.startswith(b"\xff\xd8\xff"):
        return MediaType.JPEG
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return MediaType.PNG
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return MediaType.WEBP
    if content.startswith(b"%PDF-"):
        return MediaType.PDF
    if content[4:8] == b"ftyp":
        raise NotAllowed(f"found a HEIC picture or a film, allowed is {ALLOWED}")
    raise NotAllowed(f"found something else, allowed is {ALLOWED}")


def cleaned(content: bytes) -> tuple[MediaType, bytes]:
    """Give the kind of a file and what is kept of it. Raises :class:`NotAllowed`."""
    kind = media_type_of(content)
    try:
        match kind:
            case MediaType.JPEG:
                return kind, b"".join(_jpeg(content))
            case MediaType.PNG:
                return kind, b"".join(_png(content))
            case MediaType.WEBP:
                return kind, _webp(content)
            case MediaType.PDF:
                return kind, content
    except (struct.error, IndexError):
        raise NotAllowed(f"found a broken {kind.value} file, allowed is {ALLOWED}") from None


def _jpeg(content: bytes) -> Iterator[bytes]:
    """Give the parts of a JPEG that make the picture (ITU-T T.81, annex B)."""
    yield b"\xff\xd8"
    at, orientation, told = 2, 1, False
    while True:
        while content[at : at + 2] == b"\xff\xff":  # fill bytes
            at += 1
        lead, marker = content[at], content[at + 1]
        if lead != 0xFF:
            raise IndexError
        if marker == 0xD9:
            yield b"\xff\xd9"
            return
        (length,) = struct.unpack_from(">H", content, at + 2)
        segment = content[at : at + 2 + length]
        if length < 2 or len(segment) != 2 + length:
            raise IndexError
        if marker == 0xE1 and segment[4:10] == b"Exif\0\0":
            orientation = _orientation(segment[10:])
        elif _is_picture(marker, segment):
            if not told and marker not in (0xE0, 0xE2, 0xEE):
                told = True
                yield _exif(orientation)
            yield segment
        at += 2 + length
        if marker == 0xDA:
            end = _SCAN_END.search(content, at)
            if end is None:
                raise IndexError
            yield content[at : end.start()]
            at = end.start()


def _is_picture(marker: int, segment: bytes) -> bool:
    if marker == 0xE2:
        return segment[4:16] == b"ICC_PROFILE\0"
    if marker in (0xE0, 0xEE):  # JFIF and Adobe: how colours are to be read
        return segment[4:9] in (b"JFIF\0", b"Adobe")
    return not (0xE0 <= marker <= 0xEF or marker == 0xFE)


def _orientation(tiff: bytes) -> int:
    """Find the orientation in Exif; 1 (upright) where there is none."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None or len(tiff) < 14:
        return 1
    try:
        (first,) = struct.unpack_from(order + "I", tiff, 4)
        (count,) = struct.unpack_from(order + "H", tiff, first)
        for number in range(min(count, 200)):
            tag, kind, _, value = struct.unpack_from(order + "HHIH", tiff, first + 2 + 12 * number)
            if (tag, kind) == (ORIENTATION, 3) and 1 <= value <= 8:
                return int(value)
    except struct.error:
        return 1
    return 1


def _exif(orientation: int) -> bytes:
    """Write Exif that tells the orientation and nothing else."""
    if orientation == 1:
        return b""
    tiff = b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, ORIENTATION, 3, 1, orientation, 0, 0)
    body = b"Exif\0\0" + tiff
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


def _png(content: bytes) -> Iterator[bytes]:
    yield content[:8]
    at = 8
    while True:
        length, kind = struct.unpack_from(">I4s", content, at)
        chunk = content[at : at + 12 + length]
        if len(chunk) != 12 + length:
            raise IndexError
        if kind in _PNG_KEPT:
            yield chunk
        if kind == b"IEND":
            return
        at += 12 + length


def _webp(content: bytes) -> bytes:
    (size,) = struct.unpack_from("<I", content, 4)
    end = 8 + size
    if end > len(content):
        raise IndexError
    kept, at = [b"WEBP"], 12
    while at + 8 <= end:
        kind, length = struct.unpack_from("<4sI", content, at)
        chunk = bytearray(content[at : at + 8 + length + length % 2])
        if len(chunk) < 8 + length:
            raise IndexError
        if kind == b"VP8X":
            chunk[8] &= ~_WEBP_FLAGS & 0xFF
        if kind not in _WEBP_DROPPED:
            kept.append(bytes(chunk))
        at += len(chunk)
    body = b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body
