"""Read TOML files of criteria and calendars, refusing with file, key, found, allowed.

All mistakes of a file are collected before it is refused, so that one round of editing
mends it.
"""

import difflib
import json
import tomllib
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

MAX_FILE_BYTES: Final = 1_000_000
Table = Mapping[str, Any]
"""A parsed TOML table; its values are checked one by one before use."""


class _Words(str):
    """What was found, told in words of ours: shown without quotes."""

    __slots__ = ()


THIS_KEY: Final = _Words("this key")


def words(text: str) -> str:
    """Mark ``text`` as a description of what was found, not as what was found."""
    return _Words(text)


class ConfigRefused(ValueError):
    """A configuration file is not what it should be. ``mistakes`` holds every one found."""

    def __init__(self, mistakes: Iterable[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(self.mistakes))


class Reading:
    """One file being read: collects its mistakes, refuses at the end."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.mistakes: list[str] = []

    def wrong(self, key: str, found: object, allowed: str) -> None:
        """Note that ``key`` holds ``found`` where only ``allowed`` may stand."""
        self.mistakes.append(f"{self.file}: {key}: found {show(found)}, allowed is {allowed}")

    def refuse_if_wrong(self) -> None:
        """Raise :class:`ConfigRefused` when anything was noted."""
        if self.mistakes:
            raise ConfigRefused(self.mistakes)

    def only(self, table: Table, place: str, known: Iterable[str]) -> None:
        """Note each key of ``table`` that is not ``known``, with the nearest known one."""
        names = sorted(known)
        for key in table:
            if key in names:
                continue
            near = difflib.get_close_matches(key, names, 1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            self.wrong(join(place, key), THIS_KEY, f"one of {', '.join(names)}{hint}")

    def table(self, parent: Table, place: str, key: str) -> Table:
        """Give the table ``key``, empty and noted where it is missing or something else."""
        found = parent.get(key, {})
        if not isinstance(found, dict):
            self.wrong(join(place, key), found, "a table")
            return {}
        return found

    def tables(self, parent: Table, place: str, key: str) -> list[Table]:
        """Give the array of tables ``key``; empty where it is missing."""
        found = parent.get(key, [])
        if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
            self.wrong(join(place, key), found, f"tables written as [[{join(place, key)}]]")
            return []
        return found

    def text(self, parent: Table, place: str, key: str) -> str:
        """Give a text that must be there and must not be blank."""
        found = parent.get(key)
        if isinstance(found, str) and found.strip():
            return found
        self.wrong(join(place, key), found, "a text")
        return ""

    def whole(self, parent: Table, place: str, key: str, first: int, last: int) -> int | None:
        """Give a whole number from ``first`` to ``last``, or None and note."""
        found = parent.get(key)
        if isinstance(found, int) and not isinstance(found, bool) and first <= found <= last:
            return found
        self.wrong(join(place, key), found, f"a whole number from {first} to {last}")
        return None

    def positive(self, parent: Table, place: str, key: str, extra: str = "") -> Decimal | None:
        """Give a number above 0 exactly as written, or None and note."""
        found = parent.get(key)
        if isinstance(found, int | Decimal) and not isinstance(found, bool):
            number = Decimal(found)
            if number.is_finite() and 0 < number <= 1_000_000:
                return number
        self.wrong(join(place, key), found, f"a number above 0, at most 1,000,000{extra}")
        return None


def parse_toml(raw: bytes, file: str) -> Table:
    """Parse TOML, numbers with a point as Decimal. Raises :class:`ConfigRefused`."""
    try:
        return tomllib.loads(raw.decode("utf-8"), parse_float=Decimal)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ConfigRefused([f"{file}: line {line}: found a byte that is not UTF-8"]) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigRefused([f"{file}: not TOML: {error}"]) from None
    except RecursionError:
        raise ConfigRefused([f"{file}: not TOML: too deeply nested"]) from None
    except ValueError as error:  # dates that do not exist, integers of thousands of digits
        raise ConfigRefused([f"{file}: not TOML: {error}"]) from None


def read_bytes(path: Path) -> bytes:
    """Read a configuration file. Raises :class:`ConfigRefused` when it cannot be read."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigRefused(
            [f"{path}: cannot be read ({error.strerror}): name an existing file"]
        ) from None
    if len(raw) > MAX_FILE_BYTES:
        raise ConfigRefused([f"{path}: found more than {MAX_FILE_BYTES} bytes, allowed is less"])
    return raw


def join(place: str, key: str) -> str:
    """Write the path of a key."""
    return f"{place}.{key}" if place else key


def show(value: object) -> str:
    """Render what was found, short and on one line; ``nothing`` for what is missing."""
    if value is None:
        return "nothing"
    if isinstance(value, Decimal):
        return str(value)
    text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    text = "".join(char if char.isprintable() else "?" for char in text)
    text = text if len(text) <= 60 else text[:57] + "..."
    return f"'{text}'" if isinstance(value, str) and not isinstance(value, _Words) else text
