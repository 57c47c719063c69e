"""Working latency on a line whose queue is known."""

import json
from dataclasses import replace

import pytest

from tests.lab.delaybox import Wire
from tests.lab.netns import Host, Link, chain
from tests.lab.presets import MBPS, line
from tests.lab.probing import measured
from tests.lab.test_cross_traffic import background
from tests.lab.test_throughput_lab import responder

pytestmark = pytest.mark.lab

RTT_SECONDS = 0.020
WAYS = ("download", "upload")


def responsiveness(client: Host, place: str, *options: str) -> dict[str, float]:
    """The figures of a run, printed too."""
    found = measured(client, "responsiveness", place, *options)
    assert found["outcome"] == "ok", found["failure"]
    print("\n" + json.dumps({**found["values"], **found["confidence"]}))
    values: dict[str, float] = found["values"]
    assert values["idle_rtt_median_seconds"] == pytest.approx(RTT_SECONDS, abs=0.008)
    return values


def test_a_standing_queue_shows_in_the_working_round_trip() -> None:
    """0.2 s of queue behind 20 ms, each direction by itself: between a full and a lately full one.

    A CUBIC flow that has filled the queue goes on with 0.7 of its window (RFC 9438 section 4.6), so
    round trips swing between the whole and 0.7 of it; where the flows lose together, all of them.
    """
    with (
        chain(line(50 * MBPS, None, RTT_SECONDS, 0.2)) as hosts,
        responder(hosts[-1]) as place,
    ):
        values = responsiveness(hosts[0], place)
    most = (RTT_SECONDS + 0.2) * 1.2  # what a busy machine adds to both ends
    least = (RTT_SECONDS + 0.2) * 0.7
    for way in WAYS:
        assert least <= values[f"{way}_working_rtt_median_seconds"] <= most
        assert least <= values[f"{way}_tcp_rtt_seconds"] <= most
        assert least <= values[f"{way}_rtt_inflation_seconds"] + RTT_SECONDS <= most
        assert 150 < values[f"{way}_responsiveness_rpm"] < 60 / least


def test_a_short_queue_leaves_the_round_trip_short() -> None:
    """10 ms of queue: never more than that and what the machine adds, and thrice the rpm."""
    with (
        chain(line(50 * MBPS, None, RTT_SECONDS, 0.01)) as hosts,
        responder(hosts[-1]) as place,
    ):
        values = responsiveness(hosts[0], place, "--seconds", "3")
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
        values = responsiveness(hosts[0], place, "--seconds", "4")
    assert values["download_working_rtt_median_seconds"] < 0.1
    assert values["upload_working_rtt_median_seconds"] > 0.2


def test_others_on_the_line_leave_the_working_round_trip_that_of_the_queue() -> None:
    """The load fills what they leave; the queue is as long and said to be as long as without."""
    with (
        chain(line(108 * MBPS, None, RTT_SECONDS, 0.1)) as hosts,
        responder(hosts[-1]) as place,
        background(hosts[0], hosts[-1], "-u", "-l", "1400"),
    ):
        values = responsiveness(hosts[0], place)
    left_bps = 0.6 * 108e6 * 1448 / 1514
    assert values["download_load_bps"] == pytest.approx(left_bps, rel=0.1)
    assert values["upload_load_bps"] > 1.3 * left_bps  # nobody else sends that way
    for way in WAYS:
        full = RTT_SECONDS + 0.1
        assert values[f"{way}_working_rtt_median_seconds"] == pytest.approx(full, rel=0.25)
        assert values[f"{way}_foreign_probes_count"] >= 10


def test_loss_alone_is_no_queue() -> None:
    """2 % of the packets lost, no standing queue: the round trips stay, what was lost is counted.

    A lost SYN costs a second (RFC 6298): that is told, and does not make the median.
    """
    lossy = Wire(delay_seconds=RTT_SECONDS / 2, loss_ratio=0.02)
    links = [*line(50 * MBPS, None, 0.0, 0.2)[:2], Link(down_wire=lossy, up_wire=lossy)]
    with chain(links) as hosts, responder(hosts[-1]) as place:
        values = responsiveness(hosts[0], place)
    for way in WAYS:
        assert values[f"{way}_load_bps"] < 25e6  # TCP takes loss for a full path
        assert values[f"{way}_working_rtt_median_seconds"] < 2 * RTT_SECONDS
        assert values[f"{way}_foreign_probes_count"] >= 10
        assert values[f"{way}_lost_probes_count"] <= 0.2 * values[f"{way}_foreign_probes_count"]
