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
from agent.throughput.verify import (
    VERIFY,
    Answer,
    Decision,
    PathState,
    Reason,
    Verifier,
    beside_others,
    decide,
)

REQUIRED_BPS = 108e6
TICK = 0.025
FULL = PathState(retransmitted_bytes=1448, min_rtt_seconds=0.02, rtt_seconds=0.03)
EMPTY = PathState(retransmitted_bytes=0, min_rtt_seconds=0.02, rtt_seconds=0.0205)


def run_over(
    rate_at: object, noise_ratio: float = 0.0, seed: int = 1, path: PathState = FULL
) -> tuple[Answer, float]:
    """Follow a path that carries a share of the requirement (or a function of time of it)."""
    chance = random.Random(seed)
    verifier, samples, total = Verifier(REQUIRED_BPS, lambda: path), [Sample(0.0, 0)], 0.0
    for index in range(1, round(VERIFY.latest_seconds / TICK) + 1):
        ratio = rate_at(index * TICK) if callable(rate_at) else rate_at
        assert isinstance(ratio, float)
        rate = min(ratio, VERIFY.offer_ratio) * REQUIRED_BPS
        total += rate / 8 * TICK * (1 + chance.uniform(-noise_ratio, noise_ratio))
        samples.append(Sample(index * TICK, round(total)))
        if verifier.tick(index * TICK, samples):
            break
    return verifier.answer, samples[-1].at_seconds


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(
    ("ratio", "decision"),
    [
        (0.5, Decision.NOT_MET),
        (0.95, Decision.NOT_MET),
        (1.05, Decision.MET),
        (5.0, Decision.MET),
    ],
)
def test_outside_three_per_cent_the_answer_is_right(
    ratio: float, decision: Decision, seed: int
) -> None:
    """With the counters' noise of 5 % a tick, whatever the seed, and within the longest test."""
    assert run_over(ratio, 0.05, seed)[0].decision is decision


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("ratio", [0.98, 0.99, 1.0, 1.01, 1.02])
def test_inside_three_per_cent_it_does_not_guess(ratio: float, seed: int) -> None:
    """The interval of the estimate reaches into the band."""
    assert run_over(ratio, 0.05, seed)[0].decision is Decision.UNDETERMINED


@pytest.mark.parametrize("ratio", [0.971, 1.029, 0.969, 1.031])
def test_at_the_edge_of_the_band_it_does_not_guess_either(ratio: float) -> None:
    """A half per cent on either side of the edge belongs to the band: so sure is no estimate."""
    answer, seconds = run_over(ratio)
    assert answer.decision is Decision.UNDETERMINED
    assert answer.reason is not Reason.NEAR
    assert seconds == pytest.approx(VERIFY.latest_seconds)


def test_a_clear_answer_takes_a_sixteenth_of_the_bytes_of_ten_seconds() -> None:
    """0.6 s of 1.08 times the requirement."""
    answer, seconds = run_over(3.0)
    assert answer.decision is Decision.MET
    assert seconds == pytest.approx(VERIFY.earliest_seconds, abs=2 * TICK)


@pytest.mark.parametrize("ratio", [0.995, 1.0, 1.005])
def test_that_it_is_near_is_an_answer_too(ratio: float) -> None:
    """It ends as soon as that is clear, and says so."""
    answer, seconds = run_over(ratio)
    assert (answer.decision, answer.reason) == (Decision.UNDETERMINED, Reason.NEAR)
    assert seconds == pytest.approx(VERIFY.earliest_near_seconds, abs=2 * TICK)


def test_a_varying_rate_needs_more_distance() -> None:
    """At 6 % above, with swings of 60 %, the answer is not 'met' but that it varies."""
    answer, seconds = run_over(1.06, 0.6)
    assert (answer.decision, answer.reason) == (Decision.UNDETERMINED, Reason.UNSTEADY)
    assert seconds == pytest.approx(VERIFY.latest_seconds)


def test_a_rate_that_still_grows_is_no_shortfall() -> None:
    """TCP of others yields slowly: what came until now says little of what would come."""
    answer, _ = run_over(lambda at: 0.7 + 0.15 * at)
    assert answer.decision is not Decision.NOT_MET


@pytest.mark.parametrize(
    ("path", "decision"),
    [
        (PathState(min_rtt_seconds=0.02, rtt_seconds=0.0255), Decision.NOT_MET),
        (PathState(retransmitted_bytes=1448), Decision.NOT_MET),
        (PathState(retransmitted_bytes=0, min_rtt_seconds=0.02, rtt_seconds=0.0225), None),
        (PathState(retransmitted_bytes=0, min_rtt_seconds=0.00002, rtt_seconds=0.0009), None),
        (PathState(), None),
    ],
    ids=["queue", "loss", "neither", "a late sender on loopback", "not known"],
)
def test_not_met_needs_a_path_that_was_full(path: PathState, decision: Decision | None) -> None:
    """A far end that sent too slowly says nothing of the path; it is waited for until the end."""
    answer, seconds = run_over(0.8, path=path)
    if decision is None:
        assert (answer.decision, answer.reason) == (Decision.UNDETERMINED, Reason.NOT_FULL)
        assert seconds == pytest.approx(VERIFY.latest_seconds)
    else:
        assert answer.decision is decision
        assert seconds == pytest.approx(VERIFY.earliest_seconds, abs=2 * TICK)


def test_a_path_that_fills_later_is_seen() -> None:
    """The far end speaks four times a second: its first word may come before the queue."""
    states = [EMPTY] * 10 + [FULL] * 200
    verifier, samples = Verifier(REQUIRED_BPS, lambda: states.pop(0)), [Sample(0.0, 0)]
    for index in range(1, round(VERIFY.latest_seconds / TICK) + 1):
        samples.append(Sample(index * TICK, round(0.8 * REQUIRED_BPS / 8 * TICK * index)))
        if verifier.tick(index * TICK, samples):
            break
    assert verifier.answer.decision is Decision.NOT_MET


@pytest.mark.parametrize(
    ("others_ratio", "reason"),
    [(None, None), (0.05, None), (0.2, Reason.OTHERS), (3.0, Reason.OTHERS)],
    ids=str,
)
def test_what_others_had_takes_not_met_back(
    others_ratio: float | None, reason: Reason | None
) -> None:
    """The line carried what is required, only not to this test: nothing is decided."""
    samples = [Sample(n * TICK, round(0.8 * REQUIRED_BPS / 8 * TICK * n)) for n in range(60)]
    answer = decide(samples, REQUIRED_BPS, FULL)
    assert answer.decision is Decision.NOT_MET
    others = None if others_ratio is None else others_ratio * REQUIRED_BPS
    found = beside_others(answer, REQUIRED_BPS, others)
    assert found.reason is reason
    assert (found.decision is Decision.UNDETERMINED) == (reason is not None)


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
