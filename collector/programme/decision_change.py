"""A person confirms, rejects or resolves a finding at a school: with evidence, grade and day."""

from collections.abc import Collection
from dataclasses import replace
from datetime import date, datetime
from typing import Final

from collector.judge.week import local
from collector.operators.audit import audit
from collector.programme import decision_rows, texts
from collector.programme.model import Decided
from collector.store import rows_schools
from collector.store.interface import Store
from collector.store.sql import Sql

FIRST_DAY: Final = date(2019, 4, 1)


class DecisionRefused(Exception):
    """A decision that was not kept; the text says what is allowed."""


def decide(store: Store, new: Decided, findings: Collection[str], now: datetime) -> Decided:
    """Keep a decision, audited. Raises DecisionRefused and EditedMeanwhile."""
    today = local(now).date()
    if new.finding_id not in findings:
        raise DecisionRefused(f"finding: found {new.finding_id[:40]!r}, allowed is one of the list")
    if not FIRST_DAY <= new.decided_on <= today:
        raise DecisionRefused(f"day: found {new.decided_on}, allowed is {FIRST_DAY} to {today}")
    try:
        evidence = texts.note(new.evidence, may_be_empty=False)
    except ValueError as error:
        raise DecisionRefused(f"evidence: allowed is {error}") from None

    def work(sql: Sql) -> Decided:
        if rows_schools.school(sql, new.school_code) is None:
            raise DecisionRefused(f"there is no school {new.school_code!r}")
        kept = decision_rows.decide(sql, replace(new, evidence=evidence), now)
        detail = {
            "finding": kept.finding_id,
            "decision": kept.decision.value,
            "grade": kept.grade.value,
            "version": kept.version,
        }
        audit(sql, new.decided_by, "finding.decide", new.school_code, detail, now)
        return kept

    return store.write(work)
