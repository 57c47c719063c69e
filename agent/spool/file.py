"""The spool file itself: making one, opening and checking one, its head, its transactions."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Final

from agent.spool import layout
from agent.spool.account import Account, from_text, to_text
from agent.spool.database import (
    Connect,
    Connection,
    Row,
    SpoolCorrupt,
    SpoolError,
    SpoolUnavailable,
)
from agent.spool.kept import TABLE, Kept
from agent.spool.layout import digest
from wire.ids import uuid4

SUFFIXES: Final = ("", "-wal", "-journal", "-shm")
"""Files that belong to one database, by what follows its name."""
FreeBytes = Callable[[Path], int]
PRIVATE: Final = 0o600
"""Mode of all files of a spool. SQLite gives the log the mode of the database."""


@dataclass(frozen=True, slots=True)
class Head:
    """The one row of table ``head``."""

    stream: str
    agent_id: str
    next_seq: int
    account: Account

    def digest(self) -> bytes:
        """Checksum that stands beside the row."""
        text = to_text(self.account)
        return digest(self.stream, self.agent_id, self.next_seq, text)


def disk_free_bytes(directory: Path) -> int:
    """Bytes an unprivileged process may still write on the disk of ``directory``."""
    state = os.statvfs(directory)
    return state.f_bavail * state.f_frsize


def sync_directory(directory: Path) -> None:
    """Make the names in ``directory`` durable: SQLite does so for its log, not for its file."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_private(path: Path) -> None:
    """Close the files of the database at ``path`` to others: earlier releases left them open."""
    for suffix in SUFFIXES:
        with suppress(OSError):  # not there; or of a disk that knows no modes
            Path(f"{path}{suffix}").chmod(PRIVATE)


def create(path: Path, agent_id: str, account: Account, random: Random, connect: Connect) -> None:
    """Make an empty spool with a new stream at ``path``. Raises :class:`SpoolError`.

    It is built beside and renamed when it is durable, so a file at ``path`` that is empty or
    half made is damage, never a beginning.
    """
    beside = path.with_name(path.name + ".new")
    head = Head(uuid4(random.getrandbits(128)), agent_id, 1, account)
    try:
        for suffix in SUFFIXES:
            Path(f"{beside}{suffix}").unlink(missing_ok=True)
        os.close(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE))
        connection = connect(beside)
        try:
            for statement in (*layout.PRAGMAS, "BEGIN IMMEDIATE", *layout.SCHEMA, TABLE):
                connection.execute(statement)
            connection.execute(
                "INSERT INTO head VALUES (1, ?, ?, ?, ?, ?)",
                (head.stream, agent_id, 1, to_text(account), head.digest()),
            )
            connection.execute("COMMIT")
        finally:
            connection.close()
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        beside.rename(path)
        sync_directory(path.parent)
    except OSError as error:
        raise SpoolUnavailable(str(error)) from error


def mark_path(path: Path) -> Path:
    """File that tells how far the stream had come, beside the spool at ``path``."""
    return path.with_name(path.name + ".mark")


def write_mark(path: Path, stream: str, next_seq: int) -> None:
    """Note how far the stream is. Not synced, written after the commit: never ahead of it."""
    text = f"{stream} {next_seq} {digest(stream, next_seq).hex()}\n"
    with suppress(OSError):
        descriptor = os.open(mark_path(path), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, PRIVATE)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, PRIVATE)
            file.write(text.encode())
            file.truncate()


def read_mark(path: Path) -> tuple[str, int] | None:
    """Give stream and next number as noted, None where there is no sound note."""
    try:
        stream, number_text, check = mark_path(path).read_text(encoding="ascii").split()
        next_seq = int(number_text)
    except (OSError, ValueError):
        return None
    return (stream, next_seq) if digest(stream, next_seq).hex() == check else None


