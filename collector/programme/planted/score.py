"""Score a survey against what was planted: precision, recall, F1, coverage. Pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean

Pairs = Collection[tuple[str, str]]
"""(school code, finding)."""


@dataclass(frozen=True, slots=True)
class Score:
    """Counts of one finding: true positives, false positives, misses, and cases not told."""

    hits: int = 0
    false_alarms: int = 0
    misses: int = 0
    """Among them the true cases of which one could not tell: silence finds nothing."""
    not_told: int = 0
    not_told_true: int = 0
    cases: int = 0

    @property
    def precision(self) -> float:
        """Share of what was said to be there that is; 0 where nothing was said."""
        said = self.hits + self.false_alarms
        return self.hits / said if said else 0.0

    @property
    def recall(self) -> float:
        """Share of what is there that was said to be; 0 where nothing is there."""
        true = self.hits + self.misses
        return self.hits / true if true else 0.0

    @property
    def recall_told(self) -> float:
        """Recall among the cases that were told."""
        true = self.hits + self.misses - self.not_told_true
        return self.hits / true if true else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        wrong = self.false_alarms + self.misses
        return 2 * self.hits / (2 * self.hits + wrong) if self.hits else 0.0

    @property
    def coverage(self) -> float:
        """Share of the cases that were told."""
        return 1 - self.not_told / self.cases if self.cases else 0.0

    @property
    def is_there(self) -> bool:
        """Whether anything of it was to be found."""
        return self.hits + self.misses > 0

    def plus(self, other: "Score") -> "Score":
        """Add the counts of another city."""
        return Score(
            self.hits + other.hits,
            self.false_alarms + other.false_alarms,
            self.misses + other.misses,
            self.not_told + other.not_told,
            self.not_told_true + other.not_told_true,
            self.cases + other.cases,
        )


def score(
    finding_id: str,
    schools: Iterable[str],
    truth: Mapping[str, Collection[str]],
    likely: Pairs,
    not_told: Pairs = frozenset(),
) -> Score:
    """Score one finding over some schools; a true case that was not told is a miss."""
    counts = Score()
    for code in schools:
        said, true = (code, finding_id) in likely, finding_id in truth[code]
        silent = (code, finding_id) in not_told
        counts = counts.plus(
            Score(
                hits=said and true,
                false_alarms=said and not true,
                misses=true and not said,
                not_told=silent,
                not_told_true=silent and true,
                cases=1,
            )
        )
    return counts


def macro_f1(scores: Iterable[Score]) -> float:
    """Mean F1 over the findings that are there at all."""
    there = [one.f1 for one in scores if one.is_there]
    return fmean(there) if there else 0.0


def macro_f1_of_all(scores: Iterable[Score]) -> float:
    """Mean F1 over all findings; 1 where nothing is there and nothing was said."""
    return fmean(1.0 if not one.is_there and not one.false_alarms else one.f1 for one in scores)
