"""Save verdicts together with the revision that they make of a published week."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from collector.judge.model import Verdict
from collector.judge.week import Week
from collector.revisions import rows
from collector.revisions.diff import changes, published
from collector.store import rows_verdicts
from collector.store.interface import SchoolWeek, Store
from collector.store.sql import Sql


def save_judged(
    store: Store,
    verdicts: Sequence[Verdict],
    judged_at: datetime,
    judged: Mapping[SchoolWeek, int] | None = None,
) -> None:
    """Save as :meth:`Store.save_verdicts` does, and keep what changed of published weeks.

    Simulated weeks have no revisions: they were never published.
    """
    store.write(lambda sql: _save(sql, verdicts, judged_at, judged or {}))


def _save(
    sql: Sql,
    verdicts: Sequence[Verdict],
    judged_at: datetime,
    judged: Mapping[SchoolWeek, int],
) -> None:
    sql.lock("verdicts")
    codes: dict[str, set[str]] = defaultdict(set)
    for verdict in verdicts:
        if not verdict.simulated:
            codes[verdict.week].add(verdict.school_code)
    weeks = {
        week: sorted(of_week)
        for week, of_week in codes.items()
        if published(Week.parse(week), judged_at)
    }
    before = {
        week: rows.standings(sql, week, of_week, simulated=False) for week, of_week in weeks.items()
    }
    rows_verdicts.save(sql, verdicts, judged_at, judged)
    for week in sorted(week for week, known in before.items() if known):
        after = rows.standings(sql, week, weeks[week], simulated=False)
        if found := changes(before[week], after):
            rows.add(sql, week, found, judged_at, simulated=False)
