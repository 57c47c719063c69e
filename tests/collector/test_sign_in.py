"""Operators sign in: sessions, their ends, forms of others, and guessing."""

import random
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher
from starlette.requests import Request
from starlette.responses import Response

from collector.operators import accounts, cookies, passwords
from collector.operators.access import Access
from collector.operators.administer import Administration, temporary_password
from collector.operators.audit import newest
from collector.operators.model import Role
from collector.operators.sign_in import Came, MustWait, SignIn, SignInRefused
from collector.store.interface import Store

START = datetime.fromisoformat("2026-05-18T00:00:00+00:00")
PASSWORD = "four words in a row"
OTHER = "five other words in a row"


@dataclass
class Hand:
    """A clock that goes when it is moved."""

    moment: datetime = START
    passed_seconds: float = field(default=0.0)

    def now(self) -> datetime:
        """Where it stands."""
        return self.moment + timedelta(seconds=self.passed_seconds)

    def monotonic_seconds(self) -> float:
        """Since the start."""
        return self.passed_seconds

    def move(self, **by: float) -> None:
        """Let time pass."""
        self.passed_seconds += timedelta(**by).total_seconds()


@pytest.fixture
def url(sqlite_url: str) -> str:
    """The statements are tried on both databases in test_operators.py."""
    return sqlite_url


@pytest.fixture
def clock() -> Hand:
    """A clock in the test's hand."""
    return Hand()


@pytest.fixture
def site(serve: Any, clock: Hand) -> Any:
    """A collector with the administrator ``aoi``."""
    serving = serve(clock=clock)
    Administration(serving.store, clock, keep_one=True).add(
        "cli:test", "aoi", Role.ADMINISTRATOR, PASSWORD, must_change=False
    )
    return serving


@pytest.fixture
def browser(site: Any) -> Any:
    """A browser with an empty jar."""
    with httpx.Client(base_url=site.base_url, timeout=60, trust_env=False) as client:
        yield client


def token_in(page: httpx.Response) -> str:
    """The hidden field of a page's form."""
    found = re.search(r'name="csrf" value="([0-9a-f]{128})"', page.text)
    assert found, page.text
    return found[1]


def enter(
    browser: httpx.Client, password: str = PASSWORD, name: str = "aoi", **fields: str
) -> httpx.Response:
    """Load the form and send it."""
    token = token_in(browser.get("/sign-in"))
    given = {"csrf": token, "name": name, "password": password} | fields
    return browser.post("/sign-in", data=given)


def actions(store: Store) -> list[str]:
    """What the audit log says, oldest first."""
    return [record.action for record in store.read(lambda sql: newest(sql, 100))][::-1]


def test_name_and_password_open_the_pages_and_signing_out_closes_them(
    site: Any, browser: httpx.Client
) -> None:
    """Before: led to the form. After: the page asked for. Signed out: the cookie is worthless."""
    led = browser.get("/schools/A1?week=2026-W20")
    assert (led.status_code, led.headers["location"]) == (
        303,
        "/sign-in?next=/schools/A1%3Fweek%3D2026-W20",
    )
    entered = enter(browser, next="/schools/A1?week=2026-W20")
    assert (entered.status_code, entered.headers["location"]) == (303, "/schools/A1?week=2026-W20")
    page = browser.get("/schools/A1?week=2026-W20")
    assert page.status_code == 200
    assert "aoi" in page.text
    kept = browser.cookies["hakaru_session"]
    left = browser.post("/sign-out", data={"csrf": token_in(page)})
    assert (left.status_code, "hakaru_session" in browser.cookies) == (303, False)
    stolen = httpx.get(
        f"{site.base_url}/v1/schools", cookies={"hakaru_session": kept}, trust_env=False
    )
    assert stolen.status_code == 401
    assert actions(site.store) == ["operator.add", "operator.sign_in", "operator.sign_out"]


