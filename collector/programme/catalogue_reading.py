"""What the readers of the programme's catalogues share."""

import difflib
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final, TypeVar

from collector.judge.reading import Reading, Table, join
from collector.programme.words import LANGUAGES

KEY: Final = re.compile(r"[a-z][a-z0-9_]{0,39}\.[a-z][a-z0-9_]{0,59}")
"""A fact: segment.thing_unit."""
IDENTIFIER: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
"""A finding or a measure."""
MAX_ENTRIES: Final = 500
MAX_WORDS: Final = 2_000
"""Characters of one text of a catalogue."""

Word = TypeVar("Word", bound=StrEnum)


def matches(pattern: re.Pattern[str], text: str) -> bool:
    """Say whether all of ``text`` is of this form."""
    return pattern.fullmatch(text) is not None


def both(reading: Reading, table: Table, place: str, key: str) -> Mapping[str, str]:
    """Give a text in Japanese and English, by language; empty texts where it is wrong."""
    found = table.get(key)
    if (
        isinstance(found, list)
        and len(found) == len(LANGUAGES)
        and all(isinstance(one, str) and 0 < len(one.strip()) <= MAX_WORDS for one in found)
    ):
        return dict(zip(LANGUAGES, found, strict=True))
    reading.wrong(join(place, key), found, 'Japanese and English, such as ["回線", "line"]')
    return dict.fromkeys(LANGUAGES, "")


def choice(reading: Reading, table: Table, place: str, key: str, words: type[Word]) -> Word | None:
    """Give one of a closed set of words, or None and note, with the nearest one."""
    found = table.get(key)
    known = [word.value for word in words]
    if isinstance(found, str) and found in known:
        return words(found)
    reading.wrong(join(place, key), found, f"one of {', '.join(known)}{nearest(found, known)}")
    return None


def nearest(found: object, known: list[str]) -> str:
    """Say ``(did you mean ...?)`` where something known is near."""
    near = difflib.get_close_matches(found, known, 1) if isinstance(found, str) else []
    return f" (did you mean {near[0]}?)" if near else ""
