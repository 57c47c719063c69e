"""What began lately, when a cause was last seen, and whether it still is. Pure.

Rules look at weeks, and a figure of weeks is slow: it says nothing yet of what began some days ago
and goes on saying what is over. So the latest days are judged by themselves as well, as those of a
school that is new. And a cause that was found is looked for again in them by the same rules, where
one report is enough for what is known already: one that could be seen there and is not is past.
What cannot be told there (holidays, a device that is not asked any more) stays, with the day of its
newest evidence. The latest days end with the newest result, not with today.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Final

from collector.causes.candidate import Answer, Candidate
from collector.causes.model import Evidence
from collector.causes.rules_file import Rules
from collector.judge.week import local

Ask = Callable[[Evidence], Sequence[Answer]]
"""All rules over some evidence."""
MOST_STEPS: Final = 4
"""So many spans of the latest days are looked at, back from the newest result."""
ANYWHERE: Final = ("loop",)
"""Findings that are heard all over the school: the place may differ from week to week."""


def latest(evidence: Evidence, recent_days: int) -> Evidence:
    """The evidence of the latest days, back from the newest result."""
    if not evidence.measurements:
        return evidence
    end = max(one.started_at for one in evidence.measurements)
    return _between(evidence, end - timedelta(days=recent_days), end)


def both(whole: Sequence[Answer], recent: Sequence[Answer]) -> list[Candidate]:
    """What weeks show, and what the latest days show and weeks do not."""
    found = [one for answer in whole for one in answer.candidates]
    began = [one for answer in recent for one in answer.candidates if _same(one, whole) is None]
    return [*found, *began]


def lenient(rules: Rules) -> Rules:
    """The rules by which a cause that is known is seen again."""
    return replace(rules, number=replace(rules.number, fewest_reports=1, fewest_days=1))


def dated(
    candidates: Sequence[Candidate], evidence: Evidence, ask: Ask, recent_days: int
) -> list[Candidate]:
    """Give each the day it was last seen, and say which are past."""
    if not candidates or not evidence.measurements:
        return list(candidates)
    day_of = {one.result_id: local(one.started_at).date() for one in evidence.measurements}
    end, step = max(one.started_at for one in evidence.measurements), timedelta(days=recent_days)
    answers = [list(ask(_between(evidence, end - step, end)))]

    def earlier(number: int) -> Sequence[Answer]:
        while len(answers) <= number:
            last = end - len(answers) * step
            answers.append(list(ask(_between(evidence, last - step, last))))
        return answers[number]

    return [_dated(one, earlier, day_of) for one in candidates]


def _dated(
    one: Candidate, earlier: Callable[[int], Sequence[Answer]], day_of: Mapping[str, date]
) -> Candidate:
    again = _same(one, earlier(0))
    if again is not None or not _looked_at(one, earlier(0)):
        return replace(one, last_seen=_newest(again or one, day_of))
    for number in range(1, MOST_STEPS):
        before = _same(one, earlier(number))
        if before is not None:
            return replace(one, past=True, last_seen=_newest(before, day_of))
    return replace(one, past=True)


def _between(evidence: Evidence, after: datetime, until: datetime) -> Evidence:
    kept = [one for one in evidence.measurements if after < one.started_at <= until]
    return replace(evidence, measurements=kept)


def _same(one: Candidate, answers: Iterable[Answer]) -> Candidate | None:
    """The same cause among those that were found, wherever its place can be told apart."""
    for answer in answers:
        for other in answer.candidates:
            if other.finding_id != one.finding_id:
                continue
            ports = bool(one.ports and other.ports)
            here = bool(one.ports & other.ports) if ports else one.place == other.place
            if here or one.finding_id in ANYWHERE:
                return other
    return None


def _looked_at(one: Candidate, answers: Iterable[Answer]) -> bool:
    return any(answer.looked_at for answer in answers if answer.finding_id == one.finding_id)


def _newest(one: Candidate, day_of: Mapping[str, date]) -> date | None:
    """Day of the newest result that speaks for it; None where it rests on no result."""
    days = [
        day_of[key]
        for piece in one.observed
        if piece.speaks_for
        for key in piece.result_ids
        if key in day_of
    ]
    return max(days, default=None)
