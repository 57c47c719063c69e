"""The serving collector keeps roll-ups up to date and retention goes on, without being asked."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic, sleep

import pytest

from collector.retention import run as retention_run
from collector.retention.policy import load_policy
from collector.rollup import rows
from collector.store.interface import Batch, Store
from collector.upkeep import Upkeep
from tests.collector.conftest import MONDAY, Maker, Serve


@dataclass
class Clock:
    """Moved by the test."""

    at: datetime
    seconds: float = 0.0

    def now(self) -> datetime:
        """Wall clock."""
        return self.at + timedelta(seconds=self.seconds)

    def monotonic_seconds(self) -> float:
        """Moved with it."""
        return self.seconds


def test_what_arrives_is_rolled_up_while_serving(
    serve: Serve, make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody runs a command: hours and days of new results have their roll-ups."""
    monkeypatch.setattr("collector.upkeep.PAUSE_SECONDS", 0.05)
    monkeypatch.setattr("collector.upkeep.SETTLE", timedelta(0))
    serving = serve()
    serving.store.submit(make.batch([make.row()])).result(60)
    until = monotonic() + 60
    while serving.store.read(rows.waiting) or not serving.store.read(
        lambda sql: sql.execute("SELECT 1 FROM rollup WHERE span = 'day'").fetchone()
    ):
        assert monotonic() < until
        sleep(0.02)


def test_retention_runs_by_itself_once_a_day(store: Store, make: Maker) -> None:
    """Ten minutes after the start and then daily, after the roll-ups; a leap of the clock waits."""
    clock = Clock(MONDAY)
    upkeep = Upkeep(store, load_policy(None), clock)
    row = make.row(started_at=MONDAY - timedelta(days=5), probe="latency")
    store.submit(Batch(row.agent_id, MONDAY, [row])).result(60)

    def results() -> int:
        return store.counts()["result"]

    while upkeep.once() or store.read(rows.waiting):
        clock.seconds += 61.0
    clock.seconds = 700.0
    upkeep.once()
    assert results() == 1
    assert store.read(lambda sql: sql.execute("SELECT count(*) FROM retention_done").fetchone())[0]
    clock.at += timedelta(days=3650)
    clock.seconds += 700.0
    upkeep.once()
    assert results() == 1, "a clock ten years ahead is not believed"
    clock.at = MONDAY
    for _ in range(20):
        clock.seconds += timedelta(days=21).total_seconds()
        upkeep.once()
    assert results() == 0
    assert timedelta(days=21) < retention_run.FURTHEST_JUMP


def test_an_hour_gathers_what_arrives_before_it_is_rolled_up(store: Store, make: Maker) -> None:
    """A minute from the first result on: not for each result, and not put off by each either."""
    clock = Clock(MONDAY)
    upkeep = Upkeep(store, load_policy(None), clock)
    start = clock.now() - timedelta(hours=2)
    for number in range(4):
        row = make.row(started_at=start + timedelta(seconds=number))
        store.submit(Batch(row.agent_id, clock.now(), [row])).result(60)
        assert upkeep.once() == 0
        clock.seconds += 20.0
    assert upkeep.once() == 1
    assert store.read(lambda sql: sql.execute("SELECT ok_count FROM rollup").fetchall()) == [(4,)]


def test_a_clock_that_went_back_holds_no_roll_up_up(store: Store, make: Maker) -> None:
    """A mark from later than now is not waited for."""
    row = make.row(started_at=MONDAY)
    store.submit(Batch(row.agent_id, MONDAY + timedelta(days=30), [row])).result(60)
    assert Upkeep(store, load_policy(None), Clock(MONDAY)).once() == 1
