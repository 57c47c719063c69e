"""The audit log: who changed what; and what was done to the log afterwards is found (F7)."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from collector.operators.audit import (
    EMPTY,
    Head,
    audit,
    chained_sha256,
    cli_actor,
    head_of,
    newest,
    verify,
)
from collector.store.interface import Store
from tests.collector.conftest import MONDAY

RECORDS = 12
SET = "UPDATE audit_log SET {} WHERE number = {}"


def write(store: Store, count: int = RECORDS) -> None:
    """Some changes by several people."""
    for number in range(count):
        moment = MONDAY + timedelta(minutes=number)
        actor = ("cli:root", "operator:aoi", "agent:1")[number % 3]
        store.write(
            lambda sql, actor=actor, number=number, moment=moment: audit(
                sql,
                actor,
                "school.import",
                f"E{number}",
                {"added": number, "names": ["学校"]},
                moment,
            )
        )


def faults(store: Store, kept: Head | None = None) -> list[str]:
    """What verifying finds."""
    return store.read(lambda sql: verify(sql, kept))


def test_a_log_that_nobody_touched_verifies(store: Store) -> None:
    """Empty, and with records; any head it ever had is still in it."""
    assert faults(store) == []
    heads = [store.read(head_of)]
    for _ in range(3):
        write(store, 4)
        heads.append(store.read(head_of))
    assert heads[0] == EMPTY
    assert heads[-1].number == RECORDS
    for head in heads:
        assert faults(store, head) == []
        assert head == EMPTY or Head.parse(str(head)) == head


TAMPERED: dict[str, tuple[str, ...]] = {
    **{
        f"edited {column}": (SET.format(f"{column} = {value}", 5),)
        for column, value in {
            "at": "at + 1",
            "actor": "'operator:ren'",
            "action": "'nothing'",
            "subject": "'E99'",
            "detail": "'{}'",
            "previous_sha256": "'" + "0" * 64 + "'",
            "sha256": "'" + "0" * 64 + "'",
        }.items()
    },
    "deleted in the middle": ("DELETE FROM audit_log WHERE number = 5",),
    "deleted the first": ("DELETE FROM audit_log WHERE number = 1",),
    "deleted all but the last": (f"DELETE FROM audit_log WHERE number < {RECORDS}",),
    "deleted and closed up": (
        "DELETE FROM audit_log WHERE number = 5",
        *(SET.format(f"number = {number - 1}", number) for number in range(6, RECORDS + 1)),
    ),
    "reordered": (
        SET.format("number = 99", 5),
        SET.format("number = 5", 6),
        SET.format("number = 6", 99),
    ),
    "swapped what two say": (
        SET.format("subject = 'E5'", 5),
        SET.format("subject = 'E4'", 6),
    ),
    "inserted": (
        "INSERT INTO audit_log VALUES (13, 1, 'cli:root', 'a', 's', '{}', "
        "'" + "0" * 64 + "', '" + "1" * 64 + "')",
    ),
    "inserted before the first": (
        "INSERT INTO audit_log VALUES (0, 1, 'cli:root', 'a', 's', '{}', '', '" + "1" * 64 + "')",
    ),
}


@pytest.mark.parametrize("how", TAMPERED)
def test_what_was_done_to_the_log_is_found(
    store: Store, how: str, record_property: Callable[[str, object], None]
) -> None:
    """Each way of editing, deleting, reordering and inserting, without any head kept."""
    write(store)
    store.write(lambda sql: [sql.execute(one) for one in TAMPERED[how]])
    found = faults(store)
    note = {
        "name": "F7",
        "what": f"audit log {how}",
        "runs": 1,
        "lost": None,
        "duplicates": None,
        "other": "; ".join(found)[:60],
    }
    record_property("fault-case", json.dumps(note))
    assert found != []


def test_an_edit_with_its_own_hash_made_anew_breaks_the_next_link(store: Store) -> None:
    """Who knows how a record is hashed still has to write every later one anew."""
    write(store)

    def edit(sql: Any) -> None:
        row = sql.execute("SELECT * FROM audit_log WHERE number = 5").fetchone()
        fields = (*row[:4], "E99", *row[5:7])
        sql.execute(
            "UPDATE audit_log SET subject = ?, sha256 = ? WHERE number = 5",
            ("E99", chained_sha256(fields)),
        )

    store.write(edit)
    assert faults(store) == ["record 6 does not follow from the record before it"]


def _rewritten(sql: Any) -> None:
    """What somebody does who knows how the chain is made."""
    sql.execute("DELETE FROM audit_log WHERE number >= 5")
    for number in range(5, RECORDS + 1):
        audit(sql, "operator:aoi", "school.import", f"E{number}", {}, MONDAY)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (lambda sql: sql.execute("DELETE FROM audit_log WHERE number > 7"), "the end was cut off"),
        (lambda sql: sql.execute("DELETE FROM audit_log"), "the end was cut off"),
        (_rewritten, "was written anew"),
    ],
    ids=["cut off", "emptied", "written anew"],
)
def test_a_cut_off_end_and_a_new_chain_show_against_a_head_kept_elsewhere(
    store: Store, how: Callable[[Any], object], said: str
) -> None:
    """From inside both look whole: that is why the head is printed."""
    write(store)
    head = store.read(head_of)
    store.write(how)
    assert faults(store) == []
    assert [said in fault for fault in faults(store, head)] == [True]


def test_changes_at_the_same_time_make_one_chain(store: Store) -> None:
    """Four writers, no gap and no fork."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: write(store, 5), range(4)))
    assert store.read(head_of).number == 20
    assert faults(store) == []


