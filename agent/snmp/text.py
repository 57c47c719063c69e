"""Text of devices made fit for records: one printable line of bounded length.

A neighbour chooses its own name. Control characters, marks that turn the direction of writing and
bytes that are no UTF-8 become ``?``; pages and tables escape what they show, as for all text.
"""

import unicodedata
from typing import Final

from agent.snmp.values import Kind, Value

LONGEST: Final = 64


def line(value: Value | None, longest: int = LONGEST) -> str | None:
    """Give a string as one line; None where there is none or it is empty."""
    if value is None or value.kind is not Kind.STRING or not isinstance(value.data, bytes):
        return None
    text = value.data[: 4 * longest].rstrip(b"\0").decode("utf-8", "replace")
    shown = "".join(_printable(char) for char in text).strip()
    return shown[:longest] or None


def _printable(char: str) -> str:
    if char in "\r\n\t":
        return " "
    return (
        "?"
        if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn") or char == "\ufffd"
        else char
    )


def number(value: Value | None, *kinds: Kind) -> int | None:
    """Give a number of one of the kinds (any number where none is named); None for others."""
    if value is None or not isinstance(value.data, int):
        return None
    return value.data if not kinds or value.kind in kinds else None
