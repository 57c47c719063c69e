"""Letters and digits of what people copy from a screen."""

from typing import Final

ALPHABET: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""32 letters and digits, without 0, O, 1 and I: 5 bits each."""
