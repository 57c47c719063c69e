"""Texts that people write into the programme: bounded, and nothing in them that a file cannot hold.

Marks that steer writing direction, joiners and variation selectors stay: names need them. Control
characters and code points that no XML file can hold are refused.
"""

import re
import unicodedata
from typing import Final

MAX_LINE: Final = 100
"""Characters of a name or a source."""
MAX_NOTE: Final = 2_000
"""Characters of a note or of evidence, which may have several lines."""
_LINE_ENDS: Final = re.compile(r"\r\n?|\u2028|\u2029")


def line(text: str, most: int = MAX_LINE, *, may_be_empty: bool = True) -> str:
    """Give one line, without blanks at its ends. Raises ValueError saying what is allowed."""
    return _checked(text.strip(), most, "", may_be_empty=may_be_empty)


def note(text: str, most: int = MAX_NOTE, *, may_be_empty: bool = True) -> str:
    """Give some lines, their ends as U+000A. Raises ValueError saying what is allowed."""
    return _checked(_LINE_ENDS.sub("\n", text).strip(), most, "\n", may_be_empty=may_be_empty)


def _checked(text: str, most: int, besides: str, *, may_be_empty: bool) -> str:
    if len(text) > most:
        raise ValueError(f"at most {most} characters; these are {len(text)}")
    if not text and not may_be_empty:
        raise ValueError(f"1 to {most} characters")
    wrong = next((char for char in text if char not in besides and not _holds(char)), None)
    if wrong is not None:
        lines = "lines" if besides else "one line"
        raise ValueError(f"{lines} without control characters such as U+{ord(wrong):04X}")
    return text


def _holds(char: str) -> bool:
    """Say whether every file and database can hold a character."""
    code = ord(char)
    noncharacter = 0xFDD0 <= code <= 0xFDEF or code & 0xFFFE == 0xFFFE
    return unicodedata.category(char) not in ("Cc", "Cs", "Zl", "Zp") and not noncharacter
