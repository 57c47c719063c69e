"""The rule that finds the bottleneck: made-up paths, every verdict and reason, and properties."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.localise.counters import LinkCounters, Said
from agent.localise.decide import Kind, Reason, Side, decide
from agent.localise.evidence import Evidence, LoadSeen
from agent.throughput.directions import Test
from agent.throughput.why import LimitedBy
from tests.agent.localising import always, jittery, loading, path, under_load


@pytest.mark.parametrize("test", ["download", "upload"])
@pytest.mark.parametrize("narrow", range(1, 7))
def test_every_link_is_named_in_both_directions(narrow: int, test: Test) -> None:
    """All hops answer: the two hops at the ends of the narrow link."""
    verdict = decide(path(narrow=narrow, load=loading(test, 0.1)))
    assert (verdict.kind, verdict.between) == (Kind.LINK, (narrow - 1, narrow))
    assert verdict.reason is None
    sides = [item.side for item in verdict.placed]
    assert sides == [Side.BEFORE] * narrow + [Side.BEHIND] * (7 - narrow)
    assert verdict.end_to_end is not None
    assert verdict.end_to_end.seconds == pytest.approx(0.083, abs=0.01)


@pytest.mark.parametrize(
    ("silent", "between"),
    [({2}, (1, 3)), ({3}, (2, 4)), ({2, 3, 4}, (1, 5)), ({1, 2}, (0, 3)), ({5}, (2, 3))],
)
def test_silent_hops_make_a_range(silent: set[int], between: tuple[int, int]) -> None:
    """The range reaches from the last hop before to the first behind, and no farther."""
    verdict = decide(path(narrow=3, silent=frozenset(silent)))
    assert verdict.between == between
    assert verdict.kind is (Kind.LINK if between == (2, 3) else Kind.RANGE)
    assert verdict.reason is (None if between == (2, 3) else Reason.SILENT_HOPS)


def test_a_hop_that_answers_three_times_a_window_is_enough() -> None:
    """What a router tells of packets that die there, about one a second."""
    verdict = decide(path(narrow=3, every_seconds={2: 0.7, 3: 0.7}))
    assert (verdict.kind, verdict.between) == (Kind.LINK, (2, 3))


def test_a_hop_that_is_always_slow_is_no_obstacle() -> None:
    """A constant is in the median before, under load and after."""
    verdict = decide(path(narrow=3, odd={2: always(0.3)}))
    assert (verdict.kind, verdict.between) == (Kind.LINK, (2, 3))


def test_a_noisy_hop_is_treated_as_silent() -> None:
    """Delays of its own far above the queue: a range around it."""
    verdict = decide(path(narrow=3, queue_seconds=0.01, odd={3: jittery(0.6)}))
    assert (verdict.kind, verdict.reason, verdict.between) == (
        Kind.RANGE, Reason.NOISY_HOPS, (2, 4),
    )  # fmt: skip


def test_a_hop_slow_under_load_far_before_the_queue_is_left_out() -> None:
    """Its delay does not swing with the queue, and the hops behind it tell the link."""
    verdict = decide(path(narrow=4, odd={1: under_load(0.083)}))
    assert (verdict.kind, verdict.between) == (Kind.LINK, (3, 4))
    assert verdict.placed[1].side is Side.UNCLEAR


def test_two_queues_that_exclude_each_other_are_a_contradiction() -> None:
    """A hop that swings with the queue, and a later one that does not wait at all."""
    behind = path(narrow=2)
    clean = path(narrow=None)
    hops = [*behind.hops[:3], clean.hops[3], *behind.hops[4:]]
    verdict = decide(replace(behind, hops=hops))
    assert (verdict.kind, verdict.reason) == (Kind.CANNOT_TELL, Reason.CONTRADICTION)
    assert verdict.between is None


def test_a_constant_beside_the_queue_is_told_by_its_swings() -> None:
    """The known failure of comparing medians: the hop before the queue, slow by as much.

    Its delay does not rise and fall with the queue's, so it is unclear: a range, not a wrong link.
    """
    verdict = decide(path(narrow=4, odd={3: under_load(0.083)}))
    assert (verdict.kind, verdict.between) == (Kind.RANGE, (2, 4))


@pytest.mark.parametrize(
    ("load", "kind", "reason"),
    [
        (loading("download", 0.0), Kind.CANNOT_TELL, Reason.NO_STANDING_QUEUE),
        (loading("download", None), Kind.CANNOT_TELL, Reason.NO_STANDING_QUEUE),
        (loading("download", 0.08), Kind.CANNOT_TELL, Reason.QUEUE_NOT_SEEN),
        (loading("download", 0.0, pace_reached=True), Kind.NONE, Reason.PATH_HAD_ROOM),
        (loading("download", 0.0, pace_reached=False), Kind.CANNOT_TELL, Reason.NO_STANDING_QUEUE),
        (
            loading("upload", 0.01, limited_by=LimitedBy.RECEIVER_WINDOW),
            Kind.CANNOT_TELL,
            Reason.QUEUE_NOT_SEEN,
        ),
        (
            loading("upload", 0.0, limited_by=LimitedBy.RECEIVER_WINDOW),
            Kind.NONE,
            Reason.PATH_HAD_ROOM,
        ),
        (loading("upload", 0.0, limited_by=LimitedBy.APPLIANCE), Kind.CANNOT_TELL, Reason.IN_AGENT),
    ],
)
def test_without_a_queue_no_link_is_named(load: LoadSeen, kind: Kind, reason: Reason) -> None:
    """What it means that the delay did not grow depends on what held the load."""
    verdict = decide(path(narrow=None, load=load))
    assert (verdict.kind, verdict.reason) == (kind, reason)


def test_a_queue_below_the_floor_is_none() -> None:
    """1.5 ms under load are less than the floor of 2 ms."""
    verdict = decide(path(narrow=3, queue_seconds=0.0018))
    assert (verdict.kind, verdict.reason) == (Kind.CANNOT_TELL, Reason.NO_STANDING_QUEUE)


@pytest.mark.parametrize("load", [
    loading("upload", 0.1, limited_by=LimitedBy.SEND_BUFFER),
    loading("upload", 0.1, pace_reached=True),
])  # fmt: skip
def test_a_queue_that_comes_and_goes_is_no_room(load: LoadSeen) -> None:
    """Long at times and too unsteady to be sure of: that the path had room is not said."""
    odd = {hop: lambda at, _random: 0.1 * (int(at * 2) % 2) for hop in range(3, 7)}
    evidence = path(narrow=None, odd=odd, load=load)
    verdict = decide(evidence)
    assert verdict.end_to_end is not None
    assert verdict.end_to_end.seconds < 2 * verdict.end_to_end.error_seconds
    assert verdict.kind is Kind.CANNOT_TELL


def test_what_does_not_go_back_was_not_the_loads() -> None:
    """The delay stays up after the load."""
    evidence = path(narrow=None, odd={hop: lambda at, _: 0.1 * (at > 3) for hop in range(3, 7)},
                    load=loading("download", 0.1))  # fmt: skip
    verdict = decide(evidence)
    assert (verdict.kind, verdict.reason) == (Kind.CANNOT_TELL, Reason.DID_NOT_RETURN)


def test_a_path_that_changed() -> None:
    """Nothing is said of a path that was another one after the load."""
    verdict = decide(path(changed=True))
    assert (verdict.kind, verdict.reason) == (Kind.CANNOT_TELL, Reason.PATH_CHANGED)


def test_a_slow_agent() -> None:
    """Echoes to this machine itself wait as long as those to the far end."""
    every = {hop: under_load(0.1) for hop in range(7)}
    verdict = decide(path(narrow=None, odd=every, load=loading("upload", 0.1)))
    assert (verdict.kind, verdict.reason) == (Kind.CANNOT_TELL, Reason.IN_AGENT)


def test_a_far_end_that_is_slow_with_echoes_only() -> None:
    """TCP's own round trip did not grow, so nothing waited on the path."""
    verdict = decide(path(narrow=None, odd={6: under_load(0.1)}, load=loading("upload", 0.001)))
    assert (verdict.kind, verdict.reason) == (Kind.CANNOT_TELL, Reason.IN_FAR_END)


