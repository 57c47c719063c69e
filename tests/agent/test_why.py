"""What a test was limited by, as a table."""

from dataclasses import replace

import pytest

from agent.throughput.why import Facts, LimitedBy, limited_by, queue_seconds, signs

CALM = Facts(
    rwnd_limited_ratio=0.01,
    sndbuf_limited_ratio=0.02,
    cpu_ratio=0.1,
    min_rtt_seconds=0.02,
    loaded_rtt_seconds=0.06,
    retransmit_ratio=0.01,
)


@pytest.mark.parametrize(
    ("changes", "limit"),
    [
        ({}, LimitedBy.NETWORK),
        ({"rwnd_limited_ratio": 0.5}, LimitedBy.RECEIVER_WINDOW),
        ({"sndbuf_limited_ratio": 0.7}, LimitedBy.SEND_BUFFER),
        ({"rwnd_limited_ratio": 0.5, "sndbuf_limited_ratio": 0.3}, LimitedBy.RECEIVER_WINDOW),
        ({"cpu_ratio": 0.97, "sndbuf_limited_ratio": 0.7}, LimitedBy.APPLIANCE),
        ({"rwnd_limited_ratio": None, "sndbuf_limited_ratio": None}, None),
        ({"cpu_ratio": None}, LimitedBy.NETWORK),
    ],
)
def test_the_limit_is_named(changes: dict[str, float | None], limit: LimitedBy | None) -> None:
    """The appliance before windows, windows before the network, and nothing where unknown."""
    assert limited_by(replace(CALM, **changes)) is limit


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, ["queue", "loss"]),
        ({"loaded_rtt_seconds": 0.021}, ["loss"]),
        ({"retransmit_ratio": 0.0}, ["queue"]),
        ({"retransmit_ratio": None, "loaded_rtt_seconds": None}, []),
    ],
)
def test_signs_of_a_full_path(changes: dict[str, float | None], found: list[str]) -> None:
    """A queue of 5 ms or a lost byte in a thousand; what is not known is no sign."""
    assert signs(replace(CALM, **changes)) == found


def test_a_round_trip_below_the_smallest_is_no_negative_queue() -> None:
    """Smoothed and smallest round trip are taken at different moments."""
    assert queue_seconds(replace(CALM, loaded_rtt_seconds=0.019)) == 0.0
