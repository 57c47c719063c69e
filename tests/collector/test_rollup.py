"""Roll-ups are what their raw results give, whatever way those came."""

import random
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

import pytest

from collector.cli import main
from collector.rollup import rows
from collector.rollup.check import check, rebuild
from collector.rollup.fold import DAY, HOUR, MAX_SERIES, OTHERS, Raw, Series, fold_hour, unpack
from collector.rollup.keeper import roll, roll_all
from collector.store.interface import Batch, NewRow, Store
from collector.store.times import to_micros
from tests.collector.conftest import MONDAY, Maker

NOW = MONDAY + timedelta(days=30)


def deliver(store: Store, rows_: list[NewRow], received_at: datetime = NOW) -> None:
    """Have the writer store rows of one agent."""
    store.submit(Batch(rows_[0].agent_id, received_at, rows_)).result(60)


def a_latency(make: Maker, seconds: float, **changes: Any) -> NewRow:
    """A light result whose value is in its record only."""
    record = f'{{"values":{{"rtt_median_seconds":{seconds}}}}}'.encode()
    given = {"probe": "latency", "download_bps": None, "record": record}
    return make.row(**given | changes)


def buckets(store: Store, span: rows.Span, at: datetime, days: int = 1) -> Any:
    """Stored buckets of school A1 by series."""
    start = to_micros(at)
    found = store.read(lambda sql: rows.stored(sql, span, "A1", start, start + days * DAY))
    return {series: one for (_, series), one in found.items()}


def test_an_hour_and_its_day_hold_exact_figures(store: Store, make: Maker) -> None:
    """Counts by outcome, sum, extremes and median of an hour; the day's from its hours."""
    speeds = [3e8, 1e8, 2e8, 9e8]
    deliver(
        store,
        [
            *(
                make.row(started_at=MONDAY + timedelta(minutes=20 * n), download_bps=speed)
                for n, speed in enumerate(speeds)
            ),
            make.row(outcome="failed", download_bps=None, failure_code="no_reply"),
            make.row(outcome="deferred", download_bps=None, failure_code="line_busy"),
        ],
    )
    assert roll_all(store, NOW) == 3  # two hours and a day
    series = Series("throughput", "t", "", 0)
    start = to_micros(MONDAY)
    hours = store.read(lambda sql: rows.stored(sql, "hour", "A1", start, start + DAY))
    assert hours[start, series].counts == (3, 1, 1, 0)
    assert hours[start, series].values["download_bps"] == (
        *(3, 6e8, 1e8, 3e8, 2e8),
        (1e8, 2e8, 3e8),
    )
    assert hours[start + HOUR, series].counts == (1, 0, 0, 0)
    (day,) = buckets(store, "day", MONDAY - timedelta(hours=9)).values()  # begins 15:00 UTC
    assert day.counts == (4, 1, 1, 0)
    assert day.values["download_bps"] == (4, 15e8, 1e8, 9e8, median(speeds), None)


def test_values_of_light_probes_come_from_their_records(store: Store, make: Maker) -> None:
    """A probe without columns of its own has its listed values; a strange record is counted."""
    deliver(
        store,
        [
            a_latency(make, 0.01),
            a_latency(make, 0.03),
            a_latency(make, 0.02, record=b'{"values":{"rtt_median_seconds":"x"}}'),
            a_latency(make, 0.02, record=b"\xff\xfe"),
            a_latency(make, 0.02, record=b'{"values":{"rtt_median_seconds":1e300}}'),
        ],
    )
    roll_all(store, NOW)
    (bucket,) = buckets(store, "hour", MONDAY).values()
    assert bucket.counts[0] == 5
    assert bucket.values["rtt_median_seconds"][0] == 2


def test_a_suspect_clock_enters_no_roll_up(store: Store, make: Maker) -> None:
    """Results dated 1970 and 2100 are stored, and no roll-up is made, marked or missed."""
    deliver(
        store,
        [
            make.row(started_at=datetime(1970, 1, 1, 0, 5, tzinfo=UTC)),
            make.row(started_at=datetime(2100, 1, 1, tzinfo=UTC)),
        ],
    )
    assert store.read(rows.waiting) == 0
    assert rebuild(store, NOW) == 0
    found = check(store)
    assert (found.buckets, found.results, found.differing) == (0, 0, 0)


