"""Retention deletes what is old of each class, and nobody's data for another's clock."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collector.cli import main
from collector.judge.reading import ConfigRefused
from collector.retention import rows
from collector.retention.policy import Kind, Policy, load_policy, parse_policy
from collector.retention.run import ClockNotBelieved, Outcome, preview, run, run_daily
from collector.rollup.check import check, rebuild
from collector.rollup.keeper import roll_all
from collector.store.interface import Batch, NewRow, QuarantineRow, Store
from collector.store.sql import Sql
from collector.store.times import to_micros
from tests.collector.conftest import MONDAY, Maker

NOW = MONDAY + timedelta(days=300)
POLICY = Policy(
    {
        Kind.HEAVY_RESULTS: 200,
        Kind.LIGHT_RESULTS: 100,
        Kind.HOUR_ROLLUPS: 250,
        Kind.DAY_ROLLUPS: None,
        Kind.HEARTBEATS: 400,
        Kind.QUARANTINE: 30,
    }
)


def deliver(store: Store, rows_: list[NewRow], received_at: datetime) -> None:
    """Have the writer store rows of one agent."""
    store.submit(Batch(rows_[0].agent_id, received_at, rows_)).result(60)


def live(store: Store, make: Maker, days_ago: int, **changes: object) -> NewRow:
    """Store one result that arrived an hour after it was measured."""
    at = NOW - timedelta(days=days_ago)
    row = make.row(started_at=at, **changes)
    deliver(store, [row], at + timedelta(hours=1))
    return row


def kept(store: Store) -> set[str]:
    """Ids of the results that are there."""
    found = store.read(lambda sql: sql.execute("SELECT result_id FROM result").fetchall())
    return {one for (one,) in found}


def by_kind(outcomes: list[Outcome] | None) -> dict[Kind, int]:
    """Rows by class."""
    return {one.kind: one.rows for one in outcomes or ()}


def test_each_class_has_its_own_term(store: Store, make: Maker, url: str) -> None:
    """Old results go by class; roll-ups of them and verdicts stay; a dry run says how many."""
    heavy = [live(store, make, days) for days in (290, 199, 150, 1)]
    light = [live(store, make, days, probe="latency") for days in (290, 199, 150, 1)]
    roll_all(store, NOW)
    dry = preview(store, POLICY, NOW)
    outcomes = run(store, POLICY, NOW)
    months = any(one.months for one in outcomes)  # dropped whole: their rows are not counted
    assert months == url.startswith("postgresql")
    assert kept(store) == {row.result_id for row in (*heavy[1:], light[3])}
    assert by_kind(dry)[Kind.LIGHT_RESULTS] == 3
    if not months:
        assert by_kind(outcomes) == by_kind(dry)
    spans = store.read(
        lambda sql: sql.execute("SELECT span, count(*) FROM rollup GROUP BY span").fetchall()
    )
    assert dict(spans) == {"hour": 6, "day": 8}, "hours of 290 days ago are gone, days stay"
    assert run(store, POLICY, NOW)[0].rows == 0
    assert check(store).differing == 0, "what outlives its raw results does not differ from them"
    rebuild(store, NOW)
    again = store.read(
        lambda sql: sql.execute("SELECT span, count(*) FROM rollup GROUP BY span").fetchall()
    )
    assert dict(again) == {"hour": 6, "day": 8}, "making anew loses none of them"


def test_late_results_of_a_time_that_was_deleted_do_not_change_roll_ups(
    store: Store, make: Maker
) -> None:
    """An hour whose raw results are gone keeps its figures when an old result arrives late."""
    live(store, make, 190, probe="latency")
    live(store, make, 190, probe="latency")
    roll_all(store, NOW)
    run(store, POLICY, NOW)
    late = make.row(started_at=NOW - timedelta(days=190), probe="latency")
    deliver(store, [late], NOW)
    roll_all(store, NOW)
    counts = store.read(lambda sql: sql.execute("SELECT ok_count FROM rollup").fetchall())
    assert counts == [(2,), (2,)]
    assert check(store).differing == 0
    run(store, POLICY, NOW)
    assert kept(store) == set()


def test_wrong_clocks_of_agents_touch_nobody(store: Store, make: Maker) -> None:
    """Results dated 2100 and 1970 are kept by their arrival, and others by their own time."""
    own = live(store, make, 5)
    undated = [
        make.row(agent_id="agent-of-B1", school_code="B1", started_at=at)
        for at in (datetime(2100, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, 0, 9, tzinfo=UTC))
    ]
    deliver(store, undated, NOW - timedelta(days=1))
    roll_all(store, NOW)
    run(store, POLICY, NOW)
    assert kept(store) == {own.result_id, *(row.result_id for row in undated)}
    later = NOW + timedelta(days=199)
    run(store, POLICY, later, clock_is_right=True)
    assert kept(store) == {own.result_id, *(row.result_id for row in undated)} - {own.result_id}
    run(store, POLICY, later + timedelta(days=2), clock_is_right=True)
    assert kept(store) == set()


def test_an_undated_result_survives_the_month_it_lies_in(store: Store, make: Maker) -> None:
    """A clock 500 days slow puts a fresh result into an old month: it is not dropped with it."""
    live(store, make, 290)
    slow = make.row(started_at=NOW - timedelta(days=290), target="slow")
    roll_all(store, NOW)
    arrival = NOW - timedelta(days=290) + timedelta(days=500)
    deliver(store, [slow], arrival)
    run(store, POLICY, arrival)
    assert kept(store) == {slow.result_id}


def test_nothing_goes_before_its_roll_up_is_made(store: Store, make: Maker) -> None:
    """While an old hour waits to be rolled up, results and roll-ups are left alone."""
    live(store, make, 290)
    waiting = {one.kind for one in run(store, POLICY, NOW) if one.waits}
    assert waiting == {Kind.HEAVY_RESULTS, Kind.LIGHT_RESULTS, Kind.HOUR_ROLLUPS}
    assert len(kept(store)) == 1


def test_a_collector_whose_clock_leaps_deletes_nothing(store: Store, make: Maker) -> None:
    """A clock years beyond the last sign of an agent is refused, until a person vouches for it."""
    store.add_enrolment_code("A1", "code", NOW)
    store.enrol(code_sha256="code", agent_id="agent-of-A1", token_sha256="t", now=MONDAY)
    live(store, make, 1)
    roll_all(store, NOW)
    leaped = NOW + timedelta(days=3650)
    with pytest.raises(ClockNotBelieved, match="Set the clock"):
        run(store, POLICY, leaped)
    with pytest.raises(ClockNotBelieved):
        run_daily(store, POLICY, leaped)
    assert len(kept(store)) == 1
    run(store, POLICY, leaped, clock_is_right=True)
    assert kept(store) == set()


def test_it_runs_once_a_day_whoever_asks(store: Store, make: Maker) -> None:
    """Of two collectors one runs; a day later it is time again, and also on a clock set back."""
    live(store, make, 1)
    assert run_daily(store, POLICY, NOW) is not None
    assert run_daily(store, POLICY, NOW + timedelta(hours=3)) is None
    assert run_daily(store, POLICY, NOW + timedelta(hours=21)) is not None
    assert run_daily(store, POLICY, NOW) is not None


def test_quarantine_goes_by_arrival(store: Store) -> None:
    """Refused records older than their term go, newer ones stay."""
    for days in (40, 10):
        bad = QuarantineRow(
            agent_id="agent-of-A1",
            school_code="A1",
            result_id=None,
            reason="why",
            record=f"{days}".encode(),
        )
        store.submit(Batch("agent-of-A1", NOW - timedelta(days=days), [], [bad])).result(60)
    run(store, POLICY, NOW)
    left = store.read(lambda sql: sql.execute("SELECT received_at FROM quarantine").fetchall())
    assert left == [(to_micros(NOW - timedelta(days=10)),)]


def test_it_works_in_small_pieces(
    store: Store, make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No transaction deletes more than a piece."""
    monkeypatch.setattr(rows, "PIECE_ROWS", 10)
    at = NOW - timedelta(days=110)
    old = [make.row(started_at=at, probe="latency") for _ in range(35)]
    deliver(store, old, at)
    roll_all(store, NOW)
    pieces: list[int] = []
    real = rows.delete_results

    def noted(*arguments: object, **named: object) -> int:
        pieces.append(real(*arguments, **named))  # type: ignore[arg-type]
        return pieces[-1]

    monkeypatch.setattr(rows, "delete_results", noted)
    run(store, POLICY, NOW)
    assert kept(store) == set()
    assert sum(pieces) == 35
    assert max(pieces) == 10


