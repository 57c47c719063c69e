"""One trace: which probe is due next, and the books of what became of each. Pure.

The first round goes hop by hop along flow 0 until the destination answers, somebody says that it
cannot be reached, a loop shows, too many hops in a row stay silent, or hops run out. Further
rounds go over the same hops again: some along flow 0 for loss and round trips, then one round for
each further flow. A hop gets only as many flows as it takes to say, with 95 % confidence, that
there is no further next hop than those seen (the stopping rule of the Multipath Detection
Algorithm, D. Veitch et al., "Failure control in multipath route tracing", INFOCOM 2009, used hop
by hop as in MDA-Lite, K. Vermeulen et al., IMC 2018).

Going round by round also spares routers: each sees one probe a round, and many answer no more
than one a second for long.
"""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from agent.path.flows import LAST_TAG
from agent.path.replies import ANSWERS, Reply

DOUBT: Final = 0.05
LOOP_SEEN: Final = 3
"""An address at so many hops is a loop; two neighbours with one address are a known defect of
routers that forward packets whose time to live is over (Augustin et al. 2006, section 4.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to do."""

    destination: str
    max_hops: int
    queries: int
    """Probes to each hop along flow 0."""
    flows: int
    """At most so many flows; 1 looks for no branches."""
    silent_hops: int
    """So many silent hops in a row end the first round."""
    timeout_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One packet to send: it dies at the ``hops``-th router."""

    tag: int
    hops: int
    flow: int


@dataclass(slots=True)
class Trace:
    """Mutable books; see the module. Moments are seconds of one monotonic clock."""

    plan: Plan
    first_tag: int
    probes: dict[int, Probe] = field(default_factory=dict)
    """By tag, in the order of sending."""
    sent_at: dict[int, float] = field(default_factory=dict)
    replies: dict[int, Reply] = field(default_factory=dict)
    duplicate_count: int = 0
    late_count: int = 0
    stop_reason: str = ""
    """Why the first round ended: reached, unreachable, loop, silent, max_hops; empty before."""
    last: int = 0
    """Hops that the further rounds go over."""
    _rest: Iterator[tuple[int, int]] = field(default_factory=lambda: iter(()))
    _over: bool = False

    def next_probe(self, now: float) -> Probe | None:
        """Give the probe to send now, or None where there is none to send at this moment."""
        if self._over:
            return None
        if not self.stop_reason:
            hops = 1 + max((probe.hops for probe in self.probes.values()), default=0)
            go_on = self._look_for_end(now, hops)
            if not self.stop_reason:
                return self._new(hops, 0) if go_on else None
        for hops, flow in self._rest:
            if self._is_worth(hops, flow):
                return self._new(hops, flow)
        self._over = True
        return None

    def is_done(self, now: float) -> bool:
        """Tell whether nothing is left to send nor to wait for."""
        return self._over and not self.outstanding(now)

    def note_sent(self, probe: Probe, at_seconds: float) -> None:
        """Enter a probe."""
        self.probes[probe.tag] = probe
        self.sent_at[probe.tag] = at_seconds

    def note_reply(self, reply: Reply) -> None:
        """Enter an answer; the first counts, and only within the time-out."""
        sent_at = self.sent_at.get(reply.tag)
        if sent_at is None:
            return
        if reply.tag in self.replies:
            self.duplicate_count += 1
        elif reply.at_seconds - sent_at > self.plan.timeout_seconds:
            self.late_count += 1
        else:
            self.replies[reply.tag] = reply

    def outstanding(self, now: float) -> list[int]:
        """Tags of the probes that may still be answered."""
        return [
            tag
            for tag, at in self.sent_at.items()
            if tag not in self.replies and now < at + self.plan.timeout_seconds
        ]

    def stop(self) -> None:
        """Send nothing more."""
        self._rest = iter(())
        self._over = True

    def rtt_seconds(self, tag: int) -> float:
        """Round trip of an answered probe, never below 0."""
        return max(0.0, self.replies[tag].at_seconds - self.sent_at[tag])

    def at(self, hops: int, flow: int | None = None) -> list[int]:
        """Tags of the probes to one hop, of one flow or of all."""
        return [
            tag
            for tag, probe in self.probes.items()
            if probe.hops == hops and flow in (None, probe.flow)
        ]

    def is_reached(self, reply: Reply) -> bool:
        """Tell whether a reply comes from the destination: an answer, or its own refusal."""
        if reply.kind in ANSWERS:
            return True
        return reply.kind == "unreachable" and (
            reply.icmp in ((3, 3), (1, 4)) or reply.address == self.plan.destination
        )

    def end_of(self, flow: int) -> int | None:
        """First hop at which ``flow`` ended, at the destination or at an error."""
        ends = [
            self.probes[tag].hops
            for tag, reply in self.replies.items()
            if self.probes[tag].flow == flow and reply.kind != "time_exceeded"
        ]
        return min(ends, default=None)

    def _new(self, hops: int, flow: int) -> Probe:
        tag = (self.first_tag + len(self.probes) - 1) % LAST_TAG + 1
        return Probe(tag=tag, hops=hops, flow=flow)

    def _look_for_end(self, now: float, next_hops: int) -> bool:
        """End the first round where it has come to its end; tell whether it goes on."""
        waiting = {self.probes[tag].hops for tag in self.outstanding(now)}
        answered = {self.probes[tag].hops: reply for tag, reply in self.replies.items()}
        end, heard = self.end_of(0), max(answered, default=0)
        counts = Counter(reply.address for reply in answered.values())
        silent = [hops for hops in range(heard + 1, next_hops) if hops not in waiting]
        if end is not None:
            # an answer of a nearer hop may still be on its way
            if not any(hops < end for hops in waiting):
                reached = self.is_reached(answered[end])
                self._first_round_over("reached" if reached else "unreachable", end)
            return False
        for reason, holds in (
            ("loop", max(counts.values(), default=0) >= LOOP_SEEN),
            ("silent", len(silent) >= self.plan.silent_hops),
            ("max_hops", next_hops > self.plan.max_hops),
        ):
            if holds:
                if not waiting:
                    self._first_round_over(reason, heard)
                return False
        return True

    def _first_round_over(self, reason: str, last: int) -> None:
        self.stop_reason = reason
        self.last = last
        self._rest = iter(
            [
                *((hops, 0) for _ in range(1, self.plan.queries) for hops in range(1, last + 1)),
                *(
                    (hops, flow)
                    for flow in range(1, self.plan.flows)
                    for hops in range(1, last + 1)
                ),
            ]
        )

    def _is_worth(self, hops: int, flow: int) -> bool:
        """Leave out probes past a flow's own end, and flows that would tell nothing new."""
        end = self.end_of(flow)
        if end is not None and hops > end:
            return False
        if flow == 0:
            return True
        seen = {self.replies[tag].address for tag in self.at(hops) if tag in self.replies}
        return bool(seen) and flow < flows_needed(len(seen))


def flows_needed(next_hops: int) -> int:
    """Flows after which ``next_hops`` seen are all there are, with 95 % confidence.

    6, 11, 16, 21 ... for 1, 2, 3, 4 ...: of ``next_hops + 1`` equally likely ones, the chance to
    have missed one is at most 5 % (INFOCOM 2009, section III).
    """
    n = next_hops + 1
    return math.ceil(math.log(DOUBT / n) / math.log((n - 1) / n))
