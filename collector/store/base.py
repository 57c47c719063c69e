"""What every store on SQL shares: each question of the interface as ``read`` or ``write``."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime
from typing import Any, TypeVar

from collector.judge.model import Figure, Observation, Verdict
from collector.schools.model import BaselineEntry, School
from collector.store import rows_identity, rows_results, rows_schools, rows_verdicts
from collector.store.interface import Agent, Batch, SchoolWeek, StoredResult
from collector.store.migrate import newest_version
from collector.store.schema.migration import Migration
from collector.store.sql import Sql
from collector.store.writer import GroupWriter

T = TypeVar("T")
_COUNTED = ("school", "baseline", "agent", "result", "quarantine", "verdict")


class SqlStore(ABC):
    """Implements :class:`collector.store.interface.Store` but for connections and service."""

    def __init__(self, writer: GroupWriter[Any], applied: Sequence[Migration]) -> None:
        self._writer = writer
        self._applied = applied
        self._changes = 0
        self._counting = threading.Lock()

    @abstractmethod
    def read(self, question: Callable[[Sql], T]) -> T:
        """See the interface."""

    def write(self, work: Callable[[Sql], T]) -> T:
        """See the interface."""
        try:
            return self._writer.run(work)
        finally:
            with self._counting:  # also where COMMIT is in doubt
                self._changes += 1

    def changes(self) -> int:
        """See the interface."""
        return self._changes

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
            lambda reader: rows_results.latest(
                reader, school_code, limit, failures_only=failures_only
            )
        )

    def results_between(
        self, school_code: str, start: datetime, end: datetime, *, probe: str
    ) -> Sequence[StoredResult]:
        """See the interface."""
        return self.read(
            lambda reader: rows_results.between(reader, school_code, start, end, probe)
        )

    def observations_between(
        self, start: datetime, end: datetime, *, simulated: bool, school_code: str | None = None
    ) -> Mapping[str, Sequence[Observation]]:
        """See the interface."""
        return self.read(
            lambda reader: rows_results.observations(
                reader, start, end, simulated=simulated, school_code=school_code
            )
        )

    def latest_real_result(self, *, probe: str) -> StoredResult | None:
        """See the interface."""
        return self.read(lambda reader: rows_results.latest_real(reader, probe))

    def newest_by_school(self, *, simulated: bool) -> Mapping[str, datetime]:
        """See the interface."""
        return self.read(lambda reader: rows_results.newest_by_school(reader, simulated=simulated))

    # -- schools -----------------------------------------------------------------------------
    def import_schools(self, schools: Sequence[School]) -> None:
        """See the interface."""
        self.write(lambda writer: rows_schools.import_schools(writer, schools))

    def schools(self) -> Sequence[School]:
        """See the interface."""
        return self.read(rows_schools.all_schools)

    def school(self, code: str) -> School | None:
        """See the interface."""
        return self.read(lambda reader: rows_schools.school(reader, code))

    def import_baseline(self, entries: Sequence[BaselineEntry]) -> None:
        """See the interface."""
        self.write(lambda writer: rows_schools.import_baseline(writer, entries))

    def baseline(self) -> Mapping[str, BaselineEntry]:
        """See the interface."""
        return self.read(rows_schools.baseline)

    # -- verdicts ----------------------------------------------------------------------------
    def dirty_weeks(self) -> Mapping[SchoolWeek, int]:
        """See the interface."""
        return self.read(rows_verdicts.dirty)

    def mark_dirty(self, weeks: Iterable[SchoolWeek]) -> None:
        """See the interface."""
        wanted = list(weeks)
        self.write(lambda writer: rows_verdicts.mark(writer, wanted))

    def save_verdicts(
        self,
        verdicts: Sequence[Verdict],
        judged_at: datetime,
        judged: Mapping[SchoolWeek, int] | None = None,
    ) -> None:
        """See the interface."""
        self.write(lambda writer: rows_verdicts.save(writer, verdicts, judged_at, judged or {}))

    def verdicts(self, week: str, *, simulated: bool) -> Mapping[tuple[str, Figure], Verdict]:
        """See the interface."""
        return self.read(lambda reader: rows_verdicts.of_week(reader, week, simulated=simulated))

    def verdict_history(self, school_code: str, *, simulated: bool) -> Sequence[Verdict]:
        """See the interface."""
        return self.read(
            lambda reader: rows_verdicts.history(reader, school_code, simulated=simulated)
        )

    def judged_weeks(self, *, simulated: bool) -> Sequence[str]:
        """See the interface."""
        return self.read(lambda reader: rows_verdicts.weeks(reader, simulated=simulated))

    # -- identity ----------------------------------------------------------------------------
    def add_enrolment_code(self, school_code: str, code_sha256: str, expires_at: datetime) -> None:
        """See the interface."""
        self.write(
            lambda writer: rows_identity.add_code(writer, school_code, code_sha256, expires_at)
        )

    def enrol(self, *, code_sha256: str, agent_id: str, token_sha256: str, now: datetime) -> School:
        """See the interface."""
        return self.write(
            lambda writer: rows_identity.enrol(writer, code_sha256, agent_id, token_sha256, now)
        )

    def agent_by_token(self, token_sha256: str) -> Agent | None:
        """See the interface."""
        return self.read(lambda reader: rows_identity.by_token(reader, token_sha256))

    def revoke_agent(self, agent_id: str, now: datetime) -> bool:
        """See the interface."""
        return self.write(lambda writer: rows_identity.revoke(writer, agent_id, now))

    def agents(self) -> Sequence[Agent]:
        """See the interface."""
        return self.read(rows_identity.all_agents)

    def drop_result_months(self, before: datetime) -> Sequence[str]:
        """See the interface. One file: there are no months to drop."""
        del before
        return ()

    # -- settings and health -----------------------------------------------------------------
    def setting(self, name: str) -> str | None:
        """See the interface."""
        return self.read(lambda reader: rows_schools.setting(reader, name))

    def set_setting(self, name: str, value: str) -> None:
        """See the interface."""
        self.write(lambda writer: rows_schools.set_setting(writer, name, value))

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
        return self.read(newest_version)

    def migrations_applied(self) -> Sequence[str]:
        """See the interface."""
        return [f"{step.version} {step.name}" for step in self._applied]

    def ping(self) -> None:
        """See the interface."""
        self.read(lambda reader: reader.execute("SELECT count(*) FROM schema_migration"))
