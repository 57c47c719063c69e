"""The books of one STAMP session on the sender's side, and the figures that come of them. Pure.

Four times a packet: T1 sent, T2 received by the reflector, T3 sent back, T4 received here. T1 and
T4 are this clock's, T2 and T3 the reflector's.

- Round trip: (T4 - T1) - (T3 - T2): the reflector's processing is subtracted (RFC 8762 section 4).
- Delay variation of a direction: PDV of RFC 5481 section 4.2, the delay (T2 - T1, or T4 - T3) minus
  the smallest one of the session; an offset of the clocks falls out, a drift does not. IPDV of
  RFC 3393 / RFC 5481 section 4.1: mean magnitude of the differences of neighbours that both
  arrived.
- Loss of a direction: with the reflector's own counts exact; without them from its numbering,
  up to the last answer that came; not at all where neither says.
- One-way delay only where both ends say that their clocks are synchronised, with the sum of both
  errors; not where it contradicts them or the error is greater than the round trip.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from agent.latency.statistics import jitter, median, percentile
from agent.stamp.control import Summary
from agent.stamp.packet import ErrorEstimate, Reflected
from wire.measurement import Json

Direction = Literal["upload", "download"]
_BILLION: Final = 1e9


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer in time: the packet, and T1 and T4 in nanoseconds of this clock's Unix time."""

    packet: Reflected
    t1_ns: int
    t4_ns: int
    dscp: int

    @property
    def round_trip_ns(self) -> int:
        """Without the reflector's processing; with it where what it says cannot be.

        Never below zero: on a very short path the clocks' microsecond may exceed the trip.
        """
        whole = max(self.t4_ns - self.t1_ns, 0)
        inside = self.packet.time_ns - self.packet.received_ns
        return whole - inside if 0 <= inside <= whole else whole

    @property
    def plausible(self) -> bool:
        """Whether the reflector's processing fits into the round trip."""
        inside = self.packet.time_ns - self.packet.received_ns
        return 0 <= inside <= self.t4_ns - self.t1_ns

    def delay_ns(self, direction: Direction) -> int:
        """One way, with the offset of the two clocks in it."""
        if direction == "upload":
            return self.packet.received_ns - self.t1_ns
        return self.t4_ns - self.packet.time_ns


@dataclass(slots=True)
class Books:
    """What was sent and what came back, in order of arrival."""

    timeout_seconds: float
    sent_ns: dict[int, int] = field(default_factory=dict)
    """T1 by sequence number."""
    replies: list[Reply] = field(default_factory=list)
    """Every answer in time, copies included."""
    late_count: int = 0
    foreign_count: int = 0
    """Packets that answer nothing that was sent."""
    refused_count: int = 0
    """ICMP said that nobody is there."""
    refused_after_last_reply: bool = False

    def note_reply(self, packet: Reflected, ssid: int, t4_ns: int, dscp: int) -> None:
        """Enter an answer; one that is not ours or too late is only counted."""
        t1_ns = self.sent_ns.get(packet.sender_sequence)
        if t1_ns is None or packet.ssid != ssid:
            self.foreign_count += 1
        elif t4_ns - t1_ns > self.timeout_seconds * _BILLION:
            self.late_count += 1
        else:
            self.replies.append(Reply(packet, t1_ns, t4_ns, dscp))
            self.refused_after_last_reply = False

    def note_refused(self) -> None:
        """Enter an ICMP error in place of an answer."""
        self.refused_count += 1
        self.refused_after_last_reply = True

    def first_replies(self) -> dict[int, Reply]:
        """The first answer to each packet, by the sender's sequence number."""
        first: dict[int, Reply] = {}
        for reply in self.replies:
            first.setdefault(reply.packet.sender_sequence, reply)
        return first

    @property
    def is_complete(self) -> bool:
        """Whether everything sent was answered."""
        return len(self.first_replies()) == len(self.sent_ns)


def figures(books: Books, summary: Summary | None) -> dict[str, Json]:
    """Make the values; only counts where nothing came back."""
    first = books.first_replies()
    values: dict[str, Json] = {
        "sent_count": len(books.sent_ns),
        "received_count": len(first),
        "late_count": books.late_count,
    }
    if books.foreign_count:
        values["foreign_count"] = books.foreign_count
    if books.refused_count:
        values["refused_count"] = books.refused_count
    if summary is not None and summary.limited_count:
        values["limited_count"] = summary.limited_count
    if first:
        values["loss_ratio"] = 1.0 - len(first) / len(books.sent_ns)
        values |= _round_trips(list(first.values()))
        values |= _variation(first, "upload") | _variation(first, "download")
    return values | losses(books, summary) | _order(books, summary)


def losses(books: Books, summary: Summary | None) -> dict[str, Json]:
    """Loss of each direction; empty where nobody can say."""
    numbers = {reply.packet.sequence for reply in books.replies}
    if summary is not None:
        arrived = min(summary.received_count, len(books.sent_ns))
        return _loss("upload", len(books.sent_ns), arrived) | _loss(
            "download", summary.reflected_count, len(numbers)
        )
    if not books.replies or not (books.is_complete or is_stateful(books.replies)):
        return {}
    # what came after the last answer is in neither direction's figure
    arrived = max(numbers) + 1
    last = max(reply.packet.sender_sequence for reply in books.replies)
    return _loss("upload", last + 1, min(arrived, last + 1)) | _loss(
        "download", arrived, len(numbers)
    )


