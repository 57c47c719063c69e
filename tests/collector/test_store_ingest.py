"""The store takes results: durably, once, and without spoiling each other."""

import sqlite3
import subprocess
import sys
import threading
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from collector.judge.model import Figure, Reason, Requirement, Status, Verdict
from collector.store import create_store, rows_results
from collector.store import writer as writer_module
from collector.store.interface import (
    Batch,
    QuarantineRow,
    StoreBusy,
    StoreFailed,
    StoreFull,
    StoreUnusable,
)
from collector.store.writer import GroupWriter

ON_SQLITE = pytest.mark.parametrize("url", ["sqlite"], indirect=True)
_SUBMIT_AND_DIE = """
import os, sys
sys.path[:0] = [sys.argv[2]]
from conftest import Maker
from collector.store import create_store
store, make = create_store(sys.argv[1]), Maker()
store.submit(make.batch([make.row() for _ in range(100)])).result()
os._exit(9)
"""


def test_what_a_future_resolves_for_is_committed(store: Any, url: str) -> None:
    """A process that dies the instant its future resolves has lost nothing."""
    here = str(Path(__file__).parent)
    died = subprocess.run([sys.executable, "-c", _SUBMIT_AND_DIE, url, here], check=False)
    assert died.returncode == 9
    assert store.counts()["result"] == 100


ARRIVED = datetime.fromisoformat("2026-05-11T01:00:00Z")
"""When batches of the maker arrive."""


class _Gated:
    """A dialect whose commits wait for the test."""

    def __init__(self) -> None:
        self.inside, self.go_on = threading.Semaphore(0), threading.Semaphore(0)
        self.groups: list[list[Batch]] = []
        self.fail_with: Exception | None = None
        self.poison: Batch | None = None

    def open(self) -> str:
        return "connection"

    def discard(self, connection: str) -> None:
        """Nothing to close."""

    def insert(self, _connection: str, batches: Any) -> None:
        self.groups.append(list(batches))
        if self.poison in batches:
            raise StoreFailed("a constraint failed")

    def transact(self, connection: str, work: Any) -> Any:
        result = work(connection)
        self.inside.release()
        assert self.go_on.acquire(timeout=30)
        if self.fail_with is not None:
            raise self.fail_with
        return result


@pytest.fixture
def gated() -> Any:
    """A writer over the gated dialect."""
    dialect = _Gated()
    writer = GroupWriter(dialect)
    yield writer, dialect
    dialect.go_on.release(1000)
    writer.close()


def test_no_future_resolves_before_commit_and_waiting_batches_share_one(
    gated: Any, make: Any
) -> None:
    """While one commit runs, nobody is told; the nine that came meanwhile commit together."""
    writer, dialect = gated
    first = writer.submit(make.batch([make.row()]))
    assert dialect.inside.acquire(timeout=30)
    rest = [writer.submit(make.batch([make.row()])) for _ in range(9)]
    assert not first.done()
    dialect.go_on.release()
    first.result(30)
    assert dialect.inside.acquire(timeout=30)
    assert not any(future.done() for future in rest)
    dialect.go_on.release()
    for future in rest:
        future.result(30)
    assert [len(group) for group in dialect.groups] == [1, 9]


def test_a_commit_that_fails_resolves_nobody(gated: Any, make: Any) -> None:
    """COMMIT failing for lack of space reaches everyone whose batch was in it."""
    writer, dialect = gated
    dialect.fail_with = StoreFull("full")
    future = writer.submit(make.batch([make.row()]))
    dialect.go_on.release()
    with pytest.raises(StoreFull):
        future.result(30)


def test_a_batch_that_cannot_be_stored_fails_alone(gated: Any, make: Any) -> None:
    """Of three batches in one group, the two good ones are committed."""
    writer, dialect = gated
    writer.submit(make.batch([make.row()]))
    assert dialect.inside.acquire(timeout=30)
    good, bad, other = (make.batch([make.row()]) for _ in range(3))
    dialect.poison = bad
    futures = [writer.submit(batch) for batch in (good, bad, other)]
    dialect.go_on.release(10)
    futures[0].result(30)
    futures[2].result(30)
    with pytest.raises(StoreFailed):
        futures[1].result(30)


