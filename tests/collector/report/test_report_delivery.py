"""Delivery: mail and webhook, each once a revision, failures kept, nothing injected or leaked."""

import asyncio
import hashlib
import hmac
import json
import random
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from collector.judge.reading import ConfigRefused
from collector.report import delivery_rows, issue_rows
from collector.report.deliver import MOST_ATTEMPTS
from collector.report.delivery_rows import Channel, Delivery
from collector.report.gather import Inputs
from collector.report.schedule import Schedule
from collector.report.settings import Settings, load_settings, parse_settings
from collector.store import create_store
from collector.store.interface import Store
from tests.collector.conftest import Maker
from tests.collector.report.conftest import CALENDARS, CRITERIA
from tests.collector.report.test_report_issue import ISSUED, WEEK, measured

PASSWORD = "a password of the mail server"
SECRET = "a secret of the webhook"


class Clock:
    """A clock that a test moves."""

    def __init__(self, now: datetime) -> None:
        self.time = now

    def now(self) -> datetime:
        """Wall clock."""
        return self.time

    def monotonic_seconds(self) -> float:
        """Seconds."""
        return (self.time - datetime(2026, 1, 1, tzinfo=UTC)).total_seconds()

    def on(self, **by: float) -> None:
        """Let time pass."""
        self.time += timedelta(**by)