def test_a_far_end_without_echoes_is_placed_by_tcp() -> None:
    """What TCP saw stands for the end of the path."""
    verdict = decide(path(narrow=4, silent=frozenset({6}), load=loading("download", 0.08)))
    assert (verdict.kind, verdict.between) == (Kind.LINK, (3, 4))
    verdict = decide(path(narrow=4, silent=frozenset({6}), load=loading("download", None)))
    assert (verdict.kind, verdict.reason) == (Kind.CANNOT_TELL, Reason.TOO_FEW_REPLIES)


def test_a_hop_with_another_way_back_counts_for_uploads_only() -> None:
    """Data of a download come by the far end's way back, which need not be this hop's."""
    other = {3: 5}
    down = decide(path(narrow=3, return_hops=other, load=loading("download", 0.1)))
    assert (down.kind, down.between) == (Kind.RANGE, (2, 4))
    up = decide(path(narrow=3, return_hops=other, load=loading("upload", 0.1)))
    assert (up.kind, up.between) == (Kind.LINK, (2, 3))


def test_a_hop_before_the_queue_with_another_way_back_is_left_out_too() -> None:
    """That it did not wait says nothing of the way that the data of a download take."""
    verdict = decide(path(narrow=3, return_hops={2: 4}, load=loading("download", 0.1)))
    assert (verdict.kind, verdict.between) == (Kind.RANGE, (1, 3))


@pytest.mark.parametrize(
    ("first", "second", "kind", "between"),
    [(0.3, 0.7, Kind.LINK, (3, 4)), (0.7, 0.3, Kind.RANGE, (1, 4))],
)
def test_of_two_queues_the_longer_counts(
    first: float, second: float, kind: Kind, between: tuple[int, int]
) -> None:
    """Less than half of the whole is before; more is behind, but not as long: a range."""
    odd = {hop: under_load(0.1 * (first * (hop >= 2) + second * (hop >= 4))) for hop in range(2, 7)}
    verdict = decide(path(narrow=None, odd=odd, load=loading("download", 0.1)))
    assert (verdict.kind, verdict.between) == (kind, between)


