"""One table of a document while it is read: keys are taken with checks, mistakes gathered."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from wire import checks

T = TypeVar("T")


class Reader:
    """Gathers mistakes."""

    def __init__(self) -> None:
        self.mistakes: list[str] = []

    def refuse(self, place: str, found: object, allowed: str) -> None:
        """Note one mistake."""
        self.mistakes.append(f"{place}: found {checks.short(found)}, allowed is {allowed}")


class Table:
    """One table of a document (TOML or JSON) while it is read."""

    def __init__(
        self, reader: Reader, place: str, given: Mapping[str, Any], known: Sequence[str]
    ) -> None:
        self.reader, self.place, self._given = reader, place, given
        for key in given:
            if key not in known:
                close = difflib.get_close_matches(key[:100], known, n=1)
                advice = f"; did you mean {close[0]}?" if close else ""
                allowed = f"one of {' '.join(sorted(known))}{advice}"
                reader.refuse(self.at(checks.short(key)), "an unknown key", allowed)

    def at(self, key: str) -> str:
        """The place of a key in the document."""
        return f"{self.place}.{key}" if self.place else key

    def take(self, key: str, default: T, check: Callable[[object], T]) -> T:
        """Read a key that may be absent."""
        if key not in self._given:
            return default
        try:
            return check(self._given[key])
        except checks.Wrong as wrong:
            self.reader.refuse(self.at(key), self._given[key], str(wrong))
            return default

    def need(self, key: str, default: T, check: Callable[[object], T]) -> T:
        """Read a key that must be present."""
        if key not in self._given:
            self.reader.refuse(self.at(key), "nothing", "to be present")
        return self.take(key, default, check)

    def table(self, key: str, known: Sequence[str]) -> "Table":
        """Go into a table; empty where it is absent."""
        given = self._given.get(key, {})
        if not isinstance(given, dict):
            self.reader.refuse(self.at(key), given, f"a table [{self.at(key)}]")
            given = {}
        return Table(self.reader, self.at(key), given, known)

    def tables(self, key: str, known: Sequence[str]) -> list["Table"]:
        """Go into a list of tables; empty where it is absent."""
        given = self._given.get(key, [])
        if not isinstance(given, list) or not all(isinstance(item, dict) for item in given):
            self.reader.refuse(self.at(key), given, "a list of tables")
            return []
        return [
            Table(self.reader, f"{self.at(key)}[{index}]", item, known)
            for index, item in enumerate(given)
        ]
