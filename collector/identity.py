"""One-time codes that people type, and who may guess at them how often."""

import hashlib
import random
from collections import deque
from datetime import timedelta
from typing import Final

ALPHABET: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""32 letters and digits, without 0, O, 1 and I: 5 bits each."""
CODE_CHARACTERS: Final = 8
"""40 bits: at the guess limit below a code lasts its week against 2^20 guesses in 2^40."""
GROUP: Final = 4
DEFAULT_LIFETIME: Final = timedelta(days=7)


def make_code(chance: random.Random) -> str:
    """Make a code such as ``K7QM-3XHT``. Give it ``random.SystemRandom``."""
    letters = "".join(chance.choice(ALPHABET) for _ in range(CODE_CHARACTERS))
    return f"{letters[:GROUP]}-{letters[GROUP:]}"


def code_sha256(text: str) -> str:
    """Hash a code as typed: in any case and grouping. What cannot be a code matches none."""
    letters = "".join(char for char in text.upper() if char not in " -\u2010\u2011\u30fc_")
    return hashlib.sha256(letters.encode("utf-8", "replace")).hexdigest()


class GuessLimit:
    """How many wrong codes are taken: from one address, and from all together.

    Kept in memory: a restart forgets it, which gives a guesser a few hundred tries more out
    of 2^40.
    """

    def __init__(
        self, *, per_peer: int = 10, in_all: int = 300, window_seconds: float = 900.0
    ) -> None:
        self._per_peer = per_peer
        self._in_all = in_all
        self._window_seconds = window_seconds
        self._wrong: deque[tuple[float, str]] = deque()

    def wait_seconds(self, peer: str, now_seconds: float) -> float | None:
        """How long this peer has to wait, None where it may try. ``now_seconds``: monotonic."""
        while self._wrong and self._wrong[0][0] <= now_seconds - self._window_seconds:
            self._wrong.popleft()
        of_peer = [moment for moment, who in self._wrong if who == peer]
        oldest: list[float] = []
        if len(of_peer) >= self._per_peer:
            oldest.append(of_peer[-self._per_peer])
        if len(self._wrong) >= self._in_all:
            oldest.append(self._wrong[-self._in_all][0])
        return max(oldest) + self._window_seconds - now_seconds if oldest else None

    def count_wrong(self, peer: str, now_seconds: float) -> None:
        """Note one wrong code."""
        self._wrong.append((now_seconds, peer))
