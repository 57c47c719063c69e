"""Find out strictly how a CSV file is encoded: UTF-8, or CP932 as Excel in Japan writes it.

UTF-8 is tried first. A file that is not UTF-8 is only taken for CP932 when it does not look
like UTF-8 with a few damaged bytes, because nearly every run of UTF-8 bytes also reads as
some CP932 text, and a school would get a garbled name.
"""

import re
from typing import Final

_THREE_BYTES: Final = re.compile(rb"[\xe0-\xef][\x80-\xbf]{2}")
_MARK: Final = b"\xef\xbb\xbf"
_SAVE: Final = "save the file as 'CSV UTF-8'"


class NotText(ValueError):
    """The bytes are no text we read. ``line`` counts from 1."""

    def __init__(self, line: int, found: str, allowed: str) -> None:
        self.line = line
        self.found = found
        self.allowed = allowed
        super().__init__(f"line {line}: found {found}, allowed is {allowed}")


def decode(raw: bytes) -> str:
    """Give the text of a CSV file, without byte order mark. Raises :class:`NotText`."""
    allowed = f"UTF-8 or CP932 text: {_SAVE}"
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise NotText(1, "UTF-16 text", allowed)
    marked = raw.startswith(_MARK)
    raw = raw.removeprefix(_MARK)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        bad = error.start
    damaged = NotText(_line_of(raw, bad), f"byte 0x{raw[bad]:02x}, which is no UTF-8", allowed)
    if marked or _mostly_utf8(raw):
        raise damaged
    try:
        return raw.decode("cp932")
    except UnicodeDecodeError as error:
        line, byte = _line_of(raw, error.start), raw[error.start]
        found = f"byte 0x{byte:02x}, which is neither UTF-8 nor CP932"
        raise NotText(line, found, allowed) from None


def _mostly_utf8(raw: bytes) -> bool:
    """Say whether whole UTF-8 characters outnumber what does not fit."""
    characters = len(_THREE_BYTES.findall(raw))
    rest = raw.decode("utf-8", "replace").count("\ufffd")
    return characters > rest


def _line_of(raw: bytes, offset: int) -> int:
    return raw.count(b"\n", 0, offset) + 1
