"""One-time codes as people type and scan them: the form, and how mistakes are found.

A code is eleven symbols by chance (55 bits) and a check symbol, in Crockford's base 32: no I, L, O
and U, and who types them for 1 and 0 is understood (https://www.crockford.com/base32.html). The
check symbol is Luhn's modulo 32: every single wrong symbol and nearly every exchange of two
neighbours is found before anything is sent.

A scanned text names the collector too: ``hakaru-enrol https://collector.example K7QM-3XTA-9H26``.
It is no address, so no phone opens it and no browser keeps it.
"""

import random
import unicodedata
from typing import Final

from wire.parsing import Refused, Words

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
SYMBOLS: Final = 11
"""Without the check symbol: 55 bits."""
GROUP: Final = 4
SCANNED: Final = "hakaru-enrol"
MAX_SCANNED_CHARACTERS: Final = 400
_HYPHENS: Final = "-\u2010\u2011\u2012\u2013\u2212\u30fc_ \u3000"
_TYPED: Final = str.maketrans("OIL", "011", _HYPHENS)


def make_code(chance: random.Random) -> str:
    """Make a code such as ``K7QM-3XTA-9H26``. Give it ``random.SystemRandom``."""
    symbols = "".join(chance.choice(ALPHABET) for _ in range(SYMBOLS))
    return grouped(symbols + check_symbol(symbols))


def grouped(symbols: str) -> str:
    """Write symbols in groups of four."""
    return "-".join(symbols[start : start + GROUP] for start in range(0, len(symbols), GROUP))


def check_symbol(symbols: str) -> str:
    """The symbol that makes the whole check out (Luhn's algorithm modulo 32)."""
    return ALPHABET[-_luhn(symbols + ALPHABET[0]) % len(ALPHABET)]


def read_code(text: str) -> str:
    """Read a code as typed, in any case and grouping. Raises :class:`~wire.parsing.Refused`.

    What was typed is not in the refusal: it may be one symbol off a code.
    """
    symbols = unicodedata.normalize("NFKC", text[:80]).upper().translate(_TYPED)
    if len(symbols) != SYMBOLS + 1 or any(symbol not in ALPHABET for symbol in symbols):
        found = Words(f"{len(symbols)} symbols") if symbols.isalnum() else Words("another form")
        raise Refused("code", found, "three groups of four letters and digits")
    if _luhn(symbols) % len(ALPHABET):
        raise Refused("code", Words("a typing mistake"), "the code as it was given: compare it")
    return grouped(symbols)


def to_scan(collector: str, code: str) -> str:
    """The text of a QR code."""
    return f"{SCANNED} {collector} {code}"


def read_scanned(text: str) -> tuple[str, str]:
    """Give collector and code of a scanned text. Raises :class:`~wire.parsing.Refused`."""
    parts = text.strip().split()
    if len(text) > MAX_SCANNED_CHARACTERS or len(parts) != 3 or parts[0] != SCANNED:
        raise Refused("scanned text", Words("something else"), f"{SCANNED} ADDRESS CODE")
    return parts[1], read_code(parts[2])


def _luhn(symbols: str) -> int:
    """Sum from the right, every second symbol doubled and its two digits (base 32) added."""
    total = 0
    for place, symbol in enumerate(reversed(symbols)):
        value = ALPHABET.index(symbol) * (1 + place % 2)
        total += value // len(ALPHABET) + value % len(ALPHABET)
    return total
