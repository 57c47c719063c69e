"""What the rest of the collector may ask of a store, whichever database is behind it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from collector.judge.model import Figure, Observation, Verdict
from collector.schools.model import BaselineEntry, School
from collector.store.sql import Sql
from collector.store.times import clock_suspect

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """An enrolled agent, as the pages show it."""

    agent_id: str
    school_code: str
    enrolled_at: datetime
    last_seen_at: datetime | None
    agent_version: str | None
    revoked_at: datetime | None = None
    """When its token was withdrawn; a revoked agent is answered 403."""
    token_expires_at: datetime | None = None
    """When its token ends unless it is renewed; None: one of a release without renewal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredResult:
    """One stored measurement, as pages and the API show it; ``record`` is what was sent."""

    result_id: str
    agent_id: str
    school_code: str
    probe: str
    target: str
    segment: str | None
    started_at: datetime
    received_at: datetime
    outcome: str
    failure_code: str | None
    failure_text: str | None
    download_bps: float | None
    upload_bps: float | None
    simulated: bool
    record: bytes

    @property
    def clock_suspect(self) -> bool:
        """Whether it is dated so far from its arrival that its clock was wrong."""
        return clock_suspect(self.started_at, self.received_at)


@dataclass(slots=True, kw_only=True)
class NewRow:
    """One decoded record on its way into the store, with the bytes it came in.

    Not frozen: a frozen dataclass takes three times as long to make, and ingest makes many.
    """

    result_id: str
    agent_id: str
    school_code: str
    stream: str
    seq: int
    probe: str
    target: str
    segment: str | None
    started_at: datetime
    outcome: str
    failure_code: str | None
    failure_text: str | None
    download_bps: float | None
    upload_bps: float | None
    cross_traffic_during_bps: float | None
    appliance_ceiling_bps: float | None
    agent_version: str | None
    simulated: bool
    record: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineRow:
    """A record that was refused, kept with its reason."""

    agent_id: str
    school_code: str
    result_id: str | None
    reason: str
    record: bytes


@dataclass(frozen=True, slots=True)
class Batch:
    """What one request wants stored: all of it commits or none does."""

    agent_id: str
    received_at: datetime
    rows: Sequence[NewRow]
    quarantine: Sequence[QuarantineRow] = ()


SchoolWeek = tuple[str, str, bool]
"""(school_code, ISO week in Asia/Tokyo such as ``2026-W20``, simulated)."""


class StoreError(Exception):
    """Any trouble of the store; the text says what to do."""


class StoreBusy(StoreError):
    """The writer's queue is full or the database is locked: answer 503 with Retry-After."""


class StoreFull(StoreError):
    """The disk is full: answer 507. Nothing of the batch was kept."""


class StoreFailed(StoreError):
    """The database refused or failed to commit: answer 503. Nothing of the batch was kept."""


class StoreUnreachable(StoreFailed):
    """The connection to the database is lost or cannot be had. No batch is at fault."""

    def __init__(self, message: str, *, perhaps_committed: bool = False) -> None:
        """``perhaps_committed``: it was lost between COMMIT and its answer."""
        super().__init__(message)
        self.perhaps_committed = perhaps_committed


class StoreUnusable(StoreError):
    """The database cannot be opened, is of a newer release, or is served by another process."""


class Enrolment(Exception):
    """An enrolment was refused; the text says why and what to do."""


class CodeRefused(Enrolment):
    """The one-time code is unknown, used up or expired. A guess; answer 403."""


class AgentBound(Enrolment):
    """The agent id belongs to another school or holds another token. Answer 409."""


