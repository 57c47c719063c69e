"""A train of echoes over a scripted network and a clock that moves only when told."""

import errno
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from random import Random

import pytest

from agent.failure import MeasurementFailed
from agent.latency.train import Reply, Train, Trouble
from agent.probes import Progress, Request
from agent.probes.latency import figures, run_train
from wire.failure import FailureCode, Operation

UNREACHABLE = Trouble(None, FailureCode.HOST_UNREACHABLE, Operation.RECEIVE, "host unreachable")
Arrivals = list[tuple[float, Reply | Trouble]]


@dataclass
class Clock:
    """Time that passes only in the scripted network's ``poll``."""

    seconds: float = 1000.0

    def now(self) -> datetime:
        """Give any date: the train does not look at it."""
        return datetime(2026, 5, 11, tzinfo=UTC)

    def monotonic_seconds(self) -> float:
        """Seconds so far."""
        return self.seconds

    def boot_id(self) -> str:
        """Give any boot."""
        return "boot"


@dataclass
class Network:
    """Answers each request by ``answer``: pairs of delay in seconds and what then arrives."""

    clock: Clock
    answer: Callable[[int], Arrivals]
    sent_at: list[float] = field(default_factory=list)
    coming: Arrivals = field(default_factory=list)
    stall_seconds: dict[int, float] = field(default_factory=dict)
    """Time for which the program is held up after the n-th poll."""
    polls: int = 0

    def send(self, sequence: int) -> float:
        """Send; the answer is on its way."""
        self.sent_at.append(self.clock.seconds)
        self.coming += [
            (self.clock.seconds + delay, event) for delay, event in self.answer(sequence)
        ]
        self.coming.sort(key=lambda item: item[0])
        return self.clock.seconds

    def poll(self, timeout_seconds: float) -> list[Reply | Trouble]:
        """Move the clock to the next arrival or the end of the time-out."""
        until = self.clock.seconds + max(timeout_seconds, 0.0)
        self.clock.seconds = min([until, *(max(at, self.clock.seconds) for at, _ in self.coming)])
        self.clock.seconds += self.stall_seconds.get(self.polls, 0.0)
        self.polls += 1
        now = self.clock.seconds
        here = [item for item in self.coming if item[0] <= now]
        self.coming = [item for item in self.coming if item[0] > now]
        return [
            Reply(event.sequence, now, now - at) if isinstance(event, Reply) else event
            for at, event in here
        ]


def run(
    answer: Callable[[int], Arrivals],
    *,
    count: int = 4,
    timeout_seconds: float = 1.0,
    ends_in: float = 60.0,
    stall_seconds: dict[int, float] | None = None,
    report_takes_seconds: float = 0.0,
) -> tuple[Train, Network, list[Progress]]:
    """Run a train at 0.2 s and give its books, the network and what was reported."""
    clock = Clock()
    network = Network(clock, answer, stall_seconds=stall_seconds or {})
    train = Train(timeout_seconds)
    reports: list[Progress] = []

    def report(progress: Progress) -> None:
        reports.append(progress)
        clock.seconds += report_takes_seconds

    run_train(
        train,
        network,
        Request(target="x", clock=clock, random=Random(1)),
        report,
        count=count,
        interval_seconds=0.2,
        ends_at=clock.seconds + ends_in,
    )
    return train, network, reports


def reply(sequence: int, delay: float) -> tuple[float, Reply]:
    """A reply to ``sequence`` after ``delay`` seconds."""
    return delay, Reply(sequence, 0.0)


def test_requests_leave_on_an_absolute_schedule() -> None:
    """Neither round trips nor polling shift a request: each leaves at its multiple of 0.2 s."""
    _, network, _ = run(lambda n: [reply(n, 0.017 * (n + 1))], count=5)
    assert [at - 1000 for at in network.sent_at] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8])


def test_the_train_ends_with_its_last_reply() -> None:
    """It does not sit out the time-out once everything has come back."""
    train, network, _ = run(lambda n: [reply(n, 0.05)])
    assert network.clock.seconds - 1000 == pytest.approx(0.65)
    assert figures(train)["loss_ratio"] == 0.0


def test_a_lost_packet_is_waited_for_the_whole_time_out() -> None:
    """Loss is known only then, and the ratio is of what was sent."""
    train, network, _ = run(lambda n: [] if n == 3 else [reply(n, 0.05)])
    assert network.clock.seconds - 1000 == pytest.approx(0.6 + 1.0)
    assert (figures(train)["loss_ratio"], figures(train)["received_count"]) == (0.25, 3)


