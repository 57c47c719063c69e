"""What is PostgreSQL's own: placeholders, partitions, lost connections, errors, several writers."""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from collector.store import create_store
from collector.store.interface import (
    Batch,
    Store,
    StoreBusy,
    StoreFailed,
    StoreFull,
    StoreUnreachable,
    StoreUnusable,
)
from collector.store.postgres import PostgresStore
from collector.store.postgres_connection import Address
from collector.store.postgres_partitions import first_micros, following, month_of, months
from collector.store.postgres_sql import percent_placeholders, translate
from tests.collector.conftest import MONDAY, Maker, a_school
from tests.postgres import Cluster


@pytest.fixture
def url(new_database: Any) -> str:
    """All of this is about PostgreSQL."""
    return str(new_database())


@pytest.mark.parametrize(
    ("portable", "theirs"),
    [
        ("SELECT a FROM b WHERE c = ? AND d = ?", "SELECT a FROM b WHERE c = %s AND d = %s"),
        ("SELECT '?', ? || 'it''s ?'", "SELECT '?', %s || 'it''s ?'"),
        ("SELECT 5 % 3, ?", "SELECT 5 %% 3, %s"),
        ("a LIKE 'x%' AND b = ?", "a LIKE 'x%%' AND b = %s"),
        ('SELECT "odd?name" -- why?\nFROM t WHERE a = ?', None),
        ("SELECT /* really? */ ?", "SELECT /* really? */ %s"),
    ],
)
def test_placeholders_are_translated_and_literals_kept(portable: str, theirs: str | None) -> None:
    """A question mark in a literal, a name or a comment is not a parameter."""
    wanted = theirs or 'SELECT "odd?name" -- why?\nFROM t WHERE a = %s'
    assert percent_placeholders(portable) == wanted


def test_the_portable_sql_gives_what_sqlite_gives(store: Store, sqlite_url: str) -> None:
    """Flags, comparisons, sums, means, bytes, percent signs and orders are equal on both."""
    other = create_store(sqlite_url)
    other.import_schools([a_school("A1"), a_school("B1", 70)])
    for sql, parameters in (
        ("SELECT pupils > ?, sample, name LIKE 'x%?' FROM school ORDER BY code", (100,)),
        ("SELECT sum(pupils), count(*) FROM school WHERE sample = ?", (False,)),
        ("SELECT avg(pupils * 1.5) FROM school WHERE code <> '?'", ()),
        ("SELECT 7 % 4, name FROM school WHERE code IN (?, ?) ORDER BY code", ("A1", "B1")),
        ("SELECT code FROM school WHERE contracted_mbps IS NULL ORDER BY pupils LIMIT ?", (1,)),
    ):
        found = [
            one.read(lambda s, q=sql, p=parameters: s.execute(q, p).fetchall())  # type: ignore[misc]
            for one in (store, other)
        ]
        assert found[0] == found[1], sql
        assert [list(map(type, row)) for row in found[0]] == [
            list(map(type, row)) for row in found[1]
        ], sql
    other.close()


def test_text_is_ordered_alike_whatever_the_language_of_the_server(
    postgres: Cluster, sqlite_url: str
) -> None:
    """By code points, as SQLite orders, in a database whose own order is that of a dictionary."""
    postgres.run(
        "CREATE DATABASE dictionary ENCODING 'UTF8' LOCALE 'C.UTF-8' LOCALE_PROVIDER icu "
        "ICU_LOCALE 'en' TEMPLATE template0"
    )
    orders = []
    for url in (sqlite_url, postgres.url("dictionary")):
        opened = create_store(url)
        for name in ("b", "A", "a", "é", "あ", "B"):
            opened.set_setting(name, "1")
        asked = "SELECT name FROM setting WHERE value = '1' ORDER BY name"
        orders.append(opened.read(lambda sql, q=asked: sql.execute(q).fetchall()))  # type: ignore[misc]
        opened.close()
    postgres.run("DROP DATABASE dictionary")
    assert orders[0] == orders[1] == [(name,) for name in ("A", "B", "a", "b", "é", "あ")]


