"""Causes that failures tell: traffic that somebody else answers, sessions that run out. Pure."""

from collections.abc import Mapping
from typing import Final

from collector.causes.candidate import Answer, Candidate, clear, found, observed, unseen
from collector.causes.model import Strength
from collector.causes.path import gateways
from collector.causes.seen import Part, Result, Seen, days, host_of, number, parts, ratio
from wire.failure import FailureCode, Operation

_SERVICES: Final = ("throughput", "http_download", "https", "tcp_connect")
_UNREACHED: Final = (FailureCode.CONNECT_TIMEOUT, FailureCode.TIMEOUT, FailureCode.NO_REPLY)
_BLOCKING: Final = frozenset({FailureCode.INTERCEPTED})


def interception(seen: Seen) -> Answer:
    """Somebody else answers."""
    name, limit = "interception", seen.number
    tried = seen.tried(*_SERVICES, "ndt7_public", "ookla", "dns", "responsiveness", "verify")
    if len(tried) < limit.fewest_runs:
        return unseen(name)
    blocked = [one for one in tried if _is_blocked(one)]
    kinds = {(one.made.probe, one.made.target) for one in blocked}
    same = [one for one in tried if (one.made.probe, one.made.target) in kinds]
    if len(blocked) < 2 or len(blocked) < limit.intercepted_ratio * len(same):
        return clear(name)
    if len(blocked) < limit.fewest_failures_count and len(same) > 2 * len(blocked):
        return clear(name)
    targets = sorted({host_of(one.made.target) for one in blocked})
    figures: dict[str, float | bool | str] = {
        "blocked_count": len(blocked),
        "tried_count": len(same),
        "targets": ", ".join(targets[:3]),
    }
    return found(
        Candidate(
            finding_id=name,
            strength=Strength.TOLD,
            observed=(observed("somebody_else_answers", blocked, **figures),),
            hours=parts(blocked),
            confirm=("allow_in_filter",),
        )
    )


def _is_blocked(one: Result) -> bool:
    failure = one.made.failure
    if failure is not None:
        return failure.code in _BLOCKING
    return (number(one.made.values.get("wrong_answer_count")) or 0) > 0


def sessions_by_failures(seen: Seen) -> Candidate | None:
    """In lessons new connections do not come about, though the gateway answers; else they do."""
    limit, inside = seen.number, gateways(seen)
    lesson, calm = _connections(seen, Part.LESSON), _connections(seen, Part.MORNING, Part.EVENING)
    if len(lesson) < 2 * limit.fewest_runs or len(calm) < 2 * limit.fewest_runs:
        return None
    lost = [one for one in lesson if _lost(one) > 0]
    share = ratio(sum(map(_lost, lesson)), len(lesson)) or 0.0
    before = ratio(sum(map(_lost, calm)), len(calm)) or 0.0
    near = [
        one
        for one in seen.tried("latency", "gateway", "snmp")
        if one.part is Part.LESSON
        and (
            one.made.probe in ("gateway", "snmp")
            or one.made.segment == "lan"
            or host_of(one.made.target) in inside
        )
    ]
    answered = [one for one in near if one.ok]
    well = len(answered) >= limit.fewest_runs and len(answered) >= 0.9 * len(near)
    if share < limit.session_failure_ratio or before > limit.session_quiet_ratio or not well:
        return None
    kinds = {(one.made.probe, one.made.target) for one in lost}
    if len(kinds) < 2 or days(lost) < limit.fewest_days:
        return None
    figures: Mapping[str, float] = {"lesson_ratio": share, "quiet_ratio": before}
    return Candidate(
        finding_id="nat_sessions",
        strength=Strength.INFERRED,
        observed=(
            observed("new_connections_fail", lost, **figures),
            observed("gateway_answers", answered),
        ),
        hours=frozenset({Part.LESSON}),
        confirm=("read_session_table",),
    )


def _connections(seen: Seen, *of: Part) -> list[Result]:
    return [
        one
        for one in seen.tried(*_SERVICES)
        if one.part in of and one.made.segment not in ("lan", "loopback")
    ]


def _lost(one: Result) -> float:
    """Share of the connections of a result that did not come about."""
    if one.ok:
        return one.number("failure_ratio") or 0.0
    failure = one.made.failure
    assert failure is not None
    early = failure.operation in (Operation.CONNECT, Operation.RESOLVE, Operation.RUN)
    return 1.0 if failure.code in _UNREACHED and early else 0.0
