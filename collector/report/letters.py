"""Which letters a font has: its cmap table (OpenType 1.9), formats 4 and 12.

The PDF is refused as a whole where one letter has no glyph, so what a font lacks is found out
before. The geta mark 〓 stands for it, as printers have put it since movable type.
"""

import struct
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final

GETA: Final = "〓"
_SUFFIXES: Final = frozenset({".ttf", ".otf", ".ttc"})
_VARIATION: Final = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))


@lru_cache(maxsize=4)
def letters_of(folder: Path) -> frozenset[int]:
    """Code points for which the fonts of a folder have a glyph; none of what cannot be read."""
    found: set[int] = set()
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in _SUFFIXES:
            try:
                found.update(_letters(path.read_bytes()))
            except (OSError, struct.error, IndexError):
                continue  # typst passes over such a file as well
    return frozenset(found)


def drawable(text: str, letters: frozenset[int], lacking: set[str]) -> str:
    """Give ``text`` with what has no glyph replaced, noted in ``lacking``.

    Selectors of a letter's variant are left out: the letter itself is drawn.
    """
    if text.isascii():
        return text
    shown = []
    for sign in text:
        code = ord(sign)
        if code in letters or code < 0x80 or sign == "\u200b":
            shown.append(sign)
        elif not any(code in selectors for selectors in _VARIATION):
            lacking.add(sign)
            shown.append(GETA)
    return "".join(shown)


def _letters(data: bytes) -> Iterator[int]:
    if data[:4] == b"ttcf":
        (count,) = struct.unpack_from(">I", data, 8)
        starts = struct.unpack_from(f">{count}I", data, 12)
    else:
        starts = (0,)
    for start in starts:
        (tables,) = struct.unpack_from(">H", data, start + 4)
        for number in range(tables):
            tag, _, offset, _ = struct.unpack_from(">4sIII", data, start + 12 + 16 * number)
            if tag == b"cmap":
                yield from _cmap(data, offset)


def _cmap(data: bytes, offset: int) -> Iterator[int]:
    (count,) = struct.unpack_from(">H", data, offset + 2)
    for number in range(count):
        platform, _, place = struct.unpack_from(">HHI", data, offset + 4 + 8 * number)
        (form,) = struct.unpack_from(">H", data, offset + place)
        if platform not in (0, 3):
            continue
        if form == 4:
            yield from _segments(data, offset + place)
        elif form == 12:
            (groups,) = struct.unpack_from(">I", data, offset + place + 12)
            for each in range(groups):
                first, last, _ = struct.unpack_from(">III", data, offset + place + 16 + 12 * each)
                yield from range(first, min(last, 0x10FFFF) + 1)


def _segments(data: bytes, offset: int) -> Iterator[int]:
    (twice,) = struct.unpack_from(">H", data, offset + 6)
    count = twice // 2
    ends = struct.unpack_from(f">{count}H", data, offset + 14)
    starts = struct.unpack_from(f">{count}H", data, offset + 16 + twice)
    deltas = struct.unpack_from(f">{count}H", data, offset + 16 + 2 * twice)
    at = offset + 16 + 3 * twice
    shifts = struct.unpack_from(f">{count}H", data, at)
    for number in range(count):
        for code in range(starts[number], ends[number] + 1):
            if shifts[number]:
                place = at + 2 * number + shifts[number] + 2 * (code - starts[number])
                (glyph,) = struct.unpack_from(">H", data, place)
                glyph = (glyph + deltas[number]) & 0xFFFF if glyph else 0
            else:
                glyph = (code + deltas[number]) & 0xFFFF
            if glyph and code != 0xFFFF:
                yield code
