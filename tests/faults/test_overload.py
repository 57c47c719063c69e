"""C3: ten times the load: what is too much is told when to come again; the rest goes on."""

import asyncio
import contextlib
import hashlib
import signal
import socket
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from collector.server import HEADER_SECONDS, MAX_CONNECTIONS, SHED_SECONDS
from collector.store import create_store
from tests.collector.conftest import a_school
from tests.faults.lives import Collector, stored_ids
from tests.faults.load import BATCH, Batch, Done, bodies, storm
from tests.faults.machine import Meter, most_memory_bytes
from wire.ids import uuid4

pytestmark = [pytest.mark.faults, pytest.mark.alone]
CLIENTS = 50
"""More than enough to keep the collector busy: its peak."""
TIMES = 10
IDLE = 700
"""Connections that say nothing; with ten times the clients, more than are let in."""
UNREAD = 5
"""Of them, those that ask and never read: few, since a reply costs as much as a batch."""
ROUNDS = 3
OTHERS_RATIO = 0.1
"""Of the machine: with more taken by others a round is not quiet."""
PEAK_SECONDS = 3.0
FLOOD_SECONDS = 4.0
BATCHES_A_SECOND = 700
"""Twice what this collector takes on two processors: so many are made before each window."""
MIB = 1 << 20
SENDERS = [(uuid4(number + 1), f"the-token-of-agent-{number:04d}") for number in range(CLIENTS)]


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    """A running collector with one agent at each of many schools."""
    url = f"sqlite:///{tmp_path}/hakaru.db"
    store = create_store(url)
    store.import_schools([a_school(f"S{number:03d}") for number in range(CLIENTS)])
    for number, (agent_id, token) in enumerate(SENDERS):
        store.add_enrolment_code(
            f"S{number:03d}", f"code {number}", datetime.now(UTC) + timedelta(days=1)
        )
        store.enrol(
            code_sha256=f"code {number}",
            agent_id=agent_id,
            token_sha256=hashlib.sha256(token.encode()).hexdigest(),
            now=datetime.now(UTC),
        )
    store.close()
    made = Collector(url)
    made.start()
    yield made
    made.clean_up()


@dataclass
class Window:
    """What came of some seconds of load."""

    done: Done
    others_ratio: float
    """Share of the machine that others took."""

    @property
    def goodput(self) -> float:
        """Results a second."""
        return self.done.statuses["200"] * BATCH / self.done.seconds

    @property
    def goodput_of_rest(self) -> float:
        """Results a second of what others left of the machine."""
        return self.goodput / max(0.05, 1 - self.others_ratio)


@dataclass(frozen=True)
class Round:
    """A flood between the peaks before and after it: both meet the same size of the database."""

    before: Window
    flood: Window
    after: Window

    @property
    def quiet(self) -> bool:
        """Whether others left the machine to it."""
        windows = (self.before, self.flood, self.after)
        return max(window.others_ratio for window in windows) <= OTHERS_RATIO

    @property
    def ratio(self) -> float:
        """Goodput of the flood by that of the peak."""
        return 2 * self.flood.goodput / (self.before.goodput + self.after.goodput)

    @property
    def ratio_of_rest(self) -> float:
        """The same of what others left."""
        peak = (self.before.goodput_of_rest + self.after.goodput_of_rest) / 2
        return self.flood.goodput_of_rest / peak


@dataclass
class Supply:
    """Batches to deliver. They are made between windows: nothing but the load runs in one."""

    made: Iterator[Batch]
    waiting: deque[Batch] = field(default_factory=deque)

    def fill(self, seconds: float) -> "deque[Batch]":
        """Give enough for some seconds."""
        missing = int(seconds * BATCHES_A_SECOND) - len(self.waiting)
        self.waiting.extend(islice(self.made, max(0, missing)))
        return self.waiting


def run(collector: Collector, supply: Supply, clients: int, seconds: float) -> Window:
    """Load for some seconds."""
    assert collector.process is not None
    pid, waiting = collector.process.pid, supply.fill(seconds)
    before = Meter.read(pid)
    done = asyncio.run(storm(collector.port, waiting, clients, seconds))
    assert waiting, "too few batches were prepared"
    return Window(done, Meter.read(pid).others_ratio(before))


def slow_clients(port: int, silent: int, unread: int = 0) -> list[socket.socket]:
    """Some that say nothing or never end their headers; some that never read what they ask for."""
    made = []
    for number in range(silent + unread):
        one = socket.socket()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.connect(("127.0.0.1", port))
        one.settimeout(10)
        with contextlib.suppress(OSError):
            if number >= silent:
                one.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 10)
            elif number % 10 == 1:
                one.sendall(b"GET / HTTP/1.1\r\nX-Slow: ")
        made.append(one)
    return made


