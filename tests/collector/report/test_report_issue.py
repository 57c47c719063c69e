"""Issued reports: unchanged data make no revision, late data make one that lists what changed."""

import json
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from collector.cli import main
from collector.compliance import ensure_week, judge_dirty
from collector.judge.week import Week
from collector.operators.audit import newest as newest_audit
from collector.report import issue_rows
from collector.report.document import Field
from collector.report.formats import Format, Manner, write
from collector.report.gather import Inputs
from collector.report.issue import Outcome, issue
from collector.store import create_store
from collector.store.interface import Batch, Store
from tests.collector.conftest import Maker, a_school
from tests.collector.report.conftest import CALENDARS, CRITERIA

WEEK = Week.parse("2026-W20")
ISSUED = WEEK.end + timedelta(hours=7)


def measured(store: Store, make: Maker, at: datetime, code: str, bps: float) -> None:
    """Quiet results of a school on every day of the week, and their verdicts."""
    rows = [
        make.row(
            started_at=WEEK.start + timedelta(days=day, hours=hour),
            download_bps=bps,
            school_code=code,
            agent_id=f"agent-of-{code}",
        )
        for day in range(5)
        for hour in (7, 18)
    ]
    store.submit(Batch(rows[0].agent_id, at, rows)).result(60)
    judge_dirty(store, CRITERIA, CALENDARS, now=at)
    ensure_week(store, CRITERIA, CALENDARS, week=WEEK, simulated=False, now=at)


def issued(store: Store, now: datetime = ISSUED) -> Outcome:
    """Issue the week."""
    inputs = Inputs(store=store, criteria=CRITERIA, calendars=CALENDARS)
    return issue(inputs, WEEK, simulated=False, now=now, wall=now, actor="operator:someone")


def test_unchanged_data_make_no_revision_and_late_data_make_one(store: Store, make: Maker) -> None:
    """Revision 2 names the schools that changed; revision 1 stays as it was; both are audited."""
    measured(store, make, WEEK.end, "A1", 6e8)
    first = issued(store)
    assert (first.is_new, first.report.revision, first.report.differences) == (True, 1, ())
    again = issued(store, ISSUED + timedelta(days=1))
    assert (again.is_new, again.report) == (False, first.report)
    measured(store, make, ISSUED + timedelta(days=2), "B1", 5e7)
    second = issued(store, ISSUED + timedelta(days=2))
    assert (second.is_new, second.report.revision) == (True, 2)
    found = {
        (one.school_code, one.field): (one.before, one.after) for one in second.report.differences
    }
    assert found == {
        ("B1", Field.QUIET_STATUS): ("undetermined", "not_met"),
        ("B1", Field.QUIET_MEDIAN): ("", "50000000"),
        ("B1", Field.QUIET_RUNS): ("0", "10"),
    }
    kept = store.read(lambda sql: issue_rows.document(sql, str(WEEK), 1, simulated=False))
    assert kept == first.report
    actions = [one.action for one in store.read(lambda sql: newest_audit(sql, 10))]
    assert actions.count("report.issue") == 2


def test_the_revision_itself_lists_its_differences(store: Store, make: Maker) -> None:
    """In every page format, by name."""
    measured(store, make, WEEK.end, "A1", 6e8)
    issued(store)
    measured(store, make, ISSUED + timedelta(days=2), "B1", 5e7)
    report = issued(store, ISSUED + timedelta(days=2)).report
    page = write(report, Format.HTML, Manner(language="ja")).decode()
    assert "前の版からの変更" in page
    assert "判定（授業時間外）" in page
    assert "第 2 版" in page


