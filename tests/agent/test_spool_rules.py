"""What the spool promises, checked on the file itself."""

import json
import os
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.spool import MIN_CAP_BYTES, SPOOL_PROBE, Spool, layout
from agent.spool.account import Account
from agent.spool.choice import choose
from agent.spool.layout import Worth, key_of
from tests.agent.spooling import AGENT, FakeClock, measurement, open_spool
from wire.codec import decode
from wire.failure import FailureCode, Outcome
from wire.measurement import Measurement


def drain(spool: Spool) -> list[Measurement]:
    """Take and settle until nothing waits."""
    got: list[Measurement] = []
    while batch := spool.take(100, 1_000_000):
        got += [decode(waiting.record) for waiting in batch]
        assert spool.settle([waiting.key for waiting in batch], {})
    return got


def test_accepted_results_come_back_after_reopening(tmp_path: Path) -> None:
    """What accept gave is what take gives, numbered from 1 without gaps, across lives."""
    accepted: list[Measurement | None] = []
    for life in range(3):
        spool = open_spool(tmp_path, seed=life)
        accepted += [spool.accept(measurement(mark=mark)) for mark in range(5)]
        spool.close()
    waiting = [decode(each.record) for each in open_spool(tmp_path, seed=9).take(100, 10**7)]
    assert sorted(waiting, key=lambda each: each.seq) == accepted
    assert [each.seq for each in accepted if each] == list(range(1, 16))
    assert {each.agent_id for each in waiting} == {AGENT}
    assert len({each.stream for each in waiting}) == 1


@pytest.fixture
def open_umask() -> Iterator[None]:
    """A umask that takes nothing away: modes are then exactly what the program asks for."""
    before = os.umask(0)
    yield
    os.umask(before)


def modes(directory: Path) -> dict[str, int]:
    """Permission bits of all files."""
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}


@pytest.mark.usefixtures("open_umask")
def test_all_files_of_the_spool_are_their_owners_only(tmp_path: Path) -> None:
    """Database, log, mark and what is set aside: 0600, also those an earlier release left open."""
    spool = open_spool(tmp_path)
    spool.accept(measurement())
    assert {"spool.db", "spool.db-wal", "spool.db.mark"} <= modes(tmp_path).keys()
    assert set(modes(tmp_path).values()) == {0o600}
    spool.close()
    for path in tmp_path.iterdir():
        path.chmod(0o644)
    spool = open_spool(tmp_path, seed=2)
    spool.accept(measurement())
    assert set(modes(tmp_path).values()) == {0o600}
    spool.close()
    (tmp_path / "spool.db").chmod(0o644)
    (tmp_path / "spool.db").write_bytes(b"damage")
    open_spool(tmp_path, seed=3).close()
    assert any(".damaged-" in name for name in modes(tmp_path))
    assert set(modes(tmp_path).values()) == {0o600}


def test_settled_results_are_gone_and_others_stay(tmp_path: Path) -> None:
    """Settle removes exactly the keys named, durably."""
    spool = open_spool(tmp_path)
    for mark in range(6):
        spool.accept(measurement(mark=mark))
    batch = spool.take(100, 10**7)
    spool.settle([each.key for each in batch[:4]], {})
    spool.close()
    left = open_spool(tmp_path, seed=2).take(100, 10**7)
    assert {each.result_id for each in left} == {each.result_id for each in batch[4:]}


def test_refused_results_go_to_a_bounded_quarantine_with_the_reason(tmp_path: Path) -> None:
    """A refused result is not sent again, is kept with its reason, and is in the account."""
    spool = open_spool(tmp_path)
    names = []
    for _ in range(layout.MAX_REFUSED + 20):
        spool.accept(measurement())
        (waiting,) = [
            each for each in spool.take(10, 10**7) if decode(each.record).probe == "latency"
        ]
        spool.settle([], {waiting.key: "started_at: found 1970"})
        names.append(waiting.result_id)
    assert [name for name, _ in spool.refused()] == names[20:]
    assert {reason for _, reason in spool.refused()} == {"started_at: found 1970"}
    reported = [each.values["refused_count"] for each in drain(spool)]
    assert sum(reported) == layout.MAX_REFUSED + 20


