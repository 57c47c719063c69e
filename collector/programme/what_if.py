"""What-if: the verdicts to expect once measures are taken at schools. Pure; seeded.

``expect`` says of each school with which probability it will be MET, NOT MET or UNDETERMINED, by
the judge's own rule (the lower end of the interval of the median reaches the requirement), and of
the city how many schools to expect. A school of which too little is known gives 'cannot tell' with
the reason and is counted apart, never guessed.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Final

import numpy as np

from collector.judge.model import Status
from collector.programme.measures_catalogue import EffectKind, MeasureCatalogue, MeasureDefinition
from collector.programme.path_draws import (
    DRAWS,
    REST,
    UNKNOWN,
    EffectDraws,
    Flags,
    Floats,
    PathDraws,
    draw_effect,
    draw_path,
)
from collector.programme.path_state import CannotTell, PathState

SEED: Final = 20_260_401
LOW, HIGH = 0.05, 0.95
"""Ends of the intervals that are shown: 90 % of the draws lie between."""
Chosen = Mapping[str, frozenset[str]]
"""Ids of measures by school code."""
Taken = tuple[MeasureDefinition, EffectDraws]


@dataclass(frozen=True, slots=True, kw_only=True)
class SchoolExpectation:
    """What to expect of one school. The three ratios add up to 1 where something can be told."""

    code: str
    measures: tuple[str, ...]
    """What it is given, with what its group is given."""
    status_now: Status
    cannot_tell: CannotTell | None
    met_ratio: float = 0.0
    not_met_ratio: float = 0.0
    undetermined_ratio: float = 0.0
    low_bps: float | None = None
    median_bps: float | None = None
    high_bps: float | None = None
    limits: tuple[tuple[str, float], ...] = ()
    """What then limits, most often first: a finding, a fact, ``rest`` or ``unknown``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CityExpectation:
    """What to expect of the city."""

    schools: Mapping[str, SchoolExpectation]
    met_now: int
    met_expected: float
    """Of the schools of which something can be told."""
    met_low: int
    met_high: int
    """90 % of the draws lie between, ends included."""
    cannot_tell: Mapping[CannotTell, int]

    @property
    def told(self) -> int:
        """Schools of which something can be told."""
        return len(self.schools) - sum(self.cannot_tell.values())


class City:
    """The draws of a city: made once, asked often."""

    def __init__(
        self,
        states: Iterable[PathState],
        catalogue: MeasureCatalogue,
        *,
        seed: int = SEED,
        draws: int = DRAWS,
    ) -> None:
        self.catalogue = catalogue
        self.states = {state.code: state for state in states}
        self._seed = seed
        self._draws = draws
        self._paths = {
            code: draw_path(state, catalogue.model, seed, draws)
            for code, state in self.states.items()
            if state.silent is None
        }

    def expect(self, chosen: Chosen) -> CityExpectation:
        """Say what to expect. Raises KeyError for a school or a measure that there is not."""
        given = self.spread(chosen)
        schools: dict[str, SchoolExpectation] = {}
        met = np.zeros(self._draws, dtype=np.int64)
        for code, state in self.states.items():
            measures = [self.catalogue.measures[one] for one in sorted(given.get(code, ()))]
            schools[code], of_school = self._school(state, measures)
            if of_school is not None:
                met += of_school
        silent = Counter(one.cannot_tell for one in schools.values() if one.cannot_tell)
        low, high = np.quantile(met, [LOW, HIGH], method="inverted_cdf")
        return CityExpectation(
            schools=schools,
            met_now=sum(state.status is Status.MET for state in self.states.values()),
            met_expected=float(met.mean()),
            met_low=int(low),
            met_high=int(high),
            cannot_tell=dict(silent),
        )

    def met_ratios(
        self, code: str, choices: Sequence[frozenset[str]]
    ) -> list[tuple[frozenset[str], float]]:
        """Probability that one school will be MET with each choice of measures.

        Choices of which nothing can be told are left out.
        """
        state, path = self.states[code], self._paths.get(code)
        if path is None:
            return []
        drawn: dict[str, EffectDraws] = {}
        lifts: dict[tuple[str, frozenset[str]], Floats] = {}
        found = []
        for choice in choices:
            chosen = [self.catalogue.measures[one] for one in sorted(choice)]
            asked = [one for one in chosen if one.effect.kind is not EffectKind.NONE]
            if self._silent(state, asked) is None:
                taken = [(one, self._effect(state, one, drawn)) for one in asked]
                after = np.minimum.reduce(list(_ceilings(path, taken, lifts).values()))
                found.append((choice, float(_met(path, after).mean())))
        return found

    def spread(self, chosen: Chosen) -> dict[str, frozenset[str]]:
        """Give each school also what a school of its group is given for all of them."""
        given: dict[str, set[str]] = {code: set(ids) for code, ids in chosen.items()}
        for code, ids in chosen.items():
            shared = {one for one in ids if self.catalogue.measures[one].shared}
            group = self.states[code].group
            if shared and group:
                for other in self.states.values():
                    if other.group == group:
                        given.setdefault(other.code, set()).update(shared)
        return {code: frozenset(ids) for code, ids in given.items()}

    def acts(self, state: PathState, measure: MeasureDefinition) -> bool:
        """Say whether a measure may change the quiet capacity of a school at all."""
        if measure.effect.kind is EffectKind.NONE:
            return False
        answers = any(one in measure.answers for one in state.chances)
        return answers or any(one in measure.lifts for one in state.nominal_bps)

    def _school(
        self,
        state: PathState,
        measures: Sequence[MeasureDefinition],
    ) -> tuple[SchoolExpectation, Flags | None]:
        """Expect of one school."""
        names = tuple(one.id for one in measures)
        asked = [one for one in measures if one.effect.kind is not EffectKind.NONE]
        silent = self._silent(state, asked)
        if silent is not None:
            return _untold(state, names, silent), None
        taken = [(one, self._effect(state, one, {})) for one in asked]
        return _told(self._paths[state.code], names, taken)

    def _silent(self, state: PathState, asked: Sequence[MeasureDefinition]) -> CannotTell | None:
        """Why nothing can be told of a school with measures that may act."""
        unknown = state.known_ratio < self.catalogue.model.least_known_ratio
        if state.silent is None and asked and unknown and state.status is not Status.MET:
            return CannotTell.CAUSE_UNKNOWN
        return state.silent

    def _effect(
        self, state: PathState, measure: MeasureDefinition, drawn: dict[str, EffectDraws]
    ) -> EffectDraws:
        """Draw what a measure does at a school; ``drawn`` keeps it between questions."""
        if measure.id not in drawn:
            drawn[measure.id] = draw_effect(measure, state, self._seed, self._draws)
        return drawn[measure.id]


