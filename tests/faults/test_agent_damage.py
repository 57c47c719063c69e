"""A spool file that was altered while the agent was off: never a crash, never altered results."""

import os
import shutil
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest

from agent.spool import SPOOL_PROBE
from tests.agent.spooling import measurement, open_spool
from wire.codec import decode, encode

SEEDS = int(os.environ.get("SEEDS", "100"))
KINDS = ("bit", "bits", "page", "truncate", "empty", "foreign-wal", "missing", "header")
PAGE = 4096


def mutate(kind: str, directory: Path, foreign: Path, random: Random) -> None:
    """Alter the spool in ``directory``: the database or its log, by chance."""
    files = [path for path in directory.glob("spool.db*") if path.name != "spool.db.mark"]
    path = random.choice(sorted(files))
    content = bytearray(path.read_bytes())
    if kind == "foreign-wal":
        shutil.copy(foreign / "spool.db-wal", directory / "spool.db-wal")
        return
    if kind == "missing":
        (directory / "spool.db").unlink()
        return
    if kind == "empty":
        content = bytearray()
    elif kind == "truncate":
        del content[random.randrange(len(content)) :]
    elif kind == "page":
        start = random.randrange(0, len(content), PAGE)
        content[start : start + PAGE] = bytes(len(content[start : start + PAGE]))
    elif kind == "header":
        content[random.randrange(0, 100)] ^= 1 << random.randrange(8)
    else:
        for _ in range(1 if kind == "bit" else 64):
            content[random.randrange(len(content))] ^= 1 << random.randrange(8)
    path.write_bytes(content)


def filled(directory: Path, seed: int) -> dict[str, bytes]:
    """A spool as a killed agent leaves it, log included; its accepted results."""
    directory.mkdir()
    spool = open_spool(directory / "..", seed)  # a copy of the files of a spool still open
    random = Random(seed)
    stored = [
        spool.accept(measurement(random.choice(("latency", "throughput")), padding=2000))
        for _ in range(60)
    ]
    for path in directory.parent.glob("spool.db*"):
        shutil.copy(path, directory / path.name)
    spool.close()
    return {each.result_id: encode(each) for each in stored if each is not None}


@pytest.mark.faults
def test_damaged_spool_starts_measures_and_delivers_nothing_altered(
    tmp_path: Path, case: Any
) -> None:
    """Any alteration: new results are accepted, old ones are whole or counted as lost."""
    seen: Counter[str] = Counter()
    (tmp_path / "foreign").mkdir()
    filled(tmp_path / "foreign" / "files", 10_000)
    for seed in range(SEEDS):
        random = Random(seed)
        kind = KINDS[seed % len(KINDS)]
        (tmp_path / str(seed)).mkdir()
        directory = tmp_path / str(seed) / "files"
        before = filled(directory, seed)
        mutate(kind, directory, tmp_path / "foreign" / "files", random)
        spool = open_spool(directory, seed + 1)
        fresh = [spool.accept(measurement()) for _ in range(3)]
        assert all(fresh), (kind, seed, spool.trouble)
        found = {}
        while batch := spool.take(500, 10**8):
            found |= {each.result_id: each.record for each in batch}
            assert spool.settle([each.key for each in batch], {})
        spool.close()
        old = {name: raw for name, raw in found.items() if name in before}
        altered = [name for name, raw in old.items() if raw != before[name]]
        assert altered == [], (kind, seed)
        assert {each.result_id for each in fresh if each} <= set(found), (kind, seed)
        reports = [decode(raw) for raw in found.values() if decode(raw).probe == SPOOL_PROBE]
        strangers = set(found) - set(before) - {each.result_id for each in fresh if each}
        assert strangers == {each.result_id for each in reports}, (kind, seed)
        lost = len(before) - len(old)
        reported = any(
            name in each.values for each in reports for name in ("set_aside_count", "damaged_count")
        )
        assert reported or not lost, (kind, seed, lost)
        seen[f"{kind}: {'lost and reported' if lost else 'all kept'}"] += 1
    kinds = ", ".join(f"{what} {count}" for what, count in sorted(seen.items()))
    case("A3", "spool altered: bits, pages, length, foreign log", runs=SEEDS, other=kinds)
