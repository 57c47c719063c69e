"""Verify at target against paths of known capacity, with a real round-trip time."""

import pytest

from tests.lab.netns import GOODPUT_RATIO, Host, Link, Rate, chain
from tests.lab.presets import line
from tests.lab.stolen import unstolen
from tests.lab.test_cross_traffic import LINE_BPS, WAN, background
from tests.lab.test_throughput_lab import AGENT, responder
from wire.codec import decode
from wire.failure import Outcome
from wire.measurement import Measurement

pytestmark = pytest.mark.lab

REQUIRED_MBPS = 108


def verify(client: Host, place: str, required_mbps: float, *words: str) -> Measurement:
    """Ask, print."""
    ran = client.run(
        *AGENT, "measure", "verify", "--target", place, "--json",
        "--required-mbps", str(required_mbps), *words, check=False,
    )  # fmt: skip
    found = decode(ran.stdout.encode())
    assert found.outcome is Outcome.OK, found.failure
    print(f"\n{found.values} {found.context.get('undetermined_because')}")
    return found


@pytest.mark.parametrize(
    ("ratio", "verdict"),
    [(0.93, "not_met"), (1.0, "undetermined"), (1.06, "met"), (3.0, "met")],
    ids=str,
)
def test_the_answer_beside_the_requirement_is_right_and_cheap(ratio: float, verdict: str) -> None:
    """At 20 ms, with under 10 % of the bytes of ten seconds; at the requirement nothing is said."""
    goodput_bps = REQUIRED_MBPS * 1e6 * ratio
    with (
        chain(line(int(goodput_bps / GOODPUT_RATIO), None, 0.020)) as hosts,
        responder(hosts[-1]) as place,
    ):
        for _ in range(2):
            found = unstolen(
                lambda: verify(hosts[0], place, REQUIRED_MBPS),
                lambda one: one.values["verdict"] == verdict,
            )
            assert found.values["verdict"] == verdict
            used = found.values["verify_bytes"]
            assert isinstance(used, int)
            assert verdict == "undetermined" or 8 * used / (10 * goodput_bps) < 0.10


def test_what_others_have_makes_a_shortfall_undetermined() -> None:
    """60 % of the line is left and 75 % is required: not met, unless counters show the others."""
    rate = Rate(LINE_BPS)
    required_mbps = 0.75 * LINE_BPS * GOODPUT_RATIO / 1e6
    with (
        chain([Link(), Link(down=rate, up=rate), Link(delay_seconds=0.01)]) as hosts,
        responder(hosts[-1]) as place,
        background(hosts[0], hosts[-1], "-u", "-l", "1400"),
    ):
        blind = unstolen(
            lambda: verify(hosts[1], place, required_mbps),
            lambda one: one.values["verdict"] == "not_met",
        )
        seeing = unstolen(
            lambda: verify(hosts[1], place, required_mbps, "--wan-interface", WAN),
            lambda one: one.context.get("undetermined_because") == "others_on_line",
        )
    assert blind.values["verdict"] == "not_met"
    assert seeing.values["verdict"] == "undetermined"
    assert seeing.context["undetermined_because"] == "others_on_line"
    others_bps = seeing.context["cross_traffic_during_bps"]
    assert isinstance(others_bps, float)
    assert others_bps == pytest.approx(0.4 * LINE_BPS, rel=0.15)
