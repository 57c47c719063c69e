"""The spool against power cuts and a full disk, over a disk that forgets."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest

from agent.spool import SPOOL_PROBE
from agent.spool.database import Connect
from tests.agent.spooling import measurement, open_spool
from tests.faults.powercut import Disk
from wire.codec import decode, encode

SEEDS = int(os.environ.get("SEEDS", "100"))


@dataclass
class Life:
    """What a life of the spool had accepted and delivered when the power went."""

    accepted: dict[str, bytes] = field(default_factory=dict)
    settled: set[str] = field(default_factory=set)


def live(directory: Path, disk: Disk, connect: Connect, random: Random) -> Life:
    """Accept, deliver and restart until the power goes."""
    life = Life()
    spool = open_spool(directory, random.getrandbits(30), connect=connect)
    while not disk.dead:
        what = random.random()
        if what < 0.75:
            probe = random.choice(("latency", "throughput"))
            stored = spool.accept(measurement(probe, padding=random.choice((0, 0, 2000, 12_000))))
            if stored is not None:
                life.accepted[stored.result_id] = encode(stored)
        elif what < 0.97:
            batch = spool.take(random.randrange(1, 12), 10**6)
            life.settled |= {each.result_id for each in batch}
            spool.settle([each.key for each in batch], {})
        else:
            spool.close()
            spool = open_spool(directory, random.getrandbits(30), connect=connect)
    spool.close()
    return life


def cut(directory: Path, seed: int, *, normal: bool) -> tuple[int, int, int]:
    """One life and its power cut: results accepted, lost, and altered or set aside."""
    random = Random(seed)
    disk = Disk()
    disk.cut_after = random.randrange(1, 1_500)
    life = live(directory, disk, disk.connect_normal if normal else disk.connect, random)
    disk.after_power_cut(random)
    (directory / "spool.db.mark").unlink(missing_ok=True)  # it was never synced
    spool = open_spool(directory, seed + 1)  # the machine is on again, on SQLite as delivered
    found = {}
    while batch := spool.take(200, 10**7):
        found |= {each.result_id: each.record for each in batch}
        spool.settle([each.key for each in batch], {})
    damaged = len(spool.set_aside_files())
    spool.close()
    damaged += sum(found.get(name, raw) != raw for name, raw in life.accepted.items())
    damaged += sum(
        decode(raw).probe == SPOOL_PROBE and "damaged_count" in decode(raw).values
        for raw in found.values()
    )
    lost = sum(name not in found and name not in life.settled for name in life.accepted)
    return len(life.accepted), lost, damaged


@pytest.mark.faults
def test_no_accepted_result_is_lost_by_a_power_cut(tmp_path: Path, case: Any) -> None:
    """Un-synced writes dropped, torn, reordered: 0 accepted results lost, 0 files damaged."""
    totals = [0, 0, 0]
    for seed in range(SEEDS):
        directory = tmp_path / str(seed)
        directory.mkdir()
        for index, number in enumerate(cut(directory, seed, normal=False)):
            totals[index] += number
    figures = f"accepted {totals[0]}, damaged files {totals[2]}"
    case("A2", "agent's power cut", runs=SEEDS, lost=totals[1], other=figures)
    assert totals[0] > 40 * SEEDS
    assert totals[1:] == [0, 0]


@pytest.mark.faults
def test_control_with_synchronous_normal_loses_results(tmp_path: Path, case: Any) -> None:
    """The same cuts with synchronous=NORMAL lose results: the test above can fail."""
    totals = [0, 0, 0]
    for seed in range(SEEDS):
        directory = tmp_path / str(seed)
        directory.mkdir()
        for index, number in enumerate(cut(directory, seed, normal=True)):
            totals[index] += number
    figures = f"accepted {totals[0]}: this run must lose"
    case("A2", "control with synchronous=NORMAL", runs=SEEDS, lost=totals[1], other=figures)
    assert totals[1] > 0


@pytest.mark.faults
def test_full_disk_at_any_write_is_counted_and_recovers_by_itself(
    tmp_path: Path, case: Any
) -> None:
    """Every N-th write fails for a while: accepted results stay, the others are counted."""
    accepted = refused = 0
    for seed in range(SEEDS):
        random = Random(seed)
        directory = tmp_path / str(seed)
        directory.mkdir()
        disk = Disk()
        spool = open_spool(directory, seed, connect=disk.connect)
        disk.full_from = disk.writes + 1 + seed
        disk.full_for = random.randrange(1, 80)
        names, failed = [], 0
        for _ in range(120):
            stored = spool.accept(measurement(padding=random.choice((0, 3000, 20_000))))
            if stored is None:
                failed += 1
            else:
                names.append(stored.result_id)
        disk.full_for = 0
        assert spool.accept(measurement()) is not None
        found = []
        while batch := spool.take(500, 10**8):
            found += [decode(each.record) for each in batch]
            assert spool.settle([each.key for each in batch], {})
        spool.close()
        assert spool.set_aside_files() == []
        assert set(names) <= {each.result_id for each in found}
        counted = sum(int(str(each.values.get("not_accepted_count", 0))) for each in found)
        assert counted == failed
        accepted, refused = accepted + len(names), refused + failed
    figures = f"accepted {accepted}, not accepted and counted {refused}"
    case("A4", "agent's disk full at the N-th write", runs=SEEDS, lost=0, other=figures)
    assert refused > 0
