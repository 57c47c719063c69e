"""Connections to PostgreSQL: how they are opened, and a few kept for readers."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from collector.store.interface import StoreBusy, StoreUnreachable, StoreUnusable
from collector.store.postgres_sql import PostgresSql, translate

T = TypeVar("T")
OLDEST_VERSION: Final = 15_00_00
LOCK_SECONDS: Final = 30
"""How long a write waits for another one's short transaction."""
READERS: Final = 8
"""Connections for questions, beside the one that writes."""
READER_WAIT_SECONDS: Final = 30.0
LOST_MILLISECONDS: Final = 60_000
"""A connection on which nothing is acknowledged for so long is lost, as one that is idle and
answers no keepalive. Without it what was sent to a host that died is sent again for 15 minutes,
and all writing waits."""
_DEFAULTS: Final = {
    "application_name": "hakaru-collector",
    "connect_timeout": "10",
    "target_session_attrs": "read-write",  # of several hosts, the one that is not a standby
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": str(LOST_MILLISECONDS),
    "client_encoding": "UTF8",
}
_SETTINGS: Final = f"""SET lock_timeout = '{LOCK_SECONDS}s';
SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3;
SET tcp_user_timeout = {LOST_MILLISECONDS};
SET client_min_messages = warning"""
"""The server's own watch over the connection ends the locks of a collector whose host died."""


class Address:
    """Where the database is. Its text shows no password."""

    def __init__(self, url: str) -> None:
        """Raises :class:`StoreUnusable` for a URL that libpq does not understand."""
        scheme, _, rest = url.partition("://")
        try:
            given = conninfo_to_dict(f"{scheme.partition('+')[0]}://{rest}")
        except psycopg.ProgrammingError:
            raise StoreUnusable(
                "the database URL cannot be read: use postgresql://USER@HOST:PORT/NAME, with "
                "%-escapes for characters such as @ and / in a name"
            ) from None  # what libpq says quotes the URL
        self._conninfo = make_conninfo("", **{**_DEFAULTS, **given})
        self._shown = _shown(given)

    def __str__(self) -> str:
        return self._shown

    def connect(self, *, read_only: bool = False) -> PostgresSql:
        """Open a connection in autocommit mode. Raises :class:`StoreUnreachable`, StoreUnusable."""
        try:
            raw = psycopg.connect(self._conninfo, autocommit=True)
        except psycopg.Error as error:
            said = " ".join(str(error).split())
            raise StoreUnreachable(
                f"cannot connect to the database {self}: {said}; does it run, may this user "
                "connect (pg_hba.conf), and is its password in ~/.pgpass or the file that "
                "PGPASSFILE names?"
            ) from error
        try:
            _check(raw, self._shown)
            raw.execute(_SETTINGS)
            if read_only:
                raw.execute("SET default_transaction_read_only = on")
        except psycopg.Error as error:
            raw.close()
            raise translate(error) from error
        except StoreUnusable:
            raw.close()
            raise
        return PostgresSql(raw)


def _check(raw: "psycopg.Connection[Any]", shown: str) -> None:
    """Refuse a server that cannot keep what was promised; insist on durable commits."""
    if raw.info.server_version < OLDEST_VERSION:
        raise StoreUnusable(
            f"{shown} is PostgreSQL {raw.info.server_version // 10_000}: version 15 or newer "
            "is needed"
        )
    found = raw.execute(
        "SELECT current_setting('server_encoding'), current_setting('synchronous_commit')"
    ).fetchone()
    encoding, durable = found or ("", "")
    if encoding != "UTF8":
        raise StoreUnusable(
            f"{shown} stores text as {encoding}: create the database with ENCODING 'UTF8'"
        )
    if durable == "off":  # stronger ones, which wait for a standby, are kept
        raw.execute("SET synchronous_commit = on")


class Readers:
    """A few connections that many threads ask questions on, one thread each at a time."""

    def __init__(self, address: Address, most: int = READERS) -> None:
        self._address = address
        self._idle: list[PostgresSql] = []
        self._free = threading.BoundedSemaphore(most)
        self._held = threading.local()
        self._guard = threading.Lock()

    def ask(self, question: Callable[[PostgresSql], T]) -> T:
        """Run ``question``; once more on a new connection where the server had gone away."""
        held: PostgresSql | None = getattr(self._held, "sql", None)
        if held is not None:  # a question within a question: no second connection, no waiting
            return question(held)
        with self._turn():
            for attempt in (1, 2):
                sql = self._take()
                self._held.sql = sql
                try:
                    result = question(sql)
                except psycopg.Error as error:
                    self._drop(sql)
                    trouble = translate(error)
                    if attempt == 1 and isinstance(trouble, StoreUnreachable):
                        self.close()  # the others were lost with it
                        continue
                    raise trouble from error
                except BaseException:
                    self._drop(sql)
                    raise
                finally:
                    self._held.sql = None
                with self._guard:
                    self._idle.append(sql)
                return result
        raise AssertionError("the second attempt returns or raises")

    def close(self) -> None:
        """Close those that nobody uses."""
        with self._guard:
            idle, self._idle = self._idle, []
        for sql in idle:
            self._drop(sql)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._free.acquire(timeout=READER_WAIT_SECONDS):
            raise StoreBusy("all connections for questions are taken: try again")
        try:
            yield
        finally:
            self._free.release()

    def _take(self) -> PostgresSql:
        with self._guard:
            if self._idle:
                return self._idle.pop()
        return self._address.connect(read_only=True)

    @staticmethod
    def _drop(sql: PostgresSql) -> None:
        with contextlib.suppress(psycopg.Error):
            sql.raw.close()


def _shown(given: dict[str, Any]) -> str:
    if "service" in given:
        return f"of the service {given['service']!r}"
    host = given.get("host") or given.get("hostaddr") or "(default host)"
    port = f":{given['port']}" if "port" in given else ""
    return f"'{given.get('dbname') or '(default name)'}' at {host}{port}"
