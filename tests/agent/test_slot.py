"""The agent asks before it loads a shared line: what each answer means for the test."""

import asyncio
import json
import os
import random
import subprocess
import sys
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest

from agent.config import Config
from agent.heavy import MAX_PUT_OFFS, HeavyTests
from agent.identity import Enrolment
from agent.ration import Ration
from agent.slot import Leave, NotNow, SlotDesk, WhenUnreachable
from agent.slot_request import request_for, wants_slot
from agent.waiting import set_within
from tests.agent.slot_tokens import Signer, key_file, now_token
from tests.agent.spooling import measurement
from wire.failure import Failure, FailureCode
from wire.measurement import Fields, Measurement
from wire.planning.cost import Budget
from wire.planning.planned import Planned
from wire.planning.schedule import Slot
from wire.planning.timetable import Blackout, Window
from wire.slots import RELEASE_PATH, SlotReply, decode_request, encode_reply

NOW = datetime(2026, 5, 11, 0, 30, tzinfo=UTC)  # 09:30 in Tokyo
SLOT_ID = "5ad9503e-0000-4000-8000-00000000000a"
TOKEN = Signer().sign(now_token())
HEAVY = Planned(
    probe="throughput",
    target="centre.example:4443",
    windows=(Window(days=frozenset(range(7)), from_seconds=0, to_seconds=86_400, runs=4),),
)
GRANTED = encode_reply(SlotReply(status="granted", token=TOKEN, slot_id=SLOT_ID))


def waiting(seconds: float) -> bytes:
    """A reply that says when to come back."""
    return encode_reply(SlotReply(status="wait", wait_seconds=seconds, reason="the line is taken"))


@dataclass
class Centre:
    """A collector that answers as a test says."""

    answers: list[httpx.Response | type[Exception]]
    asked: list[httpx.Request] = field(default_factory=list)
    released: list[str] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request; the last answer stays."""
        if request.url.path == RELEASE_PATH:
            self.released.append(json.loads(request.content)["slot_id"])
            return httpx.Response(204, stream=httpx.ByteStream(b""))
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, type):
            raise answer("not reached")
        return httpx.Response(answer.status_code, stream=httpx.ByteStream(answer.content))

    def desk(self, when_unreachable: WhenUnreachable = "defer") -> SlotDesk:
        """What the agent asks it with."""
        enrolment = Enrolment(collector="https://collector.example", token="the agent's secret")
        client = httpx.AsyncClient(transport=httpx.MockTransport(self))
        return SlotDesk(enrolment, client, random.Random(1), when_unreachable)


def ask(centre: Centre, when_unreachable: WhenUnreachable = "defer") -> Leave | NotNow:
    """One question."""
    return asyncio.run(centre.desk(when_unreachable).ask(HEAVY, 1e9))


@pytest.mark.parametrize(
    ("answer", "when_unreachable", "meant"),
    [
        (httpx.Response(200, content=GRANTED), "defer", Leave(TOKEN, SLOT_ID)),
        (httpx.Response(200, content=b'{"status":"not_needed"}'), "defer", Leave()),
        (httpx.Response(200, content=waiting(20)), "defer", NotNow("the line is taken", 20.0)),
        (httpx.Response(200, content=b'{"status":"refused","reason":"over"}'), "defer", "over"),
        # a collector without slots; a page in between; a collector in trouble; nobody
        (httpx.Response(404, content=b'{"detail":"Not Found"}'), "defer", Leave()),
        (httpx.Response(404, content=b"<html>blocked"), "defer", "no answer about a slot"),
        (httpx.Response(200, content=b"<html>blocked"), "measure", "somebody else answered"),
        (httpx.Response(503, content=b'{"detail":"busy"}'), "defer", "no answer about a slot"),
        (httpx.Response(503, content=b'{"detail":"busy"}'), "measure", Leave()),
        (httpx.ConnectError, "defer", "ConnectError"),
        (httpx.ConnectError, "measure", Leave()),
        (httpx.ReadTimeout, "defer", "no reply in time"),
        (httpx.Response(401, content=b'{"detail":"who"}'), "defer", "HTTP 401"),
    ],
)
def test_answers(
    answer: httpx.Response | type[Exception],
    when_unreachable: WhenUnreachable,
    meant: Leave | NotNow | str,
) -> None:
    """Each answer, and none, is leave or a reason; the default without an answer is to defer."""
    found = ask(Centre([answer]), when_unreachable)
    if isinstance(meant, str):
        assert isinstance(found, NotNow)
        assert meant in found.reason
        assert found.wait_seconds is None
        assert found.failure().code is FailureCode.NO_SLOT
    else:
        assert found == meant


def test_asked_again_with_the_same_id() -> None:
    """Where the reply was lost the same request is repeated once, and no more often."""
    centre = Centre([httpx.ReadError, httpx.Response(200, content=GRANTED)])
    assert ask(centre) == Leave(TOKEN, SLOT_ID)
    first, second = (decode_request(request.content) for request in centre.asked)
    assert first == second
    centre = Centre([httpx.ReadError])
    ask(centre)
    assert len(centre.asked) == 2


def test_what_is_asked_for() -> None:
    """Kinds, flows, seconds and bytes follow from the test's own options."""
    one_way = replace(HEAVY, options={"direction": "upload", "seconds": 5, "flows": 8})
    found = request_for(one_way, 1e8, SLOT_ID)
    assert (found.kinds, found.flows, found.seconds) == (("upload",), 8, 13)
    assert found.quota_bytes > 1e8 * 5 / 8
    assert request_for(HEAVY, 1e9, SLOT_ID).seconds == 28
    stamp = Planned(probe="stamp", target="centre.example:862")
    assert request_for(stamp, 1e9, SLOT_ID).kinds == ("stamp",)
    assert wants_slot(stamp)
    assert not wants_slot(replace(stamp, options={"session": "none"}))
    assert not wants_slot(Planned(probe="iperf3", target="iperf.example:5201"))


