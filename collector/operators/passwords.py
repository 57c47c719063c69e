"""Passwords: what is accepted as one, how it is hashed, and how many are hashed at once.

Parameters: OWASP Password Storage Cheat Sheet, "Argon2id with a minimum configuration of 19 MiB of
memory, an iteration count of 2, and 1 degree of parallelism". Length: NIST SP 800-63B-4, 15
characters where a password is the only factor; no rule of composition.
"""

import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

MEMORY_KIBIBYTES: Final = 19 * 1024
ITERATIONS: Final = 2
LANES: Final = 1
MIN_CHARACTERS: Final = 15
MAX_CHARACTERS: Final = 200
MIN_DIFFERENT_CHARACTERS: Final = 6
AT_ONCE: Final = 2
"""Hashes computed at the same time: strangers cannot take all processors and memory."""
WAIT_SECONDS: Final = 5.0
_COMMON: Final = (
    *("password", "passw0rd", "p@ssword", "p@ssw0rd", "administrator", "admin", "operator"),
    *("hakaru", "collector", "welcome", "letmein", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwerty"),
    *("iloveyou", "changeme", "secret", "school", "network", "gakkou", "1qaz2wsx3edc"),
    *("1234567890", "0987654321", "abcdefghijklmnopqrstuvwxyz", "123456789", "12345678", "123456"),
)
_HASHER: Final = PasswordHasher(
    time_cost=ITERATIONS,
    memory_cost=MEMORY_KIBIBYTES,
    parallelism=LANES,
    hash_len=32,
    salt_len=16,
    type=Type.ID,
)
_NOBODYS: Final = (
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)
"""Checked where there is no account, so that its absence does not show in the time taken."""
_places = threading.BoundedSemaphore(AT_ONCE)

Weakness = Literal["short", "long", "few_characters", "common", "name", "same"]


class WeakPassword(ValueError):
    """A new password that is refused. ``weakness`` is also the key of its words."""

    def __init__(self, weakness: Weakness) -> None:
        super().__init__(_WORDS[weakness])
        self.weakness = weakness


class Crowded(Exception):
    """Too many passwords are being checked: try again."""


_WORDS: Final[dict[Weakness, str]] = {
    "short": f"the password is too short: at least {MIN_CHARACTERS} characters, such as four words",
    "long": f"the password is too long: at most {MAX_CHARACTERS} characters",
    "few_characters": "the password repeats a few characters: use more different ones",
    "common": "the password is made of words that are guessed first: use others",
    "name": "the password is made of the name: use other words",
    "same": "the new password is the present one: use another",
}


def accept(password: str, name: str) -> None:
    """Accept a new password. Raises :class:`WeakPassword`."""
    if len(password) > MAX_CHARACTERS:  # before it is normalised, which may take minutes
        raise WeakPassword("long")
    text = _normal(password)
    if len(text) < MIN_CHARACTERS:
        raise WeakPassword("short")
    if len(text) > MAX_CHARACTERS:
        raise WeakPassword("long")
    if len(set(text)) < MIN_DIFFERENT_CHARACTERS:
        raise WeakPassword("few_characters")
    folded, names = text.casefold(), (name.casefold(), *name.casefold().split("@"))
    if not _rest(folded, (*names, *_COMMON)):
        raise WeakPassword("common" if not _rest(folded, _COMMON) else "name")


def accept_change(old: str, new: str, name: str) -> None:
    """Accept a password that replaces one: also not the same again. Raises WeakPassword."""
    accept(new, name)
    if len(old) <= MAX_CHARACTERS and _normal(old) == _normal(new):
        raise WeakPassword("same")


def hash_password(password: str) -> str:
    """Hash a password with a salt of its own. Raises :class:`Crowded`."""
    with _place():
        return _HASHER.hash(_normal(password))


def matches(password_hash: str | None, password: str) -> bool:
    """Check a password; takes as long where there is no hash. Raises :class:`Crowded`."""
    if len(password) > MAX_CHARACTERS:
        password = ""  # nobody has one; what is hashed stays bounded
    with _place():
        try:
            _HASHER.verify(password_hash or _NOBODYS, _normal(password))
        except (VerificationError, InvalidHashError):
            return False
    return password_hash is not None


def outdated(password_hash: str) -> bool:
    """Say whether it was made with other parameters than today's."""
    return _HASHER.check_needs_rehash(password_hash)


def _normal(password: str) -> str:
    """The same text whatever keyboard it came from (NIST SP 800-63B-4: NFKC)."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "replace").decode()


def _rest(text: str, words: tuple[str, ...]) -> str:
    """What is left of a text without these words, digits and signs."""
    for word in sorted(filter(None, words), key=len, reverse=True):
        text = text.replace(word, "")
    return "".join(char for char in text if char.isalpha())


@contextmanager
def _place() -> Iterator[None]:
    if not _places.acquire(timeout=WAIT_SECONDS):
        raise Crowded("too many passwords are being checked: try again in a moment")
    try:
        yield
    finally:
        _places.release()
