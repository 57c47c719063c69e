"""Read a CSV table with a fixed header, collecting every mistake before it is refused.

A message names file, line, column, what was found and what is allowed. Nothing is returned
from a file with a mistake, so nothing can be half imported.
"""

import csv
import difflib
import io
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Final, TypeVar

from collector.judge.reading import show, words
from collector.schools.encoding import NotText, decode

MAX_FILE_BYTES: Final = 10_000_000
MAX_TEXT_CHARACTERS: Final = 100
MAX_FOLDED_CHARACTERS: Final = 200
"""Longer fields are no words or numbers; NFKC may take minutes to put their marks in order."""
CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")
_FORMULA: Final = tuple("=+-@＝＋－＠\t\r")
_DATE: Final = re.compile(r"([0-9]{4})[-/]([0-9]{1,2})[-/]([0-9]{1,2})")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that must be put right. ``line`` counts from 1, the header being line 1."""

    file: str
    line: int
    column: str
    found: str
    allowed: str

    def __str__(self) -> str:
        return (
            f"{self.file} line {self.line}, column {self.column}: "
            f"found {self.found}, allowed is {self.allowed}"
        )


class ImportRefused(ValueError):
    """A file was refused as a whole. ``mistakes`` holds all of them, by line."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))


class CsvTable:
    """One file being read."""

    def __init__(self, file: str, header: Sequence[str]) -> None:
        self.file = file
        self.header = tuple(header)
        self.mistakes: list[Mistake] = []

    def wrong(self, line: int, column: str, found: object, allowed: str) -> None:
        """Note a mistake."""
        self.mistakes.append(Mistake(self.file, line, column, show(found), allowed))

    def refuse_if_wrong(self) -> None:
        """Raise :class:`ImportRefused` when anything was noted."""
        if self.mistakes:
            raise ImportRefused(sorted(self.mistakes, key=lambda mistake: mistake.line))

    def rows(self, raw: bytes) -> Iterator["Row"]:
        """Give the rows that have the right number of fields; empty rows are passed over."""
        if len(raw) > MAX_FILE_BYTES:
            self.wrong(1, "1", words(f"{len(raw)} bytes"), f"at most {MAX_FILE_BYTES} bytes")
            return
        try:
            text = decode(raw)
        except NotText as error:
            self.wrong(error.line, "1", words(error.found), error.allowed)
            return
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        line = 1
        try:
            if not self._header_fits(next(reader, [])):
                return
            line = reader.line_num + 1
            for fields in reader:
                if any(field.strip() for field in fields) and self._width_fits(line, fields):
                    yield Row(self, line, dict(zip(self.header, fields, strict=True)))
                line = reader.line_num + 1
        except csv.Error as error:
            self.wrong(line, "1", words(f"broken CSV ({error})"), 'fields quoted in pairs of "')

    def _header_fits(self, found: Sequence[str]) -> bool:
        """Check the header; say whether the rows can still be read by position."""
        names = tuple(name.strip() for name in found)
        if names == self.header:
            return True
        if len(names) != len(self.header) or sorted(names) == sorted(self.header):
            self.wrong(1, "1", ",".join(names) or None, f"the header {','.join(self.header)}")
            return False
        right = 0
        for number, (name, wanted) in enumerate(zip(names, self.header, strict=True), 1):
            right += name == wanted
            if name != wanted:
                self.wrong(1, str(number), name or None, f"the name {wanted}")
        return 2 * right > len(self.header)

    def _width_fits(self, line: int, fields: Sequence[str]) -> bool:
        width, wanted = len(fields), len(self.header)
        if width == wanted:
            return True
        allowed = f"{wanted} fields; this row has {width}"
        if width > wanted:
            self.wrong(line, str(wanted + 1), fields[wanted], allowed)
        else:
            self.wrong(line, str(width + 1), None, allowed)
        return False