@pytest.mark.timeout(400)
def test_ten_times_the_load_is_shed_and_survived(collector: Collector, case: Any) -> None:
    """Goodput stays, memory is bounded, every refusal says when to return, and it recovers.

    Floods and peaks by turns: the database grows, so that each flood is compared with the peaks
    beside it. Where others take part of the machine more rounds are made, at most three more;
    if quiet ones are still too few, what others left is what is compared.
    """
    assert collector.process is not None
    pid = collector.process.pid
    made = bodies(SENDERS, sys.maxsize, 1)
    supply, last = Supply(made), next(made)
    run(collector, supply, CLIENTS, 3.0)  # warm
    before = most_memory_bytes(pid)
    peak = run(collector, supply, CLIENTS, PEAK_SECONDS)
    rounds: list[Round] = []
    slow: list[socket.socket] = []
    unread_since = time.monotonic()
    unread = slow_clients(collector.port, 0, UNREAD)
    recovered_seconds = 0.0
    while sum(one.quiet for one in rounds) < ROUNDS and len(rounds) < 2 * ROUNDS:
        for one in slow:
            one.close()
        # the first is long enough for those that were shed to come back all at once
        seconds = FLOOD_SECONDS if rounds else SHED_SECONDS + FLOOD_SECONDS
        supply.fill(seconds)
        slow = slow_clients(collector.port, IDLE - UNREAD)
        slow_since = time.monotonic()
        flood = run(collector, supply, CLIENTS * TIMES, seconds)
        recovered_seconds = max(recovered_seconds, recover(collector, last))
        after = run(collector, supply, CLIENTS, PEAK_SECONDS)
        rounds.append(Round(peak, flood, after))
        peak = after
    grown = most_memory_bytes(pid) - before
    statuses = sum((one.flood.done.statuses for one in rounds), Counter[str]())
    shed = statuses["429"] + statuses["503"]
    quiet = [one.ratio for one in rounds if one.quiet]
    enough = len(quiet) >= ROUNDS
    ratio = median(quiet if enough else [one.ratio_of_rest for one in rounds])
    cut = cut_off(slow, slow_since + HEADER_SECONDS + 20)
    cut += cut_off(unread, unread_since + HEADER_SECONDS + 90)
    assert collector.end(signal.SIGTERM) == 0
    stored = stored_ids(collector.url)
    case(
        "C3",
        f"{TIMES} x {CLIENTS} clients and {IDLE} slow ones on {MAX_CONNECTIONS} connections",
        runs=len(rounds),
        lost=None,
        duplicates=len(stored) - len(set(stored)),
        other=f"shed {shed}, goodput {ratio:.0%} of peak "
        f"{'a second' if enough else 'of what others left of the machine'} "
        f"({', '.join(f'{one.ratio:.0%}' for one in rounds)}), memory +{grown / MIB:.0f} MiB, "
        f"back after {recovered_seconds:.1f} s, {cut} of {IDLE} slow clients cut off; "
        f"replies {dict(statuses)}",
    )
    # of each flood what is too much, again where it comes back: not those that there is room for
    excess = IDLE + TIMES * CLIENTS - MAX_CONNECTIONS
    assert 0 < shed <= excess * (len(rounds) + 1)
    assert sum(one.flood.done.shed_without_retry_after for one in rounds) == 0
    assert ratio >= 0.8
    assert grown < 300 * MIB
    assert recovered_seconds < 60
    assert cut == IDLE


def recover(collector: Collector, batch: Batch) -> float:
    """Seconds until a batch is taken after a flood."""
    ended = time.monotonic()
    while not run_one(collector, batch).statuses["200"]:
        assert time.monotonic() - ended < 60
        time.sleep(0.2)
    return time.monotonic() - ended


def run_one(collector: Collector, batch: Batch) -> Done:
    """One batch by one client."""
    return asyncio.run(storm(collector.port, deque([batch]), 1, 1.0))


def cut_off(connections: list[socket.socket], until: float) -> int:
    """How many the collector ends by then."""
    left = set(connections)
    for one in connections:
        one.setblocking(False)
    while left and time.monotonic() < until:
        for one in list(left):
            try:
                while one.recv(1 << 16):
                    pass
                left.discard(one)
            except BlockingIOError:
                continue
            except OSError:
                left.discard(one)
        time.sleep(0.5)
    for one in connections:
        one.close()
    return len(connections) - len(left)
