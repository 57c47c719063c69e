"""One open spool file: accept, take, settle. Every change is one transaction, synced.

Callers serialise; :class:`agent.spool.spool.Spool` does.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Final, Literal

from agent.clock import Clock
from agent.measure import Identity, accepted
from agent.spool import layout
from agent.spool.account import Account, to_measurement
from agent.spool.choice import choose
from agent.spool.database import SpoolUnavailable
from agent.spool.file import SUFFIXES, Head, SpoolFile, number, write_mark
from agent.spool.kept import MAX_RECORD_BYTES as KEPT_RECORD_BYTES
from agent.spool.layout import Worth, digest, key_of, range_of, seq_of
from wire.codec import MAX_RECORD_BYTES, encode
from wire.failure import Failure, FailureCode, Operation, Outcome
from wire.measurement import NOTHING, Measurement

_KEYS: Final = {
    "ASC": "SELECT key, length(record) FROM results WHERE key BETWEEN ? AND ? ORDER BY key LIMIT ?",
    "DESC": "SELECT key, length(record) FROM results WHERE key BETWEEN ? AND ?"
    " ORDER BY key DESC LIMIT ?",
}


@dataclass(frozen=True, slots=True)
class Waiting:
    """A result that waits for delivery, as it will be sent."""

    key: int
    result_id: str
    record: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What stands in the spool."""

    stream: str = ""
    next_seq: int = 0
    waiting_count: int = 0
    refused_count: int = 0
    kept_count: int = 0
    """Delivered, and kept for a collector whose database is restored."""
    used_bytes: int = 0
    cap_bytes: int
    account: Account = field(default_factory=Account)
    """Losses that are not yet in a record."""


