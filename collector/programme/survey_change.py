"""What people decide of findings, and confirming the survey of a school; audited.

Confirming keeps a decision for every finding that the survey can tell and nobody decided yet, and
takes the school's progress to 'identified'. What the survey cannot tell stays open: a person may
decide it, and until then it is on the list of what to look at.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from collector.judge.week import local
from collector.operators.audit import Detail, audit
from collector.programme import decision_rows, progress_rows
from collector.programme.findings_catalogue import FindingDefinition
from collector.programme.judgement import Judgement, Likelihood
from collector.programme.model import Decided, Decision, Grade, Progress, State
from collector.programme.progress_change import ProgressRefused, apply, not_started
from collector.store.interface import Store
from collector.store.sql import Sql

MAX_EVIDENCE: Final = 500
_DECISIONS: Final[Mapping[Likelihood, Decision]] = {
    Likelihood.LIKELY: Decision.CONFIRMED,
    Likelihood.UNLIKELY: Decision.REJECTED,
}


class DecisionRefused(Exception):
    """Something that cannot be decided; the text says what is allowed."""


class JudgedOtherwise(Exception):
    """What the survey says of a school has changed since it was shown; nothing was kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One decision as somebody wants it."""

    finding_id: str
    decision: Decision
    grade: Grade
    evidence: str
    version: int
    """The version of the decision that was shown; 0: there was none."""


@dataclass(frozen=True, slots=True)
class Author:
    """Who decides, and when."""

    actor: str
    now: datetime


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What confirming a school kept."""

    decided: tuple[Decided, ...]
    open: tuple[str, ...]
    """Findings that stay undecided: the survey cannot tell."""
    progress: Progress


def decide_findings(
    store: Store,
    catalogue: Mapping[str, FindingDefinition],
    school_code: str,
    wanted: Sequence[Wanted],
    author: Author,
) -> list[Decided]:
    """Keep decisions of one school, all or none. Raises DecisionRefused and EditedMeanwhile."""
    for one in wanted:
        check(catalogue, one)
    _require_school(store, school_code)
    return store.write(lambda sql: [_decide(sql, school_code, one, author) for one in wanted])


def fingerprint(judged: Mapping[str, Judgement]) -> str:
    """Give what a person sees of a school's judgements, and so confirms, as SHA-256."""
    said = [
        (one.finding_id, one.likelihood.value, one.grade.value, one.decided is not None)
        for one in judged.values()
    ]
    return hashlib.sha256(json.dumps(sorted(said)).encode()).hexdigest()


def confirm_school(
    store: Store,
    judged: Mapping[str, Judgement],
    version: int,
    author: Author,
    note: str = "",
    shown: str | None = None,
) -> Confirmed:
    """Confirm the survey of a school as it was judged.

    ``version`` is the one of its progress that was shown, ``shown`` the :func:`fingerprint` of the
    judgements that were; None: nobody was shown any. Raises DecisionRefused, JudgedOtherwise and
    EditedMeanwhile; then nothing was kept.
    """
    if shown is not None and shown != fingerprint(judged):
        raise JudgedOtherwise("what the survey says has changed: read it again, then confirm it")
    if not judged:
        raise DecisionRefused("there is no finding in the catalogue: nothing to confirm")
    code = next(iter(judged.values())).school_code
    told = [
        Wanted(
            finding_id=one.finding_id,
            decision=_DECISIONS[one.likelihood],
            grade=one.grade,
            evidence=_checked(f"{summary(one)} {note}".strip()),
            version=0,
        )
        for one in judged.values()
        if one.decided is None and one.likelihood in _DECISIONS
    ]
    undecided = tuple(
        one.finding_id
        for one in judged.values()
        if one.decided is None and one.likelihood is Likelihood.CANNOT_TELL
    )
    _require_school(store, code)

    def work(sql: Sql) -> Confirmed:
        decided = tuple(_decide(sql, code, one, author) for one in told)
        progress = _identified(sql, code, version, author)
        detail: Detail = {"decided": len(decided), "open": undecided}
        audit(sql, author.actor, "survey.confirm", code, detail, author.now)
        return Confirmed(decided, undecided, progress)

    return store.write(work)


def check(catalogue: Mapping[str, FindingDefinition], wanted: Wanted) -> None:
    """Refuse what cannot be decided. Raises :class:`DecisionRefused`."""
    if wanted.finding_id not in catalogue:
        raise DecisionRefused(
            f"finding: found {wanted.finding_id[:40]!r}, allowed is one of {', '.join(catalogue)}"
        )
    if not _checked(wanted.evidence).strip():
        raise DecisionRefused(f"{wanted.finding_id}: say on what the decision rests (evidence)")


def summary(judgement: Judgement) -> str:
    """Write on what a judgement rests, in keys and values: kept beside a decision."""
    cited = dict.fromkeys(
        f"{fact.key}={_short(fact.value)} ({fact.grade.value})"
        for line in judgement.evidence
        for fact in line.cited
    )
    samples = dict.fromkeys(
        f"sample {code}"
        for line in judgement.evidence
        for code in (*line.confirmed, *line.rejected)
    )
    head = f"{judgement.likelihood.value} p={judgement.probability:.2f}"
    return ", ".join([head, *cited, *samples])[: MAX_EVIDENCE // 2]


def _decide(sql: Sql, code: str, wanted: Wanted, author: Author) -> Decided:
    new = Decided(
        school_code=code,
        finding_id=wanted.finding_id,
        decision=wanted.decision,
        grade=wanted.grade,
        evidence=wanted.evidence.strip(),
        decided_on=local(author.now).date(),
        decided_by=author.actor,
        version=wanted.version,
    )
    kept = decision_rows.decide(sql, new, author.now)
    detail = {
        "finding": kept.finding_id,
        "decision": kept.decision.value,
        "grade": kept.grade.value,
        "version": kept.version,
    }
    audit(sql, author.actor, "finding.decide", code, detail, author.now)
    return kept


def _identified(sql: Sql, code: str, version: int, author: Author) -> Progress:
    today = local(author.now).date()
    standing = next(iter(progress_rows.progress(sql, code)), None) or not_started(code, today)
    new = replace(standing, version=version)
    if not standing.state.identifies:
        new = replace(new, state=State.IDENTIFIED, since_on=today)
    try:
        return apply(sql, new, author.actor, author.now)
    except ProgressRefused as refused:
        raise DecisionRefused(str(refused)) from None


def _require_school(store: Store, code: str) -> None:
    if store.school(code) is None:
        raise DecisionRefused(f"school: found {code[:40]!r}, allowed is the code of a school")


def _checked(text: str) -> str:
    if len(text) > MAX_EVIDENCE or not all(char.isprintable() or char == "\n" for char in text):
        raise DecisionRefused(
            f"evidence: found {len(text)} characters, allowed are {MAX_EVIDENCE} printable ones"
        )
    return text


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
