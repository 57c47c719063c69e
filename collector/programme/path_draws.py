"""Draws of what each school's path may be like: the chance behind what-if, in numpy.

Every draw is one possible city. In it each finding of a school is there or not (by its
probability); of those that are there one is the narrowest and carries what was measured, the
others carry more. Where none is there the limit is unknown: no measure lifts it. Schools of one
aggregation group share their draws of ``aggregation_thin``: the upstream is one thing. The same
numbers are drawn whatever is asked, so that two questions differ by what was asked alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log
from typing import Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from collector.programme.measures_catalogue import (
    EffectKind,
    EffectModel,
    MeasureDefinition,
)
from collector.programme.path_state import PathState

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
DRAWS: Final = 4_000
SHARED_FINDING: Final = "aggregation_thin"
HALF_WIDTH: Final = 1.959964
"""Standard deviations from the middle of a 95 % interval to its end."""
UNKNOWN: Final = "unknown"
REST: Final = "rest"


def chance_of(seed: int, *names: str) -> np.random.Generator:
    """Give a generator that depends on the seed and on names, not on what else is drawn."""
    return np.random.default_rng([seed, *(crc32(name.encode()) for name in names)])


@dataclass(frozen=True, slots=True)
class PathDraws:
    """What one school's path is in each draw. All speeds are logarithms of bit/s."""

    state: PathState
    now: Floats
    """Capacity now."""
    limits: Mapping[str, Floats]
    """What each finding lets through; infinite in draws where it is not there."""
    unknown: Flags
    """Draws in which none of the findings holds the school down."""
    nominal: Mapping[str, Floats]
    rest: Floats
    error: Floats
    """Error of the median that the verdict after will be made of."""
    below: float
    above: float
    """Half widths of the interval of the median, as it was measured."""


def draw_path(state: PathState, model: EffectModel, seed: int, draws: int = DRAWS) -> PathDraws:
    """Draw a school's path. The state must have a capacity."""
    assert state.capacity is not None
    capacity, chance = state.capacity, chance_of(seed, "path", state.code)
    middle = log(capacity.median_bps)
    below, above = middle - log(capacity.low_bps), log(capacity.high_bps) - middle
    sigma = (below + above) / 2 / HALF_WIDTH
    now = middle + sigma * chance.standard_normal(draws)
    error = sigma * chance.standard_normal(draws)
    rest = log(model.rest_bps) + model.rest_spread * chance.standard_normal(draws)
    limits, unknown = _limits(state, model, now, seed)
    nominal = {
        key: np.maximum(now, log(speed * model.goodput_ratio))
        for key, speed in state.nominal_bps.items()
    }
    return PathDraws(
        state=state,
        now=now,
        limits=limits,
        unknown=unknown,
        nominal=nominal,
        rest=np.maximum(now, rest),
        error=error,
        below=below,
        above=above,
    )


def _limits(
    state: PathState, model: EffectModel, now: Floats, seed: int
) -> tuple[dict[str, Floats], Flags]:
    """What each finding lets through, and where none of them is the limit."""
    draws = len(now)
    there: dict[str, Flags] = {}
    order: dict[str, Floats] = {}
    excess: dict[str, Floats] = {}
    for finding, probability in state.chances.items():
        whose = f"group {state.group}" if state.group and finding == SHARED_FINDING else state.code
        chance = chance_of(seed, "finding", finding, whose)
        there[finding] = chance.random(draws) < probability
        excess[finding] = np.abs(model.other_limit_spread * chance.standard_normal(draws))
        # of those that are there one is the narrowest, with a chance in proportion to its
        # probability: the largest of log p + Gumbel noise
        gumbel = -np.log(-np.log(np.clip(chance.random(draws), 1e-12, 1 - 1e-12)))
        order[finding] = np.where(there[finding], log(probability) + gumbel, -np.inf)
    if not there:
        return {}, np.ones(draws, dtype=np.bool_)
    first = np.max(np.stack(list(order.values())), axis=0)
    limits = {
        finding: np.where(
            there[finding],
            now + np.where(order[finding] == first, 0.0, excess[finding]),
            np.inf,
        )
        for finding in there
    }
    return limits, ~np.any(np.stack(list(there.values())), axis=0)


@dataclass(frozen=True, slots=True)
class EffectDraws:
    """What one measure does at one school (or at all of a group, where it is shared)."""

    kind: EffectKind
    works: Flags
    level: Floats
    """Logarithm of the ceiling, or of the factor."""

    def lift(self, found: Floats) -> Floats:
        """What a limit that the measure answers then lets through; never less than before."""
        if self.kind is EffectKind.CLEARS:
            return np.where(self.works, np.inf, found)
        raised = found + self.level if self.kind is EffectKind.FACTOR else self.level
        return np.where(self.works, np.maximum(found, raised), found)


def draw_effect(
    measure: MeasureDefinition, state: PathState, seed: int, draws: int = DRAWS
) -> EffectDraws:
    """Draw what a measure does: partly the same at all schools, partly at each its own."""
    effect = measure.effect
    whose = f"group {state.group}" if measure.shared and state.group else state.code
    school = chance_of(seed, "measure", measure.id, whose)
    works = school.random(draws) < effect.works_ratio
    common = chance_of(seed, "measure", measure.id).standard_normal(draws)
    noise = effect.spread_city * common + effect.spread_school * school.standard_normal(draws)
    middle = effect.ceiling_bps if effect.kind is EffectKind.CEILING else effect.factor
    return EffectDraws(effect.kind, works, (log(middle) if middle else 0.0) + noise)
