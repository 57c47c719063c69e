"""Which probe is due, and hops of books: one table of networks, without a packet."""

from collections.abc import Callable

import pytest

from agent.path.hops import figures, fingerprint, last_word, loop_addresses
from agent.path.replies import Kind, Reply, kind_of_icmp, mark_of
from agent.path.trace import Plan, Probe, Trace, flows_needed
from agent.probes.traceroute import why_failed
from wire.failure import FailureCode
from wire.units import unit_of

Answer = tuple[str, Kind, tuple[int, int] | None]
Network = Callable[[Probe], Answer | None]
TARGET = "192.0.2.9"


def router(number: int) -> Answer:
    """A router that answers as it should."""
    return f"10.0.0.{number}", "time_exceeded", (11, 0)


def straight(length: int) -> Network:
    """Routers in a row, then the destination."""
    return lambda probe: router(probe.hops) if probe.hops < length else (TARGET, "echo_reply", None)


def traced(network: Network, **changes: int) -> Trace:
    """Run a trace against a network that answers within 10 ms, by a clock of its own."""
    plan: dict[str, int] = {"max_hops": 30, "queries": 3, "flows": 1, "silent_hops": 4, **changes}
    trace = Trace(Plan(destination=TARGET, timeout_seconds=1.0, **plan), first_tag=65_500)
    now = 100.0
    for _ in range(20_000):
        probe = trace.next_probe(now)
        if probe is not None:
            trace.note_sent(probe, now)
            if (answer := network(probe)) is not None:
                address, kind, icmp = answer
                trace.note_reply(
                    Reply(
                        tag=probe.tag, at_seconds=now + 0.001 * probe.hops, address=address,
                        kind=kind, icmp=icmp,
                    )
                )  # fmt: skip
        elif trace.is_done(now):
            return trace
        now += 0.05
    pytest.fail("the trace does not end")


def test_a_straight_path() -> None:
    """Every hop asked three times, nothing sent past the destination, figures with round trips."""
    trace = traced(straight(5))
    values = figures(trace, 4)
    assert values["hop_count"] == 5
    assert values["sent_count"] == values["received_count"] == 15
    assert (values["destination_reached"], values["stop_reason"]) == (True, "reached")
    assert values["rtt_min_seconds"] == pytest.approx(0.005)
    hops = values["hops"]
    assert isinstance(hops, list)
    assert [hop["address"] for hop in hops if isinstance(hop, dict)] == [
        "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", TARGET,
    ]  # fmt: skip
    assert why_failed(trace, 4, complete=True) is None


def test_tags_are_never_0_nor_65535_and_all_different() -> None:
    """Checksums take them: 0 means none, and 65535 is the same as 0. Started near the end."""
    trace = traced(straight(20), flows=16)
    tags = list(trace.probes)
    assert len(set(tags)) == len(tags) > 60
    assert all(0 < tag < 0xFFFF for tag in tags)


@pytest.mark.parametrize(("next_hops", "flows"), [(1, 6), (2, 11), (3, 16), (4, 21), (5, 27)])
def test_the_stopping_rule_is_the_published_one(next_hops: int, flows: int) -> None:
    """The numbers of the Multipath Detection Algorithm at 95 %."""
    assert flows_needed(next_hops) == flows


def test_only_a_hop_with_branches_gets_more_flows() -> None:
    """Six flows where one router answers; eleven where two do, however many were allowed."""

    def diamond(probe: Probe) -> Answer | None:
        if probe.hops == 2:
            return f"10.0.2.{probe.flow % 2}", "time_exceeded", (11, 0)
        return straight(4)(probe)

    trace = traced(diamond, flows=40, queries=1)
    assert [len(trace.at(hops)) for hops in range(1, 5)] == [6, 11, 6, 6]
    values = figures(trace, 4)
    assert (values["load_balanced"], values["branching_hop_count"]) == (True, 1)
    hops = values["hops"]
    assert isinstance(hops, list)
    assert isinstance(hops[1], dict)
    assert hops[1]["address"] == "10.0.2.0"
    assert hops[1]["others"] == [{"address": "10.0.2.1", "flows": "1 3 5 7 9"}]


def test_silence_behind_the_last_router_ends_the_trace() -> None:
    """It is no failure and no loss: the hops, and that the destination did not answer."""
    trace = traced(lambda probe: router(probe.hops) if probe.hops < 4 else None)
    values = figures(trace, 4)
    assert (values["stop_reason"], values["destination_reached"]) == ("silent", False)
    assert values["responding_hop_count"] == 3
    assert not {"hop_count", "loss_ratio", "rtt_min_seconds"} & set(values)
    assert why_failed(trace, 4, complete=True) is None


def test_a_gap_shorter_than_the_limit_is_crossed() -> None:
    """Silent routers in the middle have neither address nor loss."""
    trace = traced(lambda probe: None if probe.hops in (2, 3) else straight(6)(probe))
    values = figures(trace, 4)
    assert (values["hop_count"], values["silent_hop_count"]) == (6, 2)
    hops = values["hops"]
    assert isinstance(hops, list)
    assert hops[1] == {"hop_count": 2, "sent_count": 3, "received_count": 0}


def test_no_answer_at_all_is_no_reply() -> None:
    """With a hint where to look."""
    trace = traced(lambda _probe: None)
    failure = why_failed(trace, 4, complete=True)
    assert failure is not None
    assert failure.failure.code is FailureCode.NO_REPLY
    assert figures(trace, 4)["hops"] == []


