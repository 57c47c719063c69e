"""From what was seen of every hop to the link that is the bottleneck, or to why it is not known.

Theory. A queue stands where the narrow link begins, on the side the data come from. An echo to hop
i crosses the links 1 to i there and back, so it waits in that queue if the link is one of them: the
delay of every hop from the link's far side on is inflated, that of every nearer hop is not.

::

    data flow       queue of link k, between hops k-1 and k    echo to hop i waits in it
    upload          at hop k-1, towards hop k                  on the way there, if i >= k
    download        at hop k, towards hop k-1                  on the way back, if i >= k

A hop lies *behind* the queue when its median inflation exceeds half of the end-to-end inflation by
two standard errors, against the time before the load and against the time after it; *before* it,
when it stays below half likewise; else it is *unclear*, as a silent hop is. The bottleneck lies
between the last hop before and the first hop behind: a link where these are neighbours, a range
where not. Pure; docs/methods.md tells what this cannot see.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from agent.localise.counters import LinkCounters, Said
from agent.localise.evidence import Evidence, HopSeen, LoadSeen
from agent.localise.inflation import (
    ERRORS,
    Estimate,
    Inflation,
    beside_half,
    goes_its_own_way,
    inflation,
)
from agent.throughput.why import LimitedBy

FLOOR_SECONDS: Final = 0.002
"""Less than this end to end is no standing queue."""
MOST_OF_QUEUE_RATIO: Final = 1.5
"""A hop that is slower than so many times the whole queue has a delay of its own."""
TCP_SEES_RATIO: Final = 1 / 3
"""Share of the echoes' inflation that TCP's own round trip must show, and the reverse."""


class Kind(StrEnum):
    """What the verdict on one direction is."""

    LINK = "link"
    """Between two neighbouring hops."""
    RANGE = "range"
    """Between two hops with others between them that do not tell."""
    NONE = "none"
    """The path had room for what flowed."""
    CANNOT_TELL = "cannot_tell"
    """The reason says why."""


class Reason(StrEnum):
    """Why there is no link. Never renamed."""

    PATH_HAD_ROOM = "path_had_room"
    """``none``: the rate asked for, or all that the ends could do, flowed without a queue."""
    NO_STANDING_QUEUE = "no_standing_queue"
    """The path was full and its delay did not grow: AQM, a policer, a short buffer, BBR."""
    QUEUE_NOT_SEEN = "queue_not_seen"
    """TCP waits and echoes do not: fair queueing, echoes preferred, or a slow far end."""
    DID_NOT_RETURN = "did_not_return"
    """The delay did not go back when the load had ended: it was not the load's queue."""
    CONTRADICTION = "contradiction"
    """A hop is inflated and a later one is not."""
    PATH_CHANGED = "path_changed"
    """The routers were others after the load."""
    IN_AGENT = "in_agent"
    """This machine itself was slow."""
    IN_FAR_END = "in_far_end"
    """The far end answers echoes late, and data in time."""
    TOO_FEW_REPLIES = "too_few_replies"
    """Neither the far end's echoes nor TCP tell how much the delay grew."""
    COUNTERS_CONTRADICT = "counters_contradict"
    """By its counters the link that delay names did not carry the load."""
    SILENT_HOPS = "silent_hops"
    """``range``: hops between do not answer, or too seldom."""
    NOISY_HOPS = "noisy_hops"
    """``range``: hops between answer with delays of their own."""


