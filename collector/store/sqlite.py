"""The store on one SQLite file: WAL, every commit synced, one writer thread, many readers."""

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from collector.clock import Clock, SystemClock
from collector.judge.model import Figure, Observation, Verdict
from collector.schools.model import BaselineEntry, School
from collector.store import (
    sqlite_identity,
    sqlite_results,
    sqlite_schools,
    sqlite_verdicts,
)
from collector.store.interface import (
    Agent,
    Batch,
    SchoolWeek,
    StoredResult,
)
from collector.store.sql import Sql
from collector.store.sqlite_connection import Connection, ServiceLock, connect, translate
from collector.store.sqlite_ingest import insert_batches
from collector.store.sqlite_migrate import migrate, version
from collector.store.writer import GroupWriter

T = TypeVar("T")
_COUNTED = ("school", "baseline", "agent", "result", "quarantine", "verdict")


class SqliteStore:
    """Implements :class:`collector.store.interface.Store`."""

    def __init__(self, path: str, clock: Clock | None = None) -> None:
        self._path = Path(path).absolute()
        self._lock = ServiceLock(self._path)
        self._local = threading.local()
        self._readers: list[Connection] = []
        self._guard = threading.Lock()
        self._writer = GroupWriter(_Writes(self._path))
        first = connect(self._path)
        try:
            self._applied = migrate(first, (clock or SystemClock()).now())
        except sqlite3.Error as error:
            raise translate(error) from error
        finally:
            first.close()

    # -- results -----------------------------------------------------------------------------
    def submit(self, batch: Batch) -> "Future[None]":
        """See the interface."""
        return self._writer.submit(batch)

    def queue_depth(self) -> int:
        """See the interface."""
        return self._writer.depth()

    def latest_results(
        self, school_code: str, *, limit: int, failures_only: bool = False
    ) -> Sequence[StoredResult]:
        """See the interface."""
        return self.read(
            lambda reader: sqlite_results.latest(
                reader, school_code, limit, failures_only=failures_only
            )
        )

    def results_between(
        self, school_code: str, start: datetime, end: datetime, *, probe: str
    ) -> Sequence[StoredResult]:
        """See the interface."""
        return self.read(
            lambda reader: sqlite_results.between(reader, school_code, start, end, probe)
        )

    def observations_between(
        self, start: datetime, end: datetime, *, simulated: bool, school_code: str | None = None
    ) -> Mapping[str, Sequence[Observation]]:
        """See the interface."""
        return self.read(
            lambda reader: sqlite_results.observations(
                reader, start, end, simulated=simulated, school_code=school_code
            )
        )

    def latest_real_result(self, *, probe: str) -> StoredResult | None:
        """See the interface."""
        return self.read(lambda reader: sqlite_results.latest_real(reader, probe))

    def newest_by_school(self, *, simulated: bool) -> Mapping[str, datetime]:
        """See the interface."""
        return self.read(
            lambda reader: sqlite_results.newest_by_school(reader, simulated=simulated)
        )

    # -- schools -----------------------------------------------------------------------------
    def import_schools(self, schools: Sequence[School]) -> None:
        """See the interface."""
        self.write(lambda writer: sqlite_schools.import_schools(writer, schools))

    def schools(self) -> Sequence[School]:
        """See the interface."""
        return self.read(sqlite_schools.all_schools)

    def school(self, code: str) -> School | None:
        """See the interface."""
        return self.read(lambda reader: sqlite_schools.school(reader, code))

    def import_baseline(self, entries: Sequence[BaselineEntry]) -> None:
        """See the interface."""
        self.write(lambda writer: sqlite_schools.import_baseline(writer, entries))

    def baseline(self) -> Mapping[str, BaselineEntry]:
        """See the interface."""
        return self.read(sqlite_schools.baseline)

    # -- verdicts ----------------------------------------------------------------------------
    def dirty_weeks(self) -> Mapping[SchoolWeek, int]:
        """See the interface."""
        return self.read(sqlite_verdicts.dirty)

    def mark_dirty(self, weeks: Iterable[SchoolWeek]) -> None:
        """See the interface."""
        wanted = list(weeks)
        self.write(lambda writer: sqlite_verdicts.mark(writer, wanted))

    def save_verdicts(
        self,
        verdicts: Sequence[Verdict],
        judged_at: datetime,
        judged: Mapping[SchoolWeek, int] | None = None,
    ) -> None:
        """See the interface."""
        self.write(lambda writer: sqlite_verdicts.save(writer, verdicts, judged_at, judged or {}))

    def verdicts(self, week: str, *, simulated: bool) -> Mapping[tuple[str, Figure], Verdict]:
        """See the interface."""
        return self.read(lambda reader: sqlite_verdicts.of_week(reader, week, simulated=simulated))

    def verdict_history(self, school_code: str, *, simulated: bool) -> Sequence[Verdict]:
        """See the interface."""
        return self.read(
            lambda reader: sqlite_verdicts.history(reader, school_code, simulated=simulated)
        )

    def judged_weeks(self, *, simulated: bool) -> Sequence[str]:
        """See the interface."""
        return self.read(lambda reader: sqlite_verdicts.weeks(reader, simulated=simulated))

    # -- identity ----------------------------------------------------------------------------
    def add_enrolment_code(self, school_code: str, code_sha256: str, expires_at: datetime) -> None:
        """See the interface."""
        self.write(
            lambda writer: sqlite_identity.add_code(writer, school_code, code_sha256, expires_at)
        )

    def enrol(self, *, code_sha256: str, agent_id: str, token_sha256: str, now: datetime) -> School:
        """See the interface."""
        return self.write(
            lambda writer: sqlite_identity.enrol(writer, code_sha256, agent_id, token_sha256, now)
        )

    def agent_by_token(self, token_sha256: str) -> Agent | None:
        """See the interface."""
        return self.read(lambda reader: sqlite_identity.by_token(reader, token_sha256))

    def revoke_agent(self, agent_id: str, now: datetime) -> bool:
        """See the interface."""
        return self.write(lambda writer: sqlite_identity.revoke(writer, agent_id, now))

    def agents(self) -> Sequence[Agent]:
        """See the interface."""
        return self.read(sqlite_identity.all_agents)

    # -- settings and health -----------------------------------------------------------------
    def setting(self, name: str) -> str | None:
        """See the interface."""
        return self.read(lambda reader: sqlite_schools.setting(reader, name))

    def set_setting(self, name: str, value: str) -> None:
        """See the interface."""
        self.write(lambda writer: sqlite_schools.set_setting(writer, name, value))

    def counts(self) -> Mapping[str, int]:
        """See the interface."""
        return self.read(
            lambda reader: {
                table: reader.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 - constants
                for table in _COUNTED
            }
        )

    def schema_version(self) -> int:
        """See the interface."""
        return self.read(version)

    def migrations_applied(self) -> Sequence[str]:
        """See the interface."""
        return [f"{step.version} {step.name}" for step in self._applied]

    def claim_service(self) -> None:
        """See the interface."""
        self._lock.acquire()

    def ping(self) -> None:
        """See the interface."""
        self.read(lambda reader: reader.execute("SELECT count(*) FROM schema_migration"))

    def close(self) -> None:
        """See the interface."""
        self._writer.close()
        with self._guard:
            for reader in self._readers:
                reader.close()
            self._readers.clear()
        self._lock.release()

    def write(self, work: Callable[[Sql], T]) -> T:
        """See the interface."""
        return self._writer.run(work)

    def read(self, question: Callable[[Sql], T]) -> T:
        """See the interface."""
        reader: Connection | None = getattr(self._local, "reader", None)
        if reader is None:
            reader = connect(self._path, read_only=True)
            self._local.reader = reader
            with self._guard:
                self._readers.append(reader)
        try:
            return question(reader)
        except sqlite3.Error as error:
            raise translate(error) from error


class _Writes:
    """What :class:`GroupWriter` asks of SQLite."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def open(self) -> Connection:
        """Open the connection that writes."""
        return connect(self._path)

    def discard(self, connection: Connection) -> None:
        """Close it."""
        with contextlib.suppress(sqlite3.Error):
            connection.close()

    def insert(self, connection: Connection, batches: Sequence[Batch]) -> None:
        """Write batches inside a transaction."""
        insert_batches(connection, batches)

    def transact(self, connection: Connection, work: Callable[[Connection], T]) -> T:
        """Take the write lock, run, commit; or roll back and raise our error."""
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                result = work(connection)
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise translate(error) from error
        return result