def test_no_secret_is_shown() -> None:
    """Neither the agent's secret nor a token is in what may reach a log."""
    assert TOKEN not in repr(Leave(TOKEN, SLOT_ID))
    assert TOKEN not in repr(SlotReply(status="granted", token=TOKEN))


# --- heavy tests --------------------------------------------------------------------------------


@dataclass
class Around:
    """A runner that notes what heavy tests do."""

    at: datetime = NOW
    measured: list[str | None] = field(default_factory=list)
    recorded: list[tuple[Failure, Fields]] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    def now(self) -> datetime:
        """The time to go by."""
        return self.at

    def clock_is_usable(self) -> bool:
        """Always."""
        return True

    def stopping(self) -> bool:
        """Where a test says so."""
        return self.stop.is_set()

    async def stopped_within(self, seconds: float) -> bool:
        """Wait."""
        self.waits.append(seconds)
        return await set_within(self.stop, seconds)

    def why_suppressed(self) -> str | None:
        """Never."""
        return None

    def why_not_now(self, _planned: Planned) -> Failure | None:
        """Any time."""
        return None

    def miss(self, count: int, why: str) -> None:
        """Nothing may be missed here."""
        raise AssertionError((count, why))

    def planned_today(self) -> tuple[Slot, ...]:
        """Nothing else."""
        return ()

    async def measure(
        self, _planned: Planned, _context: Fields, token: str | None = None
    ) -> Measurement | None:
        """Note the token."""
        self.measured.append(token)
        return measurement("throughput")

    async def record(self, _planned: Planned, failure: Failure, context: Fields) -> None:
        """Note the reason."""
        self.recorded.append((failure, context))

    async def appliance_context(self, _target: str) -> Fields:
        """Nothing."""
        return {}


def heavy(around: Around, centre: Centre, blackouts: tuple[Blackout, ...] = ()) -> HeavyTests:
    """Heavy tests that ask this centre."""
    config = Config(tests=(HEAVY,), zone=ZoneInfo("Asia/Tokyo"), blackouts=blackouts)
    ration = Ration(Budget(), config.tests, config.timetable, "seed", None)
    made = HeavyTests(config, ration, around, None, random.Random(1))
    made.slots = centre.desk()
    return made


def slot(**changes: object) -> Slot:
    """A slot of now."""
    whole = Slot(NOW, 0, NOW + timedelta(minutes=10))
    return replace(whole, **changes)  # type: ignore[arg-type] # names of fields


def test_granted_runs_and_is_given_back() -> None:
    """A test that was granted runs with its token; its slot is given back when it has ended."""
    around, centre = Around(), Centre([httpx.Response(200, content=GRANTED)])
    asyncio.run(heavy(around, centre).run_slot(slot()))
    assert around.measured == [TOKEN]
    assert centre.released == [SLOT_ID]


def test_told_to_wait_comes_back_then() -> None:
    """One that has to wait is planned anew at that moment, and not recorded as deferred yet."""
    around, centre = Around(), Centre([httpx.Response(200, content=waiting(40))])
    tests = heavy(around, centre)
    asyncio.run(tests.run_slot(slot()))
    assert [(one.at, one.attempt) for one in tests.retries] == [(NOW + timedelta(seconds=40), 1)]
    assert not around.measured
    assert not around.recorded


