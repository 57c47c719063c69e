"""Causes of names, pages and blocked traffic: DNS, cloud services, filters, sessions. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import median
from typing import Final

from collector.causes.candidate import Answer, Candidate, clear, found, observed, unseen
from collector.causes.model import Observed, Strength
from collector.causes.path import gateways
from collector.causes.seen import (
    Part,
    Result,
    Seen,
    days,
    host_of,
    middle,
    number,
    parts,
    phase,
    ratio,
)
from wire.failure import FailureCode, Operation

_DNS_BAD: Final = ("servfail", "refused", "other_rcode", "timeout", "unreachable", "malformed")
_DNS_ALL: Final = (*_DNS_BAD, "ok", "no_data", "nxdomain", "wrong_answer")
_SERVICES: Final = ("throughput", "http_download", "https", "tcp_connect")
_UNREACHED: Final = (FailureCode.CONNECT_TIMEOUT, FailureCode.TIMEOUT, FailureCode.NO_REPLY)
_BLOCKING: Final = frozenset({FailureCode.INTERCEPTED})


def dns_slow(seen: Seen) -> Answer:
    """A resolver answers late or not at all; each resolver by itself."""
    name = "dns_slow"
    asked = seen.tried("dns")
    by_server: dict[str, list[Result]] = {}
    for one in asked:
        by_server.setdefault(one.made.target, []).append(one)
    enough = {target: of for target, of in by_server.items() if len(of) >= seen.number.fewest_runs}
    if not enough:
        return unseen(name)
    candidates = [
        made for target, of in enough.items() if (made := _resolver(seen, target, of)) is not None
    ]
    if not candidates:
        return clear(name)
    if len(enough) > len(candidates):
        well = [one for target, of in enough.items() for one in of if one.ok]
        others = observed("other_resolvers_are_well", well)
        candidates = [_with(one, others) for one in candidates]
    return found(*candidates)


def _resolver(seen: Seen, target: str, of: Sequence[Result]) -> Candidate | None:
    limit = seen.number
    evidence: list[Observed] = []
    slow = [one for one in of if one.ok and (_dns_seconds(one) or 0.0) >= limit.dns_seconds]
    told = [one for one in of if one.ok and _dns_seconds(one) is not None]
    hours: list[Result] = []
    if len(slow) >= limit.fewest_runs and 2 * len(slow) > len(told):
        seconds = middle((_dns_seconds(one) for one in told), 1) or 0.0
        evidence.append(observed("names_are_late", slow, median_seconds=seconds))
        hours += slow
    elif _by_part(slow, told, limit.fewest_runs):
        seconds = middle((_dns_seconds(one) for one in slow), 1) or 0.0
        evidence.append(observed("names_are_late", slow, median_seconds=seconds))
        hours += slow
    bad, asked = _dns_failures(of)
    failing = [one for one in of if _failed_names(one)]
    if (
        asked
        and bad / asked >= limit.dns_failure_ratio
        and bad >= limit.fewest_failures_count
        and days(failing) >= limit.fewest_days
    ):
        evidence.append(observed("names_fail", failing, failed_count=bad, asked_count=asked))
        hours += failing
    if not evidence or days(hours) < limit.fewest_days:
        return None
    return Candidate(
        finding_id="dns_slow",
        strength=Strength.TOLD,
        observed=tuple(evidence),
        place=host_of(target),
        hours=parts(hours),
        confirm=("another_resolver",),
    )


def _by_part(slow: Sequence[Result], told: Sequence[Result], fewest: int) -> bool:
    """Whether in one part of the day most are slow, though not over the whole day."""
    return any(
        sum(one.part is part for one in slow) >= fewest
        and 2 * sum(one.part is part for one in slow) > sum(one.part is part for one in told)
        for part in parts(slow)
    )


def _dns_seconds(one: Result) -> float | None:
    uncached = one.number("uncached_median_seconds")
    return uncached if uncached is not None else one.number("first_median_seconds")


def _failed_names(one: Result) -> int:
    if not one.ok:
        failure = one.made.failure
        return 0 if failure is None or failure.code in _BLOCKING else 1
    return sum(int(one.number(f"{status}_count") or 0) for status in _DNS_BAD)


def _dns_failures(of: Iterable[Result]) -> tuple[int, int]:
    bad = asked = 0
    for one in of:
        told = sum(int(one.number(f"{status}_count") or 0) for status in _DNS_ALL)
        lost = _failed_names(one)
        bad += lost
        asked += max(told, lost, 1)
    return bad, asked


def cloud_side(seen: Seen) -> Answer:
    """One service is slow or fails where names, connections and other services are well."""
    name, limit = "cloud_side", seen.number
    by_target: dict[str, list[Result]] = {}
    for one in seen.tried("https"):
        by_target.setdefault(one.made.target, []).append(one)
    enough = {target: of for target, of in by_target.items() if len(of) >= limit.fewest_runs}
    if not enough:
        return unseen(name)
    times = {
        target: middle((phase(one, "total_seconds") for one in of if one.ok), limit.fewest_runs)
        for target, of in enough.items()
    }
    candidates = []
    for target, of in enough.items():
        others = [value for key, value in times.items() if key != target and value is not None]
        made = _service(seen, target, of, times[target], others)
        if made is not None:
            candidates.append(made)
    if len(enough) > 1 and len(candidates) == len(enough):
        return clear(name)  # all of them at once: it lies on this side
    return found(*candidates) if candidates else clear(name)


def _service(
    seen: Seen, target: str, of: Sequence[Result], seconds: float | None, others: Sequence[float]
) -> Candidate | None:
    limit = seen.number
    evidence: list[Observed] = []
    good = [one for one in of if one.ok]
    late = [one for one in good if (phase(one, "total_seconds") or 0.0) >= limit.cloud_seconds]
    if seconds is not None and seconds >= limit.cloud_seconds and _on_their_side(good, seconds):
        beside = median(others) if others else None
        if beside is None or seconds >= limit.cloud_times_ratio * beside:
            evidence.append(observed("service_is_late", late, median_seconds=seconds))
            if beside is not None:
                evidence.append(observed("other_services_are_well", good, other_seconds=beside))
    bad = [one for one in of if not one.ok and _is_theirs(one)]
    if (
        len(bad) >= limit.fewest_failures_count
        and len(bad) / len(of) >= limit.cloud_failure_ratio
        and days(bad) >= limit.fewest_days
    ):
        evidence.append(observed("service_fails", bad, failed_count=len(bad), asked_count=len(of)))
    hours = [*late, *bad] if evidence else []
    if not evidence or days(hours) < limit.fewest_days:
        return None
    return Candidate(
        finding_id="cloud_side",
        strength=Strength.INFERRED,
        observed=tuple(evidence),
        place=host_of(target),
        hours=parts(hours),
        confirm=("ask_service_status",),
    )


def _on_their_side(good: Sequence[Result], seconds: float) -> bool:
    """Most of the time passes between the request and the first byte of the answer."""
    waiting = middle((phase(one, "first_byte_seconds") for one in good), 1)
    return waiting is not None and waiting >= seconds / 2


def _is_theirs(one: Result) -> bool:
    """A failure that the service itself gave: a bad status, or silence after connecting."""
    failure = one.made.failure
    if failure is None:
        return False
    if failure.code is FailureCode.HTTP_STATUS:
        return True
    after = failure.operation in (Operation.RECEIVE, Operation.DOWNLOAD, Operation.SEND)
    return after and failure.code in (FailureCode.TIMEOUT, FailureCode.STALLED)


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


def _with(one: Candidate, more: Observed) -> Candidate:
    return replace(one, observed=(*one.observed, more))
