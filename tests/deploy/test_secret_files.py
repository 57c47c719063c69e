"""Secrets are made once, are kept, and can be read by nobody else."""

import stat
from pathlib import Path

from deploy import secret_files


def test_each_secret_is_made_once(tmp_path: Path) -> None:
    """A second call makes nothing and changes nothing."""
    made = secret_files.prepare(tmp_path / "secrets", own=False)
    assert made == [file.name for file in secret_files.FILES]
    before = {name: (tmp_path / "secrets" / name).read_text() for name in made}
    assert secret_files.prepare(tmp_path / "secrets", own=False) == []
    assert before == {name: (tmp_path / "secrets" / name).read_text() for name in made}


def test_secrets_differ_and_are_long(tmp_path: Path) -> None:
    """256 bits each; what is given by people is empty; the password for PostgreSQL stands twice."""
    secret_files.prepare(tmp_path, own=False)
    texts = {file.name: (tmp_path / file.name).read_text() for file in secret_files.FILES}
    made = [texts[file.name] for file in secret_files.FILES if file.make is not None]
    assert len(set(made)) == len(made)
    assert {len(text) for text in made} == {43}
    assert {name for name, text in texts.items() if not text} == secret_files.MAY_BE_EMPTY
    assert texts["pgpass"] == f"postgres:5432:hakaru:hakaru:{texts['collector_db_password']}\n"


def test_nobody_else_may_read_them(tmp_path: Path) -> None:
    """0600, but the one that two services read."""
    secret_files.prepare(tmp_path, own=False)
    modes = {
        file.name: stat.S_IMODE((tmp_path / file.name).stat().st_mode)
        for file in secret_files.FILES
    }
    assert {name for name, mode in modes.items() if mode == 0o640} == secret_files.READ_BY_TWO
    assert set(modes.values()) == {0o600, 0o640}
