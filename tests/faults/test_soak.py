"""A long run of real processes: memory, descriptors, threads, files, logs and spool stay bounded.

Shortened in CI (SOAK_SECONDS, 45 unless told); ``make soak`` is the long one. Time is not
accelerated, but the agents measure up to five times a second and deliver three times a second.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from agent.clock import SystemClock
from agent.identity import Enrolment, Identity, save
from agent.spool import MIN_CAP_BYTES, Spool
from agent.state import prepare
from collector.store import create_store
from tests.agent.spooling import AGENT, measurement
from tests.collector.conftest import a_school
from tests.faults.lives import Agent, Collector
from tests.faults.test_both_killed import enrolled

TOKYO = ZoneInfo("Asia/Tokyo")
SECONDS = int(os.environ.get("SOAK_SECONDS", "45"))
LOOK_SECONDS = 1.0
GROWTH_KIB = 2_048
"""Most that memory may grow from the middle of the run on: allocators take more in steps."""
SLOPE_KIB_A_DAY = 1_024
"""The bound over a day. A shorter run cannot tell it from a step of the allocator."""
SLOPE_PRINTED_SECONDS = 3_600
SLOPE_ASSERTED_SECONDS = 7_200
LOG_BYTES_A_DAY = 5_000_000
LOG_BYTES_AT_ONCE = 4_000
"""What the first failures may say, whatever the length of the run."""
WRITTEN_BYTES_A_DAY = 500_000_000
RESULTS_A_DAY = 3_000
"""More than a school's policy asks for."""
IDLE = """
[policy]
source = "local"

[[tests]]
probe = "latency"
target = "127.0.0.1"
windows = [{ days = "mon-sun", from = "FROM", to = "TO", runs = 1 }]
"""
"""Nothing to measure now, everything else as in a school."""
pytestmark = [pytest.mark.faults, pytest.mark.alone]


@dataclass(frozen=True)
class Look:
    """A process at a moment."""

    seconds: float
    memory_kib: int
    descriptors: int
    threads: int
    children: int
    written_bytes: int
    cpu_seconds: float


@dataclass
class Watched:
    """A process and what was seen of it."""

    pid: int
    looks: list[Look] = field(default_factory=list)

    def look(self, seconds: float) -> None:
        """Read what the kernel knows of it (proc(5))."""
        here = Path(f"/proc/{self.pid}")
        status = (here / "status").read_text()
        written = re.search(r"^write_bytes: (\d+)", (here / "io").read_text(), re.MULTILINE)
        memory = re.search(r"VmRSS:\s+(\d+) kB", status)
        threads = re.search(r"Threads:\s+(\d+)", status)
        assert written is not None
        assert memory is not None
        assert threads is not None
        times = (here / "stat").read_text().rpartition(")")[2].split()[11:13]
        tasks = (here / "task").iterdir()
        children = sum(len((task / "children").read_text().split()) for task in tasks)
        self.looks.append(
            Look(
                seconds=seconds,
                memory_kib=int(memory[1]),
                descriptors=len(list((here / "fd").iterdir())),
                threads=int(threads[1]),
                children=children,
                written_bytes=int(written[1]),
                cpu_seconds=sum(map(int, times)) / os.sysconf("SC_CLK_TCK"),
            )
        )

    @property
    def written_bytes(self) -> int:
        """What went to the disk during the run."""
        return self.looks[-1].written_bytes - self.looks[0].written_bytes

    @property
    def late(self) -> list[Look]:
        """The second half of the run."""
        return self.looks[len(self.looks) // 2 :]

    def growth_kib(self) -> int:
        """How much the memory of the last quarter exceeds that of the third, each at its most."""
        middle = len(self.late) // 2
        third, last = self.late[:middle], self.late[middle:]
        return max(one.memory_kib for one in last) - max(one.memory_kib for one in third)

    def slope_kib_a_day(self) -> float:
        """Least squares over the second half."""
        xs = [one.seconds / 86_400 for one in self.late]
        ys = [float(one.memory_kib) for one in self.late]
        x, y = sum(xs) / len(xs), sum(ys) / len(ys)
        return sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True)) / sum(
            (a - x) ** 2 for a in xs
        )

    def bounded(self) -> None:
        """Nothing is there in the second half that was not in the first."""
        early = self.looks[: len(self.looks) // 2]
        # medians: a look that meets a child being started, or a connection, sees some more
        for name, slack in (("descriptors", 2), ("threads", 0), ("children", 1)):
            before, after = (
                median(getattr(one, name) for one in half) for half in (early, self.late)
            )
            assert after <= before + slack, f"{name}: {before} at first, {after} then"
        assert self.growth_kib() < GROWTH_KIB

    def said(self) -> str:
        """Figures for the table."""
        last, spent = self.looks[-1], self.looks[-1].cpu_seconds - self.looks[0].cpu_seconds
        slope = (
            f", {self.slope_kib_a_day():+.0f} KiB a day" if SECONDS >= SLOPE_PRINTED_SECONDS else ""
        )
        return (
            f"{last.memory_kib / 1024:.1f} MiB ({self.growth_kib() / 1024:+.2f} MiB in the last "
            f"quarter{slope}), {last.descriptors} descriptors, {last.threads} threads, "
            f"processor {spent / (last.seconds - self.looks[0].seconds):.1%}"
        )


def size_of(folder: Path, pattern: str) -> int:
    """Bytes of all files that match; one that goes away while we look counts nothing."""
    total = 0
    for path in folder.glob(pattern):
        try:
            total += path.stat().st_size
        except FileNotFoundError:
            continue
    return total


def full_of_results(state: Path) -> None:
    """Fill the spool until it has had to drop something."""
    spool = Spool(
        state / "spool.db",
        agent_id=AGENT,
        clock=SystemClock(),
        random=Random(1),
        cap_bytes=MIN_CAP_BYTES,
    )
    for number in range(3_000):
        assert spool.accept(measurement(padding=2_000, mark=number)) is not None
    spool.close()
    assert size_of(state, "spool.db*") > MIN_CAP_BYTES / 2


def idle_agent(folder: Path, collector: Collector) -> "subprocess.Popen[bytes]":
    """An agent as it is most of the day: it beats, and waits for an hour that is not near."""
    state = enrolled(folder, collector)
    away = (datetime.now(TOKYO) + timedelta(hours=12)).hour
    config = folder / "agent.toml"
    hours = IDLE.replace("FROM", f"{away:02}:00").replace("TO", f"{away:02}:30")
    config.write_text(hours, encoding="utf-8")
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "agent.cli", "run", "--config", config, "--state", state],
            stderr=log,
        )


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    """A running collector of one school."""
    url = f"sqlite:///{tmp_path}/hakaru.db"
    store = create_store(url)
    store.import_schools([a_school("S001")])
    store.close()
    made = Collector(url)
    made.start()
    yield made
    made.clean_up()