def test_a_late_reply_is_lost_and_counted_late() -> None:
    """A reply after its own time-out is not received, even while the train still runs."""
    train, _, _ = run(lambda n: [reply(n, 0.5 if n == 0 else 0.05)], timeout_seconds=0.3)
    found = figures(train)
    assert (found["late_count"], found["received_count"], found["loss_ratio"]) == (1, 3, 0.25)
    assert found["rtt_max_seconds"] == pytest.approx(0.05)


def test_duplicates_are_counted_and_change_nothing_else() -> None:
    """The first reply decides; the second is neither received nor a round trip.

    The train ends with the first reply to its last request, so a second one to that is not seen.
    """
    train, _, _ = run(lambda n: [reply(n, 0.01), reply(n, 0.05)])
    found = figures(train)
    assert (found["duplicate_count"], found["received_count"]) == (3, 4)
    assert found["rtt_max_seconds"] == pytest.approx(0.01)


def test_overtaken_replies_are_reordered() -> None:
    """RFC 4737: the one that arrives after a later one is the reordered one."""
    train, _, _ = run(lambda n: [reply(n, 0.5 if n == 1 else 0.01)])
    assert figures(train)["reordered_count"] == 1


def test_replies_to_nobody_are_left_out() -> None:
    """A sequence number that was not sent counts nowhere."""
    train, _, _ = run(lambda n: [reply(n, 0.01), reply(n + 77, 0.01)])
    found = figures(train)
    assert (found["received_count"], found["duplicate_count"], found["late_count"]) == (4, 0, 0)


def test_time_that_the_kernel_held_a_reply_is_no_round_trip() -> None:
    """A program held up for 0.9 s still gets 0.03 s, and replies in time are not late."""
    train, _, _ = run(lambda n: [reply(n, 0.03)], timeout_seconds=0.5, stall_seconds={0: 0.9})
    found = figures(train)
    assert found["rtt_max_seconds"] == pytest.approx(0.03)
    assert found["late_count"] == 0


def test_a_reply_in_time_that_was_not_read_in_time_is_received() -> None:
    """Held up past the last time-out, the train looks once more: the kernel has the reply."""
    train, _, _ = run(
        lambda n: [reply(n, 1.1)], count=1, timeout_seconds=1.2, report_takes_seconds=5.0
    )
    assert figures(train)["rtt_max_seconds"] == pytest.approx(1.1)


@pytest.mark.parametrize("age_seconds", [-3600.0, 3600.0])
def test_a_step_of_the_wall_clock_makes_no_round_trip(age_seconds: float) -> None:
    """An impossible age is left out: the monotonic clock alone then counts."""
    train = Train(1.0)
    train.note_sent(0, 100.0)
    train.note_reply(Reply(0, 100.25, age_seconds))
    assert train.rtts_seconds == {0: 0.25}


def test_after_a_stall_there_is_no_burst() -> None:
    """Held up for 3 s, the train goes on at its pace instead of catching up."""
    _, network, _ = run(lambda n: [reply(n, 0.01)], count=6, stall_seconds={1: 3.0})
    gaps = [later - earlier for earlier, later in pairwise(network.sent_at)]
    assert min(gaps) == pytest.approx(0.2)


def test_nothing_is_sent_that_could_not_be_waited_for() -> None:
    """At the deadline the train is shorter, not its time-out: what was sent is sent_count."""
    train, network, _ = run(lambda _: [], count=20, timeout_seconds=1.0, ends_in=1.5)
    assert len(train.sent) == 3
    assert network.clock.seconds - 1000 <= 1.5


def test_a_deadline_without_room_for_one_request_is_named() -> None:
    """Nothing sent is TIMEOUT, since NO_REPLY would blame the network."""
    train, _, _ = run(lambda _: [], timeout_seconds=2.0, ends_in=1.0)
    with pytest.raises(MeasurementFailed) as failed:
        figures(train)
    assert failed.value.failure.code is FailureCode.TIMEOUT


def test_silence_is_no_reply_with_the_count_sent() -> None:
    """100 % loss is a failure with its partial count, never a ratio of 1."""
    train, _, _ = run(lambda _: [])
    with pytest.raises(MeasurementFailed) as failed:
        figures(train)
    assert failed.value.failure.code is FailureCode.NO_REPLY
    assert failed.value.partial == {"sent_count": 4}
    assert failed.value.failure.text == "none of 4 echo requests was answered within 1 s"


