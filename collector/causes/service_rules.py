"""Causes of late names and pages: DNS, cloud services. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from statistics import median
from typing import Final

from collector.causes.candidate import Answer, Candidate, clear, found, observed, unseen
from collector.causes.devices import Inventory
from collector.causes.figures import Figures
from collector.causes.model import Observed, Strength
from collector.causes.seen import (
    Part,
    Result,
    Seen,
    days,
    host_of,
    middle,
    parts,
    phase,
)
from wire.failure import FailureCode, Operation

_DNS_BAD: Final = ("servfail", "refused", "other_rcode", "timeout", "unreachable", "malformed")
_DNS_ALL: Final = (*_DNS_BAD, "ok", "no_data", "nxdomain", "wrong_answer")
_BLOCKING: Final = frozenset({FailureCode.INTERCEPTED})


def dns_slow(seen: Seen, inventory: Inventory, of_line: Figures) -> Answer:
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
        _doubted(seen, of_line, made)
        for target, of in enough.items()
        if (made := _resolver(seen, inventory, target, of)) is not None
    ]
    if not candidates:
        return clear(name)
    if len(enough) > len(candidates):
        well = [one for target, of in enough.items() for one in of if one.ok]
        others = observed("other_resolvers_are_well", well)
        candidates = [_with(one, others) for one in candidates]
    return found(*candidates)


def _doubted(seen: Seen, of_line: Figures, made: Candidate) -> Candidate:
    """No more than a suspicion where it is so in lessons alone and every way is longer then."""
    rise = of_line.lesson_rtt_seconds
    if made.hours <= {Part.LESSON} and (rise or 0.0) >= seen.number.saturated_rtt_seconds:
        return replace(made, strength=Strength.POINTED)
    return made


def _resolver(
    seen: Seen, inventory: Inventory, target: str, of: Sequence[Result]
) -> Candidate | None:
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
    # a question is one packet: where a few in a hundred stay open and none is late, frames that
    # are lost on the appliance's way out are enough to explain it
    lost = [one.what for one in evidence] == ["names_fail"] and bad / asked <= limit.dns_lost_ratio
    return Candidate(
        finding_id="dns_slow",
        ports=inventory.way_out() if lost else frozenset(),
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


def cloud_side(seen: Seen, of_line: Figures) -> Answer:
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
            candidates.append(_doubted(seen, of_line, made))
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


def _with(one: Candidate, more: Observed) -> Candidate:
    return replace(one, observed=(*one.observed, more))
