"""What changed in a school's network from one week to the next, in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from collector.pages import format as fmt
from collector.pages import topology_words as say
from collector.pages.i18n import Words
from collector.topology.diff import Change, Kind
from collector.topology.weekly import Compared

MOST: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeLine:
    """One change; all text is ready."""

    kind: str
    where: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangesPart:
    """What changed between two kept weeks."""

    before: str
    after: str
    lines: Sequence[ChangeLine]
    left_off: int


def change_lines(words: Words, weeks: Compared | None) -> ChangesPart | None:
    """Give the changes; None where two weeks are not kept yet."""
    if weeks is None:
        return None
    return ChangesPart(
        before=fmt.week_name(words, weeks.before),
        after=fmt.week_name(words, weeks.after),
        lines=[_line(words, one) for one in weeks.changes[:MOST]],
        left_off=max(0, len(weeks.changes) - MOST),
    )


def _line(words: Words, one: Change) -> ChangeLine:
    unnamed = words("topology.unnamed")
    where = one.device or unnamed
    if one.kind in _BETWEEN:
        where = words("topology.link", a=where, b=one.other or unnamed)
    return ChangeLine(
        kind=words(f"topology_change.{one.kind.value}"),
        where=where,
        before=_value(words, one.kind, one.before),
        after=_value(words, one.kind, one.after),
    )


_BETWEEN: Final = frozenset(
    {Kind.LINK_APPEARED, Kind.LINK_VANISHED, Kind.MOVED, Kind.SPEED, Kind.DUPLEX}
)


def _value(words: Words, kind: Kind, value: str) -> str:
    if not value:
        return words("site.none")
    if kind is Kind.SPEED:
        return say.speed(words, float(value))
    if kind is Kind.DUPLEX:
        return say.duplex(words, value)
    return value