class Side(StrEnum):
    """Where a hop lies, as seen from here."""

    BEFORE = "before"
    BEHIND = "behind"
    UNCLEAR = "unclear"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Placed:
    """A hop, how much its delay grew (None: too few replies), and its side."""

    seen: HopSeen
    grew: Inflation | None
    side: Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The verdict on one direction. ``between``: hops at the ends of the link or range."""

    kind: Kind
    reason: Reason | None = None
    between: tuple[int, int] | None = None
    end_to_end: Estimate | None = None
    """Inflation of the whole path."""
    placed: Sequence[Placed] = ()
    counters: Said | None = None
    """What the counters of the named link say; None where nobody reads any."""


def decide(evidence: Evidence, counters: Sequence[LinkCounters] = ()) -> Verdict:
    """Say where the bottleneck of one direction lies."""
    grew = [_inflation(evidence, hop) for hop in evidence.hops]
    whole = _end_to_end(grew[-1], evidence.load)
    if whole is None:
        return Verdict(kind=Kind.CANNOT_TELL, reason=Reason.TOO_FEW_REPLIES)
    placed = [
        Placed(hop, found, _side(evidence, hop, found, whole))
        for hop, found in zip(evidence.hops, grew, strict=True)
    ]
    if (kind_and_reason := _why_not(evidence, grew, whole, placed[0])) is not None:
        kind, reason = kind_and_reason
        return Verdict(kind=kind, reason=reason, end_to_end=whole, placed=placed)
    return _between(placed, whole, counters)


def _inflation(evidence: Evidence, hop: HopSeen) -> Inflation | None:
    return inflation(hop, evidence.before, evidence.loaded, evidence.after)


def _end_to_end(far: Inflation | None, load: LoadSeen) -> Estimate | None:
    """Of the echoes to the far end; where it answers none, what TCP itself saw."""
    if far is not None:
        return far.since
    if load.tcp_inflation_seconds is None:
        return None
    # one smoothed figure and no sample: as sure as a third of it, which half of it survives
    return Estimate(load.tcp_inflation_seconds, load.tcp_inflation_seconds / 6)


def _why_not(
    evidence: Evidence, grew: Sequence[Inflation | None], whole: Estimate, own: Placed
) -> tuple[Kind, Reason] | None:
    """Name what forbids to look for a link; None where nothing does."""
    load, far, tcp = evidence.load, grew[-1], evidence.load.tcp_inflation_seconds
    if evidence.path_changed:
        return Kind.CANNOT_TELL, Reason.PATH_CHANGED
    if load.limited_by is LimitedBy.APPLIANCE:
        return Kind.CANNOT_TELL, Reason.IN_AGENT
    if whole.seconds < FLOOR_SECONDS or whole.seconds < ERRORS * whole.error_seconds:
        return _without_queue(load, whole)
    if own.side is Side.BEHIND:
        return Kind.CANNOT_TELL, Reason.IN_AGENT
    if far is not None:
        if far.until.seconds < max(FLOOR_SECONDS, far.since.seconds) / 2:
            return Kind.CANNOT_TELL, Reason.DID_NOT_RETURN
        if tcp is not None and tcp < TCP_SEES_RATIO * whole.seconds:
            return Kind.CANNOT_TELL, Reason.IN_FAR_END
    return None


def _without_queue(load: LoadSeen, whole: Estimate) -> tuple[Kind, Reason]:
    short = whole.seconds < FLOOR_SECONDS  # a long queue that is not sure is no room
    if short and load.pace_reached:
        return Kind.NONE, Reason.PATH_HAD_ROOM
    tcp = load.tcp_inflation_seconds
    if tcp is not None and tcp >= FLOOR_SECONDS and TCP_SEES_RATIO * tcp > whole.seconds:
        return Kind.CANNOT_TELL, Reason.QUEUE_NOT_SEEN
    at_the_ends = load.limited_by in (LimitedBy.RECEIVER_WINDOW, LimitedBy.SEND_BUFFER)
    if short and load.pace_reached is None and at_the_ends:
        return Kind.NONE, Reason.PATH_HAD_ROOM
    return Kind.CANNOT_TELL, Reason.NO_STANDING_QUEUE


def _side(evidence: Evidence, hop: HopSeen, grew: Inflation | None, whole: Estimate) -> Side:
    far = evidence.hops[-1]
    if grew is None:
        return Side.BEHIND if hop is far else Side.SILENT
    half, loaded = whole.times(0.5), evidence.loaded
    since = beside_half(hop, far, evidence.before, loaded) or grew.since.less(half)
    until = beside_half(hop, far, evidence.after, loaded) or grew.until.less(half)
    margins = [ERRORS * since.error_seconds, ERRORS * until.error_seconds]
    if since.seconds < -margins[0] and until.seconds < -margins[1]:
        return Side.UNCLEAR if _returns_elsewhere(evidence, hop) else Side.BEFORE
    if hop is far:
        return Side.BEHIND
    if since.seconds <= margins[0] or until.seconds <= margins[1]:
        return Side.UNCLEAR
    too_slow = grew.since.less(whole.times(MOST_OF_QUEUE_RATIO))
    if too_slow.seconds > ERRORS * too_slow.error_seconds:
        return Side.UNCLEAR
    if _returns_elsewhere(evidence, hop):
        return Side.UNCLEAR
    if goes_its_own_way(hop, far, evidence.before, evidence.loaded):
        return Side.UNCLEAR
    return Side.BEHIND


def _returns_elsewhere(evidence: Evidence, hop: HopSeen) -> bool:
    """Tell whether a hop's replies come by another way than the data of a download.

    What is known is the length of their way. Data of an upload go where the echoes go, whichever
    way the replies take.
    """
    if evidence.load.test == "upload" or hop.hop == 0:
        return False
    return hop.return_hops is not None and hop.return_hops != hop.hop


def _between(
    placed: Sequence[Placed], whole: Estimate, counters: Sequence[LinkCounters]
) -> Verdict:
    last = max((item.seen.hop for item in placed if item.side is Side.BEFORE), default=0)
    behind = [item.seen.hop for item in placed if item.side is Side.BEHIND]
    first = min((hop for hop in behind if hop > last), default=placed[-1].seen.hop)
    if any(hop < last for hop in behind):
        return Verdict(
            kind=Kind.CANNOT_TELL,
            reason=Reason.CONTRADICTION,
            end_to_end=whole,
            placed=placed,
        )
    kind, reason = Kind.LINK, None
    if first - last > 1:
        between = [item for item in placed if last < item.seen.hop < first]
        noisy = any(item.side is Side.UNCLEAR for item in between)
        kind, reason = Kind.RANGE, Reason.NOISY_HOPS if noisy else Reason.SILENT_HOPS
    said = next((item.said for item in counters if item.between == (last, first)), None)
    if said is Said.CONTRADICT:
        kind, reason = Kind.CANNOT_TELL, Reason.COUNTERS_CONTRADICT
    return Verdict(
        kind=kind,
        reason=reason,
        between=(last, first) if kind is not Kind.CANNOT_TELL else None,
        end_to_end=whole,
        placed=placed,
        counters=said,
    )