def test_results_that_come_while_an_hour_is_folded_leave_it_marked(
    store: Store, make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hour that was read too early is not stored; the next pass has everything."""
    deliver(store, [make.row(download_bps=1e8)])
    late = make.row(download_bps=2e8)
    real = rows.take
    came: list[rows.Due] = []

    def take(sql: Any, span: rows.Span, one: rows.Due) -> bool:
        if not came:
            came.append(one)
            sql.execute(
                "UPDATE rollup_due SET generation = generation + 1 WHERE school_code = ?", ("A1",)
            )
        return real(sql, span, one)

    monkeypatch.setattr(rows, "take", take)
    roll(store, NOW)
    assert buckets(store, "hour", MONDAY) == {}
    deliver(store, [late])
    roll_all(store, NOW)
    (bucket,) = buckets(store, "hour", MONDAY).values()
    assert bucket.counts[0] == 2


@pytest.mark.parametrize("seed", range(6))
def test_any_order_duplicates_and_late_data_give_what_raw_gives(
    store: Store, make: Maker, seed: int
) -> None:
    """Random batches, sent twice, shuffled, with passes between: no bucket differs from raw.

    And making everything anew changes nothing.
    """
    chance = random.Random(seed)
    every = [
        make.row(
            agent_id=f"agent-of-{code}",
            school_code=code,
            started_at=MONDAY + timedelta(seconds=chance.randrange(3 * 86_400)),
            probe=chance.choice(["throughput", "latency", "unknown"]),
            target=chance.choice(["a", "b"]),
            segment=chance.choice([None, "lan"]),
            outcome=chance.choice(["ok", "ok", "failed", "deferred", "invalid"]),
            download_bps=chance.choice([None, chance.uniform(1, 1e9)]),
            simulated=chance.random() < 0.2,
            record=f'{{"values":{{"rtt_median_seconds":{chance.random()}}}}}'.encode(),
        )
        for code in ("A1", "B1")
        for _ in range(60)
    ]
    sent = [*every, *chance.sample(every, 40)]
    chance.shuffle(sent)
    while sent:
        batch = [sent.pop() for _ in range(min(len(sent), chance.randrange(1, 20)))]
        for agent in {row.agent_id for row in batch}:
            deliver(store, [row for row in batch if row.agent_id == agent])
        if chance.random() < 0.5:
            roll(store, NOW)
    roll_all(store, NOW)
    found = check(store)
    assert (found.results, found.waiting, found.differing) == (120, 0, 0)
    assert rebuild(store, NOW) > 0
    again = check(store)
    assert (again.buckets, again.differing) == (found.buckets, 0)


def test_check_finds_every_kind_of_difference(store: Store, make: Maker, url: str) -> None:
    """A changed count, a changed value, a lost bucket, an invented one: each differs."""
    deliver(store, [make.row(), make.row(target="u")])
    roll_all(store, NOW)
    assert check(store).differing == 0
    for wrong in (
        "UPDATE rollup SET ok_count = 7 WHERE span = 'hour' AND target = 't'",
        "UPDATE rollup_value SET value_median = 1.0 WHERE span = 'day' AND target = 't'",
        "DELETE FROM rollup WHERE span = 'hour' AND target = 'u'",
        "UPDATE rollup SET probe = 'invented' WHERE span = 'day' AND target = 't'",
    ):
        store.write(lambda sql, wrong=wrong: sql.execute(wrong))  # type: ignore[misc]
        assert check(store).differing > 0, wrong
        rebuild(store, NOW)
        assert check(store).differing == 0, wrong
    store.write(lambda sql: sql.execute("DELETE FROM rollup_value"))
    assert main(["rollup", "check", "--database", url]) == 1
    assert main(["rollup", "rebuild", "--database", url]) == 0
    assert main(["rollup", "check", "--database", url]) == 0


def test_many_targets_make_no_many_roll_ups() -> None:
    """An agent that names thousands of targets fills one bucket more, and no result is lost."""
    raw = [Raw("latency", f"t{n}", None, 0, "ok", None, None, None) for n in range(1_000)]
    found = fold_hour(raw)
    assert len(found) == MAX_SERIES + 1
    assert sum(sum(bucket.counts) for bucket in found.values()) == 1_000
    assert found[Series("latency", OTHERS, "", 0)].counts[0] == 1_000 - MAX_SERIES


def test_stored_values_are_all_values_in_order(store: Store, make: Maker) -> None:
    """The hour keeps every value, so that medians over any hours are exact."""
    deliver(store, [make.row(download_bps=speed) for speed in (3.0, 1.5, 2.25)])
    roll_all(store, NOW)
    packed = store.read(
        lambda sql: sql.execute(
            "SELECT ordered FROM rollup_value WHERE span = 'hour' AND name = 'download_bps'"
        ).fetchone()
    )
    assert unpack(packed[0]) == [1.5, 2.25, 3.0]
