"""The integer programmes behind a proposal, solved by HiGHS through scipy."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from collector.programme.sample.strata import PAIRS, Cell, Margin, SampleRefused

SECONDS: Final = 20.0
"""Limit of each integer programme."""
_SLACK: Final = 1e-6


class Programme:
    """Counts of cells, and for each group of cells how far its count is from its share."""

    def __init__(self, cells: Sequence[Cell], sizes: Sequence[int], size: int) -> None:
        self._sizes = sizes
        self._size = size
        groups: list[tuple[list[int], bool]] = [
            *((members, True) for margin in Margin for members in _groups(cells, [margin])),
            *((members, False) for pair in PAIRS for members in _groups(cells, pair)),
        ]
        first = len(cells)
        self._width = first + len(groups)
        self.margins = [first + at for at, (_, is_margin) in enumerate(groups) if is_margin]
        self.pairs = [first + at for at, (_, is_margin) in enumerate(groups) if not is_margin]
        self.counts = [0] * first
        self._rows: list[tuple[dict[int, float], float, float]] = [
            (dict.fromkeys(range(first), 1.0), size, size)
        ]
        total = sum(sizes)
        for at, (members, _) in enumerate(groups):
            share = sum(sizes[one] for one in members) * size / total
            for sign in (1.0, -1.0):  # the deviation is at least the difference, either way
                row = dict.fromkeys(members, sign) | {first + at: -1.0}
                self._rows.append((row, -np.inf, sign * share))

    def solve(
        self,
        least: Sequence[tuple[Sequence[int], float]],
        within: Sequence[tuple[Sequence[int], float]],
        draws: Sequence[float] = (),
    ) -> float:
        """Minimise the deviations ``least`` (or the draws), holding those ``within`` bounds."""
        cost = np.zeros(self._width)
        for columns, weight in least:
            cost[list(columns)] += weight
        cost[: len(draws)] += list(draws)
        rows = [
            *self._rows,
            *((dict.fromkeys(columns, 1.0), -np.inf, bound + _SLACK) for columns, bound in within),
        ]
        whole = np.zeros(self._width)
        whole[: len(self._sizes)] = 1
        highest = np.full(self._width, np.inf)
        highest[: len(self._sizes)] = self._sizes
        found = milp(
            cost,
            integrality=whole,
            bounds=Bounds(np.zeros(self._width), highest),
            constraints=_constraints(rows, self._width),
            options={"mip_rel_gap": 0.0, "time_limit": SECONDS},
        )
        if found.status != 0:
            raise SampleRefused(f"the most balanced sample was not found: {found.message}")
        self.counts = [round(one) for one in found.x[: len(self._sizes)]]
        return float(found.fun)


def _groups(cells: Sequence[Cell], margins: Sequence[Margin]) -> list[list[int]]:
    members: dict[tuple[str, ...], list[int]] = {}
    for number, cell in enumerate(cells):
        members.setdefault(tuple(cell.of(one) for one in margins), []).append(number)
    return list(members.values())


def _constraints(
    rows: Sequence[tuple[dict[int, float], float, float]], width: int
) -> LinearConstraint:
    at = [(number, column) for number, (row, _, _) in enumerate(rows) for column in row]
    values = [value for row, _, _ in rows for value in row.values()]
    matrix = csr_array((values, tuple(zip(*at, strict=True))), shape=(len(rows), width))
    return LinearConstraint(
        matrix, np.array([low for _, low, _ in rows]), np.array([high for _, _, high in rows])
    )
