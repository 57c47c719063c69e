"""What an answer is worth against what was planted, and the confusion matrix. Pure.

Only a cause that is *named* counts as an answer for a fault. A healthy control allows nothing: a
suspicion there is a false alarm as much as a name is.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from benchmarks.causes.scenario import Scenario
from benchmarks.throughput.table import show
from collector.causes.model import Causes, Certainty


class Worth(StrEnum):
    """What became of one scenario."""

    RIGHT = "right"
    """All that was planted is named and nothing else; of a control: nothing is said at all."""
    SUSPECTED = "suspected"
    """All that was planted is said, some of it only as a suspicion; nothing else is named."""
    PART = "in part"
    """Of several faults some are missing; nothing else is named."""
    SILENT = "nothing said"
    WRONG = "wrong"
    """Something that is not there was named."""
    ALARM = "false alarm"
    """Of a control: something was said."""


RIGHT_SHARE: Final = 0.9
"""Aim: at least so much of the faults right."""
NOTHING: Final = "(nothing)"
HEALTHY: Final = "(healthy)"


@dataclass(frozen=True, slots=True)
class Scored:
    """One scenario and what was said of it."""

    scenario: Scenario
    causes: Causes

    @property
    def named(self) -> frozenset[str]:
        """Findings that were named as a cause."""
        return frozenset(
            one.finding_id for one in self.causes.causes if one.certainty is Certainty.NAMED
        )

    @property
    def said(self) -> frozenset[str]:
        """Findings that were named or suspected."""
        return frozenset(one.finding_id for one in self.causes.causes)

    def wanted(self, finding_id: str) -> frozenset[str]:
        """The answers that are right for a planted finding."""
        return frozenset({finding_id}) | self.scenario.accepted.get(finding_id, frozenset())

    def is_there(self, finding_id: str) -> bool:
        """Whether an answer is one of what was planted."""
        return any(finding_id in self.wanted(planted) for planted in self.scenario.planted)

    @property
    def worth(self) -> Worth:
        """What the answer is worth."""
        if self.scenario.healthy:
            return Worth.ALARM if self.said else Worth.RIGHT
        if any(not self.is_there(one) for one in self.named):
            return Worth.WRONG
        planted = self.scenario.planted
        if all(self.wanted(one) & self.named for one in planted):
            return Worth.RIGHT
        if all(self.wanted(one) & self.said for one in planted):
            return Worth.SUSPECTED
        return Worth.PART if any(self.is_there(one) for one in self.said) else Worth.SILENT


def matrix(scored: Sequence[Scored]) -> Counter[tuple[str, str]]:
    """Count planted x named.

    Each planted finding has one count: itself or what is accepted for it, else a finding that was
    named without being there, else nothing. What was named beside all that is there counts for
    the whole scenario, under the names of all that was planted.
    """
    cells: Counter[tuple[str, str]] = Counter()
    for one in scored:
        extra = sorted(name for name in one.named if not one.is_there(name))
        for planted in sorted(one.scenario.planted):
            hit = sorted(one.wanted(planted) & one.named)
            best = planted if planted in hit else hit[0] if hit else None
            cells[planted, best or (extra[0] if extra else NOTHING)] += 1
            if best is not None:
                for name in extra:
                    cells[planted, name] += 1
        if one.scenario.healthy:
            for name in sorted(one.said) or [NOTHING]:
                cells[HEALTHY, name] += 1
    return cells


def show_matrix(scored: Sequence[Scored]) -> None:
    """Print the confusion matrix as a list: planted, how often, what was named how often."""
    cells = matrix(scored)
    rows = []
    for planted in sorted({row for row, _ in cells}):
        named = {name: count for (row, name), count in cells.items() if row == planted}
        right = NOTHING if planted == HEALTHY else planted
        others = sorted(
            ((name, count) for name, count in named.items() if name != right),
            key=lambda item: (-item[1], item[0]),
        )
        told = ", ".join(f"{name} {count}" for name, count in others)
        rows.append([planted, str(sum(named.values())), str(named.get(right, 0)), told or "-"])
    show("Planted and named", ["planted", "times", "as planted", "instead or beside it"], rows)


def show_worth(scored: Sequence[Scored]) -> None:
    """Print each kind of scenario with what became of it."""
    rows = []
    for name in dict.fromkeys(one.scenario.name for one in scored):
        mine = [one for one in scored if one.scenario.name == name]
        counts = Counter(one.worth for one in mine)
        rows.append([name, str(len(mine)), *(str(counts[worth] or "") for worth in Worth)])
    show("Scenarios", ["scenario", "runs", *Worth], rows)


def summary(scored: Sequence[Scored]) -> str:
    """Share right of the faults, alarms of the controls, in one line."""
    faults = [one for one in scored if not one.scenario.healthy]
    controls = [one for one in scored if one.scenario.healthy]
    right = sum(one.worth is Worth.RIGHT for one in faults)
    wrong = sum(one.worth is Worth.WRONG for one in faults)
    alarms = sum(one.worth is Worth.ALARM for one in controls)
    share = f" ({right / len(faults):.1%})" if faults else ""
    return (
        f"faults: {right} of {len(faults)} right{share}, {wrong} wrong; "
        f"healthy: {alarms} false alarms of {len(controls)}"
    )


def missed(scored: Sequence[Scored]) -> list[str]:
    """Say which aims were not reached; empty where all were."""
    found = []
    faults = [one for one in scored if not one.scenario.healthy]
    right = sum(one.worth is Worth.RIGHT for one in faults)
    if faults and right < RIGHT_SHARE * len(faults):
        found.append(f"right {right} of {len(faults)} faults, wanted {RIGHT_SHARE:.0%}")
    found += [
        f"false alarm: {one.scenario.name}, seed {one.scenario.seed}: {' '.join(sorted(one.said))}"
        for one in scored
        if one.worth is Worth.ALARM
    ]
    return found
