"""How many answers of each kind were right: what configs/causes/calibration.toml holds. Pure."""

from collections import Counter
from collections.abc import Sequence

from benchmarks.causes.score import Scored
from collector.causes.calibration import Count, Group
from collector.causes.model import Strength


def counted(scored: Sequence[Scored]) -> dict[tuple[str, Strength], Count]:
    """How many answers of each finding and strength there were, and how many were right.

    A finding that is named twice in a scenario (at two ports) counts once.
    """
    said: Counter[tuple[str, Strength]] = Counter()
    right: Counter[tuple[str, Strength]] = Counter()
    for one in scored:
        for key in {(cause.finding_id, cause.strength) for cause in one.causes.causes}:
            said[key] += 1
            right[key] += one.is_there(key[0])
    return {key: Count(right[key], count) for key, count in said.items()}


def counts_table(scored: Sequence[Scored], group: Group) -> str:
    """The counts of a group as they stand in configs/causes/calibration.toml."""
    found = counted(scored)
    lines = []
    for finding_id, strength in sorted(found):
        one = found[finding_id, strength]
        head = f"[count.{group}.{finding_id}.{strength}]"
        lines.append(f"{head}\nright = {one.right}\nsaid = {one.said}\n")
    return "\n".join(lines)
