"""The small interface to a device: ``get(oids)`` and ``table(columns)``.

What is wrong with single values does not end a reading: it is noted as a :class:`Trouble` and the
rest is read. A device that falls silent ends it: what was read until then is kept.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from agent.clock import Clock
from agent.failure import MeasurementFailed
from agent.snmp.exchange import Ask, Exchange, Status, Version
from agent.snmp.limits import Limits, Trouble
from agent.snmp.values import ABSENT, Oid, Value
from agent.snmp.walk import Rows, Walk
from wire.failure import FailureCode, Operation

_NO_RIGHT: Final = (Status.NO_ACCESS, Status.AUTHORIZATION_ERROR)


class Client:
    """Reads one device within limits. One question at a time, so a small device is not flooded."""

    def __init__(self, exchange: Exchange, limits: Limits, clock: Clock) -> None:
        self._exchange = exchange
        self._limits = limits
        self._clock = clock
        self._ends_at = clock.monotonic_seconds() + limits.device_seconds
        self._bytes_count = 0
        self._per_question = limits.values_per_answer
        self.troubles: set[Trouble] = set()
        self.questions_count = 0

    @property
    def moment_seconds(self) -> float:
        """Monotonic clock."""
        return self._clock.monotonic_seconds()

    async def get(self, oids: Iterable[Oid]) -> dict[Oid, Value]:
        """Read single values; what the device has not is not in the result."""
        left = list(dict.fromkeys(oids))
        found: dict[Oid, Value] = {}
        while left and self._may_go_on():
            asked, left = left[: self._per_question], left[self._per_question :]
            left = await self._get(asked, found) + left
        return found

    async def table(self, columns: Sequence[Oid], most_rows: int | None = None) -> Rows:
        """Read columns of a table: row index to column to value."""
        limits = self._limits
        walk = Walk(columns, limits, bulk=self._exchange.version is not Version.V1)
        walk.bytes_count = self._bytes_count
        while (question := walk.question()) is not None and self._may_go_on():
            kind, oids, repetitions = question
            self.questions_count += 1
            answer = await self._exchange.ask(kind, oids, repetitions)
            if answer.status in _NO_RIGHT:
                break  # the device does not show this part: as if it had none
            walk.take(answer)
            if most_rows is not None and len(walk.rows) >= most_rows:
                walk.troubles.add(Trouble.ROWS_CUT)
                break
        self._bytes_count = walk.bytes_count
        self.troubles |= walk.troubles
        return walk.rows

    def close(self) -> None:
        """Let go of the exchange."""
        if self._exchange.engine_changed:
            self.troubles.add(Trouble.ENGINE_CHANGED)
        self._exchange.close()

    async def _get(self, asked: list[Oid], found: dict[Oid, Value]) -> list[Oid]:
        """Ask once; give what has to be asked again."""
        self.questions_count += 1
        answer = await self._exchange.ask(Ask.GET, asked)
        if answer.status == Status.NO_ERROR:
            wanted = set(asked)
            for oid, value in answer.bindings:
                if oid in wanted and value.kind not in ABSENT:
                    found[oid] = self._bounded(value)
            return []
        if answer.status == Status.TOO_BIG:
            self.troubles.add(Trouble.TOO_BIG)
            self._per_question = max(1, len(asked) // 2)
            return asked if len(asked) > 1 else []
        if answer.status in _NO_RIGHT and answer.index == 0:
            text = "the device does not let this user or community read"
            raise MeasurementFailed(FailureCode.NOT_ADMITTED, Operation.RECEIVE, text)
        if answer.status not in (Status.NO_SUCH_NAME, *_NO_RIGHT):
            self.troubles.add(Trouble.GENERAL_ERROR)
        if 1 <= answer.index <= len(asked):
            return asked[: answer.index - 1] + asked[answer.index :]
        if len(asked) == 1:
            return []
        middle = len(asked) // 2  # which one is not said: halves, until it stands alone
        return await self._get(asked[:middle], found) + await self._get(asked[middle:], found)

    def _bounded(self, value: Value) -> Value:
        self._bytes_count += 16
        if not isinstance(value.data, bytes):
            return value
        self._bytes_count += len(value.data)
        if len(value.data) <= self._limits.text_bytes:
            return value
        self.troubles.add(Trouble.TEXT_CUT)
        return Value(value.kind, value.data[: self._limits.text_bytes])

    def _may_go_on(self) -> bool:
        if self._bytes_count > self._limits.device_bytes:
            self.troubles.add(Trouble.BYTES_CUT)
            return False
        if self._clock.monotonic_seconds() >= self._ends_at:
            self.troubles.add(Trouble.TIME_CUT)
            return False
        return True