def _untold(state: PathState, names: tuple[str, ...], why: CannotTell) -> SchoolExpectation:
    return SchoolExpectation(
        code=state.code, measures=names, status_now=state.status, cannot_tell=why
    )


def _told(
    path: PathDraws, names: tuple[str, ...], measures: Sequence[Taken]
) -> tuple[SchoolExpectation, Flags]:
    state = path.state
    after, limits = _after(path, measures)
    median = after + path.error
    met = _met(path, after)
    not_met = median + path.above < log(state.required_bps)
    low, middle, high = np.exp(np.quantile(after, [LOW, 0.5, HIGH]))
    expectation = SchoolExpectation(
        code=state.code,
        measures=names,
        status_now=state.status,
        cannot_tell=None,
        met_ratio=float(met.mean()),
        not_met_ratio=float(not_met.mean()),
        undetermined_ratio=float((~met & ~not_met).mean()),
        low_bps=float(low),
        median_bps=float(middle),
        high_bps=float(high),
        limits=limits,
    )
    return expectation, met


def _after(
    path: PathDraws, measures: Sequence[Taken]
) -> tuple[Floats, tuple[tuple[str, float], ...]]:
    """Capacity in each draw (logarithm), and how often what is then the narrowest."""
    ceilings = _ceilings(path, measures, {})
    table = np.stack(list(ceilings.values()))
    narrowest = np.argmin(table, axis=0)
    after = np.min(table, axis=0)
    shares = np.bincount(narrowest, minlength=len(ceilings)) / len(after)
    limits = sorted(zip(ceilings, shares.tolist(), strict=True), key=lambda one: -one[1])
    return after, tuple((name, share) for name, share in limits if share >= 0.01)


def _met(path: PathDraws, after: Floats) -> Flags:
    """Draws in which the lower end of the interval of the median reaches the requirement."""
    return after + path.error - path.below >= log(path.state.upper_bps)


def _ceilings(
    path: PathDraws,
    measures: Sequence[Taken],
    lifts: dict[tuple[str, frozenset[str]], Floats],
) -> dict[str, Floats]:
    """What each part of a path carries; ``lifts`` keeps what the same measures gave before."""
    ceilings: dict[str, Floats] = {}
    for name, found in (*path.limits.items(), *path.nominal.items()):
        acting = [(one, to) for one, to in measures if name in one.answers or name in one.lifts]
        key = name, frozenset(one.id for one, _ in acting)
        if key not in lifts:
            lifts[key] = _best(found, [to for _, to in acting])
        ceilings[name] = lifts[key]
    ceilings[REST] = path.rest
    # where no finding is the limit, something unknown is: it stays as it is
    ceilings[UNKNOWN] = np.where(path.unknown, path.now, np.inf)
    return ceilings


def _best(found: Floats, effects: Iterable[EffectDraws]) -> Floats:
    result = found
    for one in effects:
        result = np.maximum(result, one.lift(found))
    return result