REST = "light_results = 90\nheartbeats = 30\nquarantine = 30"
BAD = [
    ("", "keep_days.heavy_results: found nothing, allowed is a whole number from 60 to 36500"),
    ("heavy_result = 90", "keep_days.heavy_result: found this key, allowed is one of day_rollups"),
    ("light_results = 3", "keep_days.light_results: found 3, allowed is a whole number from 60"),
    (
        'quarantine = "ever"',
        "found 'ever', allowed is a whole number from 7 to 36500, or \"never\"",
    ),
    (
        f"heavy_results = 500\nhour_rollups = 499\nday_rollups = 600\n{REST}",
        "keep_days.hour_rollups: found 499, allowed is 500 or longer, as heavy_results has",
    ),
    (
        f'heavy_results = 500\nhour_rollups = "never"\nday_rollups = 600\n{REST}',
        "keep_days.day_rollups: found 600, allowed is never or longer, as hour_rollups has",
    ),
]


@pytest.mark.parametrize(("text", "message"), BAD)
def test_a_bad_policy_is_refused_with_what_is_allowed(text: str, message: str) -> None:
    """File, key, found, allowed; what is made of a class never goes before the class."""
    with pytest.raises(ConfigRefused) as refused:
        parse_policy(f"[keep_days]\n{text}\n".encode(), "f.toml")
    assert message in str(refused.value)


