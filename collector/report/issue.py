"""Issue a week's report: the first, or a new revision where its data have changed since."""

from dataclasses import dataclass, replace
from datetime import datetime

from collector.judge.week import Week
from collector.operators.audit import audit
from collector.report import issue_rows
from collector.report.build import build
from collector.report.differences import differences
from collector.report.document import Difference, Report, canonical, content_sha256
from collector.report.gather import Inputs, gather
from collector.report.issue_rows import Issue
from collector.store.sql import Sql


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What issuing came to."""

    report: Report
    issue: Issue
    is_new: bool
    """False: the newest revision says the same already; nothing was kept."""


def issue(
    inputs: Inputs,
    week: Week,
    *,
    simulated: bool,
    now: datetime,
    wall: datetime,
    actor: str,
) -> Outcome:
    """Issue what there is to say of ``week``. Two that issue at once make one revision.

    ``now`` is the moment ages count from; ``wall`` is stated on the report.
    """
    material = gather(inputs, week, simulated=simulated, now=now, wall=wall)
    made = build(material, stated_at=wall)
    return inputs.store.write(lambda sql: _keep(sql, made, actor, wall))


def _keep(sql: Sql, made: Report, actor: str, now: datetime) -> Outcome:
    sql.lock("report")
    digest = content_sha256(made)
    last = issue_rows.newest(sql, made.week, simulated=made.simulated)
    if last is not None and last.sha256 == digest:
        kept = issue_rows.document(sql, made.week, last.revision, simulated=made.simulated)
        assert kept is not None
        return Outcome(report=kept, issue=last, is_new=False)
    if last is not None:
        made = replace(made, revision=last.revision + 1, differences=_since(sql, last, made))
    new = Issue(
        week=made.week,
        simulated=made.simulated,
        revision=made.revision,
        sha256=digest,
        issued_at=now,
    )
    issue_rows.add(sql, new, canonical(made))
    audit(
        sql,
        actor,
        "report.issue",
        f"{new.week} revision {new.revision}",
        {"sha256": digest, "simulated": new.simulated, "differences": len(made.differences)},
        now,
    )
    return Outcome(report=made, issue=new, is_new=True)


def _since(sql: Sql, last: Issue, made: Report) -> tuple[Difference, ...]:
    try:
        former = issue_rows.document(sql, last.week, last.revision, simulated=last.simulated)
    except ValueError:
        former = None  # issued by another release: what changed cannot be said
    return () if former is None else differences(former, made)
