"""Measures as a spreadsheet: a round trip changes nothing, a mistake changes nothing either."""

from datetime import UTC, date, datetime
from random import Random

import pytest

from collector.operators.audit import head_of, newest
from collector.policy.change import Author
from collector.programme import assignment_rows
from collector.programme.assign import Details, Measures
from collector.programme.exchange.files import SheetName, export_file, import_file
from collector.programme.exchange.write import Format
from collector.programme.measures_catalogue import load_measures
from collector.programme.model import MeasureState
from collector.schools.table import ImportRefused
from collector.store.interface import Store

NOW = datetime(2026, 5, 18, 3, tzinfo=UTC)
MEASURES = SheetName.MEASURES


@pytest.fixture(autouse=True)
def some(store: Store) -> None:
    """A planned measure with a note that looks like a formula, and one that is done."""
    service = Measures(store, load_measures(), Random(3))
    author = Author("operator:ueda", NOW)
    planned = Details(
        planned_on=date(2027, 8, 1),
        cost_yen=250_000,
        subsidy_yen=100_000,
        note='=1+1\n髙﨑, "渡邊"',
    )
    service.assign("A1", "line_10g", planned, author)
    done = Details(state=MeasureState.DONE, done_on=date(2026, 5, 2))
    service.assign("B1", "ipoe", done, author)


def imported(store: Store, raw: bytes) -> tuple[list[str], int]:
    """Take a file in; give codes that changed and how many rows did not."""
    taken = import_file(store, MEASURES, raw, "m.csv", "cli:y", NOW)
    return list(taken.changed), taken.unchanged_count


@pytest.mark.parametrize("form", list(Format))
def test_a_round_trip_changes_nothing(store: Store, form: Format) -> None:
    """Neither rows nor the audit log; the same bytes go out again."""
    before = store.read(assignment_rows.assignments), store.read(head_of)
    raw = export_file(store, MEASURES, form)
    assert imported(store, raw) == ([], 2)
    assert (store.read(assignment_rows.assignments), store.read(head_of)) == before
    assert export_file(store, MEASURES, form) == raw


def test_an_edited_row_and_a_new_one_are_taken_in(store: Store) -> None:
    """One more version, one more measure, one record of the import."""
    text = export_file(store, MEASURES, Format.CSV).decode("utf-8-sig")
    text = text.replace(",planned,2027-08-01,,250000,", ",ordered,2027-08-01,,240000,")
    text += "B1,,mtu_fix,planned,2026-09-01,,,,,,,\r\n"
    assert imported(store, text.encode()) == (["A1", "B1"], 1)
    found = {(one.school_code, one.measure_id): one for one in _all(store)}
    assert found["A1", "line_10g"].state is MeasureState.ORDERED
    assert (found["A1", "line_10g"].cost_yen, found["A1", "line_10g"].version) == (240_000, 2)
    assert found["B1", "mtu_fix"].findings == ("mtu_black_hole",)
    assert store.read(lambda sql: newest(sql, 1))[0].action == "measures.import"


@pytest.mark.parametrize("state", ["done,,2026-05-02", "planned,2026-09-01,"])
def test_a_file_with_new_rows_that_is_taken_in_twice_changes_nothing_again(
    store: Store, state: str
) -> None:
    """No measure is there twice, whatever its state."""
    text = export_file(store, MEASURES, Format.CSV).decode("utf-8-sig")
    text += f"A1,,mtu_fix,{state},1000,,,,,\r\n"
    assert imported(store, text.encode()) == (["A1"], 2)
    before = _all(store), store.read(head_of)
    assert imported(store, text.encode()) == ([], 3)
    assert (_all(store), store.read(head_of)) == before


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (",planned,", ",plannd,", "state: found 'plannd', allowed is one of planned"),
        ("line_10g", "line_10", "measure_id: found 'line_10'"),
        (",250000,", ",25万,", "cost_yen"),
        (",250000,", ",50000,", "allowed is up to the cost (50000)"),
        ("2026-05-02", "2026-06-02", "allowed is up to 2026-05-18"),
        (",planned,2027-08-01,,", ",planned,2027-08-01,2026-05-01,", "nothing while the state"),
        (",done,,2026-05-02", ",cancelled,,", "it is done, so found cancelled"),
        ("A1,学校A1,line_10g", "B1,学校B1,line_10g", "that of line_10g of A1: rows slipped?"),
        ("\r\nB1", "\r\nA1,,line_10g,planned,,,,,,,,\r\nB1", "has not planned or ordered already"),
    ],
)
def test_a_mistake_is_named_and_nothing_is_changed(
    store: Store, old: str, new: str, said: str
) -> None:
    """With file, line, column, what was found and what is allowed."""
    before = _all(store), store.read(head_of)
    text = export_file(store, MEASURES, Format.CSV).decode("utf-8-sig")
    assert old in text
    with pytest.raises(ImportRefused) as refused:
        imported(store, text.replace(old, new, 1).encode())
    assert said in str(refused.value)
    assert "m.csv" in str(refused.value)
    assert (_all(store), store.read(head_of)) == before


def test_a_row_that_someone_changed_since_the_export_is_refused(store: Store) -> None:
    """The version says so; nobody is overwritten silently."""
    raw = export_file(store, MEASURES, Format.CSV)
    first = raw.decode("utf-8-sig").replace(",250000,", ",240000,").encode()
    assert imported(store, first) == (["A1"], 1)
    second = raw.decode("utf-8-sig").replace(",250000,", ",230000,").encode()
    with pytest.raises(ImportRefused, match="changed by someone else since the export"):
        imported(store, second)
    assert _all(store)[0].cost_yen == 240_000


def _all(store: Store) -> list[assignment_rows.Assignment]:
    return store.read(assignment_rows.assignments)
