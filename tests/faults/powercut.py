"""A disk that forgets: a virtual file system for SQLite that can lose power or fill up.

Every write since the last sync of its file may be lost, torn at sector boundaries, or applied in
another order when the power goes; what was synced stays. The spool is driven over it through its
own connection factory, so every statement and pragma is the product's.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import apsw

from agent.spool.database import Row, SpoolError, SqlValue, error_for

SECTOR_BYTES = 512
_NUMBERS = itertools.count()


@dataclass
class FileState:
    """What is durable of a file, and what was written since."""

    durable: bytearray
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)
    """Offset and data; data None is a truncation to the offset."""

    def sync(self) -> None:
        """Make everything durable."""
        for offset, data in self.pending:
            apply(self.durable, offset, data)
        self.pending.clear()


def apply(content: bytearray, offset: int, data: bytes | None) -> None:
    """Write or truncate."""
    if data is None:
        del content[offset:]
        return
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


class Disk:
    """All files of one machine, with its power switch and its space."""

    def __init__(self) -> None:
        self.files: dict[str, FileState] = {}
        self.writes = 0
        self.cut_after: int | None = None
        self.full_from: int | None = None
        self.full_for = 0
        self.dead = False
        self.name = f"powercut-{next(_NUMBERS)}"
        self.vfs = _Vfs(self)

    def connect(self, path: Path) -> "ApswConnection":
        """Connection factory for the spool."""
        return ApswConnection(path, self.name)

    def connect_normal(self, path: Path) -> "ApswConnection":
        """The same with synchronous=NORMAL: the control."""
        return ApswConnection(path, self.name, normal=True)

    def step(self) -> None:
        """Ask before each write or sync whether there is power and space."""
        self.writes += 1
        if self.cut_after is not None and self.writes > self.cut_after:
            self.dead = True
        if self.dead:
            raise apsw.IOError("no power")
        if self.full_from is not None and 0 <= self.writes - self.full_from < self.full_for:
            raise apsw.FullError("no space")

    def after_power_cut(self, random: Random) -> None:
        """Leave on the real disk what a power cut leaves: pieces of what was not synced."""
        for name, state in self.files.items():
            path = Path(name)
            if not path.exists():
                continue
            content = bytearray(state.durable)
            pieces = [piece for offset, data in state.pending for piece in torn(offset, data)]
            keep = random.random()
            if random.random() < 0.5:
                random.shuffle(pieces)
            for offset, piece in pieces:
                if random.random() < keep:
                    apply(content, offset, piece)
            path.write_bytes(content)


def torn(offset: int, data: bytes | None) -> list[tuple[int, bytes | None]]:
    """Cut a write where sectors end."""
    if data is None:
        return [(offset, None)]
    pieces: list[tuple[int, bytes | None]] = []
    at = 0
    while at < len(data):
        length = SECTOR_BYTES - (offset + at) % SECTOR_BYTES
        pieces.append((offset + at, data[at : at + length]))
        at += length
    return pieces


class _Vfs(apsw.VFS):
    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        super().__init__(disk.name, "")

    def xOpen(self, name: object, flags: list[int]) -> "_File":  # noqa: N802 - SQLite's name
        return _File(self.disk, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802 - SQLite's name
        if self.disk.dead:
            raise apsw.IOError("no power")
        super().xDelete(filename, syncdir)
        self.disk.files.pop(filename, None)

    def excepthook(self, *_: object) -> None:
        """Errors of a dead disk are told to SQLite; nobody else needs them."""


class _File(apsw.VFSFile):
    def __init__(self, disk: Disk, name: object, flags: list[int]) -> None:
        self.disk = disk
        path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        existed = Path(path).exists()
        super().__init__("", name, flags)  # type: ignore[arg-type]  # passed on as it came
        if not disk.dead and path not in disk.files:
            disk.files[path] = FileState(bytearray(Path(path).read_bytes() if existed else b""))
        self.state = disk.files[path]

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
        self.disk.step()
        super().xWrite(data, offset)
        self.state.pending.append((offset, bytes(data)))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802 - SQLite's name
        self.disk.step()
        super().xTruncate(newsize)
        self.state.pending.append((newsize, None))

    def xSync(self, flags: int) -> None:  # noqa: ARG002, N802 - SQLite's name; nothing real is synced
        self.disk.step()
        self.state.sync()

    def excepthook(self, *_: object) -> None:
        """Errors of a dead disk are told to SQLite; nobody else needs them."""


class ApswConnection:
    """The spool's small surface of SQLite, over apsw and a disk that forgets."""

    def __init__(self, path: Path, vfs: str, *, normal: bool = False) -> None:
        self._normal = normal
        try:
            self._connection = apsw.Connection(str(path), vfs=vfs)
        except apsw.Error as error:
            raise translated(error) from error

    def execute(self, sql: str, parameters: Sequence[SqlValue] = ()) -> list[Row]:
        """Run one statement."""
        if self._normal:
            sql = sql.replace("synchronous=FULL", "synchronous=NORMAL")
        try:
            return list(self._connection.execute(sql, tuple(parameters)))
        except apsw.Error as error:
            raise translated(error) from error

    def close(self) -> None:
        """Close."""
        try:
            self._connection.close()
        except apsw.Error as error:
            raise translated(error) from error


def translated(error: apsw.Error) -> SpoolError:
    """An apsw error as the spool's own."""
    # an exception raised in the file system comes through as it was raised, without a code
    code = getattr(error, "extendedresult", None)
    for kind, primary in ((apsw.IOError, 10), (apsw.FullError, 13)):
        if code is None and isinstance(error, kind):
            code = primary
    return error_for(code, str(error))