def is_stateful(replies: Sequence[Reply]) -> bool:
    """Tell whether the reflector numbers its answers itself.

    A stateless one copies the sender's number (RFC 8762 section 4), so one difference proves it;
    without any difference nothing is known.
    """
    return any(reply.packet.sequence != reply.packet.sender_sequence for reply in replies)


def one_way(books: Books, own: ErrorEstimate) -> tuple[dict[str, Json], str | None]:
    """Delay of each direction with its error; or nothing, and why."""
    first = books.first_replies()
    theirs = [reply.packet.error for reply in first.values()]
    if not first:
        return {}, "nothing came back"
    if not own.synchronised or own.error_seconds is None:
        return {}, "this machine's clock is not synchronised"
    if not all(item.synchronised and item.error_seconds is not None for item in theirs):
        return {}, "the reflector's clock is not synchronised"
    if any(item.ptp for item in theirs):
        return {}, "the reflector stamps in PTP's time scale, which is not UTC"
    error = own.error_seconds + max(item.error_seconds or 0.0 for item in theirs)
    trip = median(sorted(reply.round_trip_ns for reply in first.values())) / _BILLION
    if error > trip:
        return {}, f"the clocks' error of {error:.6f} s is greater than the round trip"
    values: dict[str, Json] = {"one_way_error_seconds": error}
    directions: tuple[Direction, ...] = ("upload", "download")
    for direction in directions:
        delays = sorted(reply.delay_ns(direction) / _BILLION for reply in first.values())
        if delays[0] < -error:
            return {}, "a delay below zero by more than the clocks' error: a clock is wrong"
        known = [max(delay, 0.0) for delay in delays]
        values |= {
            f"{direction}_delay_min_seconds": known[0],
            f"{direction}_delay_median_seconds": median(known),
            f"{direction}_delay_p95_seconds": percentile(known, 95),
        }
    return values, None


def _round_trips(replies: Sequence[Reply]) -> dict[str, Json]:
    trips = sorted(reply.round_trip_ns / _BILLION for reply in replies)
    values: dict[str, Json] = {
        "rtt_min_seconds": trips[0],
        "rtt_median_seconds": median(trips),
        "rtt_p95_seconds": percentile(trips, 95),
        "rtt_max_seconds": trips[-1],
    }
    implausible = sum(not reply.plausible for reply in replies)
    if implausible:
        values["implausible_count"] = implausible
    return values


def _variation(first: Mapping[int, Reply], direction: Direction) -> dict[str, Json]:
    delays = {sequence: reply.delay_ns(direction) for sequence, reply in first.items()}
    least = min(delays.values())
    above = sorted((delay - least) / _BILLION for delay in delays.values())
    values: dict[str, Json] = {
        f"{direction}_pdv_median_seconds": median(above),
        f"{direction}_pdv_p95_seconds": percentile(above, 95),
        f"{direction}_pdv_max_seconds": above[-1],
    }
    # from the least delay, so that no precision is lost in the offset of the clocks
    mean = jitter({key: (delay - least) / _BILLION for key, delay in delays.items()})
    if mean is not None:
        values[f"{direction}_ipdv_mean_seconds"] = mean
    return values


def _loss(direction: Direction, offered: int, arrived: int) -> dict[str, Json]:
    lost = max(offered - arrived, 0)
    counts: dict[str, Json] = {
        f"{direction}_lost_count": lost,
        f"{direction}_offered_count": offered,
    }
    return {**counts, f"{direction}_loss_ratio": lost / offered} if offered else counts


def _order(books: Books, summary: Summary | None) -> dict[str, Json]:
    """Copies and overtaking (RFC 4737 section 3); by direction where the reflector numbers."""
    replies = books.replies
    if summary is None and not is_stateful(replies):
        different = {reply.packet.sender_sequence for reply in replies}
        return {
            "duplicate_count": len(replies) - len(different),
            "reordered_count": overtaken([reply.packet.sender_sequence for reply in replies]),
        }
    numbers = [reply.packet.sequence for reply in replies]
    by_number = {reply.packet.sequence: reply.packet.sender_sequence for reply in replies}
    as_reflected = [by_number[number] for number in sorted(by_number)]
    copies = len(as_reflected) - len(set(as_reflected))
    return {
        "upload_duplicate_count": copies if summary is None else summary.duplicate_count,
        "upload_reordered_count": overtaken(as_reflected),
        "download_duplicate_count": len(numbers) - len(by_number),
        "download_reordered_count": overtaken(numbers),
    }


def overtaken(numbers: Sequence[int]) -> int:
    """Count those that come after a greater one; copies of what was there do not count."""
    greatest, seen, count = -1, set[int](), 0
    for number in numbers:
        if number < greatest and number not in seen:
            count += 1
        seen.add(number)
        greatest = max(greatest, number)
    return count