@pytest.mark.parametrize(("seconds", "side"), [(0.03, Side.BEFORE), (0.07, Side.BEHIND)])
def test_half_counts_where_round_trips_cannot_be_paired(seconds: float, side: Side) -> None:
    """The far end answers no echo: hops are compared with half of what TCP saw."""
    odd = {hop: under_load(seconds) for hop in (2, 3)}
    evidence = path(narrow=None, odd=odd, silent=frozenset({6}), load=loading("upload", 0.1))
    assert [decide(evidence).placed[hop].side for hop in (1, 2, 3)] == [Side.BEFORE, side, side]


@pytest.mark.parametrize(
    ("carried", "speed_bps", "drops", "said", "kind"),
    [
        (12_000_000, 100e6, None, Said.CONFIRM, Kind.LINK),
        (12_000_000, 1e9, None, Said.NOTHING, Kind.LINK),
        (12_000_000, 1e9, 7, Said.CONFIRM, Kind.LINK),
        (1_000, 100e6, None, Said.CONTRADICT, Kind.CANNOT_TELL),
    ],
)
def test_counters_confirm_or_contradict(
    carried: int, speed_bps: float, drops: int | None, said: Said, kind: Kind
) -> None:
    """A full or dropping port confirms, one with room says nothing, an idle one contradicts."""
    link = LinkCounters(
        between=(0, 1), carried_bytes=carried, load_bytes=12_000_000, seconds=1.0,
        speed_bps=speed_bps, dropped_packets=drops,
    )  # fmt: skip
    verdict = decide(path(narrow=1), [link])
    assert (verdict.kind, verdict.counters) == (kind, said)
    elsewhere = decide(path(narrow=2), [link])
    assert (elsewhere.kind, elsewhere.counters) == (Kind.LINK, None)


paths = st.builds(
    path,
    hops=st.integers(1, 9),
    narrow=st.one_of(st.none(), st.integers(1, 9)),
    queue_seconds=st.sampled_from([0.001, 0.004, 0.03, 0.2]),
    noise_seconds=st.sampled_from([0.0, 0.0005, 0.01]),
    silent=st.frozensets(st.integers(0, 9), max_size=4),
    odd=st.dictionaries(
        st.integers(0, 9),
        st.sampled_from([always(0.1), jittery(0.2), under_load(0.05), under_load(0.2)]),
        max_size=3,
    ),
    return_hops=st.dictionaries(st.integers(1, 9), st.integers(1, 12), max_size=2),
    load=st.one_of(st.none(), st.just(loading("upload", 0.1))),
    changed=st.booleans(),
    seed=st.integers(0, 999),
)


@settings(max_examples=150, deadline=None)
@given(paths)
def test_no_verdict_reaches_past_a_hop_that_speaks_against_it(evidence: Evidence) -> None:
    """Never beyond a later hop that did not wait, never short of a nearer one that did.

    Whatever the hops do: a named link or range has no hop before the queue behind it, no hop
    behind the queue in front of it, and a link has neighbours at its ends that were both seen.
    """
    verdict = decide(evidence)
    assert (verdict.between is not None) == (verdict.kind in (Kind.LINK, Kind.RANGE))
    assert (verdict.reason is None) == (verdict.kind is Kind.LINK)
    if verdict.between is None:
        return
    near, far = verdict.between
    assert 0 <= near < far <= len(evidence.hops) - 1
    assert (far - near == 1) == (verdict.kind is Kind.LINK)
    for item in verdict.placed:
        if item.side is Side.BEFORE:
            assert item.seen.hop <= near
        if item.side is Side.BEHIND:
            assert item.seen.hop >= far
    assert not evidence.path_changed


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 8), st.data(), st.integers(0, 999))
def test_with_one_odd_hop_no_wrong_link_is_named(hops: int, data: st.DataObject, seed: int) -> None:
    """One silent, always slow or noisy hop: the right link, a range that holds it, or no word."""
    narrow = data.draw(st.integers(1, hops))
    odd = data.draw(st.integers(1, hops - 1)) if hops > 1 else 1
    how = data.draw(st.sampled_from(["silent", "slow", "noisy"]))
    evidence = path(
        hops=hops,
        narrow=narrow,
        silent=frozenset({odd}) if how == "silent" else frozenset(),
        odd={} if how == "silent" else {odd: always(0.2) if how == "slow" else jittery(0.3)},
        seed=seed,
    )
    verdict = decide(evidence)
    if verdict.between is not None:
        near, far = verdict.between
        assert near < narrow <= far


def test_the_reasons_are_all_used_and_documented() -> None:
    """docs/methods.md names every reason."""
    text = (Path(__file__).parents[2] / "docs" / "methods.md").read_text(encoding="utf-8")
    missing = [reason.value for reason in Reason if f"`{reason.value}`" not in text]
    assert not missing
