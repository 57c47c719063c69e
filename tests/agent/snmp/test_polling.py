"""Polling in a process of its own: reports become results; silence, death and replacement."""

import asyncio
import os
import sys
import threading
import time
from pathlib import Path
from random import Random

import pytest

from agent.clock import SystemClock
from agent.snmp.polling import Polling, PollSettings
from tests.agent.snmp import ber
from tests.agent.snmp.recording import of
from tests.agent.snmp.responder import Device, serving
from wire.codec import encode
from wire.failure import FailureCode, Outcome
from wire.measurement import Measurement

IF = "1.3.6.1.2.1.2.2.1"
IFX = "1.3.6.1.2.1.31.1.1.1"


def device(name: str = "core") -> Device:
    """One gigabit port, 64-bit counters."""
    return Device(
        of(
            {
                "1.3.6.1.2.1.1.2.0": ber.oid((1, 3, 6, 1, 4, 1, 99999, 1)),
                "1.3.6.1.2.1.1.3.0": ber.integer(1_000_000, ber.TICKS),
                "1.3.6.1.2.1.1.5.0": ber.tlv(ber.STRING, name.encode()),
                f"{IF}.2.1": ber.tlv(ber.STRING, b"ge0"),
                f"{IF}.3.1": ber.integer(6),
                f"{IF}.8.1": ber.integer(1),
                f"{IFX}.6.1": ber.integer(0, ber.COUNTER64),
                f"{IFX}.15.1": ber.integer(1_000, ber.GAUGE32),
            }
        )
    )


def access_file(folder: Path, port: int) -> str:
    """Names the device on 127.0.0.1."""
    path = folder / "snmp.toml"
    path.write_text(
        'devices = ["127.0.0.1"]\n[[access]]\nnetworks = ["127.0.0.1"]\n'
        f'version = "2c"\ncommunity = "public"\nport = {port}\n'
    )
    path.chmod(0o600)
    return str(path)


def polled(
    settings: PollSettings, wanted: int, command: tuple[str, ...] | None = None, most: float = 60.0
) -> tuple[list[Measurement], Polling]:
    """Run until so many results came."""
    kept: list[Measurement] = []

    async def run() -> Polling:
        stop = asyncio.Event()

        async def keep(result: Measurement) -> None:
            kept.append(result)
            if len(kept) >= wanted:
                stop.set()

        more = {} if command is None else {"command": command}
        polling = Polling(settings, SystemClock(), Random(1), keep, **more)
        async with asyncio.timeout(most):
            await polling.run(stop)
        return polling

    return kept, asyncio.run(run())


@pytest.fixture
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The processes find what this one runs."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))


def count_up(told: Device, per_second: int, stop: threading.Event) -> None:
    """Let the port and the clock run."""
    began = time.monotonic()
    while not stop.wait(0.02):
        elapsed = time.monotonic() - began
        told.recording.set(
            (1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 6, 1),
            ber.integer(int(elapsed * per_second), ber.COUNTER64),
        )
        told.recording.set(
            (1, 3, 6, 1, 2, 1, 1, 3, 0), ber.integer(1_000_000 + int(elapsed * 100), ber.TICKS)
        )


@pytest.mark.usefixtures("importable")
def test_reports_become_results(tmp_path: Path) -> None:
    """A port that carries 10 Mbit/s is reported with 10 Mbit/s; the record can be delivered."""
    told, stop = device(), threading.Event()
    thread = threading.Thread(target=count_up, args=(told, 1_250_000, stop))
    thread.start()
    try:
        with serving(told) as port:
            settings = PollSettings(
                access_file=access_file(tmp_path, port), poll_seconds=1.0, report_seconds=3.0
            )
            kept, _ = polled(settings, 2)
    finally:
        stop.set()
        thread.join()
    result = kept[1]
    assert (result.probe, result.target, result.segment) == ("snmp", "127.0.0.1", "lan")
    assert result.outcome is Outcome.OK
    encode(result)
    ports = result.values["ports"]
    assert isinstance(ports, list)
    assert isinstance(ports[0], dict)
    rate = ports[0]["in_bps"]
    assert isinstance(rate, int)
    assert rate == pytest.approx(10_000_000, rel=0.1)
    assert result.duration_seconds > 1


