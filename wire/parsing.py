"""JSON text to a strict object, the refusals, and what no string or number may hold."""

import json
import re
from collections import Counter
from typing import Final, NoReturn

from wire.measurement import Json

MAX_DEPTH: Final = 8
MAX_STRING_CHARACTERS: Final = 4_096
UNSTORABLE: Final = re.compile(r"[\x00\ud800-\udfff]")
"""What a database cannot keep."""
CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
"""What one line for people cannot hold."""


class Words(str):
    """A description of what was found, in place of the value itself: shown without quotes."""

    __slots__ = ()


class Refused(ValueError):
    """A record or message that is not what it should be.

    ``place`` is a path such as ``values.download_bps``; ``found`` a short rendering of what
    stood there, text in quotes; ``allowed`` what may stand there.
    """

    def __init__(self, place: str, found: object, allowed: str) -> None:
        self.place = place
        self.found = shown(found)
        self.allowed = allowed
        super().__init__(f"{place}: found {self.found}, allowed is {allowed}")


def parse_object(raw: bytes, place: str) -> dict[str, Json]:
    """Parse strict JSON into an object: UTF-8, no NaN, no duplicate key, bounded depth."""
    try:
        value = _DECODER.decode(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise Refused(place, Words(f"byte {error.start} is not UTF-8"), "UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise Refused(
            place, Words(f"no JSON ({error.msg} at {error.pos})"), "a JSON object"
        ) from None
    except RecursionError:
        raise Refused(place, Words("too deeply nested"), f"at most {MAX_DEPTH} levels") from None
    except ValueError as error:
        if isinstance(error, Refused):
            raise
        if isinstance(error, _NotFinite):
            raise Refused(place, Words(error), "finite numbers") from None
        # int() refuses more than 4,300 digits
        raise Refused(place, Words("a number of too many digits"), "finite numbers") from None
    if not isinstance(value, dict):
        raise Refused(place, value, "a JSON object")
    return value


def check_json(place: str, value: Json, depth: int) -> None:
    """Refuse what a database or a page could choke on: depth, NUL, lone surrogates, infinity."""
    if depth > MAX_DEPTH:
        raise Refused(place, Words("too deeply nested"), f"at most {MAX_DEPTH} levels")
    if isinstance(value, list):
        for index, item in enumerate(value):
            check_json(f"{place}[{index}]", item, depth + 1)
    elif isinstance(value, dict):
        for name, item in value.items():
            check_scalar(f"{place} key", name)
            check_json(f"{place}.{short(name)}", item, depth + 1)
    else:
        check_scalar(place, value)


def check_scalar(place: str, value: Json) -> None:
    """Refuse one string or number that could not be stored; see :func:`check_json`."""
    if isinstance(value, str):
        if len(value) > MAX_STRING_CHARACTERS:
            raise Refused(place, value, f"text of at most {MAX_STRING_CHARACTERS} characters")
        if not value.isprintable() and UNSTORABLE.search(value):
            raise Refused(place, value, "text without NUL and lone surrogates")
    elif isinstance(value, float) and value - value != 0:  # NaN, or infinity from 1e999
        raise Refused(place, value, "a finite number")
    elif isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        raise Refused(place, Words("a huge number"), "numbers of at most 64 bits")


def _no_duplicates(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    result = dict(pairs)
    if len(result) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = next(name for name, count in counts.items() if count > 1)
        raise Refused(short(twice), Words("this key twice"), "each key once")
    return result


class _NotFinite(ValueError):
    """NaN or Infinity, which JSON has not but Python's reader takes."""


def _refuse_constant(name: str) -> NoReturn:
    raise _NotFinite(name)


# Made once: json.loads would build one for each record.
_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_no_duplicates, parse_constant=_refuse_constant
)


def short(text: str) -> str:
    """Make text fit for a line: at most 60 characters, ? for what is unprintable."""
    return _cut(text, 60)


def shown(value: object) -> str:
    """Render what was found in at most 60 characters: text in quotes, :class:`Words` as they are.

    So "5" and 5 can be told apart.
    """
    if isinstance(value, dict):
        return f"an object of {len(value)}"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, str) and not isinstance(value, Words):
        return f'"{_cut(value, 58)}"'
    return short(value if isinstance(value, str) else json.dumps(value, default=str))


def _cut(text: str, most: int) -> str:
    line = CONTROL.sub("?", text[:200])
    return line if len(line) <= most else line[: most - 3] + "..."
