"""Options of probes as data: one table a probe, from which help, defaults and refusals follow."""

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from wire.measurement import Json

Scalar = None | bool | int | float | str
_WORDS: Final[Mapping[type, str]] = {
    int: "a whole number",
    float: "a number",
    str: "text",
    bool: "true or false",
}


class OptionRefused(ValueError):
    """An option that a probe does not know, or a value that it does not take.

    ``option`` is its name, ``found`` what was given, ``allowed`` what may be given.
    """

    def __init__(self, option: str, found: object, allowed: str) -> None:
        self.option = option
        self.found = _short(found)
        self.allowed = allowed
        super().__init__(f"option {_short(option)}: found {self.found}, allowed is {allowed}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option of a probe. Bounds are inclusive and in the unit that the name ends in."""

    type: type[int] | type[float] | type[str] | type[bool]
    default: Scalar
    """Used where the option is not given; None where its absence means something."""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    help: str = ""
    """One line with the unit."""
    form: str = ""
    """What a text names, where it names something: ``endpoint`` is HOST[:PORT] of a far end,
    ``hosts`` are names separated by commas, ``file`` is a path on the appliance."""

    def allowed(self) -> str:
        """Say in words what may be given, for help and refusals."""
        if self.choices:
            return "one of " + " ".join(self.choices)
        words = _WORDS[self.type]
        if self.minimum is not None and self.maximum is not None:
            return f"{words} from {self.minimum:g} to {self.maximum:g}"
        if self.minimum is not None:
            return f"{words} of at least {self.minimum:g}"
        if self.maximum is not None:
            return f"{words} of at most {self.maximum:g}"
        return words


def resolve(options: Mapping[str, Option], given: Mapping[str, Json]) -> dict[str, Scalar]:
    """Check what was given and fill in defaults: every option of the table, with its value.

    Whole numbers are taken for ``float`` options and come back as float. Raises
    :class:`OptionRefused` for the first name or value that is not allowed.
    """
    for name in given:
        if name not in options:
            raise OptionRefused(name, "an unknown name", _names(name, options))
    return {
        name: _checked(name, option, given[name]) if name in given else option.default
        for name, option in options.items()
    }


def _names(wrong: str, options: Mapping[str, Option]) -> str:
    known = "one of " + " ".join(sorted(options)) if options else "no option"
    close = difflib.get_close_matches(wrong[:100], options, n=1)
    return f"{known}; did you mean {close[0]}?" if close else known


def _checked(name: str, option: Option, value: Json) -> Scalar:
    if value is None and option.default is None:
        return None
    right = isinstance(value, option.type) or (option.type is float and isinstance(value, int))
    if not right or (isinstance(value, bool) and option.type is not bool):
        raise OptionRefused(name, value, option.allowed())
    if option.choices and value not in option.choices:
        raise OptionRefused(name, value, option.allowed())
    if isinstance(value, int | float) and option.type is not bool:
        below = option.minimum is not None and value < option.minimum
        above = option.maximum is not None and value > option.maximum
        if below or above or (isinstance(value, float) and not math.isfinite(value)):
            raise OptionRefused(name, value, option.allowed())
    if option.type is float and isinstance(value, int):
        return _as_float(name, option, value)
    return value if isinstance(value, bool | int | float | str) else None


def _as_float(name: str, option: Option, value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        raise OptionRefused(name, "a huge number", option.allowed()) from None


def _short(value: object) -> str:
    text = ascii(value) if not isinstance(value, str) or not value.isprintable() else value
    return text if len(text) <= 60 else text[:57] + "..."
