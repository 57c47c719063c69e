"""/metrics of an appliance: cached values with their age, stale ones dropped, all documented."""

import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from agent.delivery import DeliveryState
from agent.metrics import (
    MAX_TESTS,
    STALE_SECONDS,
    AddressRefused,
    AgentMetrics,
    Watched,
    parse_address,
)
from agent.state import StateTrouble
from tests.agent.spooling import FakeClock
from wire.failure import Failure, FailureCode, Operation, Outcome
from wire.ids import uuid4
from wire.measurement import Measurement

LABELS = 'probe="throughput",segment="line",target="centre.example:4443"'


def result(**changes: Any) -> Measurement:
    """A throughput result."""
    given: dict[str, Any] = {
        "result_id": uuid4(1),
        "agent_id": uuid4(2),
        "stream": uuid4(3),
        "seq": 1,
        "probe": "throughput",
        "target": "centre.example:4443",
        "segment": "line",
        "started_at": datetime(2026, 5, 11, tzinfo=UTC),
        "boot_id": uuid4(4),
        "monotonic_start_seconds": 1.0,
        "duration_seconds": 10.0,
        "outcome": Outcome.OK,
        "values": {"download_bps": 5e8, "method": "words", "converged": True},
    }
    return Measurement(**given | changes)


STATUS: dict[str, Any] = {
    "spool": {"waiting_count": 3, "refused_count": 1, "used_bytes": 4096, "cap_bytes": 1 << 20},
    "delivery": {
        "state": "backing_off",
        "delivered_count": 7,
        "last_delivery_at": "2026-05-11T00:29:00.000000Z",
    },
}


def free_port() -> int:
    """A port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _name(name: str, labels: dict[str, str]) -> str:
    inside = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
    return f"{name}{{{inside}}}"


def values(metrics: AgentMetrics) -> dict[str, float]:
    """Everything, as a scrape would see it."""
    return {
        _name(sample.name, sample.labels): sample.value
        for family in metrics.collect()
        for sample in family.samples
    }


def test_the_newest_result_is_shown_with_age_and_outcome() -> None:
    """Values by their own names; words and flags are none."""
    clock = FakeClock()
    metrics = AgentMetrics(clock)
    metrics.take_result(result(values={"download_bps": 1e8}))
    metrics.take_result(result())
    clock.forward(30)
    seen = values(metrics)
    assert seen[f"hakaru_throughput_download_bps{{{LABELS}}}"] == 5e8
    assert seen[f"hakaru_agent_result_ok{{{LABELS}}}"] == 1.0
    assert seen[f"hakaru_agent_result_age_seconds{{{LABELS}}}"] == 30.0
    assert not any("method" in name or "converged" in name for name in seen)


def test_a_failed_test_shows_no_speed_and_never_the_one_before() -> None:
    """Not 0, not last hour's: nothing, and why."""
    metrics = AgentMetrics(FakeClock())
    metrics.take_result(result())
    failure = Failure(FailureCode.CONNECT_TIMEOUT, Operation.CONNECT, "no")
    metrics.take_result(result(outcome=Outcome.FAILED, failure=failure))
    seen = values(metrics)
    assert not any(name.startswith("hakaru_throughput_") for name in seen)
    assert seen[f"hakaru_agent_result_ok{{{LABELS}}}"] == 0.0
    assert any('failure="connect_timeout"' in name for name in seen)


def test_stale_values_are_dropped_and_their_age_stays() -> None:
    """Two hours later nobody takes the value for today's."""
    clock = FakeClock()
    metrics = AgentMetrics(clock)
    metrics.take_result(result())
    clock.forward(STALE_SECONDS + 1)
    seen = values(metrics)
    assert not any(name.startswith("hakaru_throughput_") for name in seen)
    assert seen[f"hakaru_agent_result_age_seconds{{{LABELS}}}"] == STALE_SECONDS + 1


def test_the_state_is_what_status_shows() -> None:
    """Queue and delivery; nothing before the runner has spoken."""
    clock = FakeClock()
    metrics = AgentMetrics(clock)
    assert not any("spool" in name for name in values(metrics))
    metrics.take_status(STATUS)
    seen = values(metrics)
    assert seen["hakaru_agent_spool_results{}"] == 3.0
    assert seen["hakaru_agent_last_delivery_age_seconds{}"] == 60.0
    assert seen['hakaru_agent_delivery_state{state="backing_off"}'] == 1.0
    assert sum("delivery_state" in name for name in seen) == len(DeliveryState)
    clock.moment -= timedelta(days=1)  # a clock that was set back makes no negative age
    assert values(metrics)["hakaru_agent_last_delivery_age_seconds{}"] == 0.0


def test_targets_that_change_make_no_endless_list() -> None:
    """The newest are kept."""
    metrics = AgentMetrics(FakeClock())
    for number in range(MAX_TESTS + 50):
        metrics.take_result(result(target=f"t{number}"))
    shown = [name for name in values(metrics) if name.startswith("hakaru_agent_result_ok")]
    assert len(shown) == MAX_TESTS
    assert any('target="t249"' in name for name in shown)


@pytest.mark.parametrize("text", ["9273", "localhost:1", "127.0.0.1:0", "127.0.0.1:70000", "x"])
def test_what_is_no_address_is_refused_with_an_example(text: str) -> None:
    """Names are none: what they mean may change."""
    with pytest.raises(AddressRefused, match=r"127\.0\.0\.1:9273"):
        parse_address(text)


def test_other_machines_are_let_in_only_on_request() -> None:
    """Loopback by default, in both families."""
    assert parse_address("127.0.0.1:9273") == ("127.0.0.1", 9273)
    assert parse_address("[::1]:9273") == ("::1", 9273)
    for text in ("0.0.0.0:9273", "[::]:9273", "192.0.2.1:9273"):
        with pytest.raises(AddressRefused, match="--metrics-open"):
            parse_address(text)
        assert parse_address(text, is_open=True)[1] == 9273


def test_a_scrape_reads_what_was_kept_and_ends_with_the_agent() -> None:
    """Over HTTP in the text format; a taken port is said so; afterwards nobody answers."""
    port = free_port()
    watched = Watched(("127.0.0.1", port), FakeClock())

    class Runner:
        on_result: Any = None
        on_status: Any = None

    told = Runner()
    watched.watch(told)
    with watched:
        told.on_result(result())
        told.on_status(STATUS)
        text = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
        assert "hakaru_throughput_download_bps{" in text
        assert "hakaru_agent_info{version=" in text
        assert "python_gc" not in text
        with pytest.raises(StateTrouble, match="name another"), Watched(("127.0.0.1", port)):
            pass
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False)


def test_the_command_refuses_an_open_address(tmp_path: Any) -> None:
    """Before anything starts."""
    config = tmp_path / "agent.toml"
    config.write_text('[[tests]]\nprobe = "latency"\ntarget = "192.0.2.1"\n')
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "agent.cli", "run", "--config", str(config)),
            *("--metrics", "0.0.0.0:9273"),
        ],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ran.returncode == 2
    assert "--metrics" in ran.stderr or "tests" in ran.stderr
