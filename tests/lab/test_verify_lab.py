"""Verify at target against paths of known capacity, with a real round-trip time."""

import pytest

from tests.lab.netns import GOODPUT_RATIO, Link, Rate, chain
from tests.lab.test_throughput_lab import AGENT, responder
from wire.codec import decode
from wire.failure import Outcome

pytestmark = pytest.mark.lab

REQUIRED_MBPS = 108


@pytest.mark.parametrize(
    ("ratio", "verdict"), [(0.97, "not_met"), (1.03, "met"), (3.0, "met")], ids=str
)
def test_three_per_cent_beside_the_requirement_is_decided_right(ratio: float, verdict: str) -> None:
    """At 20 ms, with under 10 % of the bytes of a test of ten seconds."""
    goodput_bps = REQUIRED_MBPS * 1e6 * ratio
    rate = Rate(int(goodput_bps / GOODPUT_RATIO))
    with (
        chain([Link(delay_seconds=0.01), Link(down=rate, up=rate)]) as (client, _, server),
        responder(server) as place,
    ):
        for _ in range(3):
            ran = client.run(
                *AGENT, "measure", "verify", "--target", place, "--json",
                "--required-mbps", str(REQUIRED_MBPS), check=False,
            )  # fmt: skip
            found = decode(ran.stdout.encode())
            assert found.outcome is Outcome.OK, found.failure
            used = found.values["verify_bytes"]
            assert isinstance(used, int)
            share = 8 * used / (10 * goodput_bps)
            print(
                f"\ncapacity {ratio:.2f} of {REQUIRED_MBPS}: {found.values['verdict']}, {share:.1%}"
            )
            assert found.values["verdict"] == verdict
            assert share < 0.10
