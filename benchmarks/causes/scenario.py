"""One school with something planted in it (or nothing), and what was measured there. Data.

A scenario is a file too: JSON, its measurements as the agent's records are on the wire.
"""

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from collector.causes.model import Evidence, SchoolRecord
from wire.codec import from_json, to_json
from wire.measurement import Measurement

Group = Literal["device data", "network"]
GROUPS: Final[tuple[Group, ...]] = ("device data", "network")


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """What was planted, and the evidence that cause finding gets to see."""

    name: str
    """Of the kind of scenario: the same for all its seeds."""
    group: Group
    planted: frozenset[str]
    """Ids of findings that are there; empty: a healthy control."""
    accepted: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Of a planted finding: others that are as right an answer, where the data cannot tell them
    apart. Keep it short, and say why where it is set."""
    seed: int
    school: SchoolRecord
    measurements: Sequence[Measurement]
    """Oldest first."""

    @property
    def healthy(self) -> bool:
        """A control: whatever is named here is a false alarm."""
        return not self.planted

    @property
    def evidence(self) -> Evidence:
        """What cause finding is given."""
        return Evidence(school=self.school, measurements=self.measurements)


def save(path: Path, scenario: Scenario) -> None:
    """Write one scenario, gzip."""
    document = {
        "name": scenario.name,
        "group": scenario.group,
        "planted": sorted(scenario.planted),
        "accepted": {key: sorted(others) for key, others in scenario.accepted.items()},
        "seed": scenario.seed,
        "school": {**asdict(scenario.school), "facts": dict(scenario.school.facts)},
        "measurements": [to_json(one) for one in scenario.measurements],
    }
    path.write_bytes(gzip.compress(json.dumps(document, ensure_ascii=False).encode(), mtime=0))


def load(path: Path) -> Scenario:
    """Read one scenario back."""
    document: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()))
    return Scenario(
        name=document["name"],
        group=document["group"],
        planted=frozenset(document["planted"]),
        accepted={key: frozenset(others) for key, others in document["accepted"].items()},
        seed=document["seed"],
        school=SchoolRecord(**document["school"]),
        measurements=[from_json(one) for one in document["measurements"]],
    )
