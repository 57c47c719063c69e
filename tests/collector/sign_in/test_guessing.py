"""Guessing passwords and names: waits that grow, nobody locked out for ever, nothing told."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from collector.operators.administer import Administration
from collector.operators.model import Role
from collector.operators.passwords import WeakPassword, accept, accept_change
from collector.operators.sign_in import Came, MustWait, SignIn, SignInRefused
from tests.collector.sign_in.signing import OTHER, PASSWORD, Hand, actions, enter


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


def test_a_name_of_marks_is_refused_at_once(site: Any, browser: httpx.Client) -> None:
    """80,000 combining marks would take a processor for ten seconds (NFKC)."""
    marks = "\u0300" * 40_000 + "\u0316" * 40_000
    began = time.process_time()
    assert enter(browser, "wrong", marks).status_code == 403
    assert enter(browser, marks, "aoi").status_code == 403
    with pytest.raises(WeakPassword):
        accept(marks, "aoi")
    with pytest.raises(WeakPassword):
        accept_change(marks, PASSWORD[:5], "aoi")
    assert time.process_time() - began < 3  # of all threads: the collector is in this process
    assert site.client.get("/healthz").status_code == 200


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
