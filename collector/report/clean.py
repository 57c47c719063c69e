"""Text that came from people and machines, made fit to print: bounded, without hidden signs."""

import re
import unicodedata
from typing import Final

MAX_NAME_CHARACTERS: Final = 60
_ESCAPES: Final = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)?", re.DOTALL
)
"""ANSI sequences (ECMA-48): a terminal's colours and titles."""
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Controls, directions of writing, halves of pairs, private and unassigned signs, line ends.
Variation selectors, by which some names are told apart, are marks and stay."""


def clean(text: str, limit: int = MAX_NAME_CHARACTERS) -> str:
    """Give ``text`` on one line, without hidden signs, cut with an ellipsis at ``limit``.

    Letters are kept as they are: normalising would turn 神 (U+FA19) into another person's name.
    """
    plain = _ESCAPES.sub("", text)
    shown = "".join(
        " " if sign.isspace() else sign
        for sign in plain
        if sign.isspace() or unicodedata.category(sign) not in _HIDDEN
    )
    one_line = " ".join(shown.split(" ")).strip(" ")
    return one_line if len(one_line) <= limit else one_line[: limit - 1] + "…"
