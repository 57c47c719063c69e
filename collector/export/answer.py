"""What a time-series store's reply to a write means: a table, decided purely.

The protocol says that 4xx but 429 must not be tried again. In practice Prometheus refuses a whole
request for one sample that is too old, with 400 or (with an out-of-order window) 500, and a wrong
address or a missing token gives 4xx too. So: a reply that names a sample's time is about samples,
and the request is cut until they are found; 400, 413 and 422 are taken to be about samples as
well; everything else is about the way there, and is tried again.
"""

from enum import StrEnum
from typing import Final

MAX_SAID_CHARACTERS: Final = 200


class Answer(StrEnum):
    """What to do after a reply."""

    WRITTEN = "written"
    OUT_OF_TIME = "out of time"
    """Some sample is older than the store takes: so is every older one."""
    REFUSED = "refused"
    """Some sample is refused: cut the request until it stands alone, then leave it out."""
    LATER = "later"
    """Nobody can say: keep everything, try again."""


_TOO_OLD: Final = ("too old sample", "too old", "out of bounds")
_ABOUT_SAMPLES: Final = (
    "out of order",
    "out-of-order",
    "duplicate sample",
    "far in the future",
    "label",
)
_REFUSALS: Final = frozenset({400, 413, 422})


def decide(status: int, said: str) -> Answer:
    """Decide what a reply with this status and text means."""
    if 200 <= status < 300:
        return Answer.WRITTEN
    lower = said.lower()
    about_samples = status in _REFUSALS or 500 <= status < 600
    if about_samples and any(words in lower for words in _TOO_OLD):
        return Answer.OUT_OF_TIME
    if status in _REFUSALS:
        return Answer.REFUSED
    if status == 500 and any(words in lower for words in _ABOUT_SAMPLES):
        return Answer.REFUSED
    return Answer.LATER


def describe(status: int, said: str) -> str:
    """One printable line about a reply."""
    printable = "".join(char if char.isprintable() else " " for char in said)
    return f"HTTP {status}: {' '.join(printable.split())[:MAX_SAID_CHARACTERS] or 'no text'}"
