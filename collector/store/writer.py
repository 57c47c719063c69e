"""One writer thread with group commit. It knows no database.

Requests put batches into a bounded queue. The thread takes all that wait (up to a bound), has
them committed in one transaction, and only then resolves their futures: what a future resolves
for is durable. With a disk that takes 5 ms to sync, hundreds of batches share one sync.

Where a group fails for a reason that may lie in one of its batches, each is committed alone, so
that one bad batch fails by itself.
"""

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from typing import Any, Final, Generic, Protocol, TypeVar

from collector.store.interface import (
    Batch,
    StoreBusy,
    StoreFailed,
    StoreFull,
    StoreUnreachable,
)

MAX_QUEUED_BATCHES: Final = 512
MAX_QUEUED_BYTES: Final = 64 * 1024 * 1024
MAX_GROUP_ROWS: Final = 5_000
"""Rows of one transaction: bounds how long a reader of the reply waits."""

T = TypeVar("T")
Connection = TypeVar("Connection")


class Writes(Protocol[Connection]):
    """What a dialect gives the writer. Errors of the database are :class:`StoreError`."""

    def open(self) -> Connection:
        """Open the connection that writes."""
        ...

    def discard(self, connection: Connection) -> None:
        """Close it; no error escapes."""
        ...

    def transact(self, connection: Connection, work: Callable[[Connection], T]) -> T:
        """Run ``work`` in one transaction and commit it durably, or roll it back."""
        ...

    def insert(self, connection: Connection, batches: Sequence[Batch]) -> None:
        """Write batches inside a transaction."""
        ...


class GroupWriter(Generic[Connection]):
    """The queue and its thread. The thread starts with the first write."""

    def __init__(self, writes: Writes[Connection]) -> None:
        self._writes = writes
        self._connection: Connection | None = None
        self._waiting: deque[tuple[Batch, int, Future[None]]] = deque()
        self._jobs: deque[tuple[Callable[[Connection], Any], Future[Any]]] = deque()
        self._bytes = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    def submit(self, batch: Batch) -> "Future[None]":
        """Queue a batch. Raises :class:`StoreBusy` where the queue is full."""
        size = sum(len(row.record) for row in batch.rows)
        size += sum(len(row.record) for row in batch.quarantine)
        future: Future[None] = Future()
        with self._changed:
            if len(self._waiting) >= MAX_QUEUED_BATCHES or self._bytes + size > MAX_QUEUED_BYTES:
                raise StoreBusy("too many batches wait for the database: try again")
            self._start()
            self._waiting.append((batch, size, future))
            self._bytes += size
            self._changed.notify()
        return future

    def run(self, work: Callable[[Connection], T]) -> T:
        """Run ``work`` in a transaction of its own on the writer thread; wait for its COMMIT."""
        future: Future[T] = Future()
        with self._changed:
            self._start()
            self._jobs.append((work, future))
            self._changed.notify()
        return future.result()

    def depth(self) -> int:
        """Batches that wait."""
        return len(self._waiting)

    def close(self) -> None:
        """Write what waits, then end the thread."""
        with self._changed:
            self._closed = True
            thread = self._thread
            self._changed.notify()
        if thread is not None:
            thread.join()

    def _start(self) -> None:
        if self._closed:
            raise StoreFailed("the store is closed")
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="store-writer", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not (self._waiting or self._jobs or self._closed):
                    self._changed.wait()
                if not (self._waiting or self._jobs):
                    break
                group = self._take_group()
                job = self._jobs.popleft() if self._jobs else None
            if group:
                self._commit(group)
            if job is not None:
                self._do(*job)
        if self._connection is not None:
            self._writes.discard(self._connection)

    def _take_group(self) -> list[tuple[Batch, "Future[None]"]]:
        group: list[tuple[Batch, Future[None]]] = []
        rows = 0
        while self._waiting and (
            not group or rows + len(self._waiting[0][0].rows) <= MAX_GROUP_ROWS
        ):
            batch, size, future = self._waiting.popleft()
            self._bytes -= size
            rows += len(batch.rows)
            group.append((batch, future))
        return group

    def _commit(self, group: Sequence[tuple[Batch, "Future[None]"]]) -> None:
        try:
            self._transact(lambda writer: self._writes.insert(writer, [one for one, _ in group]))
        except (StoreBusy, StoreFull, StoreUnreachable) as error:
            for _, future in group:
                _fail(future, error)
        except Exception as error:  # noqa: BLE001 - handed to whoever waits, who raises it
            if len(group) == 1:
                _fail(group[0][1], error)
            else:
                for one in group:
                    self._commit([one])
        else:
            for _, future in group:
                with contextlib.suppress(InvalidStateError):  # nobody waits any more
                    future.set_result(None)

    def _do(self, work: Callable[[Connection], T], future: "Future[T]") -> None:
        try:
            result = self._transact(work)
        except Exception as error:  # noqa: BLE001 - handed to the caller, who raises it
            _fail(future, error)
        else:
            future.set_result(result)

    def _transact(self, work: Callable[[Connection], T]) -> T:
        try:
            return self._attempt(work)
        except StoreUnreachable as error:
            if error.perhaps_committed:
                raise
        return self._attempt(work)  # rolled back when its connection was lost: on a new one

    def _attempt(self, work: Callable[[Connection], T]) -> T:
        if self._connection is None:
            self._connection = self._writes.open()
        try:
            return self._writes.transact(self._connection, work)
        except StoreFailed:
            self._writes.discard(self._connection)  # after an I/O error only a new one is sane
            self._connection = None
            raise


def _fail(future: "Future[Any]", error: Exception) -> None:
    with contextlib.suppress(InvalidStateError):
        future.set_exception(error)