def test_full_spool_drops_the_oldest_of_the_lowest_class_and_says_how_many(tmp_path: Path) -> None:
    """At the cap latency goes before throughput, oldest first; produced = kept + dropped."""
    spool = open_spool(tmp_path, cap_bytes=MIN_CAP_BYTES)
    produced = 1_500
    for mark in range(produced):
        heavy = mark % 10 == 0
        spool.accept(measurement("throughput" if heavy else "latency", mark=mark, padding=3000))
    got = drain(spool)
    results = [each for each in got if each.probe != SPOOL_PROBE]
    accounts = [each for each in got if each.probe == SPOOL_PROBE]
    dropped = sum(int(str(each.values["dropped_count"])) for each in accounts)
    marks = sorted(int(str(each.context["mark"])) for each in results if each.probe == "latency")
    assert dropped > 0
    assert len(results) + dropped == produced
    assert sum(each.probe == "throughput" for each in results) == produced // 10
    assert marks == [mark for mark in range(produced) if mark % 10][-len(marks) :]
    assert accounts[0].context["dropped_span"] == [2, accounts[0].context["dropped_span"][1]]


def test_light_result_is_dropped_when_only_heavier_ones_wait(tmp_path: Path) -> None:
    """A latency result never pushes a throughput result out; it is itself counted."""
    spool = open_spool(tmp_path, cap_bytes=MIN_CAP_BYTES)
    while not spool.counts().account.dropped_count:
        spool.accept(measurement("throughput", padding=50_000))
    before = spool.counts()
    assert spool.accept(measurement("latency", padding=60_000)) is None
    after = spool.counts()
    assert after.waiting_count == before.waiting_count
    assert after.account.dropped_count == before.account.dropped_count + 1
    assert after.next_seq == before.next_seq + 1


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 1 << 32))
def test_files_stay_under_the_cap_and_every_result_is_accounted_for(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    """Any mix of sizes, classes, deliveries and restarts: under the cap, nothing uncounted."""
    chance = Random(seed)
    directory = tmp_path_factory.mktemp("spool")
    spool = open_spool(directory, seed, cap_bytes=MIN_CAP_BYTES)
    produced = delivered = dropped = 0
    for _ in range(250):
        spool.accept(
            measurement(
                chance.choice(("latency", "throughput")), padding=chance.randrange(0, 60_000)
            )
        )
        produced += 1
        if chance.random() < 0.05:
            batch = spool.take(chance.randrange(1, 60), 10**6)
            spool.settle([each.key for each in batch], {})
            records = [decode(each.record) for each in batch]
            delivered += sum(each.probe != SPOOL_PROBE for each in records)
            dropped += sum(int(str(each.values.get("dropped_count", 0))) for each in records)
        if chance.random() < 0.02:
            spool.close()
            spool = open_spool(directory, chance.randrange(1 << 30), cap_bytes=MIN_CAP_BYTES)
        assert spool.counts().used_bytes <= MIN_CAP_BYTES
    rest = drain(spool)
    spool.close()
    delivered += sum(each.probe != SPOOL_PROBE for each in rest)
    dropped += sum(int(str(each.values.get("dropped_count", 0))) for each in rest)
    assert produced == delivered + dropped


def test_fresh_results_are_not_starved_by_a_backlog() -> None:
    """A batch alternates newest and oldest, accounts first, and keeps to its bounds."""
    rows = [(key_of(Worth.LIGHT, seq), 100) for seq in range(1, 101)]
    account = (key_of(Worth.ACCOUNT, 50), 100)
    chosen = choose([*rows, account], [*rows[::-1], account], 5, 10_000)
    assert chosen == [account[0], rows[99][0], rows[0][0], rows[98][0], rows[1][0]]
    assert choose(rows, rows[::-1], 50, 250) == [rows[99][0], rows[0][0]]
    assert choose(rows[:1], rows[:1], 50, 1) == [rows[0][0]]
    assert choose([], [], 5, 100) == []


def test_disk_reserve_makes_old_results_give_way_before_the_disk_is_full(tmp_path: Path) -> None:
    """With little space left the file stops growing and the newest result is still accepted."""
    free = [1 << 40]
    spool = open_spool(tmp_path, free_bytes=lambda _: free[0])
    for mark in range(200):
        spool.accept(measurement(mark=mark, padding=3000))
    spool.close()
    size = (tmp_path / "spool.db").stat().st_size
    spool = open_spool(tmp_path, free_bytes=lambda _: free[0])
    free[0] = layout.DISK_RESERVE_BYTES
    for mark in range(200, 400):
        assert spool.accept(measurement(mark=mark, padding=3000)) is not None
    counts = spool.counts()
    spool.close()
    assert (tmp_path / "spool.db").stat().st_size <= size + layout.PAGE_BYTES
    assert counts.account.dropped_count + counts.waiting_count == 400


def test_result_too_large_for_any_collector_becomes_a_failure_that_says_so(tmp_path: Path) -> None:
    """A record over the limit of the wire is kept as a failed result, not sent as is."""
    stored = open_spool(tmp_path).accept(measurement(padding=100_000))
    assert stored is not None
    assert stored.outcome is Outcome.FAILED
    assert stored.failure is not None
    assert stored.failure.code is FailureCode.RESOURCE_EXHAUSTED


def test_account_adds_up() -> None:
    """Adding accounts adds numbers, widens the span and keeps the latest texts."""
    one = Account(dropped_count=1, dropped_first=5, dropped_last=7, reason="a")
    two = Account(dropped_count=2, dropped_first=3, dropped_last=4, not_accepted_count=1)
    both = one.plus(two)
    assert both == Account(
        dropped_count=3, not_accepted_count=1, dropped_first=3, dropped_last=7, reason="a"
    )
    assert one.plus(Account()) == one
    assert Account().empty
    assert not both.empty


def test_spool_of_another_agent_is_set_aside(tmp_path: Path) -> None:
    """Results of another identity are not delivered under this one; the gap is reported."""
    first = open_spool(tmp_path)
    first.accept(measurement())
    first.close()
    other = open_spool(tmp_path, agent_id="11111111-2222-4333-8444-555555555555")
    (report,) = drain(other)
    assert report.values == {"set_aside_count": 1, "lost_waiting_count": 1}
    assert "belongs to agent" in str(report.context["set_aside_reason"])


def test_cap_below_the_least_is_refused(tmp_path: Path) -> None:
    """A cap that cannot hold the log is a mistake of the caller, said at once."""
    with pytest.raises(ValueError, match="at least 4194304 is needed"):
        open_spool(tmp_path, cap_bytes=1_000_000)


def test_every_class_has_its_own_range_of_keys() -> None:
    """Deferred throughput is light; failed throughput is heavy."""
    assert layout.worth_of(measurement("throughput", Outcome.FAILED)) is Worth.HEAVY
    assert layout.worth_of(measurement("throughput", Outcome.DEFERRED)) is Worth.LIGHT
    assert layout.worth_of(measurement("latency", Outcome.FAILED)) is Worth.LIGHT
    assert layout.seq_of(key_of(Worth.ACCOUNT, 77)) == 77


def test_account_survives_a_restart(tmp_path: Path) -> None:
    """Losses counted but not yet reported are reported by the next life."""
    spool = open_spool(tmp_path, cap_bytes=MIN_CAP_BYTES)
    while not spool.counts().account.dropped_count:
        spool.accept(measurement(padding=50_000))
    spool.close()
    again = open_spool(tmp_path, seed=2, cap_bytes=MIN_CAP_BYTES)
    reports = [each for each in drain(again) if each.probe == SPOOL_PROBE]
    assert [each.values["dropped_count"] for each in reports][:1] == [1]
    assert json.loads(json.dumps(dict(reports[0].values)))
    assert replace(again.counts().account) == Account()
    assert FakeClock().now() == reports[0].started_at