def _partitions(store: Store) -> dict[str, int]:
    return {
        name.rpartition(".")[2]: count
        for name, count in store.read(
            lambda sql: sql.execute(
                "SELECT tableoid::regclass::text, count(*) FROM result GROUP BY 1"
            ).fetchall()
        )
    }


def test_results_lie_in_the_month_of_their_start_in_tokyo(store: Store, make: Maker) -> None:
    """A minute before midnight is still May; the month after is made ahead."""
    end = datetime(2026, 5, 31, 15, 0, tzinfo=UTC)  # midnight in Tokyo
    rows = [make.row(started_at=end - timedelta(minutes=1)), make.row(started_at=end)]
    store.submit(Batch("agent-of-A1", end, rows)).result()
    assert _partitions(store) == {"result_2026_05": 1, "result_2026_06": 1}
    assert store.read(months) == {(2026, 5), (2026, 6), (2026, 7)}


def test_suspect_clocks_make_no_partition_and_move_when_their_month_comes(
    store: Store, make: Maker
) -> None:
    """1970, 2100 and next year lie in the rest; a believed result of that month takes its own."""
    wrong = [make.row(started_at=datetime(year, 3, 3, tzinfo=UTC)) for year in (1970, 2027, 2100)]
    store.submit(make.batch([make.row(), *wrong])).result()
    assert _partitions(store) == {"result_2026_05": 1, "result_rest": 3}
    later = datetime(2027, 3, 4, tzinfo=UTC)
    store.submit(Batch("agent-of-A1", later, [make.row(started_at=later)])).result()
    assert _partitions(store) == {"result_2026_05": 1, "result_2027_03": 2, "result_rest": 2}
    store.submit(make.batch(wrong)).result()
    assert store.counts()["result"] == 5


def test_a_partition_whose_transaction_failed_is_made_again(store: Store, make: Maker) -> None:
    """Made, rolled back with a bad batch, made again with the good one."""
    june = MONDAY + timedelta(days=30)
    bad = Batch("agent-of-A1", june, [make.row(started_at=june, school_code="nobody's")])
    with pytest.raises(StoreFailed):
        store.submit(bad).result()
    assert (2026, 6) not in store.read(months)
    store.submit(Batch("agent-of-A1", june, [make.row(started_at=june)])).result()
    assert _partitions(store) == {"result_2026_06": 1}


def test_months_follow_each_other_without_gap() -> None:
    """Each partition begins where the one before ends."""
    month = (2026, 11)
    assert following(month) == (2026, 12)
    assert following(following(month)) == (2027, 1)
    assert first_micros(following(month)) - first_micros(month) == 30 * 86_400_000_000
    assert month_of(20_000) == (2024, 10)


def test_two_writers_make_the_partitions_of_one_month_once(
    store: Store, url: str, make: Maker
) -> None:
    """Eight stores that bring the first results of a month at once all succeed."""
    others = [create_store(url) for _ in range(8)]
    start = threading.Barrier(8)
    failed: list[BaseException] = []

    def bring(one: Store) -> None:
        rows = [make.row() for _ in range(3)]
        start.wait()
        try:
            one.submit(make.batch(rows)).result()
        except StoreFailed as error:
            failed.append(error)

    threads = [threading.Thread(target=bring, args=(one,)) for one in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in others:
        one.close()
    assert failed == []
    assert _partitions(store) == {"result_2026_05": 24}


@pytest.mark.parametrize(
    ("code", "ours"),
    [
        ("53100", StoreFull),
        ("40P01", StoreBusy),
        ("55P03", StoreBusy),
        ("53300", StoreBusy),
        ("57P01", StoreUnreachable),
        ("08006", StoreUnreachable),
        ("25006", StoreUnreachable),
        ("23505", StoreFailed),
        ("42P01", StoreFailed),
    ],
)
def test_each_error_of_the_server_becomes_one_of_ours(code: str, ours: type) -> None:
    """By SQLSTATE, whatever the language of the server's messages."""
    assert type(translate(psycopg.errors.lookup(code)("said"))) is ours


def test_errors_quote_no_rows(store: Store) -> None:
    """The server's DETAIL names values, which may be hashes of secrets: it is left out."""
    store.set_setting("once", "the-value-of-a-row")

    def again(sql: Any) -> None:
        sql.execute("INSERT INTO setting VALUES (?, ?)", ("once", "the-value-of-a-row"))

    with pytest.raises(StoreFailed) as failed:
        store.write(again)
    assert "duplicate key" in str(failed.value)
    assert "once" not in str(failed.value)
    assert "the-value" not in str(failed.value)


def test_a_failed_statement_that_was_passed_over_is_not_committed(store: Store) -> None:
    """PostgreSQL answers such a COMMIT with a silent rollback; here it is an error."""

    def careless(sql: Any) -> None:
        sql.execute("INSERT INTO setting VALUES ('a', '1')")
        with contextlib.suppress(psycopg.Error):
            sql.execute("INSERT INTO setting VALUES ('a', '1')")

    with pytest.raises(StoreFailed, match="nothing was kept"):
        store.write(careless)
    assert store.setting("a") is None


def _cut(postgres: Cluster, url: str) -> None:
    """End every connection to a database, as a restart or a fail-over does."""
    name = url.rpartition("?")[0].rpartition("/")[2]
    postgres.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        f"WHERE datname = '{name}' AND pid <> pg_backend_pid()"
    )


