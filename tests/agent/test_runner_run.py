"""``hakaru-agent run``, ``status`` and what they say, as commands."""

import asyncio
import itertools
import json
import random
import signal
import socket
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from agent import cli, runner, status_file
from agent.commands import run as run_command
from agent.config import Config, Planned
from agent.delivery import Delivery
from agent.identity import Enrolment, Identity, save
from agent.parts import Parts
from agent.push import Pusher, PushSettings, new_client
from agent.runner import Runner
from agent.state import is_running, locked, prepare, state_directory
from agent.status import earlier_delivery
from tests.agent.spooling import FakeClock, measurement, open_spool
from tests.agent.stub import Collector, Stub, http
from wire.measurement import Measurement
from wire.planning.schedule import Window

TOKEN = "canary-token-0123456789abcdef0123456789"
CHILD = (sys.executable, str(Path(__file__).parent / "childish.py"))
AGENT = "6f1d3c52-90ab-4c6e-8a51-2f0f5b0c7d11"
LEAVE_SECONDS = run_command.LEAVE_SECONDS


@pytest.fixture(autouse=True)
def _paths(monkeypatch: pytest.MonkeyPatch) -> None:
    """Children find the same packages as this process does, which no agent in it may end."""
    monkeypatch.setenv("PYTHONPATH", ":".join(path for path in sys.path if path))
    monkeypatch.setattr(run_command, "LEAVE_SECONDS", 600.0)


def enrolled(directory: Path, url: str) -> Path:
    """A state directory with an identity."""
    state = prepare(directory / "state")
    active = Enrolment(collector=url, token=TOKEN, school_code="E001", school_name="第一小学校")
    save(state, Identity(agent_id=AGENT, active=active))
    return state


CONFIG = Config(
    tests=(
        Planned(probe="latency", target="192.0.2.1"),
        Planned(probe="latency", target="refused"),
    )
)


def test_once_measures_delivers_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each test once, a line a result, failed ones too; exit 0 when all was delivered."""
    collector = Collector()
    with Stub(collector) as stub:
        state = enrolled(tmp_path, stub.url)
        assert run_command.live(CONFIG, state, once=True, command=CHILD) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("latency to 192.0.2.1: rtt_median_seconds 1.00 ms [")
    assert printed[1].startswith("latency to refused: failed: connection_refused during connect")
    assert printed[2] == "all delivered"
    assert sorted(str(each["outcome"]) for each in collector.stored.values()) == ["failed", "ok"]
    assert {each["agent_id"] for each in collector.stored.values()} == {AGENT}
    assert cli.main(["status", "--json", "--state", str(state)]) == 0
    status = json.loads(capsys.readouterr().out)
    assert status["delivery"]["state"] == "ok"
    assert status["spool"]["waiting_count"] == 0
    assert status["school"]["code"] == "E001"
    assert status["running"] is False


def test_once_keeps_what_it_cannot_deliver_and_gives_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A block page instead of the collector: exit 1, results kept, delivered the next time."""
    with Stub(lambda _: http(200, "<html>blocked</html>")) as stub:
        state = enrolled(tmp_path, stub.url)
        assert run_command.live(CONFIG, state, once=True, command=CHILD) == 1
    assert "not all delivered, 2 wait: not an acknowledgement" in capsys.readouterr().err
    collector = Collector()
    with Stub(collector) as stub:
        enrolled(tmp_path, stub.url)
        assert run_command.live(CONFIG, state, once=True, command=CHILD) == 0
    assert len(collector.stored) == 4


def told_delivery(state: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, str | None]:
    """What ``status --json`` says of delivery."""
    capsys.readouterr()
    assert cli.main(["status", "--json", "--state", str(state)]) == 0
    told: dict[str, str | None] = json.loads(capsys.readouterr().out)["delivery"]
    return told


