"""What deploy.check says of a folder, before anything starts."""

import os
import shutil
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from deploy import check, secret_files

ROOT = Path(__file__).parents[2]
LONG = "of another run, and long enough"


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
            lambda folder: (folder / "collector_db_password").write_text(LONG),
            "pgpass: holds another password for the role hakaru",
        ),
        (lambda folder: (folder / "code_key").write_text("\n"), "code_key: is empty"),
        (
            lambda folder: (folder / "postgres_password").write_text("correct-horse"),
            "postgres_password: is easily guessed: at least 20 characters",
        ),
        (
            lambda folder: (folder / "grafana_db_password").write_text("abab" * 9),
            "grafana_db_password: is easily guessed",
        ),
        (
            lambda folder: shutil.copy(folder / "postgres_password", folder / "code_key"),
            "code_key: holds the same as postgres_password",
        ),
        (
            lambda folder: (folder / "pgpass").write_text(
                "localhost" + (folder / "pgpass").read_text().removeprefix("postgres")
            ),
            "pgpass: its line must begin with postgres:5432:hakaru:hakaru:",
        ),
        (lambda folder: folder.chmod(0o777), "mode 0777: others could replace the secrets"),
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
    assert not any(secret.strip()[-8:] in told[0] for secret in secrets if secret)


def test_a_folder_where_a_secret_was_missing_is_named(env: Path) -> None:
    """The engine makes one when it is started without the file."""
    path = env.parent / "secrets" / "code_key"
    path.unlink()
    path.mkdir(mode=0o600)
    assert "is no file; Compose makes a folder" in next(check.troubles(env, running=False))


def certificate_for(folder: Path, name: str, days: int = 2) -> None:
    """Make cert.pem and key.pem, as an authority of a board would."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=3)).not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    (folder / "cert.pem").write_bytes(made.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    (folder / "key.pem").chmod(0o600)


@pytest.fixture
def tls(env: Path) -> Path:
    """The folder of the certificate, where HAKARU_TLS names one's own."""
    env.write_text(env.read_text() + "HAKARU_TLS=/tls/cert.pem /tls/key.pem\n")
    return env.parent / "secrets" / "tls"


def test_an_own_certificate_has_to_be_there_and_pem(env: Path, tls: Path) -> None:
    """Both files are named."""
    (tls / "cert.pem").write_text("not one")
    said = list(check.troubles(env, running=False))
    assert [line.split(": ")[0] for line in said] == [str(tls / "cert.pem"), str(tls / "key.pem")]
    assert "holds no 'BEGIN CERTIFICATE'" in said[0]


def test_a_right_certificate_is_not_complained_of(env: Path, tls: Path) -> None:
    """For the name of the site, today, with its key."""
    certificate_for(tls, "hakaru.city.example")
    assert list(check.troubles(env, running=False)) == []


def test_a_wrong_certificate_is_named(env: Path, tls: Path) -> None:
    """Another name, out of date, another key, a key that others can read: one line each."""
    certificate_for(tls, "other.example")
    (said,) = check.troubles(env, running=False)
    assert said.startswith(f"{tls / 'cert.pem'}: Hostname mismatch")
    assert said.endswith("put one there that is valid for hakaru.city.example")
    certificate_for(tls, "hakaru.city.example", days=-1)
    (said,) = check.troubles(env, running=False)
    assert "certificate has expired" in said
    other = (tls / "key.pem").read_bytes()
    certificate_for(tls, "hakaru.city.example")
    (tls / "key.pem").chmod(0o644)
    (said,) = check.troubles(env, running=False)
    assert f"{tls / 'key.pem'}: mode 0644, allowed is 0600: others could read it" in said
    (tls / "key.pem").write_bytes(other)
    (tls / "key.pem").chmod(0o600)
    (said,) = check.troubles(env, running=False)
    assert "key.pem: is not the key of" in said


def test_a_network_that_is_in_use_is_named(env: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """172.31.80.0/20 is how a machine of a large provider is reached; an engine's own is let be."""
    table = env.parent / "route"
    head = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n"
    line = "{}\t00501FAC\t00000000\t0001\t0\t0\t0\t00F0FFFF\n"
    monkeypatch.setattr(check, "ROUTES", table)
    table.write_text(head + line.format("br-12"))
    assert list(check.troubles(env, running=False)) == []
    table.write_text(head + line.format("ens5"))
    said = list(check.troubles(env, running=False))
    assert len(said) == 2
    assert "HAKARU_FRONT_NETWORK: 172.31.84.0/28 lies in 172.31.80.0/20" in said[0]
    assert "by ens5" in said[0]
    assert list(check.troubles(env, running=True)) == []


def test_an_engine_without_compose_is_named(env: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would say 'unknown flag' of the first command."""
    program = env.parent / "docker"
    program.write_text("#!/bin/sh\n[ $1 != compose ]\n")
    program.chmod(0o755)
    monkeypatch.setattr(check, "TOOLS", {"docker": ("compose", "config")})
    monkeypatch.setenv("PATH", f"{env.parent}:{os.environ['PATH']}")
    (said,) = check.troubles(env, running=False)
    assert said.startswith("docker: has no Compose")


def test_what_waits_for_own_addresses_is_noted(tmp_path: Path) -> None:
    """File and lines, until the examples are gone; in the project's own files they stand."""
    alerts, series = (tmp_path / name for name in check.MARKED)
    for file in (alerts, series):
        file.parent.mkdir(parents=True)
    alerts.write_text("a: b\nsmtp: mail.example:587  # CHANGE\nto: me@city.jp  # CHANGE\n")
    series.write_text("# here. CHANGE\nurl: https://x.example\nother: https://y.example\n")
    first, second = check.notes(tmp_path)
    assert "alertmanager.yml: still an example in line 2 (marked CHANGE):" in first
    assert "prometheus.yml: still an example in line 2 (marked CHANGE):" in second
    assert len(list(check.notes())) == 2


def test_no_text_is_named(env: Path) -> None:
    """As some editors save it."""
    env.write_bytes(env.read_text().encode("utf-16"))
    (said,) = check.troubles(env, running=False)
    assert said == f"{env}: is no UTF-8 text: save it as UTF-8"


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
