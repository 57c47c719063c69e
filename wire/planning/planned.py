"""One thing to measure, as the configuration gives it, and what follows from it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from wire.measurement import Json
from wire.planning.cost import bound_bytes
from wire.planning.timetable import Task, Window
from wire.probes import PROBES

CALIBRATION_SECONDS: Final = 10
"""Full length of a test in each direction."""
LONGEST_SECONDS: Final[Mapping[str, float]] = {"verify": 10.0}
"""How long a test runs at most that has no option for it."""
CHILD_SECONDS: Final = 10.0
"""On top of the deadline: starting, ending, writing down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One thing to measure, and when."""

    probe: str
    target: str
    segment: str | None = None
    options: Mapping[str, Json] = field(default_factory=dict)
    deadline_seconds: float = 60.0
    """The measurement is ended after this time."""
    windows: tuple[Window, ...] = ()
    calibrate: bool = False
    """One run of each ISO week is full length (heavy tests)."""
    when_busy: Literal["measure", "defer"] = "measure"
    """What becomes of a heavy test that met a busy line at each try."""

    @property
    def heavy(self) -> bool:
        """Loads the line: never two at once, within the byte budget."""
        return PROBES[self.probe].heavy

    def task(self) -> Task:
        """The test as the plan sees it."""
        return Task(
            windows=self.windows,
            heavy=self.heavy,
            length_seconds=self.deadline_seconds + CHILD_SECONDS,
            calibrate=self.calibrate,
        )


def calibrated(planned: Planned) -> Planned:
    """The same test at full length."""
    return replace(planned, options={**planned.options, "seconds": CALIBRATION_SECONDS})


def cost_key(planned: Planned) -> str:
    """Name of a test in the ledger: the same options cost alike."""
    options = json.dumps(dict(planned.options), sort_keys=True, ensure_ascii=False)
    return f"{planned.probe} {planned.target} {options}"


def bound_of(planned: Planned, fastest_bps: float) -> int:
    """Most bytes that a run of ``planned`` can take on a line of ``fastest_bps``, by its options.

    Where a test may end by itself, it is taken to be as long as it may be.
    """
    form = PROBES[planned.probe]
    options = form.options
    whole: dict[str, Json] = {name: option.default for name, option in options.items()}
    whole |= planned.options
    seconds = _number(whole.get("seconds"))
    if seconds is None:
        longest = options["seconds"].maximum if "seconds" in options else None
        seconds = longest or min(planned.deadline_seconds, LONGEST_SECONDS.get(planned.probe, 1e9))
    required_mbps = _number(whole.get("required_mbps"))
    rate = fastest_bps if required_mbps is None else min(fastest_bps, 1.2e6 * required_mbps)
    one_way = whole.get("direction") in ("download", "upload") or form.one_way
    bound = bound_bytes(seconds, 1 if one_way else 2, rate)
    most_bytes = _number(whole.get("max_bytes"))
    return bound if most_bytes is None else min(bound, bound_bytes(8.0, 1, most_bytes))


def _number(value: Json) -> float | None:
    return None if isinstance(value, bool) or not isinstance(value, int | float) else float(value)
