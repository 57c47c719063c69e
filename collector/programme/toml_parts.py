"""Parts that the programme's data files share, read with every mistake noted."""

import difflib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final

from collector.judge.reading import Reading, Table, join

LANGUAGES: Final = ("ja", "en")
MAX_TEXT_CHARACTERS: Final = 600


def by_language(reading: Reading, parent: Table, place: str, key: str) -> Mapping[str, str]:
    """Give ``key = ["日本語", "English"]`` by language."""
    found = parent.get(key)
    if (
        isinstance(found, list)
        and len(found) == len(LANGUAGES)
        and all(isinstance(one, str) and len(one.strip()) > 0 for one in found)
        and all(len(one) <= MAX_TEXT_CHARACTERS for one in found)
    ):
        return dict(zip(LANGUAGES, found, strict=True))
    reading.wrong(
        join(place, key),
        found,
        f'["日本語", "English"], each of at most {MAX_TEXT_CHARACTERS} characters',
    )
    return dict.fromkeys(LANGUAGES, "")


def flag(reading: Reading, parent: Table, place: str, key: str) -> bool:
    """Give true or false, which must be there."""
    found = parent.get(key)
    if isinstance(found, bool):
        return found
    reading.wrong(join(place, key), found, "true or false")
    return False


def pair(reading: Reading, parent: Table, place: str, key: str, most: int) -> tuple[int, int]:
    """Give [low, high] in whole numbers from 0."""
    found = parent.get(key)
    if (
        isinstance(found, list)
        and len(found) == 2
        and all(isinstance(one, int) and not isinstance(one, bool) for one in found)
        and 0 <= found[0] <= found[1] <= most
    ):
        return found[0], found[1]
    reading.wrong(
        join(place, key), found, f"[low, high] in whole numbers, 0 <= low <= high <= {most}"
    )
    return 0, 0


def ratio(reading: Reading, parent: Table, place: str, key: str) -> float:
    """Give a number from 0 to 1."""
    found = parent.get(key)
    if isinstance(found, int | Decimal) and not isinstance(found, bool):
        number = Decimal(found)
        if number.is_finite() and 0 <= number <= 1:
            return float(number)
    reading.wrong(join(place, key), found, "a number from 0 to 1")
    return 0.0


def one_of(
    reading: Reading, parent: Table, place: str, key: str, allowed: Sequence[str]
) -> str | None:
    """Give one of some words, or None and note with the nearest."""
    found = parent.get(key)
    if isinstance(found, str) and found in allowed:
        return found
    reading.wrong(join(place, key), found, _allowed(found, allowed))
    return None


def known_texts(
    reading: Reading, parent: Table, place: str, key: str, allowed: Sequence[str] | None
) -> frozenset[str]:
    """Give a list of texts; with ``allowed`` only of those, else of any."""
    found = parent.get(key)
    if not isinstance(found, list) or not all(isinstance(one, str) and one for one in found):
        reading.wrong(join(place, key), found, 'a list of texts, such as ["a", "b"]')
        return frozenset()
    for one in found:
        if allowed is not None and one not in allowed:
            reading.wrong(join(place, key), one, _allowed(one, allowed))
    return frozenset(found)


def unique(reading: Reading, place: str, ids: Iterable[str]) -> None:
    """Note each id that occurs twice."""
    for one, times in Counter(ids).items():
        if one and times > 1:
            reading.wrong(f"{place} {one}.id", one, f"an id of its own ({times} have this one)")


def _allowed(found: object, allowed: Sequence[str]) -> str:
    near = difflib.get_close_matches(found, allowed, 1) if isinstance(found, str) else []
    hint = f" (did you mean {near[0]}?)" if near else ""
    return f"one of {', '.join(allowed)}{hint}"