def test_two_that_issue_at_once_make_one_revision(url: str, make: Maker) -> None:
    """On either database, with a store of their own each."""
    if url.startswith("sqlite"):
        stores = [create_store(url)] * 4
    else:
        stores = [create_store(url) for _ in range(4)]
    stores[0].import_schools([a_school("A1"), a_school("B1", 70)])
    measured(stores[0], make, WEEK.end, "A1", 6e8)
    outcomes: list[Outcome] = []
    threads = [
        threading.Thread(target=lambda store=store: outcomes.append(issued(store)))
        for store in stores
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.is_new for one in outcomes) == [False, False, False, True]
    assert {one.report.revision for one in outcomes} == {1}
    for store in {id(one): one for one in stores}.values():
        store.close()


Command = Callable[..., str]


@pytest.fixture
def command(url: str, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run the command on the database; give what it printed, or said in refusing."""

    def run(*arguments: str, code: int = 0) -> str:
        capsys.readouterr()
        assert main(["report", *arguments, "--database", url]) == code
        printed = capsys.readouterr()
        return printed.out if code == 0 else printed.err

    return run


def test_the_command_issues_lists_shows_and_compares(
    url: str, make: Maker, tmp_path: Path, command: Command
) -> None:
    """Twice with the same --at gives the same files; without any school it says what to do."""
    store = create_store(url)
    assert "import them" in command("weekly", "--week", str(WEEK), code=1)
    store.import_schools([a_school("A1"), a_school("B1", 70)])
    measured(store, make, WEEK.end, "A1", 6e8)
    weekly = ("weekly", "--week", str(WEEK), "--at", "2026-05-18T07:00:00+09:00", "--json")
    folders = [tmp_path / "one", tmp_path / "two"]
    said: list[dict[str, Any]] = [
        json.loads(command(*weekly, "--out", str(folder), "--format", "xlsx,html,csv"))
        for folder in folders
    ]
    assert [one["issued"] for one in said] == [True, False]
    assert (said[0]["met"], said[0]["schools"]) == (1, 2)
    for path in folders[0].iterdir():
        assert path.read_bytes() == (folders[1] / path.name).read_bytes()
    assert len(list(folders[0].iterdir())) == 3
    measured(store, make, ISSUED + timedelta(days=2), "B1", 5e7)
    store.close()
    command("weekly", "--week", str(WEEK), "--out", str(tmp_path), "--format", "csv")
    assert command("list").splitlines()[0].startswith("2026-W20  revision 2  issued ")
    shown = json.loads(command("show", "--week", str(WEEK), "--revision", "1"))
    assert (shown["revision"], shown["city"]["met"]) == (1, 1)
    compared = command("diff", "--week", str(WEEK), "--language", "en").splitlines()
    assert "B1 学校B1: Verdict (outside lessons): Undetermined -> Not met" in compared
    assert "issued are: 1, 2" in command("show", "--week", str(WEEK), "--revision", "7", code=2)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_preview_issues_nothing(
    store: Store, make: Maker, tmp_path: Path, command: Command
) -> None:
    """It only writes files."""
    measured(store, make, WEEK.end, "A1", 6e8)
    given = ("--out", str(tmp_path), "--format", "csv", "--week", str(WEEK))
    assert "preview, not issued" in command("weekly", "--preview", *given)
    assert "no report was issued yet" in command("list")


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_one_odd_row_of_the_database_does_not_stop_a_report(store: Store, make: Maker) -> None:
    """A school with 0 pupils, which no import lets in, and a verdict in words of nobody."""
    measured(store, make, WEEK.end, "A1", 6e8)
    store.write(lambda sql: sql.execute("UPDATE school SET pupils = 0 WHERE code = 'B1'"))
    made = issued(store).report
    lines = {line.code: line for line in made.schools}
    assert lines["A1"].quiet.status == "met"
    assert next(one.kind for one in lines["B1"].odd) == "pupils_unusable"
    store.write(lambda sql: sql.execute("UPDATE verdict SET status = 'splendid'"))
    later = issued(store, ISSUED + timedelta(hours=1)).report
    assert later.troubles
    assert {line.code: line.quiet.status for line in later.schools}["A1"] == "met", "judged anew"
