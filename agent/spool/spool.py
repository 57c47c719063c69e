"""The spool as the agent sees it: never raises for a bad disk, never stops the measuring.

A damaged file is set aside and a new stream begins; a full or failing disk makes results 'not
accepted', which is counted in memory and reported as soon as anything can be written again.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Final, TypeVar

from agent.clock import Clock
from agent.spool import aside, file, layout
from agent.spool.account import Account
from agent.spool.database import (
    Connect,
    SpoolCorrupt,
    SpoolError,
    SpoolUnavailable,
    SqliteConnection,
)
from agent.spool.file import FreeBytes, disk_free_bytes
from agent.spool.store import Counts, Store, Waiting
from wire.measurement import Measurement

log: Final = logging.getLogger(__name__)
T = TypeVar("T")


class Spool:
    """Durable queue of results. Safe to call from several threads."""

    def __init__(
        self,
        path: Path,
        *,
        agent_id: str,
        clock: Clock,
        random: Random,
        cap_bytes: int = layout.DEFAULT_CAP_BYTES,
        connect: Connect = SqliteConnection,
        free_bytes: FreeBytes = disk_free_bytes,
    ) -> None:
        if cap_bytes < layout.MIN_CAP_BYTES:
            raise ValueError(f"cap_bytes {cap_bytes}: at least {layout.MIN_CAP_BYTES} is needed")
        self._path = path
        self._agent_id = agent_id
        self._clock = clock
        self._random = random
        self._cap_bytes = cap_bytes
        self._connect = connect
        self._free_bytes = free_bytes
        self._lock = threading.Lock()
        self._store: Store | None = None
        self._unwritten = Account()
        """Losses that could not be written down yet."""
        self._trouble = ""
        self._closed = False
        with self._lock, suppress(SpoolError):
            self._ready()

    def accept(self, measurement: Measurement) -> Measurement | None:
        """Store a result. Gives it as stored: from now on it survives a power cut.

        None when it was not stored: no room, or the disk fails. Both are counted.
        """
        with self._lock:
            try:
                return self._try(self._accept(measurement))
            except SpoolError as error:
                self._unwritten = replace(
                    self._unwritten, not_accepted_count=self._unwritten.not_accepted_count + 1
                )
                log.warning(
                    "result not accepted (%s so far): %s", self._unwritten.not_accepted_count, error
                )
                return None

    def take(self, limit: int, max_bytes: int) -> list[Waiting]:
        """Give results to send, fresh and old in turn; with them the account of losses."""
        with self._lock, suppress(SpoolError):
            with suppress(SpoolError):  # results go out also when the account cannot be written
                self._try(self._report)
            return self._try(lambda opened: opened.take(limit, max_bytes))
        return []

    def settle(
        self, delivered: Sequence[int], refused: Mapping[int, str], store_id: str = ""
    ) -> bool:
        """Take what the collector has named from those that wait. False: the disk did not let us.

        Then the results stay, are sent again, and are recognised as duplicates. ``store_id``
        names the database that has them; they are kept for a while, see :meth:`resend`.
        """
        with self._lock, suppress(SpoolError):
            self._try(lambda opened: opened.settle(delivered, refused, store_id))
            return True
        return False

    def resend(self, store_id: str) -> int:
        """Have kept results wait again that another database than this one acknowledged."""
        with self._lock, suppress(SpoolError):
            return self._try(lambda opened: opened.resend(store_id))
        return 0

    def amend(self, records: Mapping[int, bytes]) -> bool:
        """Replace waiting results. False when the disk did not let us; then they are as before."""
        with self._lock, suppress(SpoolError):
            self._try(lambda opened: opened.amend(records))
            return True
        return False

    def counts(self) -> Counts:
        """Say what stands in the spool, with losses not written down yet."""
        with self._lock:
            if self._store is None:
                return Counts(cap_bytes=self._cap_bytes, account=self._unwritten)
            counts = self._store.counts()
            return replace(counts, account=counts.account.plus(self._unwritten))

    def refused(self) -> list[tuple[str, str]]:
        """Result ids in local quarantine with their reasons."""
        with self._lock, suppress(SpoolError):
            return self._try(lambda opened: opened.refused())
        return []

    @property
    def trouble(self) -> str:
        """Why the spool last failed; empty while it works."""
        return self._trouble

    def set_aside_files(self) -> list[Path]:
        """Damaged spools that were kept."""
        return aside.damaged_files(self._path)

    def close(self) -> None:
        """Close the file. What was accepted stays."""
        with self._lock:
            self._closed = True
            self._drop_store()

    def _accept(self, measurement: Measurement) -> Callable[[Store], Measurement | None]:
        def work(opened: Store) -> Measurement | None:
            stored = opened.accept(measurement, self._clock, self._random, self._unwritten)
            self._unwritten = Account()
            return stored

        return work

    def _report(self, opened: Store) -> None:
        if opened.report_losses(self._clock, self._random, self._unwritten):
            self._unwritten = Account()

    def _try(self, work: Callable[[Store], T]) -> T:
        """Do ``work`` on the open file; once more on a new file if this one proves damaged."""
        try:
            try:
                done = work(self._ready())
            except SpoolCorrupt as error:
                self._set_aside(str(error))
                done = work(self._ready())
        except (SpoolError, OSError) as error:
            self._trouble = str(error)
            self._drop_store()  # after an I/O error nothing in memory is to be trusted
            if isinstance(error, SpoolError):
                raise
            raise SpoolError(str(error)) from error
        self._trouble = ""
        return done

    def _ready(self) -> Store:
        if self._closed:  # a thread that was still on its way
            raise SpoolUnavailable("the spool is closed")
        if self._store is None:
            if not any(Path(f"{self._path}{suffix}").exists() for suffix in file.SUFFIXES):
                self._note_missing_file()
                self._create()
            try:
                self._store = self._open()
            except SpoolCorrupt as error:
                self._set_aside(str(error))
                self._create()
                self._store = self._open()
        return self._store

    def _open(self) -> Store:
        return Store(
            self._path,
            agent_id=self._agent_id,
            cap_bytes=self._cap_bytes,
            connect=self._connect,
            free_bytes=self._free_bytes,
        )

    def _create(self) -> None:
        """Begin a new stream; what was lost before it is in its first account."""
        file.create(self._path, self._agent_id, self._unwritten, self._random, self._connect)
        self._unwritten = Account()

    def _note_missing_file(self) -> None:
        """A note of how far the stream was, without its file: the file was deleted."""
        if (marked := file.read_mark(self._path)) is not None:
            gone = Account(set_aside_count=1, lost_stream=marked[0], reason="the file was gone")
            self._unwritten = self._unwritten.plus(gone)
            file.mark_path(self._path).unlink(missing_ok=True)

    def _set_aside(self, reason: str) -> None:
        self._drop_store()
        log.error("the spool is damaged (%s): it is set aside and a new stream begins", reason)
        self._unwritten = self._unwritten.plus(aside.set_aside(self._path, reason, self._connect))

    def _drop_store(self) -> None:
        if self._store is not None:
            opened, self._store = self._store, None
            with suppress(SpoolError):
                opened.close()
