"""Accounts, sessions and locks in both databases, and the command that keeps accounts."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from collector.operators import accounts, lockout, sessions
from collector.operators.model import Role
from collector.store.interface import Store
from tests.collector.conftest import MONDAY, everything_in

PASSWORD = "four words in a row"
SQLITE = pytest.mark.parametrize("url", ["sqlite"], indirect=True)


def made(store: Store, name: str, role: Role = Role.VIEWER) -> Any:
    """An account."""

    def work(sql: Any) -> Any:
        accounts.add(sql, f"id-{name}", name, role, "hash", MONDAY)
        return accounts.require(sql, name)

    return store.write(work)


def test_an_account_lives(store: Store) -> None:
    """Made once, found by name, id and provider; role, password and being disabled are kept."""
    assert not store.read(accounts.any_at_all)
    aoi = made(store, "aoi", Role.ADMINISTRATOR)
    assert store.read(accounts.any_at_all)
    with pytest.raises(accounts.AccountRefused, match="already"):
        made(store, "aoi")
    assert store.read(lambda sql: accounts.by_id(sql, "id-aoi")) == aoi
    assert store.read(lambda sql: accounts.by_provider(sql, "x")) is None
    store.write(lambda sql: accounts.set_password(sql, "id-aoi", "other", must_change=True))
    assert store.read(lambda sql: accounts.require(sql, "aoi")).must_change
    store.write(lambda sql: accounts.set_disabled(sql, aoi, MONDAY, keep_one=False))
    assert store.read(accounts.every)[0].disabled_at == MONDAY


def test_one_administrator_is_left(store: Store) -> None:
    """Two administrators who disable each other at the same moment: one stays."""
    pair = [made(store, name, Role.ADMINISTRATOR) for name in ("aoi", "ren")]

    def disable(one: Any) -> bool:
        try:
            store.write(lambda sql: accounts.set_disabled(sql, one, MONDAY, keep_one=True))
        except accounts.AccountRefused:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(disable, pair)) == [False, True]


def test_a_session_lives_and_ends(store: Store) -> None:
    """Found while in use, not when idle, old, ended or of a disabled account."""
    aoi = made(store, "aoi")

    def find(token: str, after: timedelta) -> Any:
        return store.read(lambda sql: sessions.find(sql, token, MONDAY + after))

    store.write(lambda sql: sessions.start(sql, "id-aoi", "one", MONDAY))
    assert find("one", timedelta(seconds=59)) == (aoi, False)
    assert find("one", timedelta(seconds=60)) == (aoi, True)
    assert find("two", timedelta(0)) is None
    assert find("one", sessions.IDLE) is None
    for minutes in range(30, 12 * 60, 30):
        store.write(
            lambda sql, at=timedelta(minutes=minutes): sessions.touch(sql, "one", MONDAY + at)
        )
    assert find("one", sessions.LONGEST - timedelta(seconds=1)) is not None
    assert find("one", sessions.LONGEST) is None
    store.write(lambda sql: sessions.start(sql, "id-aoi", "three", MONDAY))
    store.write(lambda sql: sessions.know_device(sql, "id-aoi", "browser", MONDAY))
    assert store.read(lambda sql: sessions.device_known(sql, "id-aoi", "browser", MONDAY))
    assert store.write(lambda sql: sessions.end_all(sql, "id-aoi")) == 2
    assert find("three", timedelta(0)) is None
    assert not store.read(lambda sql: sessions.device_known(sql, "id-aoi", "browser", MONDAY))


def test_tries_are_counted_the_same_in_every_database(store: Store) -> None:
    """Five are free, then it waits; success of an address takes back one, of an account all."""
    counted = lockout.buckets("aoi", "192.0.2.1", None)
    for number in range(5):
        begun = store.write(lambda sql: lockout.begin(sql, counted, MONDAY))
        assert (begun.wait_seconds, begun.locked) == (0, ("account aoi",) if number == 4 else ())
    assert store.write(lambda sql: lockout.begin(sql, counted, MONDAY)).wait_seconds == 30
    store.write(lambda sql: lockout.succeeded(sql, counted))
    rows = store.read(
        lambda sql: sql.execute("SELECT bucket, failures FROM sign_in_failure").fetchall()
    )
    assert [tuple(row) for row in rows] == [("address 192.0.2.1", 4)]


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [(0, 0), (4, 0), (5, 30), (6, 60), (7, 120), (9, 480), (10, 900), (11, 900), (10**6, 900)],
)
def test_waits_double_up_to_a_quarter_of_an_hour(failures: int, seconds: int) -> None:
    """Never for ever."""
    assert lockout.wait_after(failures, 5) == seconds


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        (" Aoi@Board.Example ", "aoi@board.example"),
        ("ａｏｉ", "aoi"),
        ("", None),
        ("-aoi", None),
        ("aoi ren", None),
        ("葵", None),
        ("a" * 65, None),
        ("aoi\0", None),
        ("aoi\n", "aoi"),
    ],
)
def test_a_name_has_one_form(typed: str, name: str | None) -> None:
    """Case, width and blanks do not make another; what looks alike in other scripts is refused."""
    if name is None:
        with pytest.raises(accounts.AccountRefused, match="allowed are 1 to 64"):
            accounts.name_of(typed)
    else:
        assert accounts.name_of(typed) == name


def run(database: str, *arguments: str, typed: str = "") -> "subprocess.CompletedProcess[str]":
    """Run the command."""
    return subprocess.run(
        [sys.executable, "-m", "collector.cli", "operator", *arguments],
        input=typed,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env=os.environ | {"HAKARU_DATABASE": database, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


@SQLITE
def test_the_command_keeps_accounts(store: Store, url: str, tmp_path: Path) -> None:
    """Add, list, role, disable; the password by file or standard input, in clear nowhere."""
    word = tmp_path / "word"
    word.write_text(PASSWORD + "\nsecond line\n")
    added = run(url, "add", "Aoi", "--role", "administrator", "--password-file", str(word))
    assert (added.returncode, added.stdout) == (0, "aoi may sign in as administrator\n")
    again = run(url, "add", "aoi", "--password-file", "-", typed=PASSWORD)
    assert (again.returncode, "already" in again.stderr) == (1, True)
    weak = run(url, "password", "aoi", "--password-file", "-", typed="short\n")
    assert (weak.returncode, "at least 15" in weak.stderr) == (2, True)
    assert run(url, "role", "aoi", "viewer").returncode == 0  # the machine's own administrator may
    assert run(url, "disable", "nobody").returncode == 1
    assert run(url, "disable", "aoi", "--json").stdout == '{"operator": "aoi", "done": "disable"}\n'
    listed = json.loads(run(url, "list", "--json").stdout)["operators"]
    assert [(one["name"], one["role"], one["disabled_at"] is None) for one in listed] == [
        ("aoi", "viewer", False)
    ]
    assert PASSWORD not in everything_in(store)


@SQLITE
def test_without_a_terminal_or_a_file_no_password_is_taken(store: Store, url: str) -> None:
    """No option holds one; nothing is made."""
    refused = run(url, "add", "aoi")
    assert (refused.returncode, "--password-file" in refused.stderr) == (2, True)
    assert run(url, "add", "aoi", "--password", PASSWORD).returncode == 2
    missing = run(url, "add", "aoi", "--password-file", "/nowhere/at/all")
    assert (missing.returncode, "cannot be read" in missing.stderr) == (2, True)
    assert not store.read(accounts.any_at_all)
