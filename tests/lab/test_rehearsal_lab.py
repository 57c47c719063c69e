"""A rehearsal through a real bottleneck: three schools of 40 Mbit/s behind a link of 60."""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest

from collector import resources
from collector.judge.calendar_file import load_calendars
from collector.slots import rows
from collector.slots.bottleneck import Verdict
from collector.slots.decide import Responder
from collector.slots.grant import Desk
from collector.slots.keys import SlotKeys, public_keys
from collector.slots.rehearse import Wanted, begin, stop_all
from collector.slots.seen import seen
from collector.store import create_store
from collector.store.interface import Batch, Store
from tests.collector.conftest import Maker, a_school
from tests.lab.netns import GOODPUT_RATIO, Host, Link, Rate, branch, chain
from wire.ids import uuid4
from wire.rehearsal import ID, ROUND
from wire.slot_token import write_key
from wire.slots import SlotRequest

pytestmark = pytest.mark.lab

AGENT = (sys.executable, "-m", "agent.cli")
ACCESS = Rate(40_000_000)
SHARED = Rate(60_000_000)
CODES = ("N1", "N2", "N3")


def now() -> datetime:
    """The clock of this machine."""
    return datetime.now(UTC)


@dataclass
class Lab:
    """A collector's store and desk, a responder and the hosts of three schools."""

    store: Store
    desk: Desk
    target: str
    hosts: dict[str, Host]
    make: Maker
    asked: int = 0

    def ask(self, code: str, seconds: int, rehearsal: str | None = None) -> Any:
        """Ask for a slot as the agent of a school."""
        self.asked += 1
        request = SlotRequest(
            request_id=uuid4(self.asked),
            target=self.target,
            kinds=("download", "upload"),
            flows=2,
            seconds=seconds,
            quota_bytes=10**9,
            rehearsal=rehearsal,
        )
        school = self.store.school(code)
        assert school is not None
        return self.desk.ask(uuid4(CODES.index(code)), school, request, now())

    def begin(self, code: str, token: str, *words: str) -> "subprocess.Popen[str]":
        """Begin to measure at a school."""
        command = (*AGENT, "measure", "throughput", "--target", self.target, "--flows", "2")
        process = subprocess.Popen(
            self.hosts[code].command(*command, "--json", "--token", "-", *words),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdin is not None
        process.stdin.write(token)
        process.stdin.close()
        process.stdin = None
        return process

    def keep(self, code: str, record: dict[str, Any], context: dict[str, Any]) -> None:
        """Deliver a result."""
        assert record["outcome"] == "ok", record["failure"]
        row = self.make.row(
            school_code=code,
            agent_id=uuid4(CODES.index(code)),
            started_at=datetime.fromisoformat(record["started_at"]),
            download_bps=record["values"]["download_bps"],
            record=json.dumps({"context": context}).encode(),
        )
        self.store.submit(Batch(row.agent_id, now(), [row])).result(30)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """The laboratory."""
    with contextlib.ExitStack() as stack:
        links = [Link(down=ACCESS), Link(down=SHARED, up=SHARED)]
        first, router, centre = stack.enter_context(chain(links))
        hosts = [first, *(branch(router, centre, index, ACCESS) for index in (1, 2))]
        store = create_store(f"sqlite:///{tmp_path}/store.db")
        stack.callback(store.close)
        target = f"{centre.address}:4443"
        store.import_schools([a_school(code, aggregation_group="north") for code in CODES])
        far_end = Responder(name="centre", target=target, capacity_bps=10**9, capacity_tests=9)
        store.write(lambda sql: rows.save_responder(sql, far_end, now()))
        keys = SlotKeys(tmp_path / "keys")
        keys.ensure(store, "test", now())
        public = tmp_path / "collector.keys"
        public.write_text("".join(write_key(one.public) for one in store.read(public_keys)))
        words = ("responder", "--listen", target, "--collector-key", str(public))
        responder = stack.enter_context(
            subprocess.Popen(centre.command(*AGENT, *words), stderr=subprocess.PIPE, text=True)
        )
        stack.callback(responder.terminate)
        assert responder.stderr is not None
        assert "holders of tokens for centre" in responder.stderr.readline()
        desk = Desk(store, keys, Random(1))
        yield Lab(store, desk, target, dict(zip(CODES, hosts, strict=True)), Maker())


def ended(process: "subprocess.Popen[str]") -> dict[str, Any]:
    """The result of a measurement."""
    output, _ = process.communicate(timeout=50)
    found: dict[str, Any] = json.loads(output)
    return found


@pytest.mark.timeout(120)
def test_the_shared_bottleneck_is_named(lab: Lab) -> None:
    """Alone each school gets its 40 Mbit/s; all at once they share 60, and that is what is said.

    Before the rehearsal one test at a time is granted on the upstream, in it all at once. After
    the word to stop nobody is granted any more, and the test under way is ended by the responder
    when the seconds of its token are over.
    """
    one_way = ("--seconds", "3", "--direction", "download")
    for code in CODES:
        leave = lab.ask(code, 10)
        other = CODES[CODES.index(code) - 1]
        assert lab.ask(other, 10).status == "wait"
        lab.keep(code, ended(lab.begin(code, leave.token, *one_way)), {})
        assert lab.desk.release(uuid4(CODES.index(code)), leave.slot_id, now())
        lab.store.write(lambda sql: sql.execute("DELETE FROM slot_wait"))  # it does not come back
    wanted = Wanted(group="north", minutes=1, in_lessons=True, lead_seconds=0.0)
    calendars = load_calendars(resources.default_calendar())
    made = begin(lab.store, calendars, wanted, "cli:test", now(), Random(2))
    for number in range(2):
        leaves = {code: lab.ask(code, 10, made.rehearsal_id) for code in CODES}
        running = {code: lab.begin(code, leave.token, *one_way) for code, leave in leaves.items()}
        for code, process in running.items():
            lab.keep(code, ended(process), {ID: made.rehearsal_id, ROUND: number})
            lab.desk.release(uuid4(CODES.index(code)), leaves[code].slot_id, now())
    shares, together = seen(lab.store, made)
    print({share.code: (share.middle_bps, share.alone_bps) for share in shares}, together)
    assert together.verdict is Verdict.SHARED
    assert together.sum_bps == pytest.approx(SHARED.bps * GOODPUT_RATIO, rel=0.15)
    assert together.alone_sum_bps == pytest.approx(3 * ACCESS.bps * GOODPUT_RATIO, rel=0.15)

    last = lab.ask("N1", 3, made.rehearsal_id)
    begun = time.monotonic()
    process = lab.begin("N1", last.token, "--seconds", "10", "--direction", "download")
    assert stop_all(lab.store, "cli:test", now()) == 1
    assert lab.ask("N2", 10, made.rehearsal_id).reason == "the rehearsal was stopped"
    failure = ended(process)["failure"]
    assert failure["code"] == "not_admitted"
    assert "seconds of this token are over" in failure["text"]
    assert time.monotonic() - begun < 9