class Store(SpoolFile):
    """An open spool file and what is done with it."""

    def counts(self) -> Counts:
        """Say what stands in the spool."""
        used = 0
        for suffix in SUFFIXES:
            with suppress(FileNotFoundError):
                used += Path(f"{self.path}{suffix}").stat().st_size
        return Counts(
            stream=self.head.stream,
            next_seq=self.head.next_seq,
            waiting_count=self._waiting_count,
            refused_count=self._refused_count,
            kept_count=self.kept.count,
            used_bytes=used,
            cap_bytes=self.cap_bytes,
            account=self.head.account,
        )

    # --- accept ---------------------------------------------------------------------------

    def accept(
        self, measurement: Measurement, clock: Clock, random: Random, lost: Account
    ) -> Measurement | None:
        """Store a result; when this returns it survives a power cut.

        ``lost`` is added to the account in the same transaction. Gives the result as stored, or
        None when there was no room even after everything of lower or equal worth had gone:
        then it is counted as dropped.
        """
        with self.transaction():
            head = replace(self.head, account=self.head.account.plus(lost))
            head, stored, change = self._insert(
                head, measurement, layout.worth_of(measurement), clock, random
            )
            self.write_head(head)
        self.head = head
        self._waiting_count += change
        write_mark(self.path, head.stream, head.next_seq)
        return stored

    def report_losses(self, clock: Clock, random: Random, lost: Account) -> bool:
        """Turn the account and ``lost`` into a record; tell whether that was done.

        Not while one is still waiting for delivery: during an outage the numbers gather in the
        account instead of in thousands of records.
        """
        if self.head.account.plus(lost).empty or self._keys(Worth.ACCOUNT, 1, "ASC"):
            return False
        with self.transaction():
            total = self.head.account.plus(lost)
            head, stored, change = self._insert(
                replace(self.head, account=Account()),
                to_measurement(total, clock, random),
                Worth.ACCOUNT,
                clock,
                random,
            )
            if stored is None:  # cannot be: everything else may go for it
                raise SpoolUnavailable("no room for the account of what was dropped")
            self.write_head(head)
        self.head = head
        self._waiting_count += change
        write_mark(self.path, head.stream, head.next_seq)
        return True

    def _insert(
        self, head: Head, measurement: Measurement, worth: Worth, clock: Clock, random: Random
    ) -> tuple[Head, Measurement | None, int]:
        identity = Identity(agent_id=head.agent_id, stream=head.stream, seq=head.next_seq)
        result = _bounded(accepted(measurement, identity, clock, random))
        record = encode(result)
        evicted, enough = self._make_room(layout.pages_for(len(record)), worth)
        key = key_of(worth, identity.seq)
        account = head.account.with_lost([seq_of(gone) for gone in evicted])
        if enough:
            self.connection.execute(
                "INSERT INTO results VALUES (?, ?, ?, ?)",
                (
                    key,
                    result.result_id,
                    record,
                    digest(head.stream, key, result.result_id, record),
                ),
            )
        else:
            account = account.with_lost([identity.seq])
        head = replace(head, next_seq=head.next_seq + 1, account=account)
        return head, result if enough else None, int(enough) - len(evicted)

    def _make_room(self, wanted_pages: int, worth: Worth) -> tuple[list[int], bool]:
        """Delete the oldest of the lowest class, up to ``worth``, until the pages are free."""
        allowed = self._allowed_pages()
        evicted: list[int] = []
        while self._free_pages(allowed) < wanted_pages:
            if self.kept.count:  # what is delivered already goes first
                self.kept.drop(layout.SETTLE_CHUNK)
                continue
            oldest: list[int] = []
            for lower in (Worth.LIGHT, Worth.HEAVY):
                if not oldest and lower <= worth:
                    oldest = [key for key, _ in self._keys(lower, 1, "ASC")]
            if not oldest:
                return evicted, False
            self.connection.execute("DELETE FROM results WHERE key = ?", (oldest[0],))
            evicted += oldest
        return evicted, True

    def _allowed_pages(self) -> int:
        """Pages the file may have now: the cap, or less while the disk is nearly full."""
        file_pages = self.path.stat().st_size // layout.PAGE_BYTES
        spare = self._free_bytes(self.path.parent) - layout.DISK_RESERVE_BYTES
        return min(self.max_pages, file_pages + max(0, spare) // layout.PAGE_BYTES)

    def _free_pages(self, allowed: int) -> int:
        free = number(self.connection.execute("PRAGMA freelist_count"))
        return free + max(0, allowed - number(self.connection.execute("PRAGMA page_count")))

    # --- take and settle ------------------------------------------------------------------

    def take(self, limit: int, max_bytes: int) -> list[Waiting]:
        """Give waiting results to send; they stay until :meth:`settle` names them.

        A record whose bytes are not those that were stored is never given: it is counted.
        """
        keys = choose(
            [row for worth in Worth for row in self._keys(worth, limit, "ASC")],
            [row for worth in Worth for row in self._keys(worth, limit, "DESC")],
            limit,
            max_bytes,
        )
        sound: list[Waiting] = []
        damaged: list[int] = []
        for key in keys:
            rows = self.connection.execute(
                "SELECT result_id, record, digest FROM results WHERE key = ?", (key,)
            )
            result_id, record, check = rows[0] if rows else (None, None, None)
            if (
                isinstance(result_id, str)
                and isinstance(record, bytes)
                and digest(self.head.stream, key, result_id, record) == check
            ):
                sound.append(Waiting(key, result_id, record))
            else:
                damaged.append(key)
        if damaged:
            self._discard_damaged(damaged)
        return sound

    def settle(
        self, delivered: Sequence[int], refused: Mapping[int, str], store_id: str = ""
    ) -> None:
        """Keep aside what the database ``store_id`` has; quarantine what the collector refused."""
        for start in range(0, len(delivered), layout.SETTLE_CHUNK):
            with self.transaction():
                gone = sum(
                    self._delivered(key, store_id)
                    for key in delivered[start : start + layout.SETTLE_CHUNK]
                )
            self._waiting_count -= gone
        for key, reason in refused.items():
            self._refuse(key, reason)

    def amend(self, records: Mapping[int, bytes]) -> None:
        """Replace waiting results by what their dates became. Before they are first sent only."""
        items = list(records.items())
        for start in range(0, len(items), layout.AMEND_CHUNK):
            with self.transaction():
                for key, record in items[start : start + layout.AMEND_CHUNK]:
                    rows = self.connection.execute(
                        "SELECT result_id FROM results WHERE key = ?", (key,)
                    )
                    for (result_id,) in rows:
                        assert isinstance(result_id, str)
                        self.connection.execute(
                            "UPDATE results SET record = ?, digest = ? WHERE key = ?",
                            (record, digest(self.head.stream, key, result_id, record), key),
                        )

    def refused(self) -> list[tuple[str, str]]:
        """Result ids in local quarantine with their reasons, oldest first."""
        rows = self.connection.execute("SELECT result_id, reason FROM refused ORDER BY key")
        return [(str(result_id), str(reason)) for result_id, reason in rows]

    def resend(self, store_id: str) -> int:
        """Have results wait again that another database acknowledged; give how many."""
        total = 0
        while self.kept.of_others(store_id):
            with self.transaction():
                back = self.kept.take_back(store_id, layout.SETTLE_CHUNK)
            self._waiting_count += back
            total += back
        return total

    def _delivered(self, key: int, store_id: str) -> int:
        """Move a waiting result to those kept, where there is room beside all that waits."""
        sizes = self.connection.execute("SELECT length(record) FROM results WHERE key = ?", (key,))
        for (size,) in sizes:
            assert isinstance(size, int)
            wanted = layout.pages_for(size)
            if self._free_pages(self._allowed_pages()) < wanted:
                self.kept.drop(layout.SETTLE_CHUNK)
            room = self._free_pages(self._allowed_pages()) >= wanted
            if room and size <= KEPT_RECORD_BYTES:
                self.kept.add(key, size, store_id)
        return self._delete(key)

    def _delete(self, key: int) -> int:
        rows = self.connection.execute("DELETE FROM results WHERE key = ? RETURNING key", (key,))
        return len(rows)

    def _refuse(self, key: int, reason: str) -> None:
        with self.transaction():
            rows = self.connection.execute(
                "DELETE FROM results WHERE key = ? RETURNING result_id, record, digest", (key,)
            )
            for result_id, record, check in rows:
                self.connection.execute(
                    "INSERT OR REPLACE INTO refused VALUES (?, ?, ?, ?, ?)",
                    (key, result_id, record, check, reason[: layout.MAX_REASON_CHARACTERS]),
                )
            refused_count = self._trim_refused()
            account = replace(
                self.head.account, refused_count=self.head.account.refused_count + len(rows)
            )
            head = replace(self.head, account=account)
            self.write_head(head)
        self.head = head
        self._waiting_count -= len(rows)
        self._refused_count = refused_count

    def _trim_refused(self) -> int:
        while True:
            count, size = self.connection.execute(
                "SELECT count(*), coalesce(sum(length(record)), 0) FROM refused"
            )[0]
            assert isinstance(count, int)
            assert isinstance(size, int)
            if count <= layout.MAX_REFUSED and size <= max(MAX_RECORD_BYTES, self.cap_bytes // 16):
                return count
            self.connection.execute(
                "DELETE FROM refused WHERE key IN (SELECT key FROM refused ORDER BY rowid LIMIT 1)"
            )

    def _discard_damaged(self, keys: list[int]) -> None:
        with self.transaction():
            gone = sum(self._delete(key) for key in keys)
            account = self.head.account.with_lost([seq_of(key) for key in keys], damaged=True)
            head = replace(self.head, account=account)
            self.write_head(head)
        self.head = head
        self._waiting_count -= gone

    # --- inside ---------------------------------------------------------------------------

    def _keys(
        self, worth: Worth, limit: int, order: Literal["ASC", "DESC"]
    ) -> list[tuple[int, int]]:
        rows = self.connection.execute(
            _KEYS[order],
            (*range_of(worth), limit),
        )
        return [(key, size) for key, size in rows if isinstance(key, int) and isinstance(size, int)]


def _bounded(result: Measurement) -> Measurement:
    """Replace a record that no collector would read by a failure that says so."""
    size = len(encode(result))
    if size <= MAX_RECORD_BYTES:
        return result
    text = f"the result had {size} bytes, more than {MAX_RECORD_BYTES}"
    return replace(
        result,
        outcome=Outcome.FAILED,
        failure=Failure(FailureCode.RESOURCE_EXHAUSTED, Operation.RUN, text),
        values=NOTHING,
        context=NOTHING,
        confidence=None,
        extra=NOTHING,
    )
