"""Write one page of samples, whatever the store refuses of it.

Theory of operation. A request is refused as a whole for one bad sample. So a refused request is
cut in two by time, down to the sample that is refused alone: that one is left out and counted.
Where a sample is too old for the store, everything older is too; so the youngest of the older half
is tried alone, and a month of old results costs a dozen requests, not one each. Where nobody
can say (no reply, a server error, a wrong token), nothing is given up: the page is tried again.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from collector.export.answer import Answer, decide, describe
from collector.export.request import Reply
from collector.export.series import Sample

TOO_OLD: Final = "too old for the store"
REFUSED: Final = "refused by the store"
STRIKES: Final = 3
"""Times a page that is refused to the last sample, for no reason of time, is tried again."""


class Writes(Protocol):
    """What writes samples in one request."""

    def write(self, samples: list[Sample]) -> Reply:
        """Write them."""
        ...


class Later(Exception):
    """The page was not settled: wait, then try it again. The text says what was answered."""

    def __init__(self, text: str, retry_after: str | None = None) -> None:
        super().__init__(text)
        self.retry_after = retry_after


@dataclass(slots=True)
class Written:
    """What became of a page, in samples."""

    written: int = 0
    skipped: Counter[str] = field(default_factory=Counter)


class Sender:
    """Writes pages to one store; remembers from when on it takes samples."""

    def __init__(self, writes: Writes, keep_hold: Callable[[], None] = lambda: None) -> None:
        """``keep_hold`` is called before each request; it may raise to end the page."""
        self._writes = writes
        self._keep_hold = keep_hold
        self._too_old_milliseconds: int | None = None
        self._strikes = 0

    def send(self, samples: list[Sample]) -> Written:
        """Write samples in ascending order of time. Raises :class:`Later`."""
        done = Written()
        self._send(samples, done)
        if samples and not done.written and done.skipped[REFUSED]:
            self._strikes += 1
            if self._strikes < STRIKES:
                raise Later("every sample is refused: is this the address of a store?")
        self._strikes = 0
        return done

    def _send(self, samples: list[Sample], done: Written) -> None:
        young = [sample for sample in samples if not self._is_too_old(sample)]
        done.skipped[TOO_OLD] += len(samples) - len(young)
        if not young:
            return
        self._keep_hold()
        reply = self._writes.write(young)
        answer = Answer.LATER if reply.status == 0 else decide(reply.status, reply.said)
        if answer is Answer.WRITTEN:
            done.written += len(young)
        elif answer is Answer.LATER:
            said = describe(reply.status, reply.said) if reply.status else reply.said
            raise Later(said, reply.retry_after)
        elif len(young) > 1:
            older, younger = young[: len(young) // 2], young[len(young) // 2 :]
            if answer is Answer.OUT_OF_TIME:  # where its youngest is too old, all of them are
                self._send([older.pop()], done)
            self._send(older, done)
            self._send(younger, done)
        elif answer is Answer.OUT_OF_TIME:
            self._too_old_milliseconds = young[0].point[0]
            done.skipped[TOO_OLD] += 1
        else:
            done.skipped[REFUSED] += 1

    def _is_too_old(self, sample: Sample) -> bool:
        return (
            self._too_old_milliseconds is not None and sample.point[0] <= self._too_old_milliseconds
        )