def test_only_late_replies_are_no_reply_that_says_so() -> None:
    """Whoever reads it learns that the far end is there, but slow."""
    train, _, _ = run(lambda n: [reply(n, 0.35)], timeout_seconds=0.3)
    with pytest.raises(MeasurementFailed) as failed:
        figures(train)
    assert failed.value.partial["late_count"] == len(train.late) > 0
    assert failed.value.failure.text.endswith(f", {len(train.late)} later")


def test_errors_name_the_failure_where_nothing_came_back() -> None:
    """What the network said most often is the reason, with how often; no time-out is sat out."""
    network_says = [FailureCode.NETWORK_UNREACHABLE, *[FailureCode.HOST_UNREACHABLE] * 3]
    train, network, _ = run(
        lambda n: [(0.01, Trouble(n, network_says[n], Operation.RECEIVE, f"said {n}"))]
    )
    with pytest.raises(MeasurementFailed) as failed:
        figures(train)
    assert failed.value.failure.code is FailureCode.HOST_UNREACHABLE
    assert failed.value.failure.text == "said 1 (3 of 4 requests)"
    assert network.clock.seconds - 1000 == pytest.approx(0.61)


def test_errors_beside_replies_are_loss_and_are_counted() -> None:
    """One reply makes it a measurement; the errors stay visible by code."""
    trouble = Trouble(1, FailureCode.HOST_UNREACHABLE, Operation.RECEIVE, "x")
    train, _, _ = run(lambda n: [(0.01, trouble)] if n == 1 else [reply(n, 0.01)])
    assert figures(train)["loss_ratio"] == 0.25
    assert train.trouble_counts() == {FailureCode.HOST_UNREACHABLE: 1}


def test_a_reply_after_an_error_is_received() -> None:
    """An error about a packet does not forbid its reply (two paths): the reply counts."""
    trouble = Trouble(0, FailureCode.HOST_UNREACHABLE, Operation.RECEIVE, "x")
    train, _, _ = run(lambda n: [(0.01, trouble), reply(n, 0.02)] if n == 0 else [reply(n, 0.01)])
    assert figures(train)["received_count"] == 4


def test_errors_of_others_are_left_out() -> None:
    """An error that quotes a sequence number never sent, or the same one twice, adds nothing."""
    train = Train(1.0)
    train.note_sent(0, 1.0)
    for sequence in (9, 0, 0):
        train.note_trouble(Trouble(sequence, FailureCode.NO_REPLY, Operation.RECEIVE, "x"))
    assert sum(train.trouble_counts().values()) == 1


def test_a_request_that_the_kernel_refuses_is_lost_with_its_reason() -> None:
    """A local error counts as sent and lost: an application could not have sent either."""
    clock = Clock()
    network = Network(clock, lambda n: [reply(n, 0.01)])

    class Refusing(Network):
        def send(self, sequence: int) -> float:
            if sequence < 2:
                raise OSError(errno.ENETUNREACH, "x")
            return network.send(sequence)

        def poll(self, timeout_seconds: float) -> list[Reply | Trouble]:
            return network.poll(timeout_seconds)

    train = Train(1.0)
    run_train(
        train,
        Refusing(clock, lambda _: []),
        Request(target="x", clock=clock, random=Random(1)),
        lambda _: None,
        count=4,
        interval_seconds=0.2,
        ends_at=2000.0,
    )
    assert figures(train)["loss_ratio"] == 0.5
    assert train.trouble_counts() == {FailureCode.NETWORK_UNREACHABLE: 2}
    assert train.main_trouble() == Trouble(
        0, FailureCode.NETWORK_UNREACHABLE, Operation.SEND,
        "not sent by this machine: Network is unreachable",
    )  # fmt: skip


def test_progress_is_reported_now_and_then() -> None:
    """About twice a second, with figures in milliseconds, never more elapsed than total."""
    _, network, reports = run(lambda n: [reply(n, 0.0125)], count=20)
    elapsed = network.clock.seconds - 1000
    assert elapsed / 2 <= len(reports) <= elapsed * 2 + 1
    assert all(report.elapsed_seconds <= report.total_seconds for report in reports)
    assert reports[-1].text.endswith("median 12.50 ms")
