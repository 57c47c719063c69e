"""What both ends of a link say is one cause. Pure."""

from collections.abc import Iterable
from dataclasses import replace

from collector.causes.candidate import Candidate


def once_per_link(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Join those of one finding whose ports are the same link; the first gives all but evidence."""
    joined: dict[object, Candidate] = {}
    for one in candidates:
        key = one.ports if len(one.ports) > 1 else id(one)
        first = joined.get(key)
        joined[key] = one if first is None else _joined(first, one)
    return list(joined.values())


def _joined(first: Candidate, other: Candidate) -> Candidate:
    places = [place for place in (first.place, other.place) if place]
    return replace(
        first,
        observed=(*first.observed, *other.observed),
        place=" – ".join(dict.fromkeys(places)) or None,
        hours=first.hours | other.hours,
    )
