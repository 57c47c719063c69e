"""A real PostgreSQL for tests and benchmarks: a cluster of our own, gone when we are.

The programs of the Debian package are used (``scripts/system-packages postgresql``), not its own
cluster. It listens on a unix socket in its folder, and on loopback where a port is asked for.
"""

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import psycopg

from collector.store import create_store

USER: Final = "hakaru"
TEMPLATE: Final = "hakaru_template"
START_SECONDS: Final = 60.0
_PREFIX: Final = "hakaru-pg-"
_PR_SET_PDEATHSIG: Final = 1
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


class NoPostgres(Exception):
    """The programs are not installed."""


def programs() -> Path:
    """Where initdb and postgres are, of the newest version. Raises :class:`NoPostgres`."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3])
    )
    if found:
        return found[-1].parent
    elsewhere = shutil.which("initdb")
    if elsewhere is None:
        raise NoPostgres("no PostgreSQL is installed: scripts/system-packages postgresql")
    return Path(elsewhere).resolve().parent


class Cluster:
    """A running server. ``durable``: on a disk, each commit synced, as in use.

    Otherwise it lies in memory and syncs nothing: for what does not pull the plug.
    """

    def __init__(
        self,
        *,
        durable: bool = False,
        port: int | None = None,
        settings: Sequence[str] = (),
        parent: Path | None = None,
        initdb: Sequence[str] = (),
    ) -> None:
        shared = Path("/dev/shm")
        if parent is None:
            parent = shared if not durable and os.access(shared, os.W_OK) else Path("/var/tmp")
        self._programs = programs()
        _remove_orphans(parent)
        self.folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=parent))
        self._user = _unprivileged()
        if self._user is not None:
            os.chown(self.folder, self._user.pw_uid, self._user.pw_gid)
        self.folder.chmod(0o755)
        self._data = self.folder / "data"
        self._port = port
        self._initdb = initdb
        self._settings = [
            *("unix_socket_directories=" + str(self.folder), "max_connections=200"),
            *(("listen_addresses=127.0.0.1", f"port={port}") if port else ("listen_addresses=",)),
            *(() if durable else ("fsync=off", "full_page_writes=off")),
            *("shared_buffers=64MB", "autovacuum_naptime=1h" if not durable else "jit=off"),
            *settings,
        ]
        self._process: subprocess.Popen[bytes] | None = None
        self._made = 0
        try:
            self._initialise()
            self.start()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def url(self, database: str = "postgres") -> str:
        """Address of a database, by the unix socket."""
        port = f"&port={self._port}" if self._port else ""
        return f"postgresql://{USER}@/{database}?host={self.folder}{port}"

    def new_database(self, *, migrated: bool = True) -> str:
        """Make a database and give its URL; with this release's schema, by copying a template."""
        self._made += 1
        name = f"test_{self._made}"
        if migrated and not self.run(f"SELECT 1 FROM pg_database WHERE datname = '{TEMPLATE}'"):
            self.run(f"CREATE DATABASE {TEMPLATE} TEMPLATE template0")
            create_store(self.url(TEMPLATE)).close()
        template = TEMPLATE if migrated else "template0"
        # copying files costs half of what writing every page to the log does
        self.run(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        return self.url(name)

    def drop(self, url: str) -> None:
        """Remove a database, whoever is connected."""
        name = url.rpartition("?")[0].rpartition("/")[2]
        self.run(f"DROP DATABASE {name} WITH (FORCE)")

    def run(self, sql: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run a statement as the administrator of this cluster; give its rows."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(sql)
            return cursor.fetchall() if cursor.description else []

    @property
    def pid(self) -> int:
        """Process id of the postmaster."""
        assert self._process is not None
        return self._process.pid

    def cpu_seconds(self) -> float:
        """User and system time of the server: all of its processes, also those that ended."""
        seconds = 0
        for entry in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = entry.read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it ended while we looked
            if int(entry.parent.name) == self.pid:
                seconds += sum(map(int, fields[11:15]))  # its own and of children it waited for
            elif int(fields[1]) == self.pid:
                seconds += sum(map(int, fields[11:13]))
        return seconds / os.sysconf("SC_CLK_TCK")

    def start(self) -> None:
        """Start the server and wait until it answers."""
        command = [str(self._programs / "postgres"), "-D", str(self._data)]
        for setting in self._settings:
            command += ["-c", setting]
        log = self.folder / "server.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=_end_with_parent,  # noqa: PLW1509 - one call into the kernel
                start_new_session=True,
                cwd=self.folder,
                **self._as_user(),
            )
        ends = time.monotonic() + START_SECONDS
        while True:
            try:
                self.run("SELECT 1")
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > ends:
                    raise RuntimeError(
                        f"no PostgreSQL: {log.read_text('utf-8', 'replace')}"
                    ) from None
                time.sleep(0.02)
            else:
                return

    def is_up(self) -> bool:
        """Whether the server answers."""
        try:
            self.run("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def stop(self, number: int = signal.SIGINT) -> None:
        """End the server: SIGINT cuts connections, SIGQUIT does not even check-point."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(60)
            self._process = None

    def close(self) -> None:
        """End the server and remove its folder."""
        if self._process is not None and self._process.poll() is None:
            self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _initialise(self) -> None:
        subprocess.run(
            [
                *(str(self._programs / "initdb"), "-D", str(self._data), "-U", USER),
                *("--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"),
                *self._initdb,
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self.folder,
            **self._as_user(),
        )

    def _as_user(self) -> dict[str, Any]:
        if self._user is None:
            return {}
        return {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}


def _remove_orphans(parent: Path) -> None:
    """Remove the folders of test processes that were killed; their servers went with them."""
    for folder in parent.glob(f"{_PREFIX}*-*"):
        maker = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if maker.isdecimal() and not Path("/proc", maker).exists():
            shutil.rmtree(folder, ignore_errors=True)


def _unprivileged() -> pwd.struct_passwd | None:
    """Who runs the server: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise NoPostgres("run as somebody else than root, or make a user 'postgres'")


def _end_with_parent() -> None:
    """The server goes down with the process that started it, however that ended."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)
