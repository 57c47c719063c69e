"""Causes that failures tell: traffic that somebody else answers. Pure."""

from typing import Final

from collector.causes.candidate import Answer, Candidate, clear, found, observed, unseen
from collector.causes.model import Strength
from collector.causes.seen import Result, Seen, host_of, number, parts
from wire.failure import FailureCode

_SERVICES: Final = ("throughput", "http_download", "https", "tcp_connect")
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