def test_a_full_queue_says_busy_at_once(
    gated: Any, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The queue is bounded in batches and in bytes."""
    writer, dialect = gated
    writer.submit(make.batch([make.row()]))
    assert dialect.inside.acquire(timeout=30)
    monkeypatch.setattr(writer_module, "MAX_QUEUED_BATCHES", 3)
    for _ in range(3):
        writer.submit(make.batch([make.row()]))
    with pytest.raises(StoreBusy):
        writer.submit(make.batch([make.row()]))
    monkeypatch.setattr(writer_module, "MAX_QUEUED_BATCHES", 1000)
    monkeypatch.setattr(writer_module, "MAX_QUEUED_BYTES", 1000)
    with pytest.raises(StoreBusy):
        writer.submit(make.batch([make.row(record=b"x" * 1001)]))


def test_resent_and_doubled_results_are_stored_once(store: Any, make: Any) -> None:
    """The key is (agent, start, id): again, or twice in a batch, or both at once, is once."""
    rows = [make.row(started_at=_monday(second)) for second in range(5)]
    batch = make.batch([*rows, rows[0], rows[1]])
    futures = [store.submit(batch) for _ in range(10)]
    for future in futures:
        future.result()
    assert store.counts()["result"] == 5


def test_quarantined_records_are_kept_once_with_their_reason(store: Any, make: Any) -> None:
    """The same refused record sent again makes no second row."""
    bad = QuarantineRow(
        agent_id="agent-of-A1", school_code="A1", result_id=None, reason="why", record=b"{"
    )
    for _ in range(3):
        store.submit(make.batch([make.row()], [bad])).result()
    kept = store.read(lambda sql: sql.execute("SELECT reason, record FROM quarantine").fetchall())
    assert kept == [("why", b"{")]


def test_results_mark_their_week_in_tokyo_as_to_judge(store: Any, make: Any) -> None:
    """Sunday 23:59 in Tokyo belongs to the old week, a minute later to the new one."""
    sunday = _monday(0) + timedelta(days=6, hours=14, minutes=59)
    rows = [make.row(started_at=sunday), make.row(started_at=sunday + timedelta(minutes=1))]
    rows.append(make.row(simulated=True))
    store.submit(Batch("agent-of-A1", sunday + timedelta(hours=1), rows)).result()
    assert set(store.dirty_weeks()) == {
        ("A1", "2026-W20", False),
        ("A1", "2026-W21", False),
        ("A1", "2026-W20", True),
    }


def test_results_that_arrive_while_a_week_is_judged_leave_it_marked(store: Any, make: Any) -> None:
    """Saving verdicts clears the mark that was read, not the one made since."""
    store.submit(make.batch([make.row()])).result()
    read = store.dirty_weeks()
    store.submit(make.batch([make.row()])).result()
    store.save_verdicts([], _monday(0), read)
    assert set(store.dirty_weeks()) == {("A1", "2026-W20", False)}
    store.save_verdicts([], _monday(0), store.dirty_weeks())
    assert not store.dirty_weeks()
    store.submit(make.batch([make.row()])).result()
    assert set(store.dirty_weeks()) == {("A1", "2026-W20", False)}


def test_a_judge_who_knew_less_does_not_overwrite_one_who_knew_more(store: Any, make: Any) -> None:
    """Two collectors judge a week; the slower one read fewer results, and saves last."""
    store.submit(make.batch([make.row()])).result()
    read_early = store.dirty_weeks()
    store.submit(make.batch([make.row()])).result()
    read_late = store.dirty_weeks()
    store.save_verdicts([_verdict(runs=2)], _monday(1), read_late)
    store.save_verdicts([_verdict(runs=1)], _monday(2), read_early)
    (kept,) = store.verdicts("2026-W20", simulated=False).values()
    assert kept.runs == 2
    assert not store.dirty_weeks()
    store.save_verdicts([_verdict(runs=3)], _monday(3))  # another requirement: nothing was read
    (kept,) = store.verdicts("2026-W20", simulated=False).values()
    assert kept.runs == 3


def _verdict(*, runs: int) -> Verdict:
    return Verdict(
        school_code="A1",
        week="2026-W20",
        figure=Figure.QUIET,
        simulated=False,
        status=Status.UNDETERMINED,
        reasons=(Reason.TOO_FEW_RESULTS,),
        requirement=Requirement(
            pupils=316,
            required_bps=422_000_000,
            upper_bps=422_000_000,
            outside_table=False,
            table_version="1",
        ),
        runs=runs,
        failed_runs=0,
        days=1,
        school_days=5,
        statistic="none",
        median_bps=None,
        low_bps=None,
        high_bps=None,
        calendar="c",
    )


def test_only_tests_of_the_line_are_judged(store: Any, make: Any) -> None:
    """A test that never left the school is stored, and is no observation of its line."""
    rows = [make.row(segment=name) for name in (None, "line", "centre", "lan", "loopback")]
    store.submit(make.batch(rows)).result()
    observed = store.observations_between(_monday(0), _monday(9), simulated=False)
    assert len(store.latest_results("A1", limit=9)) == 5
    assert len(observed["A1"]) == 3


def test_what_is_already_stored_marks_nothing(store: Any, make: Any) -> None:
    """A resent batch does not make anyone judge again."""
    batch = make.batch([make.row()])
    store.submit(batch).result()
    store.save_verdicts([], _monday(0), store.dirty_weeks())
    store.submit(batch).result()
    assert not store.dirty_weeks()


def test_a_result_of_the_far_future_is_nobodys_newest(store: Any, make: Any) -> None:
    """A clock in the year 2100 is stored as it came, but does not make a school look alive."""
    rows = [make.row(), make.row(started_at=datetime.fromisoformat("2100-01-01T00:00:00Z"))]
    store.submit(make.batch(rows)).result()
    assert store.newest_by_school(simulated=False) == {"A1": _monday(0)}
    assert store.counts()["result"] == 2


@pytest.mark.parametrize("year", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_a_clock_at_either_end_of_time_is_stored(store: Any, make: Any, year: str) -> None:
    """No date an agent can name breaks the week arithmetic."""
    moment = datetime.fromisoformat(year)
    store.submit(make.batch([make.row(started_at=moment)])).result()
    assert store.latest_results("A1", limit=1)[0].started_at == moment


@pytest.mark.parametrize(
    ("days", "suspect"), [(-400, False), (-401, True), (1, False), (1.01, True), (-736_000, True)]
)
def test_a_suspect_clock_is_kept_and_decides_nothing(
    store: Any, make: Any, days: float, suspect: bool
) -> None:
    """Dated 400 days before to a day after arrival is believed; else no week, no newest."""
    moment = ARRIVED + timedelta(days=days)
    store.submit(make.batch([make.row(started_at=moment)])).result()
    assert [one.clock_suspect for one in store.latest_results("A1", limit=9)] == [suspect]
    assert bool(store.dirty_weeks()) is not suspect
    assert bool(store.newest_by_school(simulated=False)) is not suspect
    window = (moment, moment + timedelta(seconds=1))
    assert bool(store.observations_between(*window, simulated=False)) is not suspect
    assert bool(store.results_between("A1", *window, probe="throughput")) is not suspect


def test_suspect_clocks_have_their_place_by_arrival(store: Any, make: Any) -> None:
    """The year 9999 is not on top for good: what was measured after it arrived comes first."""
    older = make.row(started_at=ARRIVED - timedelta(hours=2))
    wrong = [
        make.row(started_at=datetime.fromisoformat(f"{year}-01-01T00:00:00Z"))
        for year in ("9999", "2100", "1970", "0001")
    ]
    store.submit(make.batch([older, *wrong])).result()
    newer = make.row(started_at=ARRIVED + timedelta(hours=1))
    store.submit(Batch("agent-of-A1", ARRIVED + timedelta(hours=2), [newer])).result()
    ids = [one.result_id for one in store.latest_results("A1", limit=9)]
    assert (ids[0], ids[-1]) == (newer.result_id, older.result_id)
    assert set(ids[1:-1]) == {one.result_id for one in wrong}
    assert [one.result_id for one in store.latest_results("A1", limit=1)] == [newer.result_id]


@ON_SQLITE
def test_suspect_clocks_are_found_by_their_index(store: Any, url: str, make: Any) -> None:
    """Of a school's newest results, those of suspect clocks are looked up and not searched."""
    store.submit(make.batch([make.row()])).result()
    with sqlite3.connect(url.removeprefix("sqlite:///")) as reader:
        asked: list[str] = []
        reader.set_trace_callback(asked.append)
        rows_results.latest(reader, "A1", 5, failures_only=False)
        reader.set_trace_callback(None)
        plans = [str(reader.execute(f"EXPLAIN QUERY PLAN {text}").fetchall()) for text in asked]
    reader.close()
    assert ["result_of_suspect_clock" in plan for plan in plans] == [False, True]


def test_naive_times_are_refused(store: Any, make: Any) -> None:
    """A time without offset never gets into the database, and fails its batch alone."""
    naive = make.batch([make.row(started_at=datetime(2026, 5, 11))])  # noqa: DTZ001 - the point
    future, good = store.submit(naive), store.submit(make.batch([make.row()]))
    with pytest.raises(ValueError, match="naive"):
        future.result()
    good.result()
    assert store.counts()["result"] == 1


def test_the_newest_real_result_is_not_a_simulated_one(store: Any, make: Any) -> None:
    """Simulated results are newer, and a failed real one counts as a result."""
    real = make.row(outcome="failed", failure_code="no_reply", download_bps=None)
    later = make.row(simulated=True, started_at=_monday(50))
    store.submit(make.batch([real, later])).result()
    found = store.latest_real_result(probe="throughput")
    assert found is not None
    assert found.result_id == real.result_id
    assert store.latest_real_result(probe="latency") is None


@ON_SQLITE
def test_a_real_disk_full_is_named_and_keeps_nothing(store: Any, make: Any) -> None:
    """SQLite's own 'database is full' becomes StoreFull; with room again, all goes on."""
    store.submit(make.batch([make.row()])).result()
    connection = store._writer._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    big = make.batch([make.row(record=b"x" * 60_000) for _ in range(50)])
    with pytest.raises(StoreFull):
        store.submit(big).result()
    assert store.counts()["result"] == 1
    connection.execute("PRAGMA max_page_count = 1000000")
    store.submit(big).result()
    assert store.counts()["result"] == 51


@ON_SQLITE
def test_a_second_serving_process_is_told_which_one_serves(store: Any, url: str) -> None:
    """One database, one server; other commands work beside it."""
    store.claim_service()
    other = create_store(url)
    try:
        with pytest.raises(StoreUnusable, match=r"another collector .process [0-9]+. serves"):
            other.claim_service()
        other.set_setting("from another process", "1")
        assert store.setting("from another process") == "1"
        store.close()
        other.claim_service()
    finally:
        other.close()


def test_an_import_gets_its_turn_beside_steady_ingest(store: Any, url: str, make: Any) -> None:
    """A short write of another process succeeds while batches keep coming."""
    other = create_store(url)
    stop = threading.Event()

    def ingest() -> None:
        while not stop.is_set():
            store.submit(make.batch([make.row() for _ in range(20)])).result()

    thread = threading.Thread(target=ingest)
    thread.start()
    try:
        for number in range(20):
            other.set_setting("import", str(number))
    finally:
        stop.set()
        thread.join()
        other.close()
    assert store.setting("import") == "19"


def test_closing_writes_what_waits(url: str, make: Any) -> None:
    """close() loses nothing that was queued; afterwards nothing is taken."""
    store = create_store(url)
    futures = [store.submit(make.batch([])) for _ in range(50)]
    store.close()
    assert all(future.done() and future.exception() is None for future in futures)
    with pytest.raises(StoreFailed, match="closed"):
        store.submit(make.batch([]))


def test_an_empty_database_answers_every_question(store: Any) -> None:
    """An empty database answers every question with nothing, not with an error."""
    assert store.verdicts("2026-W20", simulated=False) == {}
    assert store.verdict_history("A1", simulated=False) == []
    assert store.judged_weeks(simulated=True) == []
    assert store.observations_between(_monday(0), _monday(9), simulated=False) == {}


def _monday(second: int) -> datetime:
    return datetime.fromisoformat("2026-05-11T00:00:00Z") + timedelta(seconds=second)