@dataclass
class Post:
    """What a mail server was given."""

    port: int
    messages: list[EmailMessage] = field(default_factory=list)
    refuse: list[str] = field(default_factory=list)
    """Replies instead of taking a message, the next first."""

    async def handle_DATA(self, _server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Take a message, only over TLS and from who signed in."""
        if self.refuse:
            return self.refuse.pop(0)
        assert session.ssl is not None
        assert session.authenticated
        made = message_from_bytes(envelope.content, policy=default)
        assert isinstance(made, EmailMessage)
        self.messages.append(made)
        return "250 taken"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[trustme.CA, Path]:
    """A certificate authority of these tests, and its file."""
    made = trustme.CA()
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    made.cert_pem.write_to_path(path)
    return made, path


@pytest.fixture
def post(authority: tuple[trustme.CA, Path]) -> Iterator[Post]:
    """A mail server on loopback that offers STARTTLS and wants a password."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority[0].issue_cert("127.0.0.1").configure_cert(context)
    taken = Post(0)

    def check(
        _server: SMTP, _session: Any, _envelope: Any, _mechanism: str, data: LoginPassword
    ) -> AuthResult:
        good = (data.login, data.password) == (b"hakaru", PASSWORD.encode())
        return AuthResult(success=good, handled=good)

    with mail_server(
        taken, tls_context=context, require_starttls=True, authenticator=check
    ) as taken.port:
        yield taken


@contextmanager
def mail_server(taken: Post, **options: Any) -> Iterator[int]:
    """Serve on a free port of loopback, in a thread; give the port."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(
        loop.create_server(lambda: SMTP(taken, loop=loop, **options), "127.0.0.1", 0)
    )
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


@dataclass
class Hook:
    """What a webhook was told."""

    port: int
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    """Status codes, the next first; 200 where there is none."""
    said: bytes = b""
    """Body of every answer."""


@pytest.fixture
def hook() -> Iterator[Hook]:
    """Another system on loopback."""
    told = Hook(0)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.requests.append(
                ({key.lower(): value for key, value in self.headers.items()}, body)
            )
            self.send_response(told.answers.pop(0) if told.answers else 200)
            self.send_header("Location", "http://127.0.0.1:1/elsewhere")
            self.send_header("Content-Length", str(len(told.said)))
            self.end_headers()
            self.wfile.write(told.said)

        def log_message(self, *_arguments: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield told
    server.shutdown()
    thread.join()
    server.server_close()


def text_of(post: Post, hook: Hook, ca_file: Path) -> str:
    """A file of settings for both."""
    return f"""
[report]
language = "ja"
weekday = "monday"
time = "07:00"
weeks_watched = 4
formats = ["csv", "html"]
csv_bom = true
[mail]
host = "127.0.0.1"
port = {post.port}
security = "starttls"
user = "hakaru"
password_file = "password"
from = "hakaru@city.example"
to = ["board@city.example", "network@city.example"]
ca_file = "{ca_file}"
[webhook]
url = "http://127.0.0.1:{hook.port}/hook"
secret_file = "secret"
"""


@pytest.fixture
def settings(
    post: Post, hook: Hook, authority: tuple[trustme.CA, Path], tmp_path: Path
) -> Settings:
    """Both ways set up."""
    (tmp_path / "password").write_text(PASSWORD + "\n")
    (tmp_path / "secret").write_text(SECRET + "\n")
    text = text_of(post, hook, authority[1])
    return parse_settings(text.encode(), "report.toml", tmp_path)


@pytest.fixture
def clock() -> Clock:
    """An hour before the report is due."""
    return Clock(WEEK.end + timedelta(hours=6))


Begin = Callable[..., Schedule]


@pytest.fixture
def begin(settings: Settings, clock: Clock) -> Begin:
    """Make the schedule of a collector."""

    def make(store: Store, seed: int = 1) -> Schedule:
        inputs = Inputs(store=store, criteria=CRITERIA, calendars=CALENDARS)
        return Schedule(inputs, settings, clock, random.Random(seed), lambda: False)

    return make


def deliveries(store: Store) -> dict[tuple[int, Channel], Delivery]:
    """What became of deliveries."""
    found = store.read(lambda sql: delivery_rows.deliveries(sql, simulated=False))
    return {(one.revision, one.channel): one for one in found}


def test_it_is_issued_and_delivered_when_it_is_due_and_once(
    store: Store, make: Maker, begin: Begin, clock: Clock, post: Post, hook: Hook
) -> None:
    """Not before; then once by each way; a late result is revision 2, delivered once too."""
    measured(store, make, WEEK.end, "A1", 6e8)
    schedule = begin(store)
    schedule.once()
    assert (post.messages, hook.requests) == ([], [])
    clock.on(hours=1)
    for _ in range(3):
        schedule.once()
        clock.on(minutes=1)
    assert (len(post.messages), len(hook.requests)) == (1, 1)
    measured(store, make, clock.now(), "B1", 5e7)
    for _ in range(5):
        clock.on(minutes=30)
        schedule.once()
    assert (len(post.messages), len(hook.requests)) == (2, 2)
    assert {key: one.attempts for key, one in deliveries(store).items()} == dict.fromkeys(
        [(revision, channel) for revision in (1, 2) for channel in Channel], 1
    )
    assert json.loads(hook.requests[1][1])["schools_changed"] == ["B1"]


def test_the_message_is_japanese_and_carries_the_files(
    store: Store, make: Maker, begin: Begin, clock: Clock, post: Post
) -> None:
    """Subject and names of files are encoded so that every reader shows them."""
    measured(store, make, WEEK.end, "A1", 6e8)
    clock.on(hours=1)
    begin(store).once()
    (message,) = post.messages
    assert message["Subject"] == (
        "【この市】学校ネットワーク週次報告 2026年 第20週（第 1 版）充足 1 / 2 校"
    )
    assert message["To"] == "board@city.example, network@city.example"
    assert message["Message-ID"].startswith("<hakaru-2026-W20-1-")
    names = [part.get_filename() for part in message.iter_attachments()]
    assert names == [
        "学校ネットワーク週次報告_2026-W20_第1版.html",
        "学校ネットワーク週次報告_2026-W20_第1版.csv",
    ]
    body = message.get_body()
    assert body is not None
    assert "1 校 / 2 校（50.0 %）" in body.get_content()


def test_the_webhook_is_signed(
    store: Store, make: Maker, begin: Begin, clock: Clock, hook: Hook
) -> None:
    """HMAC-SHA256 over time and body; the secret itself is nowhere."""
    measured(store, make, WEEK.end, "A1", 6e8)
    clock.on(hours=1)
    begin(store).once()
    ((headers, body),) = hook.requests
    signed = headers["x-hakaru-timestamp"].encode() + b"." + body
    expected = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert headers["x-hakaru-signature"] == f"sha256={expected}"
    assert headers["x-hakaru-timestamp"] == str(int(clock.now().timestamp()))
    told = json.loads(body)
    assert (told["week"], told["revision"], told["met"], told["schools"]) == ("2026-W20", 1, 1, 2)
    assert SECRET not in str(headers) + body.decode()


def test_what_fails_is_shown_tried_again_and_given_up_in_the_end(
    store: Store, make: Maker, begin: Begin, clock: Clock, post: Post, hook: Hook
) -> None:
    """A redirect is no delivery; one way that fails does not hold the other up."""
    measured(store, make, WEEK.end, "A1", 6e8)
    clock.on(hours=1)
    post.refuse = ["451 later", "550 no"]
    hook.answers = [302, *[500] * 100]
    schedule = begin(store)
    for _ in range(60):
        schedule.once()
        clock.on(hours=3)
    found = deliveries(store)
    mail, webhook = found[1, Channel.MAIL], found[1, Channel.WEBHOOK]
    assert (mail.attempts, mail.problem) == (3, "")
    assert mail.delivered_at is not None
    assert (webhook.attempts, webhook.delivered_at) == (MOST_ATTEMPTS, None)
    assert webhook.problem == "127.0.0.1: answered 500"
    assert (len(post.messages), len(hook.requests)) == (1, MOST_ATTEMPTS)


def test_what_another_system_says_is_kept_without_its_control_signs(
    store: Store, make: Maker, begin: Begin, clock: Clock, hook: Hook
) -> None:
    """A NUL that no database keeps and a terminal's colours do not stop the noting."""
    measured(store, make, WEEK.end, "A1", 6e8)
    clock.on(hours=1)
    hook.answers, hook.said = [500], b"\x00\x1b[31mno\nmore"
    begin(store).once()
    found = deliveries(store)[1, Channel.WEBHOOK]
    assert (found.attempts, found.problem) == (1, "127.0.0.1: answered 500 no more")


def test_attempts_that_failed_wait_longer_and_longer(
    store: Store, make: Maker, begin: Begin, clock: Clock, hook: Hook
) -> None:
    """A turn a minute is not a try a minute."""
    measured(store, make, WEEK.end, "A1", 6e8)
    clock.on(hours=1)
    hook.answers = [500] * 1000
    schedule = begin(store)
    for _ in range(120):
        schedule.once()
        clock.on(minutes=1)
    assert 2 <= len(hook.requests) <= 11


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_wrong_password_and_a_server_without_starttls_are_refused_and_named(
    store: Store,
    make: Maker,
    begin: Begin,
    clock: Clock,
    post: Post,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nothing is sent in the clear, and no password is in what is shown or logged."""
    assert settings.mail is not None
    assert settings.mail.password_file is not None
    settings.mail.password_file.write_text("another password")
    measured(store, make, WEEK.end, "A1", 6e8)
    clock.on(hours=1)
    begin(store).once()
    problem = deliveries(store)[1, Channel.MAIL].problem
    assert problem.startswith("127.0.0.1: 535")
    assert "another password" not in problem + caplog.text
    with mail_server(Post(0)) as port:
        object.__setattr__(settings.mail, "port", port)
        clock.on(hours=9)
        begin(store, 2).once()
    found = deliveries(store)[1, Channel.MAIL]
    assert "STARTTLS" in found.problem
    assert (found.attempts, found.delivered_at) == (2, None)
    assert post.messages == []


def test_of_several_collectors_one_delivers(
    url: str, store: Store, make: Maker, begin: Begin, clock: Clock, post: Post, hook: Hook
) -> None:
    """All that turn at once; where the one that holds the lease dies, another goes on."""
    measured(store, make, WEEK.end, "A1", 6e8)
    clock.on(hours=1)
    others = [] if url.startswith("sqlite") else [create_store(url) for _ in range(3)]
    schedules = [begin(one, seed) for seed, one in enumerate([store, *others, store])]
    threads = [threading.Thread(target=one.once) for one in schedules]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(post.messages), len(hook.requests)) == (1, 1)
    assert len(store.read(lambda sql: issue_rows.issues(sql, simulated=False))) == 1
    turned = [one.once() for one in schedules]
    assert turned.count(True) == 1
    clock.on(minutes=11)
    assert schedules[turned.index(False)].once(), "the lease has ended by itself"
    assert len(post.messages) == 1
    for one in others:
        one.close()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('"hakaru@city.example"', '"a@b.example\\nBcc: x@y.example"'), "mail.from"),
        (('"board@city.example"', '"board@city.example\\r\\nX: y"'), "mail.to[0]"),
        (('"board@city.example"', '"Board <board@city.example>"'), "mail.to[0]"),
        (('security = "starttls"', 'security = "none"\nca_file2 = 1'), "mail.ca_file2"),
        (('host = "127.0.0.1"\n', 'host = "mail.example"\n'), None),
        (('security = "starttls"', 'security = "plain"'), "mail.security"),
        (('password_file = "password"', ""), "user and password_file together"),
        (("http://127.0.0.1", "http://portal.example"), "webhook.url"),
        (("http://127.0.0.1", "https://user:word@portal.example"), "webhook.url"),
        (('secret_file = "secret"', ""), "webhook.secret_file"),
        (('time = "07:00"', 'time = "7"'), "report.time"),
        (('weekday = "monday"', 'weekday = "mondays"'), "report.weekday"),
        (('["csv", "html"]', '["docx"]'), "report.formats"),
    ],
)
def test_settings_that_cannot_be_are_refused(
    change: tuple[str, str], message: str | None, tmp_path: Path
) -> None:
    """With the key; an address never ends its header."""
    text = text_of(Post(25), Hook(80), tmp_path / "ca.pem")
    assert change[0] in text
    raw = text.replace(*change, 1).encode()
    if message is None:
        assert parse_settings(raw, "report.toml", tmp_path).mail is not None
        return
    with pytest.raises(ConfigRefused) as refused:
        parse_settings(raw, "report.toml", tmp_path)
    assert message in str(refused.value)


def test_mail_without_encryption_goes_to_this_machine_only(tmp_path: Path) -> None:
    """Elsewhere it is refused."""
    text = text_of(Post(25), Hook(80), tmp_path / "ca.pem").replace('"starttls"', '"none"')
    assert parse_settings(text.encode(), "report.toml", tmp_path).mail is not None
    with pytest.raises(ConfigRefused, match="none is for this machine only"):
        parse_settings(
            text.replace('host = "127.0.0.1"', 'host = "mail.example"').encode(),
            "report.toml",
            tmp_path,
        )


def test_the_packaged_file_issues_on_monday_at_seven_to_nobody() -> None:
    """What a collector does that was told nothing."""
    settings = load_settings(None)
    assert (settings.mail, settings.webhook) == (None, None)
    assert settings.due_at(WEEK) == datetime(2026, 5, 17, 22, tzinfo=UTC)
    assert settings.newest_due(ISSUED) == WEEK
    assert settings.newest_due(ISSUED - timedelta(seconds=1)) == WEEK.plus(-1)
