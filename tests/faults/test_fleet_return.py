"""B5: a city of agents comes back after an outage, through the real protocol."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from collector.store import create_store
from tests.faults.lives import Collector

pytestmark = pytest.mark.faults
RETURNS = max(1, int(os.environ.get("SEEDS", "30")) // 100)
"""Returns simulated: one in CI, nine before a release."""
AGENTS = 84
SPEED = 10
"""Simulated seconds in a real one. The collector is not accelerated: to the agents it looks so
much slower than it is, never faster. While nobody sends, time jumps."""


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    """A running collector without schools."""
    url = f"sqlite:///{tmp_path}/hakaru.db"
    create_store(url).close()
    made = Collector(url)
    made.start()
    yield made
    made.clean_up()


def test_84_agents_return_after_30_minutes(collector: Collector, case: Any) -> None:
    """No burst, the backlog delivered within ten minutes, nothing lost, nothing twice."""
    returns: list[dict[str, Any]] = []
    for seed in range(RETURNS):
        ran = subprocess.run(
            [
                *(sys.executable, "-m", "collector.cli", "simulate", "--json", "--skip-idle"),
                *("--collector", f"http://127.0.0.1:{collector.port}"),
                *("--database", collector.url, "--agents", str(AGENTS), "--seed", str(seed)),
                *("--minutes", "38", "--outage", "2+30", "--speed", str(SPEED)),
                *("--line-lost-hours", "0"),  # a school whose own line is down comes when it can
            ],
            capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        returns.append(json.loads(ran.stdout))
    backs = [one["returns"][0] for one in returns]
    ratios = [back["peak_to_mean"] for back in backs]
    drained = [back["drained_within_seconds"] for back in backs]
    case(
        "B5",
        f"{AGENTS} agents return after 30 minutes without the centre",
        runs=RETURNS,
        lost=sum(one["made"] - one["stored"] for one in returns),
        duplicates=sum(one["duplicates"] for one in returns),
        other=f"peak/mean of the first minute {max(ratios):.2f} (10 s windows), "
        f"backlog delivered within {max(drained):.0f} s",
    )
    assert all(back["agents_with_backlog"] == AGENTS for back in backs)
    assert all(one["made"] == one["acknowledged"] == one["stored"] for one in returns)
    assert all(one["duplicates"] == 0 for one in returns)
    assert max(ratios) < 3
    assert max(drained) <= 600
    assert collector.end(signal.SIGTERM) == 0