def test_the_session_cookie_is_out_of_reach_and_only_its_hash_is_kept(
    site: Any, browser: httpx.Client
) -> None:
    """HttpOnly, SameSite, the whole path; the database holds no secret of a browser."""
    entered = enter(browser)
    cookies = {one.split("=")[0]: one for one in entered.headers.get_list("set-cookie")}
    for name in ("hakaru_session", "hakaru_device"):
        assert "httponly" in cookies[name].lower()
        assert "samesite=lax" in cookies[name].lower()
        assert "path=/" in cookies[name].lower()
    rows = site.store.read(
        lambda sql: [
            sql.execute(f"SELECT * FROM {table}").fetchall()
            for table in ("operator", "operator_session", "operator_device", "audit_log")
        ]
    )
    for secret in (browser.cookies["hakaru_session"], browser.cookies["hakaru_device"], PASSWORD):
        assert secret[:16] not in str(rows)
    assert "$argon2id$v=19$m=19456,t=2,p=1$" in str(rows)


def test_over_tls_cookies_are_secure_and_bound_to_the_host() -> None:
    """As a proxy tells: the __Host- prefix, Secure; a plain cookie of that name opens nothing."""
    scope = {"type": "http", "scheme": "https", "path": "/", "server": ("c.example", 443)}
    request = Request(scope | {"headers": [(b"cookie", b"hakaru_session=planted")]})
    response = Response()
    cookies.write(request, response, "session", "value")
    said = response.headers["set-cookie"]
    assert said.startswith("__Host-hakaru_session=value;")
    assert "Secure" in said
    assert cookies.read(request, "session") is None


def test_signing_in_rotates_the_session(site: Any, browser: httpx.Client) -> None:
    """A session known before (planted or old) is not the one after, and has ended."""
    enter(browser)
    before = browser.cookies["hakaru_session"]
    enter(browser)
    assert browser.cookies["hakaru_session"] != before
    reply = httpx.get(
        f"{site.base_url}/v1/schools", cookies={"hakaru_session": before}, trust_env=False
    )
    assert reply.status_code == 401


def test_a_session_ends_when_idle_and_after_its_longest_time(
    browser: httpx.Client, clock: Hand
) -> None:
    """Used every half hour it lives twelve hours; unused it lives one."""
    enter(browser)
    for _ in range(23):
        clock.move(minutes=30)
        assert browser.get("/v1/schools").status_code == 200
    clock.move(minutes=30)
    assert browser.get("/v1/schools").status_code == 401
    enter(browser)
    clock.move(minutes=59)
    assert browser.get("/v1/schools").status_code == 200
    clock.move(minutes=60)
    assert browser.get("/v1/schools").status_code == 401


def test_changing_the_password_ends_every_other_session(site: Any, browser: httpx.Client) -> None:
    """The old password is asked for; another browser is out; this one goes on with a new secret."""
    other = site.desk("administrator", "aoi")
    enter(browser)
    before = browser.cookies["hakaru_session"]
    page = browser.get("/account/password")
    wrong = {"csrf": token_in(page), "old": "not that one at all", "new": OTHER, "again": OTHER}
    assert browser.post("/account/password", data=wrong).status_code == 403
    assert other.get("/v1/schools").status_code == 200
    right = wrong | {"old": PASSWORD}
    assert browser.post("/account/password", data=right).status_code == 303
    assert browser.cookies["hakaru_session"] != before
    assert browser.get("/v1/schools").status_code == 200
    assert other.get("/v1/schools").status_code == 401
    browser.cookies.clear()
    assert enter(browser, PASSWORD).status_code == 403
    assert enter(browser, OTHER).status_code == 303