def test_status_tells_of_a_failed_once_and_of_deliveries_before_a_restart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each outcome is written, and the next life begins with what the former ones knew."""
    collector = Collector()
    good = True
    with Stub(lambda got: collector(got) if good else http(503, "")) as stub:
        state = enrolled(tmp_path, stub.url)
        assert run_command.live(CONFIG, state, once=True, command=CHILD) == 0
        first = told_delivery(state, capsys)
        assert first["state"] == "ok"
        assert first["last_delivery_at"] is not None
        good = False
        assert run_command.live(CONFIG, state, once=True, command=CHILD) == 1
    second = told_delivery(state, capsys)
    assert second["state"] == "backing_off"
    assert "503" in str(second["detail"])
    assert second["last_failure_at"] is not None
    assert second["retry_at"] is None
    assert second["last_delivery_at"] == first["last_delivery_at"]


def test_deliveries_to_another_collector_and_damaged_files_are_not_recalled(
    tmp_path: Path,
) -> None:
    """What is recalled is of this collector and readable; all else begins fresh."""
    path = tmp_path / "status.json"
    good = {
        "collector": "https://a.example",
        "delivery": {
            "state": "ok",
            "detail": "",
            "last_delivery_at": "2026-05-11T00:30:00.000000Z",
            "last_failure_at": None,
        },
    }

    def recall(text: str, collector: str = "https://a.example") -> Delivery:
        path.write_text(text, encoding="utf-8", errors="surrogateescape")
        return earlier_delivery(status_file.read(tmp_path, None), collector)

    assert recall(json.dumps(good), "https://b.example") == Delivery()
    recalled = recall(json.dumps(good))
    assert recalled.last_delivery_at == datetime(2026, 5, 11, 0, 30, tzinfo=UTC)
    assert recalled.state == "ok"
    assert status_file.read(tmp_path / "none", None) == {}
    assert earlier_delivery({}, "https://a.example") == Delivery()
    delivery = good["delivery"]
    assert isinstance(delivery, dict)
    for damage in (
        {"state": "splendid"},
        {"last_delivery_at": 5},
        {"last_delivery_at": "2026-05-11T00:30:00"},
    ):
        assert recall(json.dumps({**good, "delivery": {**delivery, **damage}})) == Delivery()
    for text in ("", "[]", "{}", "\udcff", '{"collector": "https://a.example", "delivery": 1}'):
        assert recall(text) == Delivery()


def test_run_without_enrolment_says_how_to_enrol(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 1 and the command to type."""
    assert run_command.live(CONFIG, tmp_path / "new", once=True) == 1
    assert "hakaru-agent enrol --collector" in capsys.readouterr().err


