"""A walk over columns of a table, as decisions: what to ask next, what an answer means.

No socket and no clock. Each column goes on by itself, so holes do not confuse rows. A column ends
where its prefix ends, at the end of the MIB, and where an OID does not increase: libraries that go
on there never end. Whoever drives it counts time; bytes and rows are counted here.
"""

from collections.abc import Sequence
from typing import Final

from agent.snmp.exchange import Answer, Ask, Status
from agent.snmp.limits import Limits, Trouble
from agent.snmp.values import ABSENT, Kind, Oid, Value

MOST_COLUMNS: Final = 10
"""Asked at once: five rows an answer."""
Rows = dict[Oid, dict[Oid, Value]]
"""Row index (what follows the column) to column to value."""


class Walk:
    """Walks a few columns together; :attr:`rows` fills."""

    def __init__(self, columns: Sequence[Oid], limits: Limits, *, bulk: bool) -> None:
        self._limits = limits
        self._bulk = bulk
        self._at = {column: column for column in columns}
        """Columns that are not at their end, and how far they are."""
        self._counts = dict.fromkeys(columns, 0)
        self._per_answer = limits.values_per_answer
        self._width = MOST_COLUMNS
        self._asked: tuple[Oid, ...] = ()
        self._repetitions = 1
        self.rows: Rows = {}
        self.bytes_count = 0
        self.troubles: set[Trouble] = set()

    def question(self) -> tuple[Ask, tuple[Oid, ...], int] | None:
        """Give what to ask next: kind, OIDs, repetitions; None at the end."""
        if not self._at or self.bytes_count > self._limits.device_bytes:
            return None
        self._asked = tuple(self._at)[: max(1, min(self._width, self._per_answer))]
        self._repetitions = max(1, self._per_answer // len(self._asked)) if self._bulk else 1
        oids = tuple(self._at[column] for column in self._asked)
        if self._bulk:
            return Ask.BULK, oids, self._repetitions
        return Ask.NEXT, oids, 0

    def take(self, answer: Answer) -> None:
        """Make use of an answer."""
        if answer.status == Status.TOO_BIG:
            self._smaller()
        elif answer.status != Status.NO_ERROR:
            self._refused(answer)
        elif not answer.bindings:
            self.troubles.add(Trouble.NO_PROGRESS)
            self._end(self._asked)
        else:
            self._use(answer)

    def _smaller(self) -> None:
        self.troubles.add(Trouble.TOO_BIG)
        if len(self._asked) == 1 and self._repetitions == 1:
            self._end(self._asked)  # one value alone is too big for the device
        else:
            self._per_answer = max(1, len(self._asked) * self._repetitions // 2)

    def _refused(self, answer: Answer) -> None:
        """Take an error: of version 1, noSuchName is how a walk ends."""
        if answer.status != Status.NO_SUCH_NAME:
            self.troubles.add(Trouble.GENERAL_ERROR)
        if 1 <= answer.index <= len(self._asked):
            self._end((self._asked[answer.index - 1],))
        elif len(self._asked) == 1:
            self._end(self._asked)
        else:  # which of them is not said: each by itself
            self._width = 1

    def _use(self, answer: Answer) -> None:
        width = len(self._asked)
        ended: set[Oid] = set()
        for place, (oid, value) in enumerate(answer.bindings[: width * self._repetitions]):
            column = self._asked[place % width]
            if column in ended or column not in self._at:
                continue
            if value.kind is Kind.END_OF_MIB or oid[: len(column)] != column:
                ended.add(column)
                if oid < self._at[column]:
                    self.troubles.add(Trouble.NOT_INCREASING)
            elif oid <= self._at[column]:
                self.troubles.add(Trouble.NOT_INCREASING)
                ended.add(column)
            else:
                self._keep(column, oid, value, ended)
        self._end(ended)

    def _keep(self, column: Oid, oid: Oid, value: Value, ended: set[Oid]) -> None:
        self._at[column] = oid
        self._counts[column] += 1
        self.bytes_count += 4 * len(oid) + 8
        if isinstance(value.data, bytes):
            self.bytes_count += len(value.data)
            if len(value.data) > self._limits.text_bytes:
                self.troubles.add(Trouble.TEXT_CUT)
                value = Value(value.kind, value.data[: self._limits.text_bytes])
        if value.kind not in ABSENT:
            self.rows.setdefault(oid[len(column) :], {})[column] = value
        if self._counts[column] >= self._limits.table_rows:
            self.troubles.add(Trouble.ROWS_CUT)
            ended.add(column)
        if self.bytes_count > self._limits.device_bytes:
            self.troubles.add(Trouble.BYTES_CUT)

    def _end(self, columns: "Sequence[Oid] | set[Oid]") -> None:
        for column in columns:
            self._at.pop(column, None)