def test_a_password_that_somebody_else_knows_opens_nothing_but_its_own_change(
    site: Any, browser: httpx.Client
) -> None:
    """An administrator makes an account; its first sign-in must change the password."""
    made = site.desk("administrator", "aoi").send(
        "/operators", name="Ren@Board.Example", role="viewer"
    )
    assert made.status_code == 200
    temporary = re.search(r"<pre>([A-Z2-9-]{24})</pre>", made.text)
    assert temporary
    entered = enter(browser, temporary[1], "ren@board.example")
    assert entered.status_code == 303
    assert browser.get("/").headers["location"] == "/account/password"
    assert browser.get("/v1/schools").status_code == 403
    page = browser.get("/account/password")
    given = {"csrf": token_in(page), "old": temporary[1], "new": OTHER, "again": OTHER}
    assert browser.post("/account/password", data=given).status_code == 303
    assert browser.get("/v1/schools").status_code == 200


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"headers": {"Sec-Fetch-Site": "cross-site"}}, 403),
        ({"headers": {"Sec-Fetch-Site": "same-site"}}, 403),
        ({"headers": {"Origin": "https://evil.example"}}, 403),
        ({"headers": {"Origin": "null"}}, 403),
        ({"data": {"csrf": ""}}, 403),
        ({"data": {"csrf": "0" * 64}}, 403),
        ({"data": {}}, 403),
        (
            {
                "content": b"csrf=%ff%fe",
                "headers": {"Content-Type": "application/x-www-form-urlencoded"},
            },
            403,
        ),
        (
            {
                "content": b"csrf=\xff",
                "headers": {"Content-Type": "application/x-www-form-urlencoded"},
            },
            400,
        ),
        ({"json": {}}, 403),
    ],
)
def test_a_form_that_another_site_made_changes_nothing(
    site: Any, change: dict[str, Any], status: int
) -> None:
    """Refused by where the browser says it comes from, or for want of the token."""
    desk = site.desk("administrator", "aoi")
    token = token_in(desk.get("/operators"))
    given: dict[str, Any] = {"data": {"csrf": token, "name": "mallory", "role": "administrator"}}
    for way in ("content", "json"):
        if way in change:
            given = {}
    if "data" in change:
        change = {"data": {"name": "mallory", "role": "administrator"} | change["data"]}
    reply = desk.client.post("/operators", **(given | change))
    assert reply.status_code == status
    assert [one.name for one in site.store.read(accounts.every)] == ["aoi"]


def test_signing_in_is_no_form_for_other_sites_either(site: Any, browser: httpx.Client) -> None:
    """Without the cookie of our own form, or with the form of another browser: refused."""
    given = {"name": "aoi", "password": PASSWORD}
    assert browser.post("/sign-in", data=given).status_code == 403
    with httpx.Client(base_url=site.base_url, trust_env=False) as other:
        foreign = token_in(other.get("/sign-in"))
    browser.get("/sign-in")
    assert browser.post("/sign-in", data=given | {"csrf": foreign}).status_code == 403


@pytest.mark.parametrize(
    "following",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "evil",
        "/a\nb",
        "/sign-out",
        "/" + "a" * 600,
    ],
)
def test_after_signing_in_nobody_is_sent_elsewhere(browser: httpx.Client, following: str) -> None:
    """What is not a path of ours leads to the first page."""
    assert enter(browser, next=following).headers["location"] == "/"


def test_wrong_tries_wait_longer_and_longer_but_never_for_ever(site: Any, clock: Hand) -> None:
    """Five are free; then 30 s, doubling, never above 15 min; tries while waiting do not count."""
    sign_in = SignIn(site.store, clock)
    waits = []
    for number in range(14):
        came = Came(address=f"198.51.100.{number}")  # each from elsewhere: the account is counted
        with pytest.raises(SignInRefused) as refused:
            sign_in.with_password("aoi", "wrong", came)
        assert not isinstance(refused.value, MustWait)
        try:
            sign_in.with_password("aoi", PASSWORD, Came(address="203.0.113.9"))
        except MustWait as wait:
            waits.append(wait.seconds)
            clock.move(seconds=wait.seconds)
        else:
            sign_in_again_is_free = number < 4
            assert sign_in_again_is_free
            for _ in range(number + 1):  # success forgot the failures: make them again
                with pytest.raises(SignInRefused):
                    sign_in.with_password("aoi", "wrong", came)
    assert waits[:6] == [30, 60, 120, 240, 480, 900]
    assert set(waits[6:]) == {900}
    assert "operator.locked" in actions(site.store)
    sign_in.with_password("aoi", PASSWORD, Came(address="203.0.113.9"))


def test_whoever_locks_an_account_does_not_lock_out_its_owners_browser(
    site: Any, clock: Hand
) -> None:
    """A browser that has signed in before is counted for itself."""
    sign_in = SignIn(site.store, clock)
    known = sign_in.with_password("aoi", PASSWORD, Came(address="192.0.2.1")).device
    for number in range(5):
        with pytest.raises(SignInRefused):
            sign_in.with_password("aoi", "guess", Came(address=f"198.51.100.{number}"))
    with pytest.raises(MustWait):
        sign_in.with_password("aoi", PASSWORD, Came(address="192.0.2.1"))
    with pytest.raises(MustWait):
        sign_in.with_password("aoi", PASSWORD, Came(address="192.0.2.1", device="made up"))
    assert sign_in.with_password("aoi", PASSWORD, Came(address="192.0.2.1", device=known))
    for _ in range(5):  # and a stolen browser cannot guess for ever
        with pytest.raises(SignInRefused):
            sign_in.with_password("aoi", "guess", Came(address="192.0.2.1", device=known))
    with pytest.raises(MustWait):
        sign_in.with_password("aoi", PASSWORD, Came(address="192.0.2.1", device=known))