@pytest.mark.usefixtures("importable")
def test_a_silent_device_is_a_failed_result(tmp_path: Path) -> None:
    """Nobody answers: NO_REPLY or refused, again and again, and the process lives on."""
    with serving(device()) as port:
        pass  # nobody is there any more
    settings = PollSettings(
        access_file=access_file(tmp_path, port), poll_seconds=1.0, report_seconds=2.0
    )
    kept, polling = polled(settings, 2)
    assert polling.starts_count == 1
    for result in kept:
        assert result.failure is not None
        assert result.failure.code in (FailureCode.NO_REPLY, FailureCode.CONNECTION_REFUSED)
        assert "ports" not in result.values


@pytest.mark.usefixtures("importable")
def test_a_changed_community_and_a_replaced_device(tmp_path: Path) -> None:
    """First silence, then another device at the address: no rate is made over either."""
    told = device()

    def later() -> None:
        time.sleep(2.5)
        told.community = "changed"
        time.sleep(4)
        told.recording.values |= device("other").recording.values
        told.recording.set((1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 6, 1), ber.integer(2**50, ber.COUNTER64))
        told.community = "public"

    threading.Thread(target=later, daemon=True).start()
    with serving(told) as port:
        settings = PollSettings(
            access_file=access_file(tmp_path, port), poll_seconds=1.0, report_seconds=12.0
        )
        kept, _ = polled(settings, 2)
    last = kept[-1]
    assert last.outcome is Outcome.OK
    assert last.values["replaced"] is True
    assert any("failed_readings_count" in one.context for one in kept)
    ports = last.values["ports"]
    assert isinstance(ports, list)
    assert isinstance(ports[0], dict)
    assert ports[0].get("in_max_bps", 0) == 0
    assert "other_device" in str(ports[0]["not_known"])


class Impatient(Polling):
    """Waits for a second."""

    @property
    def silence_seconds(self) -> float:
        """Not a minute."""
        return 1.0


@pytest.mark.parametrize(
    "does",
    [
        "sleep 1000 & sleep 1000",
        "exec 1>&-; sleep 1000",  # no output any more, and no end
        "echo null; sleep 1000",
        """echo '{"report": "192.0.2.1"}'; sleep 1000""",
        """echo '{"report": 1, "failure": ["?", "?", "?"], "seconds": 1}'; sleep 1000""",
        """echo '{"report": "x", "failure": null, "values": {}, "context": {}, "seconds": 1e99}'""",
        """echo '{"report": "x", "failure": null, "values": [1], "context": {}, "seconds": 1}'""",
        "head -c 100000 /dev/zero | tr '\\0' '['; echo; sleep 1000",
    ],
)
def test_a_process_that_hangs_or_talks_nonsense_is_killed_and_started_again(
    monkeypatch: pytest.MonkeyPatch, does: str
) -> None:
    """With its group, at its deadline; the agent's loop goes on meanwhile."""
    monkeypatch.setattr("agent.snmp.polling.CHECK_SECONDS", 0.2)
    monkeypatch.setattr("agent.snmp.polling.EXIT_SECONDS", 0.5)

    async def run() -> int:
        stop = asyncio.Event()

        async def keep(result: Measurement) -> None:
            encode(result)  # as the spool does

        command = ("sh", "-c", does)
        polling = Impatient(
            PollSettings(access_file="/nowhere"), SystemClock(), Random(1), keep, command=command
        )
        task = asyncio.create_task(polling.run(stop))
        async with asyncio.timeout(30):
            while polling.starts_count < 2 and not task.done():  # noqa: ASYNC110 - it tells no more
                await asyncio.sleep(0.1)
            stop.set()
            await task
        return polling.starts_count

    assert asyncio.run(run()) == 2


@pytest.mark.usefixtures("importable")
def test_the_polling_process_ends_with_the_agent(tmp_path: Path) -> None:
    """Its standard input ends: so does it, within a moment."""
    import subprocess  # noqa: PLC0415

    with serving(device()) as port:
        process = subprocess.Popen(
            [sys.executable, "-m", "agent.snmp.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, "HAKARU_SNMP": access_file(tmp_path, port)},
        )
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b'{"poll_seconds": 1, "report_seconds": 60, "device_seconds": 5}\n')
        process.stdin.flush()
        assert b"polled" in process.stdout.readline()
        process.stdin.close()
        assert process.wait(timeout=10) != 0
        process.stdout.close()
