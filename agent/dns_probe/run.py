"""All questions of one measurement, asked in rounds, and the figures that come of them."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from agent.dns_probe.ask import Asker
from agent.dns_probe.judge import (
    UNANSWERED,
    USABLE,
    Answer,
    Question,
    Status,
    aaaa_filtered,
    failure_code,
    judge,
)
from agent.dns_probe.plan import Plan
from agent.failure import MeasurementFailed
from agent.latency.statistics import median, percentile
from agent.probes import Progress, Report, Request
from wire.failure import FailureCode, Operation
from wire.measurement import Json

_LABEL_BITS: Final = 80
_SHOWN_ADDRESSES: Final = 4


class Run:
    """All questions of one measurement and their answers."""

    def __init__(
        self,
        plan: Plan,
        request: Request,
        report: Report,
        timeout_seconds: float,
        ends_at: float,
    ) -> None:
        self._plan = plan
        self._clock = request.clock
        self._random = request.random
        self._report = report
        self._timeout_seconds = timeout_seconds
        self._started = request.clock.monotonic_seconds()
        self._ends_at = ends_at
        self._questions = [Question(name, kind) for name in plan.names for kind in plan.types]
        self._uncached: list[Answer] = []
        self._nonexistent: Answer | None = None
        self._control: dict[str, Answer] = {}
        uncached = plan.count if plan.uncached_zone else 0
        self.planned = len(self._questions) * plan.count + uncached + 1

    def left(self) -> float:
        """Seconds until the deadline."""
        return max(self._ends_at - self._clock.monotonic_seconds(), 0.0)

    def ask_all(self, asker: Asker) -> None:
        """Ask everything that can still be waited for, round by round."""
        plan = self._plan
        for round_number in range(plan.count):
            for question in self._questions:
                if (answer := self._ask(asker, question.name, question.kind)) is not None:
                    question.answers.append(answer)
            if round_number == 0:
                self._nonexistent = self._ask(asker, self._label(plan.nonexistent_zone), "A")
            if plan.uncached_zone:
                answer = self._ask(asker, self._label(plan.uncached_zone), "A")
                self._uncached += [answer] if answer else []

    def ask_control(self, asker: Asker) -> None:
        """Ask the control resolver for the IPv6 addresses that did not come."""
        for question in self._asked():
            if question.kind == "AAAA" and not question.addresses:
                answer = self._ask(asker, question.name, "AAAA")
                if answer is not None:
                    self._control[question.name] = answer

    def figures(self) -> dict[str, Json]:
        """Make the values. Raises MeasurementFailed, with them, where no answer was usable."""
        asked = self._asked()
        answers = [answer for question in asked for answer in question.answers]
        everything = [
            *answers,
            *self._uncached,
            *([self._nonexistent] if self._nonexistent else []),
        ]
        if not answers:
            raise MeasurementFailed(
                FailureCode.TIMEOUT, Operation.SEND, "the deadline left no time for a question"
            )
        statuses = Counter(answer.status for answer in answers)
        values: dict[str, Json] = {
            **self._times(asked),
            "query_count": len(everything),
            "answered_count": sum(answer.status not in UNANSWERED for answer in everything),
            **{f"{status}_count": statuses[status] for status in Status},
            "truncated_count": sum(answer.heard.truncated for answer in everything),
            **self._rewriting(),
            **self._filtering(asked),
            "by_name": [_by_name(question) for question in asked],
        }
        failed = failure_code(answers)
        if failed is not None:
            code, text = failed
            operation = (
                Operation.RECEIVE if code is not FailureCode.DNS_FAILED else Operation.RESOLVE
            )
            raise MeasurementFailed(code, operation, text, values)
        return values

    def _asked(self) -> list[Question]:
        return [question for question in self._questions if question.answers]

    def _ask(self, asker: Asker, name: str, kind: str) -> Answer | None:
        """Ask once; None where the answer could not be waited for any more."""
        if self.left() < self._timeout_seconds:
            return None
        elapsed = self._clock.monotonic_seconds() - self._started
        self._report(
            Progress(
                phase="ask",
                elapsed_seconds=elapsed,
                total_seconds=elapsed + self.left(),
                text=f"{kind} {name}",
            )
        )
        return judge(name, kind, asker.ask(name, kind), self._plan.expected)

    def _label(self, zone: str) -> str:
        return f"h{self._random.getrandbits(_LABEL_BITS):020x}.{zone}"

    def _times(self, asked: Iterable[Question]) -> dict[str, Json]:
        questions = list(asked)
        first = _seconds(question.answers[0] for question in questions)
        cached = _seconds(answer for question in questions for answer in question.answers[1:])
        uncached = _seconds(self._uncached)
        times: dict[str, Json] = {}
        if first:
            times["first_median_seconds"] = median(first)
        if cached:
            times["cached_median_seconds"] = median(cached)
            times["cached_p95_seconds"] = percentile(cached, 95)
        if uncached:
            times["uncached_median_seconds"] = median(uncached)
            times["uncached_max_seconds"] = uncached[-1]
        if self._uncached:
            times["uncached_count"] = len(self._uncached)
            times["uncached_unusable_count"] = len(self._uncached) - len(uncached)
        return times

    def _rewriting(self) -> dict[str, Json]:
        answer = self._nonexistent
        if answer is None or answer.status in UNANSWERED:
            return {}
        shown: dict[str, Json] = {"nxdomain_rewritten": bool(answer.addresses)}
        if answer.addresses:
            shown["rewritten_to"] = _shown(answer)
        return shown

    def _filtering(self, asked: Iterable[Question]) -> dict[str, Json]:
        by_kind = {(question.name, question.kind): question for question in asked}
        pairs = [
            (by_kind[name, "A"], question)
            for (name, kind), question in by_kind.items()
            if kind == "AAAA" and (name, "A") in by_kind
        ]
        if not pairs:
            return {}
        filtered = [
            aaaa.name
            for a, aaaa in pairs
            if aaaa_filtered(a, aaaa, self._control.get(aaaa.name), self._plan.expected)
        ]
        names: dict[str, Json] = {"aaaa_filtered_names": list(filtered)} if filtered else {}
        return {"aaaa_filtered_count": len(filtered), **names}


def _by_name(question: Question) -> Json:
    status = question.status
    gravest = next(answer for answer in question.answers if answer.status is status)
    first, later = _seconds(question.answers[:1]), _seconds(question.answers[1:])
    entry: dict[str, Json] = {
        "name": question.name,
        "type": question.kind,
        "status": status.value,
        "asked_count": len(question.answers),
        "answered_count": sum(answer.status not in UNANSWERED for answer in question.answers),
        "record_count": gravest.records,
        "transport": gravest.heard.transport,
    }
    if gravest.rcode is not None:
        entry["rcode"] = gravest.rcode
    if first:
        entry["first_seconds"] = first[0]
    if later:
        entry["cached_median_seconds"] = median(later)
    if status is Status.WRONG_ANSWER:
        entry["addresses"] = _shown(gravest)
    return entry


def _shown(answer: Answer) -> list[Json]:
    return [str(address) for address in answer.addresses[:_SHOWN_ADDRESSES]]


def _seconds(answers: Iterable[Answer]) -> list[float]:
    """Times of the answers that say something about the name, ascending."""
    return sorted(answer.heard.seconds for answer in answers if answer.status in USABLE)
