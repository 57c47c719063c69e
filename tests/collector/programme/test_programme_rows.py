"""The programme's rows: nothing is lost between two people who edit one school."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from collector.programme import assignment_rows, decision_rows, fact_rows, progress_rows
from collector.programme.model import (
    Assignment,
    Decided,
    Decision,
    EditedMeanwhile,
    Fact,
    Grade,
    MeasureState,
    Progress,
    State,
)
from collector.store.interface import Store

NOW = datetime(2026, 5, 18, 3, tzinfo=UTC)
FACT = Fact(
    school_code="A1",
    key="router.model",
    grade=Grade.ON_SITE,
    value="ルータ 1号",
    source="現地",
    noted_on=date(2026, 5, 18),
    noted_by="operator:tester",
)
PROGRESS = Progress(
    school_code="A1",
    state=State.INVESTIGATING,
    since_on=date(2026, 5, 18),
    planned_on=None,
    assessor="調査班",
    note="",
    version=0,
)
DECIDED = Decided(
    school_code="A1",
    finding_id="port_100m",
    decision=Decision.CONFIRMED,
    grade=Grade.ON_SITE,
    evidence="ケーブル表示",
    decided_on=date(2026, 5, 18),
    decided_by="operator:tester",
    version=0,
)
ASSIGNED = Assignment(
    assignment_id="m1",
    school_code="A1",
    measure_id="cable_repair",
    state=MeasureState.PLANNED,
    planned_on=date(2026, 8, 1),
    done_on=None,
    cost_yen=120_000,
    subsidy_yen=None,
    findings=("port_100m", "half_duplex"),
    note="",
)
PUT = {
    "fact": (fact_rows.put_fact, fact_rows.facts, FACT),
    "progress": (
        lambda sql, one: progress_rows.put_progress(sql, one, "operator:tester", NOW),
        progress_rows.progress,
        PROGRESS,
    ),
    "decision": (
        lambda sql, one: decision_rows.decide(sql, one, NOW),
        decision_rows.decisions,
        DECIDED,
    ),
    "assignment": (
        lambda sql, one: assignment_rows.put_assignment(sql, one, "operator:tester", NOW),
        assignment_rows.assignments,
        ASSIGNED,
    ),
}


@pytest.mark.parametrize("kind", PUT)
def test_the_second_of_two_editors_is_told(store: Store, kind: str) -> None:
    """Both read version 1; the first change is kept, the second refused and nothing altered."""
    put: Any
    read: Any
    put, read, new = PUT[kind]
    first = store.write(lambda sql: put(sql, new))
    assert first == replace(new, version=1)
    change = {"source": "図面"} if kind == "fact" else {}
    change = change or ({"evidence": "再確認"} if kind == "decision" else {"note": "変更"})
    second = store.write(lambda sql: put(sql, replace(first, **change)))
    assert second.version == 2
    with pytest.raises(EditedMeanwhile, match="version 2, yours was 1"):
        store.write(lambda sql: put(sql, first))
    assert store.read(read) == [second]
    with pytest.raises(EditedMeanwhile):  # new, where there is one already
        store.write(lambda sql: put(sql, new))


def test_every_change_stays_in_the_history(store: Store) -> None:
    """What stood before is never lost: each version has its event, who and when."""
    first = store.write(lambda sql: progress_rows.put_progress(sql, PROGRESS, "cli:root", NOW))
    done = replace(first, state=State.IDENTIFIED)
    second = store.write(lambda sql: progress_rows.put_progress(sql, done, "operator:x", NOW))
    events = store.read(progress_rows.progress_events)
    assert [(one.progress, one.changed_by) for one in events] == [
        (first, "cli:root"),
        (second, "operator:x"),
    ]
    assert events[0].changed_at == NOW
    store.write(lambda sql: decision_rows.decide(sql, DECIDED, NOW))
    kept = store.read(lambda sql: decision_rows.decision_events(sql, "A1"))
    assert [one.decided for one in kept] == [replace(DECIDED, version=1)]
    assert store.read(lambda sql: decision_rows.decision_events(sql, "B1")) == []


def test_what_is_measured_is_replaced_whole(store: Store) -> None:
    """A value no longer measured goes; what people noted stays beside it."""
    told = store.write(lambda sql: fact_rows.put_fact(sql, FACT))
    old = replace(FACT, key="dns.median_seconds", grade=Grade.AGENT, value=0.4)
    new = replace(FACT, key="line.quiet_median_bps", grade=Grade.AGENT, value=9.1e7)
    store.write(lambda sql: fact_rows.replace_measured(sql, ["A1"], [old]))
    store.write(lambda sql: fact_rows.replace_measured(sql, ["A1"], [new]))
    assert store.read(fact_rows.facts) == [replace(new, version=1), told]


def test_a_fact_is_taken_back_only_by_who_saw_it(store: Store) -> None:
    """Removing names a version too."""
    store.write(lambda sql: fact_rows.put_fact(sql, FACT))
    key = ("A1", FACT.key, FACT.grade)
    with pytest.raises(EditedMeanwhile):
        store.write(lambda sql: fact_rows.remove_fact(sql, *key, 2))
    assert len(store.read(fact_rows.facts)) == 1
    store.write(lambda sql: fact_rows.remove_fact(sql, *key, 1))
    assert store.read(fact_rows.facts) == []


def test_what_a_fact_said_before_is_kept_and_its_version_never_given_again(store: Store) -> None:
    """Changed, taken back and noted again: a page from before fits none of it."""
    first = store.write(lambda sql: fact_rows.put_fact(sql, FACT))
    second = store.write(lambda sql: fact_rows.put_fact(sql, replace(first, value="ルータ 2号")))
    key = ("A1", FACT.key, FACT.grade)
    store.write(lambda sql: fact_rows.remove_fact(sql, *key, second.version))
    again = store.write(lambda sql: fact_rows.put_fact(sql, replace(FACT, value="ルータ 3号")))
    assert again.version == 3
    for old in (first, second):
        with pytest.raises(EditedMeanwhile):
            store.write(lambda sql, old=old: fact_rows.put_fact(sql, old))
    assert store.read(lambda sql: fact_rows.past_facts(sql, "A1")) == [first, second]
    assert store.read(fact_rows.facts) == [again]
