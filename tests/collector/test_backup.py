"""A copy made while the collector serves is whole; what is restored has another name."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from collector.backup import identity, manifest, postgres
from collector.backup.make import backup
from collector.cli import main
from collector.store import create_store
from collector.store.interface import Store
from tests.collector.conftest import MONDAY, Maker, Serve, a_school
from wire.codec import encode
from wire.messages import decode_acknowledgement, encode_batch


@pytest.fixture
def empty_url(url: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """Where a copy may be put back: a file that is not there, an empty database."""
    if url.startswith("sqlite"):
        yield f"sqlite:///{tmp_path}/restored.db"
    else:
        yield request.getfixturevalue("new_database")(migrated=False)


def results(url: str) -> set[str]:
    """Ids of the results in a database."""
    store = create_store(url)
    try:
        found = store.read(lambda sql: sql.execute("SELECT result_id FROM result").fetchall())
    finally:
        store.close()
    return {one for (one,) in found}


def test_a_copy_under_load_has_what_was_acknowledged_before(
    store: Store, make: Maker, url: str, empty_url: str, tmp_path: Path
) -> None:
    """While batches are committed, the copy is the database of one moment, whole and counted."""
    before = [make.row() for _ in range(200)]
    store.submit(make.batch(before)).result(60)
    stop = threading.Event()
    sent: list[str] = []

    def load() -> None:
        while not stop.is_set():
            rows = [make.row(started_at=MONDAY + timedelta(seconds=len(sent)))]
            store.submit(make.batch(rows)).result(60)
            sent.append(rows[0].result_id)

    thread = threading.Thread(target=load)
    thread.start()
    try:
        made = backup(url, tmp_path / "copy", MONDAY)
    finally:
        stop.set()
        thread.join()
    assert sent, "nothing was written meanwhile"
    assert 200 <= made.counts["result"] <= 200 + len(sent)
    assert main(["restore", str(tmp_path / "copy"), "--database", empty_url]) == 0
    there = results(empty_url)
    assert len(there) == made.counts["result"]
    assert {row.result_id for row in before} <= there
    assert there - {row.result_id for row in before} == set(sent[: len(there) - 200])


def test_a_restored_database_has_another_name(
    store: Store, url: str, empty_url: str, tmp_path: Path
) -> None:
    """The name stays over restarts and in the copy; putting it back gives a new one."""
    name = identity.store_id(store)
    assert identity.store_id(store) == name
    made = backup(url, tmp_path / "copy", MONDAY)
    assert made.store_id == name
    assert main(["restore", str(tmp_path / "copy"), "--database", empty_url]) == 0
    restored = create_store(empty_url)
    try:
        assert identity.store_id(restored) != name
        assert restored.setting(identity.RESTORED_FROM) == made.taken_at
        assert restored.schools() == store.schools()
        other = identity.store_id(restored)
    finally:
        restored.close()
    assert main(["restore", "--declare", "--database", empty_url]) == 0
    again = create_store(empty_url)
    try:
        assert identity.store_id(again) not in (name, other)
    finally:
        again.close()


def test_acknowledgements_carry_the_name(serve: Serve, make: Maker) -> None:
    """Agents read in each reply which database has their results."""
    serving = serve()
    record = encode(make.record(serving.agent_id))
    reply = decode_acknowledgement(serving.post(encode_batch([record])).content)
    assert reply.store_id == identity.store_id(serving.store)


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_damaged_or_foreign_copy_is_refused(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One bit, a missing manifest, another kind, a folder that is there: said, nothing touched."""
    folder = tmp_path / "copy"
    target = f"sqlite:///{tmp_path}/restored.db"

    def restore(to: str = target) -> str:
        assert main(["restore", str(folder), "--database", to]) == 1
        return capsys.readouterr().err

    assert "no complete backup" in restore()
    backup(url, folder, MONDAY)
    assert main(["backup", str(folder), "--database", url]) == 1
    assert "is there already" in capsys.readouterr().err
    assert "same kind" in restore("postgresql:///x")
    raw = bytearray((folder / "hakaru.db").read_bytes())
    raw[5000] ^= 1
    (folder / "hakaru.db").write_bytes(raw)
    assert "the copy is damaged" in restore()
    text = json.loads((folder / manifest.FILE).read_text())
    (folder / manifest.FILE).write_text(json.dumps(text | {"format": 9}))
    assert "this release reads 1" in restore()
    assert not (tmp_path / "restored.db").exists()


@pytest.mark.parametrize("words", [("backup", "copy"), ("audit", "verify"), ("audit", "list")])
def test_a_wrong_name_is_no_empty_database(
    words: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A copy or a check of a database that is not there fails and makes none."""
    monkeypatch.chdir(tmp_path)
    assert main([*words, "--database", "sqlite:///wrong.db"]) == 1
    assert "there is no database wrong.db: name the one" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_database_that_is_served_is_not_overwritten(
    store: Store, url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """While a collector serves it the restore says so; afterwards the former file is set aside."""
    backup(url, tmp_path / "copy", MONDAY)
    store.claim_service()
    assert main(["restore", str(tmp_path / "copy"), "--database", url]) == 1
    assert "serves this database" in capsys.readouterr().err
    store.import_schools([a_school("C1")])
    store.close()
    assert main(["restore", str(tmp_path / "copy"), "--database", url]) == 0
    (aside,) = tmp_path.glob("store.db.before-restore-1")
    former, restored = create_store(f"sqlite:///{aside}"), create_store(url)
    try:
        codes = [[school.code for school in one.schools()] for one in (former, restored)]
    finally:
        former.close()
        restored.close()
    assert codes == [["A1", "B1", "C1"], ["A1", "B1"]]


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_a_dump_needs_an_empty_database(
    store: Store, url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A database with tables is left as it is."""
    backup(url, tmp_path / "copy", MONDAY)
    assert main(["restore", str(tmp_path / "copy"), "--database", url]) == 1
    assert "has tables already" in capsys.readouterr().err
    assert store.schools()


def test_the_password_is_no_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs of PostgreSQL get the password by their environment; messages do not show it."""
    seen: list[tuple[Any, Any]] = []

    def run(command: Any, **options: Any) -> None:
        seen.append((command, options["env"]))

    monkeypatch.setattr("collector.backup.postgres.subprocess.run", run)
    postgres._run("postgresql://u:s3cret-word@h/db", ["pg_dump"])
    ((command, environment),) = seen
    assert "s3cret-word" not in " ".join(command)
    assert environment["PGPASSWORD"] == "s3cret-word"