def test_an_error_ends_the_trace_with_its_name() -> None:
    """Host unreachable by a router: code, mark, who and where; it is asked again, not passed."""
    trace = traced(
        lambda probe: router(probe.hops) if probe.hops < 3 else ("10.0.0.2", "unreachable", (3, 1))
    )
    word = last_word(trace)
    assert word is not None
    failure = why_failed(trace, 4, complete=True)
    assert failure is not None
    assert failure.failure.code is FailureCode.HOST_UNREACHABLE
    assert "(!H), reported by 10.0.0.2 at hop 3" in failure.failure.text
    assert len(trace.probes) == 9


def test_a_refusal_by_the_destination_is_an_answer() -> None:
    """A host whose firewall says 'prohibited' has been reached."""
    trace = traced(
        lambda probe: router(probe.hops) if probe.hops < 3 else (TARGET, "unreachable", (3, 10))
    )
    assert figures(trace, 4)["destination_reached"] is True
    assert why_failed(trace, 4, complete=True) is None


def test_a_loop_is_found_and_not_followed_to_the_end() -> None:
    """Two routers that alternate: a failure with both addresses after a few hops."""
    trace = traced(lambda probe: router(1 if probe.hops == 1 else 2 + probe.hops % 2))
    assert trace.stop_reason == "loop"
    assert loop_addresses(trace) == ["10.0.0.2", "10.0.0.3"]
    assert trace.last < 12
    failure = why_failed(trace, 4, complete=True)
    assert failure is not None
    assert "routing loop" in failure.failure.text


def test_two_neighbours_with_one_address_are_no_loop() -> None:
    """A router that forwards what should have died answers for the next hop too."""
    trace = traced(lambda probe: router(2) if probe.hops == 3 else straight(6)(probe))
    assert trace.stop_reason == "reached"


def test_an_answer_after_the_time_out_does_not_count() -> None:
    """It is late; a second answer to the same probe is a duplicate."""
    trace = traced(lambda _probe: None, max_hops=1, queries=1)
    (tag,) = trace.probes
    trace.note_reply(Reply(tag=tag, at_seconds=101.5, address=TARGET, kind="echo_reply"))
    assert (trace.late_count, trace.replies) == (1, {})
    good = Reply(tag=tag, at_seconds=100.5, address=TARGET, kind="echo_reply")
    trace.note_reply(good)
    trace.note_reply(good)
    assert (trace.duplicate_count, len(trace.replies)) == (1, 1)


def test_a_stopped_trace_sends_nothing_more() -> None:
    """The deadline came: what was heard is kept, its end is not known."""
    trace = Trace(
        Plan(destination=TARGET, max_hops=9, queries=3, flows=2, silent_hops=3, timeout_seconds=1),
        first_tag=1,
    )
    first = trace.next_probe(0.0)
    assert first is not None
    trace.note_sent(first, 0.0)
    trace.note_reply(Reply(tag=first.tag, at_seconds=0.1, address="10.0.0.1", kind="time_exceeded"))
    trace.stop()
    assert trace.next_probe(1.0) is None
    assert trace.is_done(1.0)
    failure = why_failed(trace, 4, complete=False)
    assert failure is not None
    assert failure.failure.code is FailureCode.TIMEOUT
    assert figures(trace, 4)["responding_hop_count"] == 1


def test_the_fingerprint_is_of_routers_and_their_places() -> None:
    """Equal for equal paths; another router, another order or another place changes it."""
    path = [(1, "10.0.0.1"), (2, "10.0.0.2")]
    assert fingerprint(path) == fingerprint(list(path))
    others = ([(1, "10.0.0.1"), (2, "10.0.0.3")], [(1, "10.0.0.2"), (2, "10.0.0.1")],
              [(1, "10.0.0.1"), (3, "10.0.0.2")], path[:1])  # fmt: skip
    assert len({fingerprint(list(other)) for other in (path, *others)}) == 5
    print(fingerprint(path))


def test_every_number_says_its_unit() -> None:
    """In the values and in each hop."""
    values = figures(traced(straight(4), flows=3), 4)
    hops = values["hops"]
    assert isinstance(hops, list)
    for item in (values, *hops):
        assert isinstance(item, dict)
        for name, value in item.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                assert unit_of(name) is not None, name


@pytest.mark.parametrize(
    ("version", "icmp", "kind", "mark"),
    [
        (4, (11, 0), "time_exceeded", ""),
        (4, (11, 1), None, ""),
        (4, (3, 0), "unreachable", "!N"),
        (4, (3, 1), "unreachable", "!H"),
        (4, (3, 3), "unreachable", ""),
        (4, (3, 4), "unreachable", "!F"),
        (4, (3, 13), "unreachable", "!X"),
        (4, (3, 99), "unreachable", "!99"),
        (4, (5, 1), None, ""),
        (6, (3, 0), "time_exceeded", ""),
        (6, (1, 0), "unreachable", "!N"),
        (6, (1, 1), "unreachable", "!X"),
        (6, (1, 3), "unreachable", "!H"),
        (6, (1, 4), "unreachable", ""),
        (6, (2, 0), "unreachable", "!F"),
        (6, (128, 0), None, ""),
    ],
)
def test_icmp_in_the_marks_of_traceroute(
    version: int, icmp: tuple[int, int], kind: str | None, mark: str
) -> None:
    """Each message is sorted, and errors have the mark that people know."""
    assert kind_of_icmp(version, *icmp) == kind
    assert mark_of(version, icmp) == mark


def test_a_shorter_branch_is_not_asked_past_its_end() -> None:
    """A flow that reaches the destination earlier is left alone from there on."""

    def uneven(probe: Probe) -> Answer | None:
        return straight(3 if probe.flow else 6)(probe)

    trace = traced(uneven, flows=3, queries=1)
    assert [len(trace.at(hops, 1)) for hops in range(1, 7)] == [1, 1, 1, 0, 0, 0]
    assert figures(trace, 4)["hop_count"] == 6
