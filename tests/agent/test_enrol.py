"""Enrolment: what is sent, what is kept, and that the secret stays where it belongs."""

import io
import json
import random
import socket
import ssl
import stat
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
import trustme

from agent import cli, identity
from agent.commands.status import read
from agent.enrol import Asked, EnrolFailed, enrol, new_client, read_code
from agent.identity import Enrolment, TransportRefused, check_transport, collector_address
from agent.state import StateTrouble
from tests.agent.stub import Got, Stub, http
from wire.enrolment_code import make_code, to_scan

TOKEN = "canary-token-0123456789abcdef0123456789"


def grant(got: Got) -> bytes:
    """Answer as a collector that accepts the code."""
    agent_id = json.loads(got.body)["agent_id"]
    return http(201, {"agent_id": agent_id, "school": {"code": "E001", "name": "第一小学校"}})


def attempt(directory: Path, url: str, code: str = "K7QM", token: str = TOKEN) -> identity.Identity:
    """Enrol once."""
    with new_client() as client:
        return enrol(directory, Asked(url, code), client, lambda: token)


def test_only_the_hash_of_the_token_is_sent_with_the_code(tmp_path: Path) -> None:
    """The request has code, agent id and SHA-256; the token itself stays here, mode 0600."""
    with Stub(grant) as stub:
        done = attempt(tmp_path, stub.url)
    (got,) = stub.got
    assert got.line.startswith("POST /v1/enrol ")
    assert done.active is not None
    assert json.loads(got.body) == {
        "code": "K7QM",
        "agent_id": done.agent_id,
        "token_sha256": done.active.token_sha256(),
    }
    assert TOKEN not in got.body.decode() + str(got.headers)
    assert stat.S_IMODE((tmp_path / "identity.json").stat().st_mode) == 0o600
    assert identity.load(tmp_path) == done
    assert done.active.school_code == "E001"


def test_lost_reply_is_repeated_with_the_same_request(tmp_path: Path) -> None:
    """The identity is durable before it is sent: the second try sends the very same bytes."""
    with Stub(lambda _: None) as stub, pytest.raises(EnrolFailed, match="run the same command"):
        attempt(tmp_path, stub.url)
    first = stub.got[0].body
    kept = identity.load(tmp_path)
    assert kept is not None
    assert kept.active is None
    # a stub listens on another port, so the pending enrolment is moved to it
    with Stub(grant) as again:
        assert kept.pending is not None
        identity.save(
            tmp_path,
            identity.Identity(
                agent_id=kept.agent_id,
                pending=Enrolment(collector=again.url, token=kept.pending.token),
            ),
        )
        done = attempt(tmp_path, again.url, token="another-token-that-must-not-be-used")
    assert again.got[0].body == first
    assert done.active is not None
    assert done.active.token == TOKEN


def test_agent_id_is_kept_through_enrolments_and_the_token_is_new(tmp_path: Path) -> None:
    """Re-enrolment changes the secret, not who the results are from."""
    with Stub(grant) as stub:
        first = attempt(tmp_path, stub.url)
        second = attempt(tmp_path, stub.url, token="second-token-0123456789")
    assert first.agent_id == second.agent_id
    assert second.active is not None
    assert second.active.token == "second-token-0123456789"


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (http(403, {"detail": "used"}), "ask for a new one"),
        (http(404, {"detail": "?"}), "not the address of a collector"),
        (http(302, "", "Location: http://login.example/"), "a redirect is never followed"),
        (http(200, "<html>blocked</html>"), "somebody else answered"),
        (http(200, {"agent_id": "x", "school": {}}), "not about this agent"),
        (http(200, b"x" * 200_000), "too long"),
        (http(503, ""), "later"),
        (None, "run the same command again"),
    ],
)
def test_failed_enrolment_says_why_and_leaves_the_former_one_in_force(
    tmp_path: Path, reply: bytes | None, text: str
) -> None:
    """Whatever answers, the working token is not lost."""
    with Stub(grant) as stub:
        before = attempt(tmp_path, stub.url)
    with Stub(lambda _: reply) as stub, pytest.raises(EnrolFailed, match=text):
        attempt(tmp_path, stub.url, token="other-token-0123456789")
    after = identity.load(tmp_path)
    assert after is not None
    assert (after.agent_id, after.active) == (before.agent_id, before.active)


