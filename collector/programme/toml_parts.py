"""Parts that the programme's data files share, read with every mistake noted."""

from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal

from collector.judge.reading import Reading, Table, join
from collector.programme.catalogue_reading import nearest


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
            hint = nearest(one, list(allowed))
            reading.wrong(join(place, key), one, f"one of {', '.join(allowed)}{hint}")
    return frozenset(found)


def unique(reading: Reading, place: str, ids: Iterable[str]) -> None:
    """Note each id that occurs twice."""
    for one, times in Counter(ids).items():
        if one and times > 1:
            reading.wrong(f"{place} {one}.id", one, f"an id of its own ({times} have this one)")