class SpoolFile:
    """An open and checked spool file."""

    def __init__(
        self,
        path: Path,
        *,
        agent_id: str,
        cap_bytes: int,
        connect: Connect,
        free_bytes: FreeBytes = disk_free_bytes,
    ) -> None:
        self.path = path
        self.cap_bytes = cap_bytes
        self._free_bytes = free_bytes
        if not path.exists() or path.stat().st_size < 512:
            raise SpoolCorrupt("the file is missing or cut to less than one sector")
        make_private(path)
        self.connection: Connection = connect(path)
        try:
            self._check(agent_id)
        except SpoolError:
            with suppress(SpoolError):
                self.connection.close()
            raise

    def _check(self, agent_id: str) -> None:
        execute = self.connection.execute
        for pragma in layout.PRAGMAS:
            execute(pragma)
        if (mode := execute("PRAGMA journal_mode")[0][0]) != "wal":
            raise SpoolUnavailable(f"journal mode is {mode!r}, not wal: does the disk allow locks?")
        form = (execute("PRAGMA application_id")[0][0], execute("PRAGMA user_version")[0][0])
        if form != (layout.APPLICATION_ID, layout.FORMAT):
            raise SpoolCorrupt(f"the file is marked {form!r}, so it is no spool of this format")
        if (found := execute("PRAGMA quick_check(1)")) != [("ok",)]:
            raise SpoolCorrupt(f"quick_check: {found[:1]!r}")
        page_bytes = execute("PRAGMA page_size")[0][0]
        assert isinstance(page_bytes, int)
        self.max_pages = layout.max_database_pages(self.cap_bytes, page_bytes)
        self.head = self._read_head()
        if self.head.agent_id != agent_id:
            raise SpoolCorrupt(f"the spool belongs to agent {self.head.agent_id}")
        self._heed_mark()
        execute(f"PRAGMA max_page_count={self.max_pages}")
        execute(TABLE)  # files of earlier releases have none
        self.kept = Kept(self.connection, self.cap_bytes)
        execute("BEGIN IMMEDIATE")  # a file that cannot be written is found now, not at a result
        execute("ROLLBACK")
        self._waiting_count = number(execute("SELECT count(*) FROM results"))
        self._refused_count = number(execute("SELECT count(*) FROM refused"))

    def _read_head(self) -> Head:
        rows = self.connection.execute(
            "SELECT stream, agent_id, next_seq, account, digest FROM head"
        )
        if len(rows) != 1:
            raise SpoolCorrupt(f"{len(rows)} heads")
        stream, agent_id, next_seq, account, check = rows[0]
        if (
            not isinstance(stream, str)
            or not isinstance(agent_id, str)
            or not isinstance(next_seq, int)
            or not isinstance(account, str)
            or digest(stream, agent_id, next_seq, account) != check
        ):
            raise SpoolCorrupt("the head does not have its checksum")
        return Head(stream, agent_id, next_seq, from_text(account))

    def _heed_mark(self) -> None:
        """Count results whose transactions the log has lost, and never give their numbers again.

        SQLite ends a damaged log silently where the damage begins.
        """
        marked = read_mark(self.path)
        if marked is not None and marked[0] == self.head.stream and marked[1] > self.head.next_seq:
            lost = list(range(self.head.next_seq, marked[1]))
            self.head = replace(
                self.head,
                next_seq=marked[1],
                account=self.head.account.with_lost(lost, damaged=True),
            )

    def close(self) -> None:
        """Close the file; the log is folded into it."""
        self.connection.close()

    def write_head(self, head: Head) -> None:
        """Write the head within a transaction; the caller keeps it once that is committed."""
        self.connection.execute(
            "UPDATE head SET next_seq = ?, account = ?, digest = ? WHERE id = 1",
            (head.next_seq, to_text(head.account), head.digest()),
        )

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, synced at the end."""
        self._keep_log_small()
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.connection.execute("COMMIT")
        except (SpoolError, OSError):
            with suppress(SpoolError):
                self.connection.execute("ROLLBACK")
            raise

    def _keep_log_small(self) -> None:
        """Fold a log back that an earlier checkpoint had to leave long (the disk was full)."""
        try:
            size = Path(f"{self.path}-wal").stat().st_size
        except FileNotFoundError:
            return
        if size > layout.LOG_BUDGET_BYTES - layout.TRANSACTION_PAGES * layout.LOG_FRAME_BYTES:
            self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def number(rows: list[Row]) -> int:
    """Give the one whole number of a result. Raises :class:`SpoolCorrupt`."""
    value = rows[0][0] if rows else None
    if not isinstance(value, int):
        raise SpoolCorrupt(f"{value!r} where a number was expected")
    return value