def test_run_with_bad_configuration_ends_with_the_mistake(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2 and the file's name."""
    path = tmp_path / "agent.toml"
    path.write_text("zone = 1")
    assert cli.main(["run", "--config", str(path), "--state", str(tmp_path / "s")]) == 2
    assert f"{path}: zone: found 1" in capsys.readouterr().err


def test_second_agent_is_turned_away_and_status_sees_the_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The lock is the kernel's; status asks without taking it."""
    state = enrolled(tmp_path, "https://collector.example")
    with locked(state):
        assert is_running(state)
        assert run_command.live(CONFIG, state, once=True) == 1
    assert "another hakaru-agent works in" in capsys.readouterr().err
    assert not is_running(state)


_WITH_A_RESOLVER_THAT_HANGS = """
import pathlib, socket, sys, time
from zoneinfo import ZoneInfo
from agent.commands import run
from agent.config import Config

def hangs(*_, **__):
    print("asked", flush=True)
    time.sleep(60)

socket.getaddrinfo = hangs
sys.exit(run.live(Config(tests=(), zone=ZoneInfo("UTC")), pathlib.Path(sys.argv[1])))
"""


def test_a_resolver_that_hangs_does_not_hold_up_the_end(tmp_path: Path) -> None:
    """No network, and the machine is shut down: a clean end within what STOP_SECONDS says."""
    state = enrolled(tmp_path, "https://collector.example")
    with subprocess.Popen(
        [sys.executable, "-c", _WITH_A_RESOLVER_THAT_HANGS, str(state)], stdout=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"asked\n"
            process.terminate()
            assert process.wait(runner.STOP_SECONDS + LEAVE_SECONDS + 5.0) == 0
        finally:
            process.kill()
    assert not is_running(state)


_WITH_A_BUG_AND_A_THREAD_THAT_HANGS = """
import asyncio, pathlib, sys, time
from agent.commands import run
from agent.config import Config

async def breaks(_runner):
    asyncio.get_running_loop().run_in_executor(None, time.sleep, 60)
    raise RuntimeError("odd")

run.Runner.run = breaks
sys.exit(run.live(Config(tests=()), pathlib.Path(sys.argv[1])))
"""


def test_an_error_ends_it_also_while_a_thread_hangs(tmp_path: Path) -> None:
    """The service manager starts it anew only when it has ended; the error is in the log."""
    state = enrolled(tmp_path, "https://collector.example")
    ended = subprocess.run(
        [sys.executable, "-c", _WITH_A_BUG_AND_A_THREAD_THAT_HANGS, str(state)],
        capture_output=True,
        timeout=30.0,
        check=False,
    )
    assert ended.returncode == 1
    assert b"RuntimeError: odd" in ended.stderr


def test_once_can_be_interrupted_while_it_delivers(tmp_path: Path) -> None:
    """A collector that takes the results and says nothing: Ctrl-C is heard, and they are kept."""
    config = tmp_path / "agent.toml"
    config.write_text('[[tests]]\nprobe = "latency"\ntarget = "127.0.0.1"\n')
    with socket.create_server(("127.0.0.1", 0)) as silent:
        state = enrolled(tmp_path, f"http://127.0.0.1:{silent.getsockname()[1]}")
        words = ("run", "--config", str(config), "--state", str(state), "--once")
        with subprocess.Popen(
            [sys.executable, "-m", "agent.cli", *words], stderr=subprocess.PIPE
        ) as process:
            try:
                silent.settimeout(60.0)
                while True:  # asked for the time of day first
                    connection, _ = silent.accept()
                    with connection:
                        if connection.recv(4096).startswith(b"POST /v1/measurements"):
                            process.send_signal(signal.SIGINT)
                            _, said = process.communicate(timeout=10.0)
                            break
            finally:
                process.kill()
    assert process.returncode == 1
    assert b"not all delivered, 1 wait: stopped" in said


def test_status_of_a_new_appliance_explains_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No identity, no spool: exit 0 and what to do first."""
    assert cli.main(["status", "--state", str(tmp_path)]) == 0
    assert "not enrolled; enrol first: hakaru-agent enrol" in capsys.readouterr().out


def test_state_directory_is_chosen_in_the_documented_order(tmp_path: Path) -> None:
    """Option, HAKARU_STATE, the system's if it can be written, the user's own."""
    home, system, nowhere = tmp_path, tmp_path / "var", tmp_path / "none"
    system.mkdir()
    environment = {"HAKARU_STATE": "/a/b", "XDG_STATE_HOME": "/x"}
    assert state_directory("/given", environment, home, system) == Path("/given")
    assert state_directory(None, environment, home, system) == Path("/a/b")
    assert state_directory(None, {"XDG_STATE_HOME": "/x"}, home, system) == system
    assert state_directory(None, {"XDG_STATE_HOME": "/x"}, home, nowhere) == Path("/x/hakaru")
    assert state_directory(None, {}, home, nowhere) == home / ".local/state/hakaru"


class Recorder:
    """Stands in for supervise: notes what was measured, lets time pass, and stops the runner."""

    def __init__(self, clock: FakeClock, until: datetime) -> None:
        self.clock, self.until = clock, until
        self.at: list[datetime] = []
        self.runner: Runner | None = None

    def __call__(self, *_: object) -> Measurement:
        """Measure at once."""
        self.at.append(self.clock.now())
        return measurement()


def scheduled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jumps: dict[int, timedelta]
) -> list[datetime]:
    """Run two hours of schedule on a clock that is moved at each look; ``jumps`` are steps."""
    clock = FakeClock(datetime(2026, 5, 11, 1, 0, 1, tzinfo=UTC))
    window = Window(days=frozenset(range(7)), from_seconds=0, to_seconds=86_400, runs=288)
    config = Config(
        zone=ZoneInfo("UTC"),
        tests=(Planned(probe="latency", target="192.0.2.1", windows=(window,)),),
    )
    recorder = Recorder(clock, clock.now() + timedelta(hours=2))
    monkeypatch.setattr(runner, "supervise", recorder)
    looks = 0

    async def work() -> None:
        async with new_client(PushSettings()) as client:
            spool = open_spool(tmp_path, clock=clock)
            pusher = Pusher(
                spool,
                Enrolment(collector="https://collector.example", token=TOKEN),
                PushSettings(interval_seconds=86_400),
                client,
                clock,
                random.Random(1),
            )
            state = Identity(agent_id=AGENT)
            parts = Parts(
                config=config,
                identity=state,
                state_dir=tmp_path,
                spool=spool,
                pusher=pusher,
                clock=clock,
                random=random.Random(1),
            )
            life = Runner(parts)

            def pass_time(*_: object) -> float:
                nonlocal looks
                if life.running_count:  # what was started is recorded before time goes on
                    return 0.0
                looks += 1
                clock.forward(30.0)
                clock.moment += jumps.get(looks, timedelta())
                if looks > 240:
                    life.stop()
                return 0.0

            monkeypatch.setattr(runner, "seconds_to_next", pass_time)
            monkeypatch.setattr(pusher, "run", lambda stop: stop.wait())
            await life.run()
            spool.close()

    asyncio.run(work())
    assert threading.active_count() < 50
    return recorder.at


def test_schedule_runs_each_slot_once_and_on_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two hours of a slot in every five minutes: 24 measurements, one in each part."""
    at = scheduled(tmp_path, monkeypatch, {})
    parts = [int(moment.timestamp() // 300) for moment in at]
    assert 22 <= len(at) <= 25
    assert max(parts.count(part) for part in parts) <= 2


@pytest.mark.parametrize(
    "step", [timedelta(hours=1), timedelta(hours=-2), timedelta(days=400), timedelta(days=-400)]
)
def test_suspend_or_step_of_the_clock_causes_no_burst_and_no_stall(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: timedelta
) -> None:
    """After a jump at most one slot is made up for, and measuring goes on by the new time."""
    at = scheduled(tmp_path, monkeypatch, {120: step})
    near = [moment for moment in at if abs(moment - (at[0] + step)) < timedelta(days=2)]
    gaps = sorted(abs((later - sooner).total_seconds()) for sooner, later in itertools.pairwise(at))
    assert len(at) <= 26
    assert sum(gap < 60 for gap in gaps) <= 2
    if step > timedelta(0) or step < timedelta(days=-2):
        assert len(near) >= 9
