"""Writing to a store that refuses, lies or dies: what it takes it gets, and no queue sticks."""

import itertools
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from collector.export import cursor
from collector.export.cursor import HELD_SECONDS, OVERLAP_SECONDS, Holder
from collector.export.request import Reply, Target
from collector.export.sender import REFUSED, TOO_OLD, Later, Sender
from collector.export.series import Sample
from collector.export.worker import PAUSE_SECONDS, Exporter
from collector.store import create_store
from collector.store.interface import NewRow, Store, StoreFailed
from tests.collector.conftest import MONDAY, Maker

OK = Reply(204, "")


def samples(count: int) -> list[Sample]:
    """Samples one millisecond after the other."""
    return [Sample((("__name__", "x"),), (n, float(n))) for n in range(count)]


class Refusing:
    """A store that takes a request only as a whole."""

    def __init__(self, judge: Callable[[Sample], Reply | None]) -> None:
        self.judge = judge
        self.requests = 0
        self.taken: list[int] = []

    def write(self, wanted: list[Sample]) -> Reply:
        """Take all, or none for the first that is refused."""
        self.requests += 1
        for sample in wanted:
            if (reply := self.judge(sample)) is not None:
                return reply
        self.taken += [sample.point[0] for sample in wanted]
        return OK


@pytest.mark.parametrize("place", range(40))
def test_one_bad_sample_is_left_out_wherever_it_stands(place: int) -> None:
    """39 of 40 are taken, one counted, in about two requests for each halving."""
    bad = Refusing(lambda one: Reply(400, "out of order") if one.point[0] == place else None)
    done = Sender(bad).send(samples(40))
    assert (done.written, done.skipped[REFUSED]) == (39, 1)
    assert sorted(bad.taken) == [n for n in range(40) if n != place]
    assert bad.requests <= 13


@pytest.mark.parametrize("status", [400, 500])
@pytest.mark.parametrize("border", [0, 1, 1234, 4999, 5000])
def test_a_month_too_old_costs_a_few_requests(status: int, border: int) -> None:
    """All that the store takes is written; the rest is found by halving, not one by one."""
    old = Refusing(lambda one: Reply(status, "too old sample") if one.point[0] < border else None)
    sender = Sender(old)
    done = sender.send(samples(5000))
    assert sorted(old.taken) == list(range(border, 5000))
    assert (done.written, done.skipped[TOO_OLD]) == (5000 - border, border)
    assert old.requests <= 40
    before = old.requests
    sender.send(samples(border))  # what is known to be too old is not even asked about
    assert old.requests == before


@pytest.mark.parametrize(
    "reply", [Reply(0, "ConnectError"), Reply(503, ""), Reply(404, ""), Reply(401, "")]
)
def test_nothing_is_left_out_while_the_way_is_at_fault(reply: Reply) -> None:
    """However often: the page stays."""
    sender = Sender(Refusing(lambda _: reply))
    for _ in range(20):
        with pytest.raises(Later):
            sender.send(samples(3))


def test_a_store_that_refuses_everything_is_asked_thrice_and_then_passed_over() -> None:
    """It could be the wrong address; but the queue is not stuck for ever."""
    sender = Sender(Refusing(lambda _: Reply(400, "what is this?")))
    for _ in range(2):
        with pytest.raises(Later, match="address of a store"):
            sender.send(samples(3))
    assert sender.send(samples(3)).skipped[REFUSED] == 3


# -- with a database ------------------------------------------------------------------------------


class HandClock:
    """A clock that a test moves; it begins an hour after the Monday."""

    def __init__(self) -> None:
        self.moment = MONDAY + timedelta(hours=1)

    def now(self) -> datetime:
        """Where it stands."""
        return self.moment

    def monotonic_seconds(self) -> float:
        """Seconds since the Monday."""
        return (self.moment - MONDAY).total_seconds()

    def forward(self, seconds: float) -> None:
        """Move it."""
        self.moment += timedelta(seconds=seconds)


class Counts:
    """Counts as the metrics do."""

    def __init__(self) -> None:
        self.samples = 0
        self.skipped: dict[str, int] = {}
        self.failures = 0
        self.behind = 0.0

    def export_wrote(self, _store: str, samples: int) -> None:
        """Count."""
        self.samples += samples

    def export_skipped(self, _store: str, reason: str, count: int) -> None:
        """Count."""
        self.skipped[reason] = self.skipped.get(reason, 0) + count

    def export_failed(self, _store: str) -> None:
        """Count."""
        self.failures += 1

    def export_behind(self, _store: str, seconds: float) -> None:
        """Keep."""
        self.behind = seconds


