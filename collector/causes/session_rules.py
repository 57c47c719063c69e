"""A session table that is full: new connections are lost, and those that stand go on. Pure.

What a full table does: the first packets of a new flow of any protocol are dropped by chance,
whoever is asked, while flows that it knows already pass at full speed and the router itself
answers. So new flows are counted inside good results too, by protocol: questions without an
answer (DNS), handshakes that were lost once or for good (TCP), round trips of which no packet came
back (ICMP, UDP). Names alone tell nothing, since a resolver that fails does the same.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from collector.causes.candidate import Candidate, observed
from collector.causes.figures import Figures, results
from collector.causes.model import Strength
from collector.causes.path import gateways
from collector.causes.seen import BESIDE, QUIET, Part, Result, Seen, days, host_of, middle
from wire.failure import FailureCode, Operation

NAMES: Final = "names"
KINDS: Final = {
    NAMES: ("dns",),
    "handshakes": ("tcp_connect", "https"),
    "round_trips": ("latency", "stamp"),
}
"""Probes that begin new flows, by what is lost of them."""
SYN_AGAIN_SECONDS: Final = 1.0
"""A handshake that takes as long was lost at least once: the first wait of RFC 6298, 2.1."""
FEWEST_KINDS: Final = 2
WELL_SHARE: Final = 0.9
"""Of the router's answers meanwhile."""
_UNREACHED: Final = (FailureCode.CONNECT_TIMEOUT, FailureCode.TIMEOUT, FailureCode.NO_REPLY)


@dataclass(frozen=True, slots=True)
class Flows:
    """New flows of one result."""

    tried: int
    lost: int


@dataclass(frozen=True, slots=True)
class Kind:
    """What became of one kind of new flows."""

    name: str
    lesson: Flows
    quiet: Flows
    bad: Sequence[Result]
    """Results in lessons that lost some."""


def sessions_by_failures(seen: Seen, of: Figures) -> Candidate | None:
    """In lessons new flows of several kinds are lost while the router and old flows are well."""
    limit = seen.number
    lossy = [one for one in kinds(seen) if _is_lossy(seen, one)]
    if len(lossy) < FEWEST_KINDS or all(one.name == NAMES for one in lossy):
        return None
    bad = [result for one in lossy for result in one.bad]
    answered = _router_answers(seen)
    if days(bad) < limit.fewest_days or not answered:
        return None
    steady = _steady(seen, of)
    if steady is False:
        return None  # what stands is slowed too: the way is full or loses packets
    evidence = [
        observed(
            "new_connections_fail",
            bad,
            lesson_ratio=_share(_sum(one.lesson for one in lossy)),
            quiet_ratio=_share(_sum(one.quiet for one in lossy)),
        ),
        observed("gateway_answers", answered),
    ]
    if steady:
        evidence.append(observed("transfers_are_well", results(of.lesson)))
    return Candidate(
        finding_id="nat_sessions",
        strength=Strength.INFERRED if steady else Strength.POINTED,
        observed=tuple(evidence),
        hours=frozenset({Part.LESSON}),
        confirm=("read_session_table",),
    )


def can_tell(seen: Seen) -> bool:
    """Whether enough new flows of enough kinds were tried, in lessons and outside."""
    fewest = 2 * seen.number.fewest_runs
    told = [one for one in kinds(seen) if min(one.lesson.tried, one.quiet.tried) >= fewest]
    return len(told) >= FEWEST_KINDS


def kinds(seen: Seen) -> list[Kind]:
    """All kinds of new flows that leave the school."""
    inside = gateways(seen)
    made = []
    for name, probes in KINDS.items():
        of = [
            one
            for one in seen.tried(*probes)
            if one.made.segment not in BESIDE and host_of(one.made.target) not in inside
        ]
        lesson = [one for one in of if one.part is Part.LESSON]
        made.append(
            Kind(
                name,
                _sum(map(flows, lesson)),
                _sum(flows(one) for one in of if one.part in QUIET),
                [one for one in lesson if flows(one).lost],
            )
        )
    return made


def flows(one: Result) -> Flows:
    """New flows that a result tried and lost; none where it tells of something else."""
    match one.made.probe:
        case "dns":
            return _questions(one)
        case "tcp_connect":
            return _handshakes(one)
        case "https":
            return _pages(one)
        case _:
            return Flows(1, int(_unreached(one)))


def _questions(one: Result) -> Flows:
    asked = sum(int(one.number(f"{status}_count") or 0) for status in _DNS_ANSWERS)
    lost = int(one.number("timeout_count") or 0)
    return Flows(asked + lost, lost) if asked + lost else Flows(1, int(_unreached(one)))


_DNS_ANSWERS: Final = ("ok", "no_data", "nxdomain", "servfail", "refused", "other_rcode",
                       "malformed", "wrong_answer")  # fmt: skip


def _handshakes(one: Result) -> Flows:
    tried = int(one.number("attempt_count") or 0)
    if not tried:
        return Flows(1, int(_unreached(one)))
    gone = sum(int(one.number(f"{code}_count") or 0) for code in _UNREACHED)
    again = int(one.number("syn_retransmitted_count") or 0)
    return Flows(tried, min(tried, gone + again))


def _pages(one: Result) -> Flows:
    """A page over each family that was tried; a name that was not found is no handshake."""
    if not one.ok:
        failure = one.made.failure
        connects = failure is not None and failure.operation is Operation.CONNECT
        return Flows(1, int(_unreached(one))) if connects else Flows(0, 0)
    times = [one.number(f"{family}_connect_seconds") for family in ("v4", "v6")]
    known = [seconds for seconds in times if seconds is not None]
    return Flows(len(known), sum(seconds >= SYN_AGAIN_SECONDS for seconds in known))


def _unreached(one: Result) -> bool:
    return one.made.failure is not None and one.made.failure.code in _UNREACHED


def _is_lossy(seen: Seen, one: Kind) -> bool:
    limit, fewest = seen.number, 2 * seen.number.fewest_runs
    if min(one.lesson.tried, one.quiet.tried) < fewest:
        return False
    return (
        _share(one.lesson) >= limit.session_failure_ratio
        and _share(one.quiet) <= limit.session_quiet_ratio
    )


def _router_answers(seen: Seen) -> list[Result]:
    """Its answers in lessons; empty where it does not answer well itself, or was not asked."""
    inside = gateways(seen)
    near = [
        one
        for one in seen.tried("latency", "gateway", "snmp")
        if one.part is Part.LESSON
        and (
            one.made.probe != "latency"
            or one.made.segment == "lan"
            or host_of(one.made.target) in inside
        )
    ]
    answered = [one for one in near if one.ok]
    well = len(answered) >= seen.number.fewest_runs and len(answered) >= WELL_SHARE * len(near)
    return answered if well else []


def _steady(seen: Seen, of: Figures) -> bool | None:
    """Whether transfers that came about run as in quiet hours; None: too few to say."""
    whole = middle((one.whole_bps for one in of.lesson), seen.number.fewest_runs)
    if whole is None or of.reference_bps is None:
        return None
    return whole >= seen.number.session_steady_ratio * of.reference_bps


def _sum(of: Iterable[Flows]) -> Flows:
    known = list(of)
    return Flows(sum(one.tried for one in known), sum(one.lost for one in known))


def _share(of: Flows) -> float:
    return of.lost / of.tried if of.tried else 0.0