def test_the_packaged_policy_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    """It is read, and shown with what nobody can have deleted."""
    assert load_policy(None).keep_days[Kind.LIGHT_RESULTS] == 400
    assert main(["retention", "show"]) == 0
    shown = capsys.readouterr().out
    assert "audit_log       always kept" in shown


def test_the_command_counts_then_deletes(
    store: Store, make: Maker, url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``--dry-run`` deletes nothing; without it what it counted goes."""
    live(store, make, 290, probe="latency")
    file = tmp_path / "p.toml"
    file.write_text(
        "[keep_days]\nheavy_results = 90\nlight_results = 60\nhour_rollups = 90\n"
        'day_rollups = "never"\nheartbeats = 30\nquarantine = 30\n'
    )
    given = ["retention", "run", "--database", url, "--policy", str(file), "--clock-is-right"]
    assert main([*given, "--dry-run"]) == 0
    # today may be before or after the fictional day: the count is what the run then does
    counted = capsys.readouterr().out
    before = kept(store)
    assert len(before) == 1
    assert main(given) == 0
    assert (kept(store) == set()) == ("1 rows would be deleted" in counted)


def test_the_history_of_agents_has_its_term(store: Store) -> None:
    """Old changes of state and cleared flags go; what is open, and what an agent is now, stays."""
    store.add_enrolment_code("A1", "code", NOW + timedelta(days=1))
    store.enrol(code_sha256="code", agent_id="a", token_sha256="t", now=NOW)
    old, fresh = (to_micros(NOW - timedelta(days=days)) for days in (500, 100))

    def fill(sql: Sql) -> None:
        for at in (old, fresh):
            sql.execute("INSERT INTO agent_state_change VALUES ('a', ?, 'late', NULL, '')", (at,))
        sql.execute("INSERT INTO agent_flag VALUES ('a', 'moved', ?, '', NULL, NULL)", (old,))
        sql.execute("INSERT INTO agent_flag VALUES ('a', 'cloned', ?, '', ?, 'x')", (old, old))

    store.write(fill)
    run(store, POLICY, NOW, clock_is_right=True)
    left = store.read(
        lambda sql: (
            sql.execute("SELECT changed_at FROM agent_state_change").fetchall(),
            sql.execute("SELECT flag FROM agent_flag").fetchall(),
        )
    )
    assert left == ([(fresh,)], [("moved",)])
