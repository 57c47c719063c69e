"""What a verdict is worth against what was built, and the table of all. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from benchmarks.localise.cases import GROUPS, Case

EXACT: Final = "exact"
RANGE: Final = "right range"
SILENT: Final = "cannot tell"
WRONG: Final = "wrong"
ROOM: Final = "room"
FAILED: Final = "failed"
OUTCOMES: Final = (EXACT, RANGE, SILENT, ROOM, WRONG, FAILED)
WAYS: Final = ("download", "upload")


def score(case: Case, test: str, values: Mapping[str, Any]) -> str:
    """Name what became of one direction."""
    kind = values.get(f"{test}_verdict")
    if kind is None:
        return FAILED
    if kind in ("link", "range"):
        if case.truth is None:
            return WRONG
        near, far = values[f"{test}_from_hop_count"], values[f"{test}_to_hop_count"]
        holds = near <= case.truth[0] and case.truth[1] <= far
        return WRONG if not holds else EXACT if kind == "link" else RANGE
    if kind == "none":
        return ROOM if case.truth is None else WRONG
    return SILENT


def table(scored: Sequence[tuple[Case, str, str]]) -> tuple[list[str], list[list[str]]]:
    """Head and rows: trials by group and outcome, plain and cross by rate as well."""
    rows = []
    for group in GROUPS:
        mine = [item for item in scored if item[0].group == group]
        for rate in sorted({case.rate_bps for case, _, _ in mine}):
            rows += _row(f"{group}, {rate / 1e6:g} Mbit/s", [
                outcome for case, _, outcome in mine if case.rate_bps == rate
            ])  # fmt: skip
        rows += _row(f"{group}, all", [outcome for _, _, outcome in mine])
    return ["group", "trials", *OUTCOMES], rows


def _row(name: str, outcomes: Sequence[str]) -> list[list[str]]:
    if not outcomes:
        return []
    counts = Counter(outcomes)
    return [[name, str(len(outcomes)), *(str(counts[outcome]) for outcome in OUTCOMES)]]


def missed(scored: Sequence[tuple[Case, str, str]]) -> list[str]:
    """The aims that were not reached, in words; empty where all were."""
    found = []
    for group in GROUPS:
        outcomes = Counter(outcome for case, _, outcome in scored if case.group == group)
        total = sum(outcomes.values())
        if not total:
            continue
        if group in ("plain", "cross") and outcomes[EXACT] < 0.95 * total:
            found.append(f"{group}: exact {outcomes[EXACT]} of {total}, wanted 95 %")
        if group == "healthy" and outcomes[WRONG]:
            found.append(f"healthy: {outcomes[WRONG]} alarms of {total}, wanted none")
        elif group != "slow under load" and outcomes[WRONG] > 0.01 * total:
            found.append(f"{group}: wrong {outcomes[WRONG]} of {total}, wanted at most 1 %")
        if outcomes[FAILED]:
            found.append(f"{group}: {outcomes[FAILED]} of {total} failed to measure")
    return found
