"""Measures at schools: what is kept, audited, refused, and not overwritten silently."""

from dataclasses import replace
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest

from collector.operators import audit
from collector.policy.change import Author
from collector.programme import assignment_rows
from collector.programme.assign import Details, MeasureRefused, Measures, details_of, find
from collector.programme.measures_catalogue import load_measures
from collector.programme.model import EditedMeanwhile, MeasureState
from collector.store.interface import Store
from tests.collector.conftest import MONDAY

AUTHOR = Author("operator:ueda", MONDAY)
TODAY = date(2026, 5, 11)


@pytest.fixture
def measures(store: Store) -> Measures:
    """The service."""
    return Measures(store, load_measures(), Random(5))


def test_a_measure_is_assigned_changed_and_done(store: Store, measures: Measures) -> None:
    """Each step is a new version with its record in the audit log."""
    planned = measures.assign(
        "A1", "line_10g", Details(planned_on=date(2026, 8, 1), cost_yen=200_000), AUTHOR
    )
    assert planned.findings == ("line_below_contract", "line_saturated", "pppoe_congested")
    ordered = measures.change(
        planned.assignment_id,
        planned.version,
        replace(details_of(planned), state=MeasureState.ORDERED),
        AUTHOR,
    )
    done = measures.change(
        planned.assignment_id,
        ordered.version,
        replace(details_of(ordered), state=MeasureState.DONE, done_on=TODAY),
        AUTHOR,
    )
    assert store.read(assignment_rows.assignments) == [done]
    assert (done.version, done.done_on, done.cost_yen) == (3, TODAY, 200_000)
    records = store.read(lambda sql: audit.newest(sql, 10))
    assert [one.action for one in records] == ["measure.change", "measure.change", "measure.assign"]
    assert "done_on: None -> 2026-05-11" in records[0].detail
    assert store.read(audit.verify) == []


def test_two_people_do_not_overwrite_each_other(store: Store, measures: Measures) -> None:
    """The second names a version that no longer stands: nothing is kept, nothing audited."""
    one = measures.assign("A1", "ipoe", Details(), AUTHOR)
    first = replace(details_of(one), note="一人目")
    measures.change(one.assignment_id, one.version, first, AUTHOR)
    records = store.read(audit.head_of)
    with pytest.raises(EditedMeanwhile, match="version 2, yours was 1"):
        measures.change(one.assignment_id, one.version, replace(first, note="二人目"), AUTHOR)
    assert store.read(audit.head_of) == records
    assert store.read(assignment_rows.assignments)[0].note == "一人目"


@pytest.mark.parametrize(
    ("school", "measure", "details", "said"),
    [
        ("Z9", "ipoe", {}, "there is no school 'Z9'"),
        ("A1", "ipo", {}, r"allowed is one of .*\(did you mean ipoe\?\)"),
        ("A1", "ipoe", {"state": MeasureState.DONE}, "done_on: found nothing"),
        (
            "A1",
            "ipoe",
            {"state": MeasureState.DONE, "done_on": TODAY + timedelta(days=1)},
            "done_on: found 2026-05-12, allowed is up to 2026-05-11",
        ),
        ("A1", "ipoe", {"cost_yen": -1}, "cost_yen: found -1"),
        ("A1", "ipoe", {"subsidy_yen": 5}, r"subsidy_yen: found 5, .* the cost \(nothing\)"),
        ("A1", "ipoe", {"cost_yen": 4, "subsidy_yen": 5}, r"up to the cost \(4\)"),
        ("A1", "ipoe", {"planned_on": date(1999, 1, 1)}, "planned_on: found 1999-01-01"),
        ("A1", "ipoe", {"findings": ("Line Saturated",)}, "ids such as line_saturated"),
        ("A1", "ipoe", {"note": "x" * 501}, "found 501 characters, allowed are 500"),
    ],
)
def test_what_may_not_be_is_refused(
    store: Store,
    measures: Measures,
    school: str,
    measure: str,
    details: dict[str, Any],
    said: str,
) -> None:
    """With what was found and what is allowed; nothing is kept."""
    with pytest.raises(MeasureRefused, match=said):
        measures.assign(school, measure, Details(**details), AUTHOR)
    assert store.read(assignment_rows.assignments) == []


def test_a_measure_is_not_assigned_twice_and_states_follow_each_other(measures: Measures) -> None:
    """Planned twice is refused; what is cancelled may be planned anew, not be done."""
    one = measures.assign("A1", "ipoe", Details(), AUTHOR)
    with pytest.raises(MeasureRefused, match="has ipoe planned already"):
        measures.assign("A1", "ipoe", Details(), AUTHOR)
    cancelled = measures.change(
        one.assignment_id, 1, replace(details_of(one), state=MeasureState.CANCELLED), AUTHOR
    )
    with pytest.raises(MeasureRefused, match="it is cancelled, so found done, allowed is planned"):
        measures.change(
            one.assignment_id,
            2,
            replace(details_of(cancelled), state=MeasureState.DONE, done_on=TODAY),
            AUTHOR,
        )
    measures.assign("A1", "ipoe", Details(), AUTHOR)


def test_several_are_assigned_at_once_or_none(store: Store, measures: Measures) -> None:
    """From a what-if: what is there already is passed over, a wrong one keeps nothing."""
    measures.assign("A1", "ipoe", Details(), AUTHOR)
    plain = Details()
    wanted = [("A1", "ipoe", plain), ("A1", "mtu_fix", plain), ("B1", "ipoe", plain)]
    assert len(measures.assign_all(wanted, AUTHOR)) == 2
    with pytest.raises(MeasureRefused, match="no school"):
        measures.assign_all([("A1", "dns_fix", plain), ("Z9", "ipoe", plain)], AUTHOR)
    assert len(store.read(assignment_rows.assignments)) == 3


def test_a_measure_is_found_by_the_first_letters_of_its_id(
    store: Store, measures: Measures
) -> None:
    """As agents are; what fits several is refused."""
    one = measures.assign("A1", "ipoe", Details(), AUTHOR)
    assert store.read(lambda sql: find(sql, one.assignment_id[:8])) == one
    for wrong in ("", "nothing"):
        with pytest.raises(MeasureRefused, match="there is no measure"):
            store.read(lambda sql, wrong=wrong: find(sql, wrong))