@pytest.mark.parametrize(
    ("reply", "said", "unsaid"),
    [
        (
            http(403, {"detail": "credentials over plain http: use https"}),
            "credentials over plain http: use https (",
            "unknown, used or expired",
        ),
        (http(403, {"error": "the code is used"}), "the code is used (", "HTTP 403 "),
        (http(426, {"detail": "only over TLS"}), "only over TLS (this collector wants TLS", "code"),
        (http(426, ""), "with --insecure-lab", "the code"),
        (http(403, {"detail": "a\x1b[2Jb\nc"}), "a [2Jb c (", "\x1b"),
        (http(403, "<html>blocked"), "unknown, used or expired: ask for a new one (HTTP", "\n"),
    ],
    ids=["plain http", "error", "426", "426 bare", "control characters", "block page"],
)
def test_the_collectors_own_words_come_first(
    tmp_path: Path, reply: bytes, said: str, unsaid: str
) -> None:
    """What the collector says is the reason; our guess about the code stands only without it."""
    with Stub(lambda _: reply) as stub, pytest.raises(EnrolFailed) as caught:
        attempt(tmp_path, stub.url)
    assert said in str(caught.value)
    assert unsaid not in str(caught.value)


@pytest.fixture
def tls_port(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """A TLS far end that answers 403 to all, and the file of its own authority."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            with suppress(OSError), context.wrap_socket(plain, server_side=True) as connection:
                connection.settimeout(20)
                got = b""
                while b"}" not in got:  # the end of the request
                    got += connection.recv(65_536)
                connection.sendall(http(403, '{"detail": "this is the collector"}'))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()[1], tmp_path / "ca.pem"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(timeout=10)


def test_untrusted_certificate_leads_to_ca_file_and_agent_toml(
    tmp_path: Path, tls_port: tuple[int, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """To try again cannot help: the message names the option and the setting that do."""
    port, ca_file = tls_port
    asked = ["--collector", f"https://127.0.0.1:{port}", "--code", "K", "--state", str(tmp_path)]
    assert cli.main(["enrol", *asked]) == 1
    printed = capsys.readouterr().err
    assert "--ca-file FILE" in printed
    assert 'ca_file = "FILE" into [push] of agent.toml' in printed
    assert "run the same command" not in printed
    assert cli.main(["enrol", *asked, "--ca-file", str(ca_file)]) == 1
    assert "this is the collector" in capsys.readouterr().err


def test_enrolment_with_ca_file_says_that_deliveries_need_it_too(
    tmp_path: Path, tls_port: tuple[int, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """The line for agent.toml, ready to copy."""
    with Stub(grant) as stub:
        asked = ["--collector", stub.url, "--code", "K", "--state", str(tmp_path)]
        assert cli.main(["enrol", *asked, "--ca-file", str(tls_port[1])]) == 0
    assert f'ca_file = "{tls_port[1]}" into [push]' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("https://collector.example", True),
        ("http://127.0.0.1:8080", True),
        ("http://[::1]:8080", True),
        ("http://localhost:8080", True),
        ("http://192.0.2.1", False),
        ("http://127.0.0.1.example", False),
        ("http://localhost.example", False),
        ("http://[::ffff:192.0.2.1]", False),
    ],
)
def test_token_travels_in_the_clear_only_to_this_machine(address: str, allowed: bool) -> None:
    """https, loopback, or an explicit lab; all else is refused before anything is sent."""
    check_transport(address, insecure_lab=True)
    if allowed:
        check_transport(address, insecure_lab=False)
    else:
        with pytest.raises(TransportRefused, match="nothing was sent"):
            check_transport(address, insecure_lab=False)


@pytest.mark.parametrize(
    "address",
    [
        "collector.example",
        "ftp://collector.example",
        "https://",
        "https://user:pass@collector.example",
        "https://collector.example/?a=1",
        "https://collector.example/#x",
        "https://collector.example:99999",
        "https://coll ector.example",
        "https://例.example",
        "https://[::1",
    ],
)
def test_address_that_is_no_plain_base_address_is_refused(address: str) -> None:
    """Credentials, queries, other schemes and broken addresses are named mistakes."""
    with pytest.raises(TransportRefused, match="collector address"):
        collector_address(address)


def test_code_may_come_from_standard_input() -> None:
    """--code - keeps the code out of the list of processes; an empty one is refused."""
    assert read_code("-", io.StringIO("K7QM-3XTA\n").readline) == "K7QM-3XTA"
    assert read_code("K7QM", io.StringIO().readline) == "K7QM"
    with pytest.raises(EnrolFailed, match="empty"):
        read_code("-", io.StringIO("\n").readline)


def test_secret_is_in_no_repr_no_output_and_no_status(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The token and its parts of 8 characters appear only in identity.json."""
    with Stub(grant) as stub:
        code = cli.main(
            ["enrol", "--collector", stub.url, "--code", "K7QM", "--state", str(tmp_path)]
        )
    assert code == 0
    kept = identity.load(tmp_path)
    assert kept is not None
    assert kept.active is not None
    assert cli.main(["status", "--state", str(tmp_path)]) == 0
    assert cli.main(["status", "--state", str(tmp_path), "--json"]) == 0
    printed = capsys.readouterr()
    shown = printed.out + printed.err + repr(kept) + str(read(tmp_path))
    secret = kept.active.token
    assert len(secret) >= 43
    assert not any(secret[at : at + 8] in shown for at in range(len(secret) - 8))
    assert "第一小学校" in printed.out


def test_enrolling_over_plain_http_needs_the_explicit_option(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 2, the reason, and no connection."""

    def never(*_: object, **__: object) -> None:
        raise AssertionError("something was sent")

    monkeypatch.setattr(httpx.Client, "stream", never)
    code = cli.main(
        ["enrol", "--collector", "http://192.0.2.1", "--code", "K", "--state", str(tmp_path)]
    )
    assert code == 2
    assert "--insecure-lab" in capsys.readouterr().err


def test_damaged_identity_is_refused_without_showing_it(tmp_path: Path) -> None:
    """A file that cannot be read is named, with advice, and its content is not printed."""
    (tmp_path / "identity.json").write_text('{"agent_id": "x", "active": {"token": "canary"}}')
    with pytest.raises(StateTrouble, match="enrol again") as caught:
        identity.load(tmp_path)
    assert "canary" not in str(caught.value)


def test_what_a_qr_code_says_is_all_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Collector and code come from the scanned text, from standard input too."""
    code = make_code(random.Random(1))
    with Stub(grant) as stub:
        monkeypatch.setattr("sys.stdin", io.StringIO(to_scan(stub.url, code) + "\n"))
        assert cli.main(["enrol", "--scanned", "-", "--state", str(tmp_path)]) == 0
    assert json.loads(stub.got[0].body)["code"] == code
    capsys.readouterr()


@pytest.mark.parametrize("scanned", [True, False])
def test_without_arguments_it_asks_and_no_code_is_in_argv(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    scanned: bool,
) -> None:
    """A scanner types the whole QR code; a person the address, then the code. Neither is shown."""
    code = make_code(random.Random(1))
    with Stub(grant) as stub:
        typed = to_scan(stub.url, code) if scanned else f"{stub.url}\n{code}"
        monkeypatch.setattr("sys.stdin", io.StringIO(typed + "\n"))
        assert cli.main(["enrol", "--state", str(tmp_path)]) == 0
    assert json.loads(stub.got[0].body)["code"] == code
    said = capsys.readouterr()
    assert "Scan the QR code, or type" in said.err
    assert code not in said.out + said.err


def test_nothing_given_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A closed standard input, such as a service's, ends it with what to do."""
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert cli.main(["enrol", "--state", str(tmp_path / "none")]) == 2
    assert "nothing was given: scan the QR code" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--scanned", "hello"], "--scanned: scanned text: found something else"),
        (["--scanned", "hakaru-enrol https://c.example K7QM-3XTA-9H2C"], "a typing mistake"),
        (["--scanned", "x", "--code", "K"], "give neither beside it"),
        (["--code", "K"], "give --collector URL and --code CODE, or --scanned TEXT"),
    ],
)
def test_arguments_that_do_not_fit_are_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], says: str
) -> None:
    """Nothing is sent, and the message says what to give."""
    assert cli.main(["enrol", *words, "--state", str(tmp_path / "none")]) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "none").exists()