def test_a_cut_connection_is_made_anew(
    store: Store, url: str, postgres: Cluster, make: Maker
) -> None:
    """Readers and the writer go on after the server ended all connections; nobody notices."""
    store.submit(make.batch([make.row()])).result()
    assert store.schools()
    _cut(postgres, url)
    assert len(store.schools()) == 2
    store.submit(make.batch([make.row()])).result()
    _cut(postgres, url)
    store.set_setting("after", "all")
    assert store.counts()["result"] == 2


def test_a_connection_cut_inside_a_transaction_keeps_nothing_of_the_first_try(
    store: Store, url: str, postgres: Cluster
) -> None:
    """Cut after the first of two statements: the work runs again, whole, on a new connection."""
    tries: list[int] = []

    def work(sql: Any) -> None:
        tries.append(1)
        sql.execute("INSERT INTO setting VALUES (?, 'x')", (f"first {len(tries)}",))
        if len(tries) == 1:
            _cut(postgres, url)
        sql.execute("INSERT INTO setting VALUES (?, 'x')", (f"second {len(tries)}",))

    store.write(work)
    names = store.read(lambda sql: sql.execute("SELECT name FROM setting ORDER BY 1").fetchall())
    assert names == [("first 2",), ("second 2",)]


def test_of_two_in_a_deadlock_both_end_well(store: Store, url: str) -> None:
    """The one that PostgreSQL sends away runs again."""
    other = create_store(url)
    for name in ("a", "b"):
        store.set_setting(name, "0")
    met = threading.Barrier(2)

    def crossing(first: str, second: str) -> Any:
        tried: list[int] = []

        def work(sql: Any) -> None:
            sql.execute("UPDATE setting SET value = value || '1' WHERE name = ?", (first,))
            if not tried:
                tried.append(1)
                met.wait(10)
            sql.execute("UPDATE setting SET value = value || '1' WHERE name = ?", (second,))

        return work

    thread = threading.Thread(target=lambda: other.write(crossing("b", "a")))
    thread.start()
    store.write(crossing("a", "b"))
    thread.join()
    other.close()
    assert (store.setting("a"), store.setting("b")) == ("011", "011")


