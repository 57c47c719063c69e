"""Delivered results are kept for a collector that loses them, and displace none that waits."""

import json
import sqlite3
from pathlib import Path
from random import Random

import pytest

from agent.spool import MIN_CAP_BYTES, Spool
from agent.spool.kept import MAX_RECORD_BYTES, SHARE
from tests.agent.spooling import AGENT, measurement, open_spool
from wire.failure import Outcome

A, B = "aaaaaaaa-0000-4000-8000-000000000001", "bbbbbbbb-0000-4000-8000-000000000002"


def deliver(spool: Spool, count: int, store_id: str, padding: int = 0) -> list[str]:
    """Accept and deliver so many results; give their ids."""
    ids = []
    for number in range(count):
        stored = spool.accept(measurement(mark=number, padding=padding))
        assert stored is not None
        ids.append(stored.result_id)
    while batch := spool.take(50, 1 << 20):
        assert spool.settle([each.key for each in batch], {}, store_id)
    return ids


def waiting(spool: Spool) -> dict[str, bytes]:
    """What would be sent."""
    return {each.result_id: each.record for each in spool.take(10_000, 1 << 30)}


def test_another_database_gets_what_the_former_had(tmp_path: Path) -> None:
    """The same bytes wait again, once; the same database never gets anything twice."""
    spool = open_spool(tmp_path)
    ids = deliver(spool, 40, A)
    assert spool.resend(A) == 0
    assert spool.counts().kept_count == 40
    assert spool.resend(B) == 40
    assert set(waiting(spool)) == set(ids)
    assert json.loads(next(iter(waiting(spool).values())))["agent_id"] == AGENT
    assert spool.resend(B) == 0
    batch = spool.take(100, 1 << 20)
    spool.settle([each.key for each in batch], {}, B)
    assert (spool.resend(B), spool.counts().kept_count, waiting(spool)) == (0, 40, {})
    assert spool.counts().account.empty, "nothing of it counts as lost"


def test_kept_results_survive_a_restart_and_new_ones_go_beside_them(tmp_path: Path) -> None:
    """A restarted agent still has them; results that wait are not disturbed."""
    first = open_spool(tmp_path)
    ids = deliver(first, 20, A)
    fresh = first.accept(measurement(mark=99))
    first.close()
    spool = open_spool(tmp_path)
    assert spool.counts().kept_count == 20
    assert spool.resend(B) == 20
    assert fresh is not None
    assert set(waiting(spool)) == {*ids, fresh.result_id}


def test_results_from_before_databases_had_ids_are_not_sent_again(tmp_path: Path) -> None:
    """An older collector says no id; the first id after an upgrade asks for nothing."""
    spool = open_spool(tmp_path)
    deliver(spool, 10, "")
    deliver(spool, 10, A)
    assert spool.resend(A) == 0
    assert spool.resend(B) == 10


def test_the_share_is_bounded_and_the_oldest_go_first(tmp_path: Path) -> None:
    """Kept bytes stay under their part of the cap; the newest are those that are there."""
    spool = open_spool(tmp_path, cap_bytes=MIN_CAP_BYTES)
    ids = [one for _ in range(40) for one in deliver(spool, 10, A, padding=4_000)]
    count = spool.counts().kept_count
    assert 100 < count < 300
    spool.resend(B)
    back = waiting(spool)
    assert sum(map(len, back.values())) <= MIN_CAP_BYTES // SHARE
    assert set(ids[-count + 10 :]) < set(back)


def test_kept_results_make_room_before_any_waiting_one(tmp_path: Path) -> None:
    """A full spool first lets go of what is delivered; until then nothing is dropped."""
    without = open_spool(_new(tmp_path / "a"), cap_bytes=MIN_CAP_BYTES)
    room = 0
    while without.counts().account.empty:
        without.accept(measurement(padding=8_000, mark=room))
        room += 1
    spool = open_spool(_new(tmp_path / "b"), cap_bytes=MIN_CAP_BYTES)
    deliver(spool, 200, A, padding=4_000)
    assert spool.counts().kept_count > 50
    for number in range(room - 2):
        spool.accept(measurement(padding=8_000, mark=number))
    assert spool.counts().account.empty
    assert spool.counts().kept_count < 20
    assert spool.counts().used_bytes <= MIN_CAP_BYTES


def test_huge_results_are_not_kept(tmp_path: Path) -> None:
    """A record that would make a transaction too large is delivered and gone, as before."""
    spool = open_spool(tmp_path)
    deliver(spool, 1, A, padding=MAX_RECORD_BYTES + 1_000)
    assert spool.counts().kept_count == 0
    assert waiting(spool) == {}


def test_a_spool_of_an_earlier_release_is_taken_over(tmp_path: Path) -> None:
    """A file without the table of kept results opens with all that waits in it."""
    first = open_spool(tmp_path)
    stored = first.accept(measurement())
    first.close()
    with sqlite3.connect(tmp_path / "spool.db") as file:
        file.execute("DROP TABLE kept")
    file.close()
    spool = open_spool(tmp_path)
    assert stored is not None
    assert set(waiting(spool)) == {stored.result_id}
    deliver(spool, 3, A)
    assert spool.resend(B) == 4


def test_log_and_file_stay_under_the_cap_while_results_are_kept(tmp_path: Path) -> None:
    """Moving results aside keeps its transactions small: the cap holds after every step."""
    spool = open_spool(tmp_path, cap_bytes=MIN_CAP_BYTES)
    chance = Random(3)
    for turn in range(8):
        for number in range(30):
            outcome = chance.choice([Outcome.OK, Outcome.FAILED])
            spool.accept(measurement(outcome=outcome, padding=chance.choice([0, 6_000, 14_000])))
            assert spool.counts().used_bytes <= MIN_CAP_BYTES, (turn, number)
        while batch := spool.take(50, 1 << 20):
            spool.settle([each.key for each in batch], {}, chance.choice([A, B]))
            assert spool.counts().used_bytes <= MIN_CAP_BYTES, turn
        spool.resend(chance.choice([A, B]))
        assert spool.counts().used_bytes <= MIN_CAP_BYTES, turn


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder


@pytest.mark.parametrize("damage", ["record", "digest"])
def test_a_kept_result_that_was_altered_is_never_sent(tmp_path: Path, damage: str) -> None:
    """Bits that flip while it is kept make it 'damaged', never another result."""
    spool = open_spool(tmp_path)
    deliver(spool, 1, A)
    spool.close()
    with sqlite3.connect(tmp_path / "spool.db") as file:
        file.execute(f"UPDATE kept SET {damage} = CAST('x' AS BLOB)")
    file.close()
    again = open_spool(tmp_path)
    assert again.resend(B) == 1
    assert waiting(again) == {}
    assert again.counts().account.damaged_count == 1
