"""Propose a sample: the most balanced one there is, drawn by a seed among those equally balanced.

Strata are size band x region x kind of line, far more than the schools of a sample, so their
margins are balanced instead (controlled selection: Goodman and Kish 1950). In this order:

1. the distance of the three margins from proportion is as small as it can be,
2. then that of the pairs of margins, so that not all small schools have the same line,
3. then a number drawn for each school from the seed and its code decides.

The third makes the answer one single sample: the same seed and the same schools give the same
sample on every machine, whatever their order. Solved as integer programmes by HiGHS through scipy.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

from collector.programme.sample.strata import Bands, Cell, SampleRefused, cell_of
from collector.schools.model import School

MAX_SIZE: Final = 200


def propose(schools: Sequence[School], bands: Bands, size: int, seed: int) -> list[School]:
    """Choose ``size`` schools, by code. Raises :class:`SampleRefused`."""
    most = min(len(schools), MAX_SIZE)
    if not 1 <= size <= most:
        raise SampleRefused(
            f"size: found {size}, allowed is 1 to {most} (of {len(schools)} schools)"
        )
    by_cell: dict[Cell, list[School]] = {}
    for school in sorted(schools, key=lambda one: drawn(one, seed)):
        by_cell.setdefault(cell_of(school, bands), []).append(school)
    cells = sorted(by_cell)
    counts = _allocate(cells, [len(by_cell[cell]) for cell in cells], size, seed)
    chosen = [
        school
        for cell, count in zip(cells, counts, strict=True)
        for school in by_cell[cell][:count]
    ]
    return sorted(chosen, key=lambda one: one.code)


def drawn(school: School, seed: int) -> tuple[int, str]:
    """Give the number drawn for a school, the same whatever other schools there are."""
    return _number(f"{seed}\0{school.code}"), school.code


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")


def _allocate(cells: Sequence[Cell], sizes: Sequence[int], size: int, seed: int) -> list[int]:
    """Say how many schools each cell gives."""
    # scipy costs half a second and 60 MB, which a collector that proposes nothing does without
    from collector.programme.sample.balance import Programme  # noqa: PLC0415

    programme = Programme(cells, sizes, size)
    best = programme.solve([(programme.margins, 1.0)], [])
    within = [(programme.margins, best)]
    best_pairs = programme.solve([(programme.pairs, 1.0)], within)
    within.append((programme.pairs, best_pairs))
    draws = [_number(f"{seed}\0{cell.band}\0{cell.region}\0{cell.line}") for cell in cells]
    programme.solve([], within, [draw / 2**48 for draw in draws])
    return programme.counts