def test_one_address_cannot_try_many_names(site: Any, clock: Hand) -> None:
    """Twenty wrong tries of any names; an IPv6 subscriber has one address."""
    sign_in = SignIn(site.store, clock)
    for number in range(20):
        with pytest.raises(SignInRefused) as refused:
            sign_in.with_password(f"name{number}", "guess", Came(address=f"2001:db8::{number:x}"))
        assert not isinstance(refused.value, MustWait)
    with pytest.raises(MustWait):
        sign_in.with_password("aoi", PASSWORD, Came(address="2001:db8::ffff"))
    assert sign_in.with_password("aoi", PASSWORD, Came(address="2001:db8:0:1::1"))


def test_tries_at_the_same_time_all_count(site: Any, clock: Hand) -> None:
    """Of twelve at once five are looked at."""
    sign_in = SignIn(site.store, clock)

    def guess(number: int) -> bool:
        try:
            sign_in.with_password("aoi", "guess", Came(address=f"198.51.100.{number}"))
        except MustWait:
            return False
        except SignInRefused:
            return True
        raise AssertionError

    with ThreadPoolExecutor(4) as pool:  # few enough that nobody is turned away as too many
        assert sum(pool.map(guess, range(12))) == 5


def test_nothing_tells_whether_a_name_exists(site: Any, browser: httpx.Client, clock: Hand) -> None:
    """Unknown name, wrong password and disabled account give the same answer, and lock alike."""
    Administration(site.store, clock, keep_one=True).add(
        "cli:test", "ren", Role.VIEWER, OTHER, must_change=False
    )
    Administration(site.store, clock, keep_one=True).disable("cli:test", "ren")
    pages = {
        re.sub(r'value="[^"]*"', "", enter(browser, password, name).text)
        for name, password in (("nobody", PASSWORD), ("aoi", "wrong"), ("ren", OTHER))
    }
    assert len(pages) == 1
    for name in ("nobody", "ren"):
        codes = [enter(browser, "wrong", name).status_code for _ in range(6)]
        assert 429 in codes


@pytest.mark.parametrize(
    ("password", "weakness"),
    [
        ("short", "short"),
        ("x" * 201, "long"),
        ("abababababababababab", "few_characters"),
        ("password1234567890", "common"),
        ("Administrator-2026", "common"),
        ("aoi@board.example-2026!!", "name"),
        ("aoi@board.example", "name"),
    ],
)
def test_passwords_that_are_guessed_first_are_refused(password: str, weakness: str) -> None:
    """By length and by what they are made of; there is no rule about digits or signs."""
    with pytest.raises(passwords.WeakPassword) as refused:
        passwords.accept(password, "aoi@board.example")
    assert refused.value.weakness == weakness
    passwords.accept("さくら咲く春の校庭に鐘がなる朝", "aoi@board.example")
    passwords.accept(PASSWORD, "aoi@board.example")
    passwords.accept(temporary_password(random.Random(1)), "aoi@board.example")


def test_a_password_is_the_same_from_any_keyboard() -> None:
    """Full-width and half-width letters are one (NFKC)."""
    kept = passwords.hash_password("ｆｏｕｒ words in a row")
    assert passwords.matches(kept, PASSWORD)
    assert not passwords.matches(kept, PASSWORD.upper())
    assert not passwords.matches(None, PASSWORD)
    assert not passwords.outdated(kept)
    assert passwords.outdated(kept.replace("t=2", "t=1"))


def test_hashes_of_older_parameters_are_renewed_at_sign_in(site: Any, clock: Hand) -> None:
    """The password stays, its hash is made anew."""
    old = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)
    aoi = site.store.read(lambda sql: accounts.require(sql, "aoi"))
    site.store.write(lambda sql: accounts.set_password(sql, aoi.operator_id, old))
    SignIn(site.store, clock).with_password("aoi", PASSWORD, Came(address="192.0.2.1"))
    kept = site.store.read(lambda sql: accounts.password_hash_of(sql, aoi.operator_id))
    assert kept != old
    assert passwords.matches(kept, PASSWORD)


