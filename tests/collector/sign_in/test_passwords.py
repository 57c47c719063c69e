"""Passwords: which are refused, how they are kept, how one is changed."""

import random
import re
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher

from collector.operators import accounts, passwords
from collector.operators.administer import temporary_password
from collector.operators.sign_in import Came, SignIn
from tests.collector.sign_in.signing import OTHER, PASSWORD, Hand, enter, token_in


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
    given = {"csrf": token_in(page), "old": temporary[1]}
    same = given | {"new": temporary[1], "again": temporary[1]}
    assert browser.post("/account/password", data=same).status_code == 422
    assert browser.get("/v1/schools").status_code == 403  # still known to somebody else
    given |= {"new": OTHER, "again": OTHER}
    assert browser.post("/account/password", data=given).status_code == 303
    assert browser.get("/v1/schools").status_code == 200


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


def test_passwords_are_not_taken_over_plain_http_from_elsewhere(site: Any) -> None:
    """426 for a caller behind an undeclared proxy; the form is not even shown."""
    far = {"X-Forwarded-For": "192.0.2.1"}
    with httpx.Client(base_url=site.base_url, trust_env=False, headers=far) as client:
        page = client.get("/sign-in")
        assert 'name="password"' not in page.text
        given = {"name": "aoi", "password": PASSWORD, "csrf": "0" * 64}
        assert client.post("/sign-in", data=given).status_code == 426