def test_a_change_that_fails_leaves_no_record(store: Store) -> None:
    """The record is in the transaction of the change."""

    def fails(sql: Any) -> None:
        audit(sql, "cli:root", "school.import", "E1", {}, MONDAY)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.write(fails)
    assert store.read(head_of) == EMPTY


@pytest.mark.parametrize("key", ["password", "newPassword", "client_secret", "token", "Cookie"])
@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_secrets_are_refused(store: Store, key: str) -> None:
    """A key that names a secret is a mistake of the program."""
    with pytest.raises(ValueError, match="keeps no secrets"):
        store.write(lambda sql: audit(sql, "cli:root", "a", "s", {key: "x"}, MONDAY))


def test_any_text_can_be_kept(store: Store) -> None:
    """NUL, halves of pairs, right-to-left marks and a megabyte neither break nor fork the chain."""
    for text in ("\0", "\ud800", "\u202e<script>", "x" * 1_000_000, "\x1b[31m"):
        store.write(lambda sql, text=text: audit(sql, text, text, text, {"said": text[:9]}, MONDAY))
    assert faults(store) == []
    assert all(len(one.subject) <= 200 for one in store.read(lambda sql: newest(sql, 9)))


def run(*arguments: str, database: str) -> "subprocess.CompletedProcess[str]":
    """Run the command."""
    return subprocess.run(
        [sys.executable, "-m", "collector.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env=os.environ | {"HAKARU_DATABASE": database, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_the_command_lists_verifies_and_fails_on_a_touched_log(store: Store, url: str) -> None:
    """Exit code 0 and the head; 1 with the faults; 2 for a head that is none. No terminal codes."""
    write(store, 2)
    store.write(lambda sql: audit(sql, "x\x1b[2J", "a.b", "s\n", {}, MONDAY))
    listed = run("audit", "list", "--limit", "2", database=url)
    assert [line.split("  ")[0] for line in listed.stdout.splitlines()] == ["2", "3"]
    assert "\x1b" not in listed.stdout
    first = run("audit", "verify", "--json", database=url)
    head = json.loads(first.stdout)["head"]
    assert (first.returncode, head) == (0, str(store.read(head_of)))
    assert run("audit", "verify", "--head", "nonsense", database=url).returncode == 2
    store.write(lambda sql: sql.execute("DELETE FROM audit_log WHERE number = 3"))
    assert run("audit", "verify", database=url).returncode == 0
    cut = run("audit", "verify", "--head", head, database=url)
    assert (cut.returncode, "cut off" in cut.stderr) == (1, True)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_changing_commands_write_to_it(store: Store, url: str, tmp_path: Path) -> None:
    """Importing schools and baseline, making codes, operators: who, what, and no secret."""
    schools = tmp_path / "schools.csv"
    schools.write_text(
        "code,name,kind,region,pupils,line,contracted_mbps,sample,latitude,longitude,"
        "aggregation_group\nC1,学校C1,elementary,north,100,best_effort_ipoe,,false,,,\n"
    )
    baseline = tmp_path / "baseline.csv"
    baseline.write_text(
        "code,met,measured_mbps,surveyed_on,source\nC1,false,100,2024-05-01,survey\n"
    )
    word = tmp_path / "password"
    word.write_text("four words in a row\n")
    for arguments in (
        ("school", "import", str(schools)),
        ("school", "baseline", str(baseline)),
        ("school", "enrol-code", "C1"),
        ("operator", "add", "aoi", "--role", "administrator", "--password-file", str(word)),
        ("operator", "role", "aoi", "viewer"),
        ("operator", "disable", "aoi"),
        ("operator", "enable", "aoi"),
        ("operator", "password", "aoi", "--password-file", str(word)),
    ):
        done = run(*arguments, database=url)
        assert done.returncode == 0, done.stderr
    records = store.read(lambda sql: newest(sql, 100))[::-1]
    assert [one.action for one in records] == [
        *("school.import", "school.baseline", "school.enrol-code"),
        *("operator.add", "operator.role", "operator.disable", "operator.enable"),
        "operator.password",
    ]
    assert {one.actor for one in records} == {cli_actor()}
    assert "four words" not in str(records)
    assert faults(store) == []