class Series:
    """A time-series store in memory: samples by series and time, with repetitions counted."""

    def __init__(self) -> None:
        self.kept: dict[tuple[Any, int], float] = {}
        self.again = 0
        self.reply = OK
        self.before: Callable[[], None] = lambda: None

    def write(self, wanted: list[Sample]) -> Reply:
        """Keep them, if all is well."""
        self.before()
        if self.reply.status == 204:
            for sample in wanted:
                key = (sample.labels, sample.point[0])
                self.again += key in self.kept
                self.kept[key] = sample.point[1]
        return self.reply

    def ids(self) -> int:
        """How many results there are, by the one series that each has."""
        return sum(("__name__", "hakaru_result_ok") in labels for labels, _ in self.kept)


TARGET = Target("http://127.0.0.1:9/write")


def exporter(
    store: Store, series: Series, clock: HandClock, counts: Counts | None = None, seed: int = 1
) -> Exporter:
    """A collector's exporter."""
    return Exporter(store, TARGET, clock, Random(seed), counts or Counts(), lambda _: series)


def rows(make: Maker, count: int, **changes: Any) -> list[NewRow]:
    """Results with their own moments."""
    raw = b'{"probe":"throughput","target":"t","values":{"download_bps":1}}'
    return [
        make.row(
            record=raw,
            started_at=MONDAY - timedelta(seconds=make_number()),
            agent_id="a",
            **changes,
        )
        for _ in range(count)
    ]


_numbers = itertools.count()


def make_number() -> int:
    """Another number each time."""
    return next(_numbers)


def arrive(store: Store, make: Maker, clock: HandClock, batch: Sequence[NewRow]) -> None:
    """Store results that arrive now."""
    one = make.batch(list(batch))
    store.submit(type(one)(one.agent_id, clock.now(), one.rows)).result(60)


def test_each_result_is_written_once_however_it_arrives(store: Store, make: Maker) -> None:
    """New ones with every look, also those that became visible later than younger ones."""
    clock, series = HandClock(), Series()
    works = exporter(store, series, clock)
    late = rows(make, 7)
    late_arrival = clock.now()
    for _ in range(4):
        arrive(store, make, clock, rows(make, 5))
        assert works.once() == PAUSE_SECONDS
        clock.forward(60)
    one = make.batch(late)
    store.submit(type(one)(one.agent_id, late_arrival, one.rows)).result(60)
    works.once()
    assert (series.ids(), series.again) == (27, 0)
    clock.forward(OVERLAP_SECONDS + 1)
    works.once()
    works.once()
    assert (series.ids(), series.again) == (27, 0)


