"""What deploy.check says of a folder, before anything starts."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from deploy import check, secret_files

ROOT = Path(__file__).parents[2]


@pytest.fixture
def env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A right .env with secrets of this user, free ports, and no tools of others asked."""
    monkeypatch.setattr(check, "TOOLS", {})
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    secret_files.prepare(tmp_path / "secrets", own=False)
    (tmp_path / "backups").mkdir()
    file = tmp_path / ".env"
    names = ("HTTPS", "HTTP", "RESPONDER", "STAMP")
    file.write_text(
        "HAKARU_SITE=hakaru.city.example\n"
        + "".join(f"HAKARU_{name}_PORT={free_port()}\n" for name in names)
    )
    return file


def free_port() -> int:
    """A port nobody has."""
    with socket.create_server(("", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def test_what_is_right_is_not_complained_of(env: Path) -> None:
    """No word where nothing is wrong."""
    assert list(check.troubles(env, running=False)) == []


def test_a_taken_port_is_named_with_its_setting(env: Path) -> None:
    """Unless the services themselves are known to run."""
    with socket.create_server(("", 0)) as listener:
        port = listener.getsockname()[1]
        env.write_text(env.read_text() + "HAKARU_SITE=hakaru.city.example\n")
        lines = [line for line in env.read_text().splitlines() if "HTTPS" not in line]
        env.write_text("\n".join([*sorted(set(lines)), f"HAKARU_HTTPS_PORT={port}", ""]))
        assert list(check.troubles(env, running=False)) == [
            (
                f"HAKARU_HTTPS_PORT: TCP port {port} is taken already: stop who has it, or choose "
                "another"
            )
        ]
        assert list(check.troubles(env, running=True)) == []


def test_no_settings_file_is_named(tmp_path: Path) -> None:
    """With the command that makes one."""
    said = list(check.troubles(tmp_path / ".env", running=False))
    assert len(said) == 1
    assert said[0].endswith("cp .env.example .env and edit it")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "pgpass").unlink(), "pgpass: is missing"),
        (lambda folder: (folder / "pgpass").chmod(0o644), "pgpass: mode 0644, allowed is 0600"),
        (lambda folder: (folder / "code_key").write_text(""), "code_key: is empty"),
        (
            lambda folder: (folder / "collector_db_password").write_text("another"),
            "pgpass: holds another password for the role hakaru",
        ),
    ],
)
def test_a_spoilt_secret_is_named_and_never_shown(env: Path, spoil: object, said: str) -> None:
    """One line, the file, what to do; no part of any secret."""
    folder = env.parent / "secrets"
    secrets = [path.read_text() for path in folder.iterdir() if path.is_file()]
    assert callable(spoil)
    spoil(folder)
    told = list(check.troubles(env, running=False))
    assert len(told) == 1
    assert said in told[0]
    assert not any(secret[:8] in told[0] for secret in secrets if secret)


def test_a_folder_where_a_secret_was_missing_is_named(env: Path) -> None:
    """The engine makes one when it is started without the file."""
    path = env.parent / "secrets" / "code_key"
    path.unlink()
    path.mkdir(mode=0o600)
    assert "is no file; Compose makes a folder" in next(check.troubles(env, running=False))


def test_an_own_certificate_has_to_be_there_and_pem(env: Path) -> None:
    """Where HAKARU_TLS names the files."""
    env.write_text(env.read_text() + "HAKARU_TLS=/tls/cert.pem /tls/key.pem\n")
    tls = env.parent / "secrets" / "tls"
    (tls / "cert.pem").write_text("not one")
    said = list(check.troubles(env, running=False))
    assert [line.split(": ")[0] for line in said] == [str(tls / "cert.pem"), str(tls / "key.pem")]
    assert "holds no 'BEGIN CERTIFICATE'" in said[0]


def test_the_program_says_everything_at_once_and_fails(tmp_path: Path) -> None:
    """By the plain Python of the machine, without anything installed; as the documents say."""
    env = tmp_path / "env"
    env.write_text("HAKARU_STIE=a\nHAKARU_HTTP_PORT=x\n")
    ran = subprocess.run(
        [sys.executable, "-S", "-m", "deploy.check", "--env", str(env)],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ran.returncode == 1
    assert len(ran.stderr.splitlines()) == 3
    assert "did you mean HAKARU_SITE?" in ran.stderr
    assert ran.stdout.startswith("3 wrong")
