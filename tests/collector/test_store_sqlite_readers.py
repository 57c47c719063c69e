"""Connections for questions to SQLite belong to questions: threads that end leave none behind."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from collector.store.interface import StoreFailed
from collector.store.sql import Sql
from collector.store.sqlite import SqliteStore
from collector.store.sqlite_readers import IDLE


def descriptors_of(path: Path) -> int:
    """Descriptors of this process that are open on the database or a file beside it."""
    count = 0
    for each in Path("/proc/self/fd").iterdir():
        try:
            count += str(each.readlink()).startswith(str(path))
        except OSError:  # the one that listed the folder
            continue
    return count


def test_threads_that_come_and_go_leave_no_connection_open(tmp_path: Path) -> None:
    """Fifty bursts of threads that ask and end keep no more open than the first did."""
    path = tmp_path / "hakaru.db"
    store = SqliteStore(str(path))
    try:
        store.ping()
        at_first = descriptors_of(path)
        for _ in range(50):
            thread = threading.Thread(target=store.ping)
            thread.start()
            thread.join()
        assert descriptors_of(path) == at_first
    finally:
        store.close()
    assert descriptors_of(path) == 0


def test_a_crowd_asks_at_once_and_few_connections_stay(tmp_path: Path) -> None:
    """Each of many questions at once has a connection of its own; a few are kept.

    SQLite itself keeps descriptors of the file for the next that open it; of its log it does not.
    """
    path, many = tmp_path / "hakaru.db", 3 * IDLE
    store = SqliteStore(str(path))
    all_ask = threading.Barrier(many)

    def question(sql: Sql) -> int:
        all_ask.wait(30.0)
        (found,) = sql.execute("SELECT count(*) FROM school").fetchone()
        return int(found)

    try:
        open_after = []
        for _ in range(3):
            with ThreadPoolExecutor(many) as threads:
                found = list(threads.map(lambda _: store.read(question), range(many)))
            assert found == [0] * many
            assert descriptors_of(Path(f"{path}-wal")) <= IDLE
            open_after.append(descriptors_of(path))
        assert len(set(open_after)) == 1
    finally:
        store.close()


def test_a_question_that_broke_off_leaves_no_old_state_behind(tmp_path: Path) -> None:
    """Its statement is still open: what asks after it must not be shown that moment."""
    store = SqliteStore(str(tmp_path / "hakaru.db"))
    held = []

    def breaks_off(sql: Sql) -> None:
        rows = sql.execute("SELECT version FROM schema_migration")
        rows.fetchone()
        held.append(rows)
        raise LookupError

    try:
        with pytest.raises(LookupError):
            store.read(breaks_off)
        store.set_setting("later", "yes")
        assert store.setting("later") == "yes"
    finally:
        store.close()


def test_a_question_within_a_question_has_the_same_connection(tmp_path: Path) -> None:
    """It needs no second one."""
    store = SqliteStore(str(tmp_path / "hakaru.db"))
    try:
        assert store.read(lambda outer: store.read(lambda inner: inner is outer))
    finally:
        store.close()


def test_a_question_under_way_is_answered_while_the_store_closes(tmp_path: Path) -> None:
    """Its connection is closed after it, not under it; later ones are told."""
    path = tmp_path / "hakaru.db"
    store = SqliteStore(str(path))

    def question(sql: Sql) -> int:
        store.close()
        (found,) = sql.execute("SELECT count(*) FROM school").fetchone()
        return int(found)

    assert store.read(question) == 0
    assert descriptors_of(path) == 0
    with pytest.raises(StoreFailed, match="closed"):
        store.ping()