def test_disabling_somebody_and_taking_a_role_away_hold_at_once(site: Any) -> None:
    """The next request of a running session is refused; nobody removes themselves or the last."""
    boss, other = site.desk("administrator", "aoi"), site.desk("operator", "ren")
    ids = {one.name: one.operator_id for one in site.store.read(accounts.every)}
    assert other.get("/operators").status_code == 403
    assert boss.send(f"/operators/{ids['ren']}/role", role="administrator").status_code == 303
    assert other.get("/operators").status_code == 200
    assert boss.send(f"/operators/{ids['ren']}/role", role="viewer").status_code == 303
    assert other.get("/operators").status_code == 403
    assert boss.send(f"/operators/{ids['ren']}/role", role="emperor").status_code == 422
    assert boss.send(f"/operators/{ids['ren']}/disable").status_code == 303
    assert other.get("/v1/schools").status_code == 401
    assert boss.send(f"/operators/{ids['aoi']}/disable").status_code == 422
    assert boss.send("/operators/nobody/disable").status_code == 404
    administration = Administration(site.store, Hand(), keep_one=True)
    with pytest.raises(accounts.AccountRefused, match="nobody would be left"):
        administration.set_role("cli:test", "aoi", Role.VIEWER)
    with pytest.raises(accounts.AccountRefused, match="nobody would be left"):
        administration.disable("cli:test", "aoi")
    assert boss.get("/operators").status_code == 200


def test_pages_are_read_here_only_until_the_first_operator_is_made(serve: Any, clock: Hand) -> None:
    """Here without a sign-in; not through a proxy on it; not once somebody can sign in."""
    serving = serve(clock=clock)
    assert serving.client.get("/v1/schools").status_code == 200
    for header in ("X-Forwarded-For", "Forwarded", "Via"):
        assert serving.client.get("/v1/schools", headers={header: "192.0.2.1"}).status_code == 401
    page = serving.client.get("/sign-in")
    assert "hakaru-collector operator add" in page.text
    serving.desk("viewer")
    assert serving.client.get("/v1/schools").status_code == 401


def test_public_pages_are_for_reading_only(serve: Any, clock: Hand) -> None:
    """Anyone reads; whoever changes something still signs in."""
    serving = serve(clock=clock, access=Access(public_pages=True))
    serving.desk("viewer")
    far = {"X-Forwarded-For": "192.0.2.1"}
    assert serving.client.get("/", headers=far).status_code == 200
    assert serving.client.get("/operators", headers=far).status_code == 303
    assert serving.client.post("/operators", data={"name": "x"}).status_code == 401
    assert serving.client.get("/account/password").status_code == 303


def test_passwords_are_not_taken_over_plain_http_from_elsewhere(site: Any) -> None:
    """426 for a caller behind an undeclared proxy; the form is not even shown."""
    far = {"X-Forwarded-For": "192.0.2.1"}
    with httpx.Client(base_url=site.base_url, trust_env=False, headers=far) as client:
        page = client.get("/sign-in")
        assert 'name="password"' not in page.text
        given = {"name": "aoi", "password": PASSWORD, "csrf": "0" * 64}
        assert client.post("/sign-in", data=given).status_code == 426


def test_the_store_bounds_what_strangers_can_leave(site: Any, clock: Hand) -> None:
    """Failures are forgotten after a day; sessions that ran out are swept."""
    sign_in = SignIn(site.store, clock)
    for number in range(4):
        with pytest.raises(SignInRefused):
            sign_in.with_password(f"n{number}", "guess", Came(address=f"198.51.100.{number}"))
    clock.move(hours=25)
    with pytest.raises(SignInRefused):
        sign_in.with_password("n9", "guess", Came(address="198.51.100.99"))
    rows = site.store.read(
        lambda sql: sql.execute("SELECT bucket FROM sign_in_failure ORDER BY bucket").fetchall()
    )
    assert [row[0] for row in rows] == ["account n9", "address 198.51.100.99"]
    sign_in.with_password("aoi", PASSWORD, Came(address="192.0.2.1"))
    clock.move(hours=13)
    sign_in.with_password("aoi", PASSWORD, Came(address="192.0.2.1"))
    count = site.store.read(
        lambda sql: sql.execute("SELECT count(*) FROM operator_session").fetchone()[0]
    )
    assert count == 1
