"""Verify at target: decisions on courses of known rate, and a real one over loopback."""

import random
import threading

import pytest

from agent.clock import SystemClock
from agent.probes import Request
from agent.probes.verify import probe
from agent.responder.admission import Admission
from agent.responder.server import Responder, listen
from agent.throughput.estimator import Sample
from agent.throughput.handshake import Upgrade
from agent.throughput.verify import VERIFY, Decision, Verifier, confirmed

REQUIRED_BPS = 108e6
TICK = 0.025


def run_over(ratio: float, noise_ratio: float = 0.0, seed: int = 1) -> tuple[Decision, float]:
    """Follow a path that carries ``ratio`` of the requirement; give the answer and its time."""
    chance = random.Random(seed)
    rate = min(ratio, VERIFY.offer_ratio) * REQUIRED_BPS
    verifier, samples, total = Verifier(REQUIRED_BPS), [Sample(0.0, 0)], 0.0
    for index in range(1, round(VERIFY.latest_seconds / TICK) + 1):
        total += rate / 8 * TICK * (1 + chance.uniform(-noise_ratio, noise_ratio))
        samples.append(Sample(index * TICK, round(total)))
        if verifier.tick(index * TICK, samples):
            break
    return verifier.decision, samples[-1].at_seconds


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(
    ("ratio", "decision"),
    [
        (0.5, Decision.NOT_MET),
        (0.97, Decision.NOT_MET),
        (1.03, Decision.MET),
        (5.0, Decision.MET),
    ],
)
def test_outside_three_per_cent_the_answer_is_right(
    ratio: float, decision: Decision, seed: int
) -> None:
    """With the counters' noise of 5 % a tick, whatever the seed, and within the longest test."""
    assert run_over(ratio, 0.05, seed)[0] is decision


def test_a_clear_answer_takes_a_sixteenth_of_the_bytes_of_ten_seconds() -> None:
    """0.6 s of 1.08 times the requirement."""
    decision, seconds = run_over(3.0)
    assert decision is Decision.MET
    assert seconds == pytest.approx(VERIFY.earliest_seconds, abs=2 * TICK)


@pytest.mark.parametrize("ratio", [0.995, 1.0, 1.005])
def test_at_the_requirement_it_does_not_guess(ratio: float) -> None:
    """It looks as long as it may, then says that it cannot tell."""
    assert run_over(ratio) == (Decision.UNDETERMINED, pytest.approx(VERIFY.latest_seconds))


def test_a_varying_rate_needs_more_distance() -> None:
    """At 2 % above, with swings of 60 %, the answer is not 'met'."""
    assert run_over(1.02, 0.6)[0] is not Decision.MET


@pytest.mark.parametrize(
    ("retransmit", "min_rtt", "loaded_rtt", "decision"),
    [
        (0.0, 0.02, 0.0218, Decision.NOT_MET),
        (0.01, 0.02, 0.02, Decision.NOT_MET),
        (0.0, 0.02, 0.0202, Decision.UNDETERMINED),
        (None, None, None, Decision.UNDETERMINED),
    ],
    ids=["queue", "loss", "neither", "not known"],
)
def test_not_met_needs_a_path_that_was_full(
    retransmit: float | None, min_rtt: float | None, loaded_rtt: float | None, decision: Decision
) -> None:
    """A far end that sent too slowly says nothing of the path."""
    found = confirmed(
        Decision.NOT_MET,
        retransmit_ratio=retransmit,
        min_rtt_seconds=min_rtt,
        loaded_rtt_seconds=loaded_rtt,
    )
    assert found is decision


@pytest.mark.parametrize(
    ("query", "pace"),
    [
        ("pace_bps=29160000", 29_160_000),
        ("a=1&pace_bps=5", 5),
        ("", None),
        ("pace_bps=", None),
        ("pace_bps=-1", None),
        ("pace_bps=1e9", None),
        ("pace_bps=" + "9" * 40, None),
        ("pace_bps=\u0661", None),
    ],
)
def test_only_a_plain_number_paces(query: str, pace: int | None) -> None:
    """Anything else is metadata that nobody reads."""
    upgrade = Upgrade(test="download", headers={}, query=query, response=b"", early=b"")
    assert upgrade.pace_bps == pace


def test_the_responder_paces_what_it_sends() -> None:
    """Over loopback, which carries gigabits, only the offer comes, and it is no 'not met'."""
    listener = listen("127.0.0.1", 0)
    host, port = listener.getsockname()
    responder = Responder(listener, Admission(open_to_all=True), SystemClock())
    thread = threading.Thread(target=responder.serve)
    thread.start()
    try:
        request = Request(
            target=f"{host}:{port}",
            options={"required_mbps": 100.0},
            clock=SystemClock(),
            random=random.Random(1),
        )
        found = probe(request, lambda _: None)
    finally:
        responder.stop()
        thread.join(20)
    assert found.values["verdict"] != "not_met"
    rate = found.values["verify_rate_bps"]
    assert isinstance(rate, float)
    assert 50e6 <= rate <= 125e6
    assert "download_bps" not in found.values