@pytest.mark.parametrize(
    ("given", "blackouts"),
    [
        (slot(until=NOW + timedelta(seconds=39)), ()),
        (slot(attempt=MAX_PUT_OFFS), ()),
        (
            slot(),
            (
                Blackout(
                    first=NOW.date(),
                    last=NOW.date(),
                    from_seconds=9 * 3600 + 31 * 60,
                    to_seconds=10 * 3600,
                    reason="exam",
                ),
            ),
        ),
    ],
)
def test_waiting_is_bounded(given: Slot, blackouts: tuple[Blackout, ...]) -> None:
    """Beyond its window, after too many tries, into an exam: nothing is put off, but deferred."""
    around, centre = Around(), Centre([httpx.Response(200, content=waiting(40))])
    tests = heavy(around, centre, blackouts)
    asyncio.run(tests.run_slot(given))
    assert tests.retries == []
    ((failure, context),) = around.recorded
    assert failure.code is FailureCode.NO_SLOT
    assert failure.text == "the line is taken"
    assert context["put_off_count"] == given.attempt


def test_unreachable_is_deferred_and_never_caught_up() -> None:
    """Twenty slots in an outage are twenty deferred results, and nothing waits for its end."""
    around, centre = Around(), Centre([httpx.ConnectError])
    tests = heavy(around, centre)
    for _ in range(20):
        asyncio.run(tests.run_slot(slot()))
    assert len(around.recorded) == 20
    assert tests.retries == []
    centre.answers = [httpx.Response(200, content=GRANTED)]
    asyncio.run(tests.run_slot(slot()))
    assert around.measured == [TOKEN]


def test_a_stop_during_the_look_at_the_line_asks_for_no_slot() -> None:
    """A collector that says nothing would hold up the end."""
    around, centre = Around(), Centre([httpx.Response(200, content=GRANTED)])

    def stopped() -> tuple[Slot, ...]:
        around.stop.set()
        return ()

    around.planned_today = stopped  # type: ignore[method-assign] # an end is asked for meanwhile
    asyncio.run(heavy(around, centre).run_slot(slot()))
    assert not centre.asked
    assert not around.measured


def test_a_stop_does_not_wait_for_a_slot() -> None:
    """A test that was asked for waits for its turn; an end is heard at once, and nothing runs."""
    around, centre = Around(), Centre([httpx.Response(200, content=waiting(60))])

    async def stopped() -> None:
        asking = asyncio.create_task(heavy(around, centre).run_command(HEAVY, {}))
        async with asyncio.timeout(5.0):
            while not around.waits:  # noqa: ASYNC110 - it tells no more
                await asyncio.sleep(0.01)
            around.stop.set()
            await asking

    asyncio.run(stopped())
    assert around.waits == [60.0]
    assert not around.measured


def test_a_collector_that_says_no_pause_is_not_asked_without_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """'Come back in 0 s', again and again: bounded by the patience all the same."""
    monkeypatch.setattr("agent.heavy.PATIENCE_SECONDS", 3.0)
    monkeypatch.setattr("agent.heavy.SHORTEST_WAIT_SECONDS", 0.1)
    around, centre = Around(), Centre([httpx.Response(200, content=waiting(0))])

    async def bounded() -> None:
        async with asyncio.timeout(20.0):
            await heavy(around, centre).run_command(HEAVY, {})

    asyncio.run(bounded())
    assert len(centre.asked) <= 32
    ((failure, _),) = around.recorded
    assert failure.code is FailureCode.NO_SLOT


# --- the command --------------------------------------------------------------------------------


def run(*words: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run hakaru-agent measure."""
    return subprocess.run(
        [sys.executable, "-m", "agent.cli", "measure", *words],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


def test_token_by_file_standard_input_and_environment(tmp_path: Path) -> None:
    """Three tokens in three ways admit three tests; the same one again is named as used."""
    signer = Signer()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "agent.cli", "responder", "--listen", "127.0.0.1:0"),
            *("--collector-key", str(key_file(tmp_path, signer))),
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        port = process.stderr.readline().partition(" port ")[2].partition(",")[0]
        words = ("throughput", "--target", f"127.0.0.1:{port}", "--seconds", "3", "--flows", "2")
        words = (*words, "--direction", "download", "--json")
        first, second, third = (signer.sign(now_token(number)) for number in (1, 2, 3))
        file = tmp_path / "token"
        file.write_text(first + "\n")
        for done in (
            run(*words, "--token", str(file)),
            run(*words, "--token", "-", stdin=second),
            run(*words, HAKARU_SLOT_TOKEN=third),
        ):
            assert done.returncode == 0, done.stdout + done.stderr
            assert json.loads(done.stdout)["values"]["download_bps"] > 0
            assert first[20:60] not in done.stdout + done.stderr
        again = run(*words, "--token", str(file))
        failure = json.loads(again.stdout)["failure"]
        assert failure["code"] == "not_admitted"
        assert "token used already" in failure["text"]
    finally:
        process.terminate()
        process.communicate()


def test_a_token_that_is_none(tmp_path: Path) -> None:
    """A file that is missing or holds something else is named; nothing is measured."""
    (tmp_path / "token").write_text("not a token")
    for name, said in (("token", "another kind of token"), ("missing", "No such file")):
        done = run("throughput", "--target", "127.0.0.1:9", "--token", str(tmp_path / name))
        assert done.returncode == 1
        assert said in done.stderr