class Store(Protocol):
    """Everything durable. Methods are synchronous and safe to call from any thread."""

    # -- results -----------------------------------------------------------------------------
    def submit(self, batch: Batch) -> "Future[None]":
        """Queue a batch for the writer; the future resolves after COMMIT (group commit).

        Fails with :class:`StoreBusy`, :class:`StoreFull` or :class:`StoreFailed`; then nothing
        of the batch was kept. Raises StoreBusy at once where the queue is full. Results already
        stored are recognised by (agent_id, started_at, result_id) and count as stored.
        """
        ...

    def queue_depth(self) -> int:
        """Batches that wait for the writer."""
        ...

    def latest_results(
        self, school_code: str, *, limit: int, failures_only: bool = False
    ) -> Sequence[StoredResult]:
        """The newest results of a school, newest first.

        By start; one with a suspect clock has its place by arrival.
        Failures are those that were tried and came to no usable value (failed, invalid).
        """
        ...

    def results_between(
        self, school_code: str, start: datetime, end: datetime, *, probe: str
    ) -> Sequence[StoredResult]:
        """Results of one probe with start <= started_at < end, oldest first.

        Without those of a suspect clock: when they were measured is not known.
        """
        ...

    def observations_between(
        self, start: datetime, end: datetime, *, simulated: bool, school_code: str | None = None
    ) -> Mapping[str, Sequence[Observation]]:
        """Throughput observations by school, for judging; none of a suspect clock."""
        ...

    def latest_real_result(self, *, probe: str) -> StoredResult | None:
        """The newest result with ``simulated`` false, of any school."""
        ...

    def newest_by_school(self, *, simulated: bool) -> Mapping[str, datetime]:
        """Start of the newest ok throughput result of each school that has one."""
        ...

    # -- schools -----------------------------------------------------------------------------
    def import_schools(self, schools: Sequence[School]) -> None:
        """Insert or update all of them in one transaction."""
        ...

    def schools(self) -> Sequence[School]:
        """All schools, by code."""
        ...

    def school(self, code: str) -> School | None:
        """One school, or None."""
        ...

    def import_baseline(self, entries: Sequence[BaselineEntry]) -> None:
        """Replace the survey baseline in one transaction."""
        ...

    def baseline(self) -> Mapping[str, BaselineEntry]:
        """Survey baseline by school code."""
        ...

    # -- verdicts ----------------------------------------------------------------------------
    def dirty_weeks(self) -> Mapping[SchoolWeek, int]:
        """School weeks with results stored since they were last judged, with their generation.

        Maintained by the writer in the same transaction as the results. Iterating gives
        (school_code, week, simulated).
        """
        ...

    def mark_dirty(self, weeks: Iterable[SchoolWeek]) -> None:
        """Have these judged (again), whether or not they have results."""
        ...

    def save_verdicts(
        self,
        verdicts: Sequence[Verdict],
        judged_at: datetime,
        judged: Mapping[SchoolWeek, int] | None = None,
    ) -> None:
        """Replace the verdicts of their (school, week, figure, simulated) in one transaction.

        ``judged`` is what :meth:`dirty_weeks` gave before the results were read: those marks are
        cleared, except where results have arrived since (their generation is higher by now).
        """
        ...

    def verdicts(self, week: str, *, simulated: bool) -> Mapping[tuple[str, Figure], Verdict]:
        """Verdicts of one week by (school_code, figure)."""
        ...

    def verdict_history(self, school_code: str, *, simulated: bool) -> Sequence[Verdict]:
        """All verdicts of a school, newest week first."""
        ...

    def judged_weeks(self, *, simulated: bool) -> Sequence[str]:
        """Weeks that have verdicts, newest first."""
        ...

    # -- identity ----------------------------------------------------------------------------
    def add_enrolment_code(self, school_code: str, code_sha256: str, expires_at: datetime) -> None:
        """Keep the hash of a one-time code."""
        ...

    def enrol(self, *, code_sha256: str, agent_id: str, token_sha256: str, now: datetime) -> School:
        """Use up a code and bind the agent; raises :class:`Enrolment`. Won by exactly one.

        Repeating the very same request (reply lost) succeeds again.
        """
        ...

    def agent_by_token(self, token_sha256: str) -> Agent | None:
        """Who presents this token, None for nobody. The caller looks at ``revoked_at``."""
        ...

    def revoke_agent(self, agent_id: str, now: datetime) -> bool:
        """Withdraw an agent's token; False where there is no such agent."""
        ...

    def agents(self) -> Sequence[Agent]:
        """All agents, by school code."""
        ...

    # -- subjects with questions of their own --------------------------------------------------
    def read(self, question: Callable[[Sql], T]) -> T:
        """Run ``question`` on a connection that only reads. Raises :class:`StoreError`."""
        ...

    def write(self, work: Callable[[Sql], T]) -> T:
        """Run ``work`` in a transaction of its own; return what it gave, after its COMMIT.

        Rolled back where ``work`` raises. Raises :class:`StoreError`, and what ``work`` raised.
        ``work`` may run again in a new transaction, where PostgreSQL ended a deadlock with it or
        its connection was lost before COMMIT: it should change nothing but the database.
        """
        ...

    def drop_result_months(self, before: datetime) -> Sequence[str]:
        """Drop months of results that ended before; give their names.

        Only where the database keeps months apart; nothing is given where it does not. Results
        in them whose clock is suspect and that arrived since ``before`` stay.
        """
        ...

    def changes(self) -> int:
        """How often this store object has written anything but batches, for short memories."""
        ...

    # -- settings and health -----------------------------------------------------------------
    def setting(self, name: str) -> str | None:
        """A setting kept in the database (for example ``simulated_city``)."""
        ...

    def set_setting(self, name: str, value: str) -> None:
        """Keep a setting."""
        ...

    def counts(self) -> Mapping[str, int]:
        """Rows by table, for /metrics."""
        ...

    def schema_version(self) -> int:
        """Number of the newest migration the database has."""
        ...

    def migrations_applied(self) -> Sequence[str]:
        """Names of the migrations that opening the store applied."""
        ...

    def claim_service(self) -> None:
        """Become a serving collector; SQLite admits one: StoreUnusable where another serves."""
        ...

    def ping(self) -> None:
        """Raise :class:`StoreError` when the database cannot be read."""
        ...

    def close(self) -> None:
        """Write what is queued, then close."""
        ...