def test_a_lock_is_held_until_the_end_of_the_transaction(store: Store, url: str) -> None:
    """Two collectors that read, think and write under one name lose no step."""
    other = create_store(url)
    store.set_setting("steps", "0")

    def step(sql: Any) -> None:
        sql.lock("steps")
        (value,) = sql.execute("SELECT value FROM setting WHERE name = 'steps'").fetchone()
        time.sleep(0.002)
        sql.execute("UPDATE setting SET value = ? WHERE name = 'steps'", (str(int(value) + 1),))

    threads = [
        threading.Thread(target=lambda one=one: [one.write(step) for _ in range(20)])
        for one in (store, other)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    assert store.setting("steps") == "40"


def test_many_threads_ask_over_few_connections(store: Store, url: str, postgres: Cluster) -> None:
    """Forty threads, and questions within questions, stay within the readers' eight."""
    name = url.rpartition("?")[0].rpartition("/")[2]
    found: list[int] = []

    def ask() -> None:
        found.extend(store.read(lambda _sql: len(store.schools())) for _ in range(5))

    threads = [threading.Thread(target=ask) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [2] * 200
    ((connections,),) = postgres.run(
        f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'"
    )
    assert connections <= 9


def test_many_collectors_may_serve(store: Store, url: str) -> None:
    """Unlike SQLite, which admits one."""
    other = create_store(url)
    store.claim_service()
    other.claim_service()
    other.close()


def test_commits_are_durable_whatever_the_default(url: str, postgres: Cluster) -> None:
    """synchronous_commit off as the database's default is not taken over by the writer."""
    name = url.rpartition("?")[0].rpartition("/")[2]
    postgres.run(f"ALTER DATABASE {name} SET synchronous_commit = off")
    opened = create_store(url)
    found = opened.write(lambda sql: sql.execute("SHOW synchronous_commit").fetchone())
    opened.close()
    assert found == ("on",)


def test_readers_cannot_write(store: Store) -> None:
    """A question that changes something is refused by the database."""
    with pytest.raises(StoreFailed):
        store.read(lambda sql: sql.execute("DELETE FROM school"))
    assert len(store.schools()) == 2


def test_a_user_without_rights_is_told_what_is_missing(postgres: Cluster) -> None:
    """Not the owner: the message says what to do, and nothing was made."""
    bare = postgres.new_database(migrated=False)
    postgres.run("DROP ROLE IF EXISTS guest")
    postgres.run("CREATE ROLE guest LOGIN")
    with pytest.raises(StoreUnusable, match="make it the owner of the database"):
        create_store(bare.replace("hakaru@", "guest@"))
    postgres.drop(bare)


def test_a_database_that_cannot_hold_japanese_is_refused(postgres: Cluster) -> None:
    """With the words that make a better one."""
    postgres.run("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    try:
        with pytest.raises(StoreUnusable, match="create the database with ENCODING 'UTF8'"):
            create_store(postgres.url("latin"))
    finally:
        postgres.run("DROP DATABASE latin")


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("postgresql://u:secret@db.example:5433/hakaru", "'hakaru' at db.example:5433"),
        ("postgres://u@/hakaru?host=/run/postgresql", "'hakaru' at /run/postgresql"),
        ("postgresql+psycopg://u:secret@db/h", "'h' at db"),
        ("postgresql://?service=city", "of the service 'city'"),
    ],
)
def test_an_address_shows_no_password(given: str, shown: str) -> None:
    """Neither its text nor its representation."""
    assert str(Address(given)) == shown
    assert "secret" not in repr(Address(given))


def test_both_ends_give_up_a_host_that_acknowledges_nothing() -> None:
    """After a minute, also where something was under way: keepalives watch what is idle."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with Cluster(port=port) as cluster:
        url = cluster.url("postgres").replace(str(cluster.folder), "127.0.0.1")
        sql = Address(url).connect()
        try:
            with socket.socket(fileno=os.dup(sql.raw.fileno())) as ours:
                waits = ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
            found = sql.execute("SHOW tcp_user_timeout").fetchone()
        finally:
            sql.raw.close()
    assert (waits, found) == (60_000, ("60000",))


@pytest.fixture
def restarted() -> Iterator[tuple[PostgresStore, Cluster, str]]:
    """A store on a cluster of its own, which the test may stop."""
    with Cluster() as cluster:
        address = cluster.new_database()
        opened = PostgresStore(address)
        yield opened, cluster, address
        opened.close()


def test_a_server_that_is_away_is_said_and_waited_for(
    restarted: tuple[PostgresStore, Cluster, str], make: Maker
) -> None:
    """Nothing is kept while it is away, and everything goes on when it is back."""
    store, cluster, _ = restarted
    store.import_schools([a_school("A1")])
    cluster.stop()
    futures = [store.submit(make.batch([make.row()])) for _ in range(20)]
    for future in futures:
        with pytest.raises(StoreUnreachable):
            future.result(60)
    with pytest.raises(StoreUnreachable):
        store.ping()
    cluster.start()
    store.submit(make.batch([make.row()])).result(60)
    store.ping()
    assert store.counts()["result"] == 1
