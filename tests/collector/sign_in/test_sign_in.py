"""Operators sign in: sessions, their ends, forms of others, who may read what."""

from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response

from collector.operators import accounts, cookies
from collector.operators.access import Access
from collector.operators.administer import Administration
from collector.operators.model import Role
from tests.collector.sign_in.signing import PASSWORD, Hand, actions, enter, token_in


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


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"headers": {"Sec-Fetch-Site": "cross-site"}}, 403),
        ({"headers": {"Sec-Fetch-Site": "same-site"}}, 403),
        ({"headers": {"Origin": "https://evil.example"}}, 403),
        ({"headers": {"Origin": "null"}}, 403),
        ({"headers": {"Origin": "http://["}}, 403),
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
