"""Choosing a plan: as an integer program for HiGHS, and by greed for comparison.

Binary x for each option (one a school at most), binary y for each shared measure and year. What is
maximised is the expected number of school years (pupil years) of compliance within the plan, so
early counts more. Budgets hold in each fiscal year, yearly costs count in every year from the one
they begin in. Decision: docs/decisions/0018-plan-solver.md.
"""

from collections import defaultdict
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

import numpy as np

from collector.programme.plan_greedy import choose_greedily
from collector.programme.plan_model import (
    Option,
    Problem,
    Selection,
    SharedOption,
    Upstream,
    faults_of,
)

TIME_LIMIT_SECONDS: Final = 4.0
GAP_RATIO: Final = 0.005
"""The solver stops when no plan can be better than its own by more than this share."""
THRIFT: Final = 1e-6
"""Of two plans of one value the cheaper: all budgets spent weigh as this share of all value."""
NOTHING: Final = Selection(options=(), shared=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    """A plan and how sure it is that there is none better."""

    selection: Selection
    method: str
    """``milp`` or, where the solver found nothing better in its time, ``greedy``."""
    status: str
    """What the solver says of its end."""
    gap_ratio: float | None
    """By how much a better plan could exceed this one at most; None: not known."""


def solve(
    problem: Problem,
    *,
    time_limit_seconds: float = TIME_LIMIT_SECONDS,
    gap_ratio: float = GAP_RATIO,
) -> Solved:
    """Choose the best plan, never one worse than greed."""
    greedy = choose_greedily(problem)
    if not problem.options:
        return Solved(selection=NOTHING, method="milp", status="nothing to choose", gap_ratio=0.0)
    found = _run(problem, time_limit_seconds, gap_ratio)
    status = str(found.message).strip()
    if found.x is None:
        return Solved(selection=greedy, method="greedy", status=status, gap_ratio=None)
    chosen = _selection(problem, found.x)
    faults = faults_of(problem, chosen)
    if faults:  # the solver keeps rules within a tolerance, a budget office does not
        return Solved(
            selection=greedy, method="greedy", status=f"{status}; {faults[0]}", gap_ratio=None
        )
    gap = None if found.mip_gap is None else float(found.mip_gap)
    if greedy.value > chosen.value:
        return Solved(selection=greedy, method="greedy", status=status, gap_ratio=gap)
    return Solved(selection=chosen, method="milp", status=status, gap_ratio=gap)


# --- the integer program --------------------------------------------------------------------


def _run(problem: Problem, time_limit_seconds: float, gap_ratio: float) -> Any:  # noqa: ANN401 - scipy's result
    bought: list[Option | SharedOption] = [*problem.options, *problem.shared]
    values = np.array([one.value for one in problem.options] + [0.0] * len(problem.shared))
    costs = np.array(
        [sum(one.price.in_year(one.year, year) for year in problem.budgets) for one in bought],
        dtype=float,
    )
    most = max(float(sum(problem.budgets.values())), 1.0)
    objective = -values / max(float(values.max()), 1e-12) + THRIFT * costs / most
    rows = _Rows(len(bought))
    _one_a_school(problem, rows)
    _needs(problem, rows)
    for year, budget in problem.budgets.items():
        spent = {index: one.price.in_year(one.year, year) / 1e6 for index, one in enumerate(bought)}
        rows.add({index: yen for index, yen in spent.items() if yen}, budget / 1e6)
    for name, total in problem.subsidy_totals.items():
        paid = {
            index: dict(one.price.subsidies).get(name, 0) / 1e6 for index, one in enumerate(bought)
        }
        rows.add({index: yen for index, yen in paid.items() if yen}, total / 1e6)
    optimize = import_module("scipy.optimize")  # half a second: only where it is asked for
    return optimize.milp(
        objective,
        integrality=np.ones(len(bought)),
        bounds=optimize.Bounds(0, 1),
        constraints=rows.constraint(),
        options={"time_limit": time_limit_seconds, "mip_rel_gap": gap_ratio},
    )


class _Rows:
    """Rows ``sum of coefficient x variable <= most``, gathered for a sparse matrix."""

    def __init__(self, columns: int) -> None:
        self._columns = columns
        self._entries: list[dict[int, float]] = []
        self._most: list[float] = []

    def add(self, entries: dict[int, float], most: float) -> None:
        if entries:
            self._entries.append(entries)
            self._most.append(most)

    def constraint(self) -> Any:  # noqa: ANN401 - scipy's
        data = [value for entries in self._entries for value in entries.values()]
        columns = [index for entries in self._entries for index in entries]
        starts = np.cumsum([0] + [len(entries) for entries in self._entries])
        sparse = import_module("scipy.sparse")
        matrix = sparse.csr_array(
            (data, columns, starts), shape=(len(self._entries), self._columns)
        )
        return import_module("scipy.optimize").LinearConstraint(matrix, ub=self._most)


def _one_a_school(problem: Problem, rows: _Rows) -> None:
    of_school: dict[str, dict[int, float]] = defaultdict(dict)
    of_upstream: dict[Upstream, dict[int, float]] = defaultdict(dict)
    for index, option in enumerate(problem.options):
        of_school[option.code][index] = 1.0
    for index, shared in enumerate(problem.shared, len(problem.options)):
        of_upstream[shared.upstream][index] = 1.0
    for entries in (*of_school.values(), *of_upstream.values()):
        rows.add(entries, 1.0)


def _needs(problem: Problem, rows: _Rows) -> None:
    """An option may be taken only once its shared measures were bought: x - sum of y <= 0."""
    start = len(problem.options)
    for index, option in enumerate(problem.options):
        for need in option.needs:
            bought = {
                number: -1.0
                for number, shared in enumerate(problem.shared, start)
                if shared.upstream == need and shared.year <= option.year
            }
            rows.add({index: 1.0} | bought, 0.0)


def _selection(problem: Problem, values: Any) -> Selection:  # noqa: ANN401 - an array of scipy's
    taken = [value > 0.5 for value in values]
    start = len(problem.options)
    options = tuple(one for one, yes in zip(problem.options, taken, strict=False) if yes)
    needed = {need for one in options for need in one.needs}
    shared = tuple(
        one
        for one, yes in zip(problem.shared, taken[start:], strict=True)
        if yes and one.upstream in needed
    )
    return Selection(options=options, shared=shared)