@pytest.mark.timeout(SECONDS + 200)
def test_nothing_grows(tmp_path: Path, collector: Collector, case: Any) -> None:
    """One agent that delivers, one whose collector is never there and whose spool is full."""
    (tmp_path / "heard").mkdir()
    (tmp_path / "deaf").mkdir()
    heard_state = enrolled(tmp_path / "heard", collector)
    deaf_state = prepare(tmp_path / "deaf" / "state")
    unreachable = Enrolment(collector="http://127.0.0.1:9", token="t" * 40)
    save(deaf_state, Identity(agent_id=AGENT, active=unreachable))
    full_of_results(deaf_state)
    (tmp_path / "idle").mkdir()
    length = str(SECONDS + 60)
    idle = idle_agent(tmp_path / "idle", collector)
    heard, deaf = Agent(heard_state, length), Agent(deaf_state, length, str(MIN_CAP_BYTES))
    try:
        heard.wait_for(1)
        deaf.wait_for(1)
        assert collector.process is not None
        watched = {
            "agent that delivers": Watched(heard.process.pid),
            "agent without collector, spool full": Watched(deaf.process.pid),
            "agent that has nothing to do": Watched(idle.pid),
            "collector": Watched(collector.process.pid),
        }
        begun = time.monotonic()
        spools, files = [], []
        while (now := time.monotonic() - begun) < SECONDS:
            for one in watched.values():
                one.look(now)
            spools.append(size_of(deaf_state, "spool.db*"))
            files.append(len(list(deaf_state.iterdir())) + len(list(heard_state.iterdir())))
            time.sleep(LOOK_SECONDS)
        made = len(heard.accepted)
    finally:
        idle.send_signal(signal.SIGTERM)
        codes = [agent.end(signal.SIGTERM) for agent in (heard, deaf)]
        codes.append(idle.wait(30))
    for name, one in watched.items():
        case("G1", f"{SECONDS} s: {name}", runs=len(one.looks), other=one.said())
    each = watched["agent that delivers"].written_bytes / max(made, 1)
    quiet = watched["agent that has nothing to do"]
    a_day = each * RESULTS_A_DAY + quiet.written_bytes * 86_400 / SECONDS
    # lines about each result are as many as results; these are what failing itself adds
    log_bytes = sum(len(line) for line in deaf.errors.splitlines() if b"WARNING" in line)
    case(
        "G1",
        f"{SECONDS} s: files",
        runs=len(spools),
        other=f"{made} results delivered, {each / 1024:.0f} KiB written for each; idle "
        f"{quiet.written_bytes:,} bytes written; a day of {RESULTS_A_DAY} results "
        f"{a_day / 1e6:.0f} MB; full spool at most {max(spools):,} of {MIN_CAP_BYTES:,} bytes; "
        f"warnings without collector {log_bytes:,} bytes",
    )
    assert codes == [0, 0, 0]
    assert a_day < WRITTEN_BYTES_A_DAY
    assert made >= 10
    for one in watched.values():
        one.bounded()
    assert max(spools) <= MIN_CAP_BYTES
    assert max(files[len(files) // 2 :]) <= max(files[: len(files) // 2]) + 1
    assert log_bytes < LOG_BYTES_AT_ONCE + LOG_BYTES_A_DAY * SECONDS / 86_400
    if SECONDS >= SLOPE_ASSERTED_SECONDS:
        assert all(one.slope_kib_a_day() < SLOPE_KIB_A_DAY for one in watched.values())


LEAKS = {
    "descriptors": "kept.append(open('/dev/null'))",
    "threads": "threading.Thread(target=time.sleep, args=(30,), daemon=True).start()",
    "memory": "kept.append(b'x' * 1_000_000)",
}


@pytest.mark.parametrize("leak", LEAKS)
def test_the_check_itself_sees_a_leak(leak: str) -> None:
    """A process that takes a little more each tenth of a second, for three seconds."""
    code = f"import threading, time\nkept = []\nwhile True:\n  {LEAKS[leak]}\n  time.sleep(0.1)"
    process = subprocess.Popen([sys.executable, "-c", code])
    try:
        watched = Watched(process.pid)
        time.sleep(0.3)
        for number in range(12):
            watched.look(number * 0.25)
            time.sleep(0.25)
    finally:
        process.kill()
        process.wait()
    with pytest.raises(AssertionError):
        watched.bounded()
