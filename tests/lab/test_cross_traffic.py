"""Left-over and capacity of a line that others use at the same time."""

import contextlib
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.lab.netns import GOODPUT_RATIO, Host, Link, Rate, chain
from tests.lab.test_throughput_lab import measure, responder
from wire.failure import Outcome

pytestmark = pytest.mark.lab

LINE_BPS = 108_000_000
BACKGROUND_RATIO = 0.4
WAN = "far1"
"""Name of the router's interface towards the internet in a chain."""


@contextlib.contextmanager
def background(lan: Host, server: Host, *words: str) -> Iterator[None]:
    """Others in the school download at 40 % of the line's rate."""
    rate = f"{int(LINE_BPS * BACKGROUND_RATIO)}"
    sender = subprocess.Popen(server.command("iperf3", "-s"), stdout=subprocess.DEVNULL)
    time.sleep(0.5)
    receiver = subprocess.Popen(
        lan.command("iperf3", "-c", server.address, "-R", "-t", "60", "-b", rate, *words),
        stdout=subprocess.DEVNULL,
    )
    try:
        time.sleep(1.5)
        assert receiver.poll() is None, "iperf3 ended early"
        yield
    finally:
        for process in (receiver, sender):
            process.kill()
            process.wait(20)


@pytest.mark.parametrize("words", [("-u", "-l", "1400"), ()], ids=["udp", "tcp"])
def test_capacity_is_found_beside_others_and_left_over_is_kept(words: tuple[str, ...]) -> None:
    """At 40 % background the capacity is within 5 % of the line, the left-over well below."""
    rate = Rate(LINE_BPS, burst_bytes=54_000)
    true_bps = LINE_BPS * GOODPUT_RATIO
    with (
        chain([Link(), Link(down=rate, up=rate), Link()]) as (lan, router, _, server),
        responder(server) as place,
        background(lan, server, *words),
    ):
        for _ in range(3):
            found = measure(
                router, place, "--seconds", "2", "--direction", "download", "--wan-interface", WAN
            )
            assert found.outcome is Outcome.OK, found.failure
            left_over = found.values["download_bps"]
            capacity = found.values["download_capacity_bps"]
            assert isinstance(left_over, float)
            assert isinstance(capacity, float)
            error = capacity / true_bps - 1
            print(f"\nleft-over {left_over / 1e6:.1f}, capacity {capacity / 1e6:.1f}, {error:+.2%}")
            assert abs(error) < 0.05
            assert left_over < 0.9 * true_bps
            during = found.context["cross_traffic_during_bps"]
            assert during == pytest.approx(capacity - left_over)