def test_a_backlog_goes_out_in_pages(
    store: Store, make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One look writes all there is, and remembers no more than it needs."""
    monkeypatch.setattr("collector.export.worker.PAGE_RESULTS", 10)
    monkeypatch.setattr(cursor.page, "__defaults__", (10,))
    clock, series, counts = HandClock(), Series(), Counts()
    arrive(store, make, clock, rows(make, 95))
    clock.forward(2 * OVERLAP_SECONDS)
    exporter(store, series, clock, counts).once()
    assert (series.ids(), series.again, counts.behind) == (95, 0, 0.0)
    kept = store.read(lambda sql: sql.execute("SELECT count(*) FROM export_written").fetchone()[0])
    assert kept == 0


def test_a_crash_between_writing_and_remembering_writes_the_same_again(
    store: Store, make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same samples at the same times: nothing is lost, nothing differs."""
    clock, series = HandClock(), Series()
    arrive(store, make, clock, rows(make, 5))
    works = exporter(store, series, clock)
    with monkeypatch.context() as patched:

        def crash(*_: Any, **__: Any) -> bool:
            raise StoreFailed("crashed")

        patched.setattr(cursor, "settle", crash)
        with pytest.raises(StoreFailed):
            works.once()
    before = dict(series.kept)
    clock.forward(HELD_SECONDS + 1)
    exporter(store, series, clock, seed=2).once()
    assert series.kept == before
    assert (series.ids(), series.again) == (5, len(before))


def test_two_collectors_on_one_database_write_nothing_twice(
    url: str, store: Store, make: Maker
) -> None:
    """One holds the store; the other looks and leaves it; it takes over where the hold ends."""
    clock, series = HandClock(), Series()
    other = create_store(url)
    try:
        first, second = exporter(store, series, clock), exporter(other, series, clock, seed=2)
        arrive(store, make, clock, rows(make, 5))
        series.before = lambda: (setattr(series, "before", lambda: None), second.once())[0]
        first.once()
        assert (series.ids(), series.again) == (5, 0)
        arrive(store, make, clock, rows(make, 3))
        second.once()
        assert series.ids() == 5
        clock.forward(HELD_SECONDS + 1)
        second.once()
        assert (series.ids(), series.again) == (8, 0)
    finally:
        other.close()


def test_one_that_lost_its_hold_remembers_nothing(store: Store, make: Maker) -> None:
    """It was away for longer than its hold: the other's word counts."""
    clock = HandClock()
    now = int(clock.monotonic_seconds() * 1e6)
    one, two = Holder("s", "one"), Holder("s", "two")
    arrive(store, make, clock, rows(make, 2))
    assert store.write(lambda sql: cursor.acquire(sql, one, now))
    assert not store.write(lambda sql: cursor.acquire(sql, two, now))
    page = store.read(lambda sql: cursor.page(sql, "s"))
    late = now + int((HELD_SECONDS + 1) * 1e6)
    assert store.write(lambda sql: cursor.acquire(sql, two, late))
    assert not store.write(lambda sql: cursor.settle(sql, one, page, late, page_was_full=False))
    assert len(store.read(lambda sql: cursor.page(sql, "s"))) == 2
    store.write(lambda sql: cursor.release(sql, two))
    assert store.write(lambda sql: cursor.acquire(sql, one, late))


def test_what_cannot_be_written_now_waits_longer_and_longer(store: Store, make: Maker) -> None:
    """Back-off by the same arithmetic as everywhere; Retry-After is heeded; then all arrives."""
    clock, series, counts = HandClock(), Series(), Counts()
    arrive(store, make, clock, rows(make, 5))
    works = exporter(store, series, clock, counts)
    series.reply = Reply(503, "")
    pauses = [works.once() for _ in range(12)]
    assert max(pauses) > 60
    assert counts.failures == 12
    series.reply = Reply(429, "", "120")
    assert 120 <= works.once() <= 180
    series.reply = OK
    assert works.once() == PAUSE_SECONDS
    assert (series.ids(), series.again) == (5, 0)


def test_how_far_behind_is_told_while_nothing_can_be_written(store: Store, make: Maker) -> None:
    """A store that is away for an hour: the age of what waits; an alert goes by it. Then 0."""
    clock, series, counts = HandClock(), Series(), Counts()
    works = exporter(store, series, clock, counts)
    works.once()
    arrive(store, make, clock, rows(make, 5))
    series.reply = Reply(503, "")
    clock.forward(3600)
    works.once()
    assert counts.behind == 3600
    series.reply = OK
    works.once()
    assert counts.behind == 0


def test_how_far_behind_is_told_where_not_even_the_standing_is_written(
    store: Store, make: Maker
) -> None:
    """The standing goes first; that it fails hides nothing of the results."""
    clock, series, counts = HandClock(), Series(), Counts()
    arrive(store, make, clock, rows(make, 5))
    sample = Sample((("__name__", "hakaru_school_day"),), (0, 1.0))
    works = Exporter(
        store, TARGET, clock, Random(1), counts, lambda _: series, standing=lambda _: [sample]
    )
    series.reply = Reply(503, "")
    clock.forward(1200)
    works.once()
    assert counts.behind == 1200


def test_one_that_writes_no_longer_is_not_behind(url: str, store: Store, make: Maker) -> None:
    """It lost its hold while it was late; the other tells how late it is."""
    clock, series, counts = HandClock(), Series(), Counts()
    other = create_store(url)
    try:
        works = exporter(store, series, clock, counts)
        arrive(store, make, clock, rows(make, 5))
        series.reply = Reply(503, "")
        clock.forward(1200)
        works.once()
        assert counts.behind == 1200
        clock.forward(HELD_SECONDS + 1)
        exporter(other, series, clock, seed=2).once()
        works.once()
        assert counts.behind == 0
    finally:
        other.close()


def test_a_result_of_the_future_harms_nobody(store: Store, make: Maker) -> None:
    """It is counted and left out; those beside it are written."""
    clock, series, counts = HandClock(), Series(), Counts()
    ahead = make.row(started_at=clock.now() + timedelta(hours=3))
    arrive(store, make, clock, [*rows(make, 3), ahead])
    exporter(store, series, clock, counts).once()
    assert series.ids() == 3
    assert counts.skipped == {"dated in the future": 1}
    newest = max(moment for _, moment in series.kept)
    assert newest <= clock.now().timestamp() * 1000


def test_an_error_that_nobody_foresaw_does_not_end_writing(
    store: Store, make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted as a failure, with what waits; the thread goes on, and what had come is written."""
    monkeypatch.setattr("collector.export.worker.wait_seconds", lambda *_: 0.05)
    clock, series, counts = HandClock(), Series(), Counts()
    arrive(store, make, clock, rows(make, 5))
    clock.forward(1200)
    all_there = threading.Event()
    behind: list[float] = []

    def again() -> None:
        behind.append(counts.behind)
        all_there.set()

    def odd() -> None:
        series.before = again
        raise ValueError("odd")

    series.before = odd
    works = exporter(store, series, clock, counts)
    works.start()
    try:
        assert all_there.wait(10.0)
    finally:
        works.stop()
    assert (series.ids(), counts.failures) == (5, 1)
    assert (behind[0], counts.behind) == (1200, 0)
