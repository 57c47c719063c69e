"""Working latency on a line whose queue is known."""

import json
from dataclasses import replace

import pytest

from tests.lab.netns import Host, chain
from tests.lab.presets import MBPS, line
from tests.lab.probing import measured
from tests.lab.test_throughput_lab import responder

pytestmark = pytest.mark.lab

RTT_SECONDS = 0.020
WAYS = ("download", "upload")


def responsiveness(client: Host, place: str) -> dict[str, float]:
    """The figures of a run, printed too."""
    found = measured(client, "responsiveness", place)
    assert found["outcome"] == "ok", found["failure"]
    print("\n" + json.dumps({**found["values"], **found["confidence"]}))
    values: dict[str, float] = found["values"]
    assert values["idle_rtt_median_seconds"] == pytest.approx(RTT_SECONDS, abs=0.008)
    return values


def test_a_standing_queue_shows_in_the_working_round_trip() -> None:
    """0.2 s of queue behind 20 ms, each direction by itself: within 20 per cent of their sum."""
    with (
        chain(line(50 * MBPS, None, RTT_SECONDS, 0.2)) as hosts,
        responder(hosts[-1]) as place,
    ):
        values = responsiveness(hosts[0], place)
    for way in WAYS:
        full = RTT_SECONDS + 0.2
        assert values[f"{way}_working_rtt_median_seconds"] == pytest.approx(full, rel=0.2)
        assert values[f"{way}_tcp_rtt_seconds"] == pytest.approx(full, rel=0.25)
        assert values[f"{way}_rtt_inflation_seconds"] == pytest.approx(0.2, rel=0.25)
        assert 150 < values[f"{way}_responsiveness_rpm"] < 350


def test_a_short_queue_leaves_the_round_trip_short() -> None:
    """10 ms of queue: never more than that and what the machine adds, and thrice the rpm."""
    with (
        chain(line(50 * MBPS, None, RTT_SECONDS, 0.01)) as hosts,
        responder(hosts[-1]) as place,
    ):
        values = responsiveness(hosts[0], place)
    for way in WAYS:
        assert values[f"{way}_working_rtt_median_seconds"] < 0.06
        assert values[f"{way}_ping_rtt_seconds"] < 0.1, "pings wait behind data not yet sent"
        assert values[f"{way}_responsiveness_rpm"] > 800


def test_only_the_direction_with_the_queue_shows_it() -> None:
    """A full queue on the way up says nothing against the way down."""
    links = line(50 * MBPS, 10 * MBPS, RTT_SECONDS, 0.3)
    down = links[1].down
    assert down is not None
    links[1] = replace(links[1], down=replace(down, queue_seconds=0.01))
    with chain(links) as hosts, responder(hosts[-1]) as place:
        values = responsiveness(hosts[0], place)
    assert values["download_working_rtt_median_seconds"] < 0.1
    assert values["upload_working_rtt_median_seconds"] > 0.2