@dataclass(frozen=True, slots=True)
class Row:
    """One row; each method gives a checked field, or notes a mistake and gives None or ''."""

    table: CsvTable
    line: int
    fields: Mapping[str, str]

    def wrong(self, column: str, allowed: str) -> None:
        """Note that the field ``column`` is not what is allowed."""
        self.table.wrong(self.line, column, self.fields[column].strip() or None, allowed)

    def is_empty(self, column: str) -> bool:
        """Say whether a field is left empty."""
        return not self.fields[column].strip()

    def code(self, column: str) -> str:
        """Give an identifier exactly as written: it is compared, so it is never changed."""
        found = self.fields[column].strip()
        if CODE.fullmatch(found) is None:
            self.wrong(
                column, "up to 32 half-width letters, digits, . _ - (first a letter or digit)"
            )
            return ""
        return found

    def text(self, column: str, *, may_be_empty: bool = False) -> str:
        """Give a text for people: one line, no control characters, nothing like a formula."""
        found = self.fields[column].strip()
        if not found and not may_be_empty:
            self.wrong(column, f"1 to {MAX_TEXT_CHARACTERS} characters")
        elif len(found) > MAX_TEXT_CHARACTERS:
            self.wrong(column, f"at most {MAX_TEXT_CHARACTERS} characters")
        elif not all(char.isprintable() or char == "\u3000" for char in found):
            self.wrong(column, "one line without control or invisible characters")
        elif found.startswith(_FORMULA):
            self.wrong(column, "a text that does not begin with = + - @ (a formula)")
        else:
            return found
        return ""

    def whole(self, column: str, first: int, last: int) -> int | None:
        """Give a whole number; full-width digits are read as digits."""
        found = _half_width(self.fields[column])
        if re.fullmatch(r"[0-9]{1,12}", found) and first <= int(found) <= last:
            return int(found)
        self.wrong(column, f"a whole number from {first} to {last}, without separators or unit")
        return None

    def number(self, column: str, first: float, last: float, meaning: str) -> Decimal | None:
        """Give a decimal number from ``first`` to ``last``, exactly as written."""
        found = _half_width(self.fields[column])
        try:
            number = Decimal(found) if re.fullmatch(r"-?[0-9.]{1,24}", found) else None
        except InvalidOperation:
            number = None
        if number is not None and first <= number <= last:
            return number
        self.wrong(column, f"a number from {first:.9g} to {last:.9g} ({meaning})")
        return None

    def day(self, column: str) -> str:
        """Give a date as YYYY-MM-DD; Excel's 2024/5/1 is read too."""
        match = _DATE.fullmatch(_half_width(self.fields[column]))
        if match is not None:
            try:
                return date(int(match[1]), int(match[2]), int(match[3])).isoformat()
            except ValueError:
                pass
        self.wrong(column, "a date such as 2024-05-01")
        return ""

    def choice(self, column: str, names: Mapping[str, T], shown: Sequence[str]) -> T | None:
        """Give what a word stands for. ``names`` has folded words; ``shown`` what to advise."""
        found = fold(self.fields[column])
        if found in names:
            return names[found]
        near = difflib.get_close_matches(found, names, 1, 0.6)
        hint = ""
        if near:
            meant = names[near[0]]
            word = next((word for word in shown if names[fold(word)] == meant), near[0])
            hint = f" (did you mean {word}?)"
        self.wrong(column, f"one of {', '.join(shown)}{hint}")
        return None


def fold(word: str) -> str:
    """Make spellings of one word equal: width, case, spaces, hyphens, brackets."""
    if len(word) > MAX_FOLDED_CHARACTERS:
        return word
    return re.sub(r"[\s_()・/-]", "", unicodedata.normalize("NFKC", word).casefold())


YES_NO: Final[Mapping[str, bool]] = {
    **dict.fromkeys(("yes", "true", "1", "はい", "有", "○", "〇", "◯"), True),
    **dict.fromkeys(("no", "false", "0", "いいえ", "無", "×"), False),
}
"""Folded words for yes and no."""


def _half_width(field: str) -> str:
    text = field.strip()
    return text if len(text) > MAX_FOLDED_CHARACTERS else unicodedata.normalize("NFKC", text)
