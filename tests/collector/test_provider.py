"""Signing in through an OpenID provider: right tokens, wrong ones, roles, keys that change."""

import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import trustme
from joserfc import jwt
from joserfc.jwk import ECKey

from collector.judge.reading import ConfigRefused
from collector.operators import accounts
from collector.operators.audit import newest
from collector.operators.model import Role
from collector.operators.provider import Provider
from collector.operators.provider_file import load_provider
from tests.collector.stand_in import (
    CLIENT,
    KEY,
    NAME,
    NOW,
    SECRET,
    WRONG,
    StandIn,
    Still,
    config,
    with_claims,
)


@pytest.fixture
def url(sqlite_url: str) -> str:
    """What is checked lies before the database."""
    return sqlite_url


@pytest.fixture
def stand_in(tmp_path: Path) -> Iterator[StandIn]:
    """The provider, over TLS with an authority of its own."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(tls)
    made = StandIn(tls)
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest.fixture
def site(serve: Any, stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A collector with this provider."""
    monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1")
    clock = Still()
    serving = serve(
        clock=clock, provider=Provider(load_provider(config(tmp_path, stand_in)), clock)
    )
    serving.desk("administrator")
    return serving


def leave(site: Any, stand_in: StandIn, following: str = "/") -> dict[str, str]:
    """Go to the provider; give what it was told."""
    there = site.client.get("/sign-in/provider", params={"next": following})
    assert there.status_code == 303, there.text
    told = {
        key: found[0] for key, found in parse_qs(urlsplit(there.headers["location"]).query).items()
    }
    stand_in.nonce, stand_in.challenge = told["nonce"], told["code_challenge"]
    return told


def back(site: Any, **query: str) -> httpx.Response:
    """Come back from the provider."""
    reply: httpx.Response = site.client.get("/sign-in/provider/back", params=query)
    return reply


def test_a_right_token_signs_in_with_the_mapped_role(site: Any, stand_in: StandIn) -> None:
    """Code with PKCE, state and nonce; the account is made; name, role and way are in the log."""
    told = leave(site, stand_in, "/schools/A1")
    assert told | {"state": "", "nonce": "", "code_challenge": ""} == {
        "response_type": "code",
        "client_id": CLIENT,
        "redirect_uri": "https://hakaru.example/sign-in/provider/back",
        "scope": "openid profile email",
        "state": "",
        "nonce": "",
        "code_challenge": "",
        "code_challenge_method": "S256",
    }
    entered = back(site, code="the-code", state=told["state"], iss=stand_in.issuer)
    assert (entered.status_code, entered.headers["location"]) == (303, "/schools/A1")
    assert NAME in site.client.get("/schools/A1").text
    made = site.store.read(lambda sql: accounts.require(sql, NAME))
    assert (made.role, made.has_password) == (Role.OPERATOR, False)
    records = site.store.read(lambda sql: newest(sql, 2))[::-1]
    assert [one.action for one in records] == ["operator.add", "operator.sign_in"]
    assert '"way":"provider"' in records[1].detail


@pytest.mark.parametrize("how", WRONG)
def test_a_wrong_token_signs_nobody_in(
    site: Any, stand_in: StandIn, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Refused with a page; no account, no session; neither code nor secret is in the log."""
    stand_in.token = WRONG[how]
    told = leave(site, stand_in)
    reply = back(site, code="the-code", state=told["state"])
    assert reply.status_code == 403
    assert "hakaru_session" not in site.client.cookies
    assert site.store.read(lambda sql: accounts.by_name(sql, NAME)) is None
    for secret in (SECRET, "the-code", told["state"]):
        assert secret not in caplog.text


def test_the_way_back_needs_the_browser_that_left(site: Any, stand_in: StandIn) -> None:
    """Wrong or no state, another issuer, no cookie, an error, no code, a second time: refused."""
    told = leave(site, stand_in)
    right = {"code": "the-code", "state": told["state"]}
    kept = site.client.cookies["hakaru_provider"]
    for wrong in (
        right | {"state": "another"},
        {"code": "the-code"},
        right | {"iss": "https://evil.example"},
        right | {"error": "access_denied"},
        {"state": told["state"]},
    ):
        site.client.cookies.set("hakaru_provider", kept, domain="127.0.0.1", path="/")
        assert back(site, **wrong).status_code == 403
    assert stand_in.asked == []  # none of them reached the provider
    site.client.cookies.clear()
    assert back(site, **right).status_code == 403
    site.client.cookies.set("hakaru_provider", "a.b.c", domain="127.0.0.1", path="/")
    assert back(site, **right).status_code == 403
    told = leave(site, stand_in)
    right["state"] = told["state"]
    assert back(site, **right).status_code == 303
    assert back(site, **right).status_code == 403


def test_a_verifier_of_another_way_is_refused_by_the_provider(site: Any, stand_in: StandIn) -> None:
    """PKCE: a code that was taken from another browser is worthless here."""
    told = leave(site, stand_in)
    stand_in.challenge = "another"
    assert back(site, code="the-code", state=told["state"]).status_code == 403


@pytest.mark.parametrize(
    ("groups", "role"),
    [
        (["hakaru-administrators", "staff"], Role.ADMINISTRATOR),
        (["staff"], Role.VIEWER),
        ("hakaru-operators", Role.OPERATOR),
        (["another"], None),
        ([], None),
        (None, None),
        ({"hakaru-administrators": 1}, None),
        ([["hakaru-administrators"]], None),
    ],
)
def test_groups_give_the_role(
    site: Any, stand_in: StandIn, groups: object, role: Role | None
) -> None:
    """The highest of them; without one nobody is signed in."""
    stand_in.groups = groups
    told = leave(site, stand_in)
    reply = back(site, code="the-code", state=told["state"])
    found = site.store.read(lambda sql: accounts.by_name(sql, NAME))
    assert (reply.status_code, found and found.role) == ((303, role) if role else (403, None))


def test_each_sign_in_takes_the_role_over_and_disabled_stays_disabled(
    site: Any, stand_in: StandIn
) -> None:
    """What the provider takes away is gone at the next sign-in; our own No is not overruled."""
    for groups, role in (
        (["hakaru-administrators"], Role.ADMINISTRATOR),
        (["staff"], Role.VIEWER),
    ):
        stand_in.groups = groups
        told = leave(site, stand_in)
        assert back(site, code="the-code", state=told["state"]).status_code == 303
        found = site.store.read(lambda sql: accounts.require(sql, NAME))
        assert found.role is role
    site.store.write(lambda sql: accounts.set_disabled(sql, found, NOW(), keep_one=False))
    told = leave(site, stand_in)
    assert back(site, code="the-code", state=told["state"]).status_code == 403


def test_a_name_that_is_taken_or_not_allowed_is_not_taken_over(
    site: Any, stand_in: StandIn
) -> None:
    """A local account of that name is nobody's but its own; names beside the list do not come."""
    site.desk("administrator", NAME)
    told = leave(site, stand_in)
    assert back(site, code="the-code", state=told["state"]).status_code == 403
    stand_in.token = with_claims(preferred_username="ren@evil.example", sub="2")
    told = leave(site, stand_in)
    assert back(site, code="the-code", state=told["state"]).status_code == 403
    stand_in.token = with_claims(preferred_username="Ren@Other.Example", sub="2")
    told = leave(site, stand_in)
    assert back(site, code="the-code", state=told["state"]).status_code == 303


def test_a_new_key_of_the_provider_is_fetched_once_a_minute_at_most(
    site: Any, stand_in: StandIn
) -> None:
    """After a change of keys signing in goes on; made-up key ids do not make us ask for ever."""
    told = leave(site, stand_in)
    assert back(site, code="the-code", state=told["state"]).status_code == 303
    new = ECKey.generate_key("P-256", {"kid": "two", "use": "sig"})
    stand_in.keys = [KEY, new]
    stand_in.token = lambda _, claims: jwt.encode({"alg": "ES256", "kid": "two"}, claims, new)
    told = leave(site, stand_in)
    assert back(site, code="the-code", state=told["state"]).status_code == 403
    site.clock.seconds = 61.0
    told = leave(site, stand_in)
    assert back(site, code="the-code", state=told["state"]).status_code == 303


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example"},
        {"authorization_endpoint": "http://localhost/authorize"},
        {"authorization_endpoint": None},
    ],
)
def test_a_provider_that_describes_itself_wrongly_is_left_alone(
    site: Any, stand_in: StandIn, metadata: dict[str, Any]
) -> None:
    """Another issuer, or an endpoint without TLS: a page says so, 502."""
    stand_in.metadata = metadata
    assert site.client.get("/sign-in/provider").status_code == 502


def test_an_unreachable_provider_and_an_untrusted_one_give_a_page(
    serve: Any, stand_in: StandIn, tmp_path: Path
) -> None:
    """Wrong certificate: nothing is sent. Local accounts sign in all the same."""
    path = config(tmp_path, stand_in)
    path.write_text(path.read_text().replace('ca_file = "ca.pem"\n', ""))
    clock = Still()
    serving = serve(clock=clock, provider=Provider(load_provider(path), clock))
    assert serving.client.get("/sign-in/provider").status_code == 502
    assert stand_in.asked == []


def test_without_a_provider_its_addresses_are_not_there(serving: Any) -> None:
    """404."""
    assert serving.client.get("/sign-in/provider").status_code == 404
    assert serving.client.get("/sign-in/provider/back?code=x&state=y").status_code == 404


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("https://localhost", "http://localhost", "provider.issuer: found 'http://localhost"),
        (
            "[allow]\nnames",
            "[allow]\nname",
            "allow.name: found this key, allowed is one of names (did you mean",
        ),
        (
            'administrator = ["hakaru-administrators"]',
            'administrator = "x"',
            "roles.administrator: found 'x'",
        ),
        ("/sign-in/provider/back", "/callback", "one that ends in /sign-in/provider/back"),
        ('client_secret_file = "secret"', 'client_secret = "abc"', "client_secret: found this key"),
        ('"secret"', '"missing"', "cannot be read"),
        (f'["{NAME}", "*@other.example"]', "[]", "allow.names: found"),
    ],
)
def test_a_wrong_file_is_refused_with_what_is_wrong(
    stand_in: StandIn, tmp_path: Path, before: str, after: str, said: str
) -> None:
    """File, key, what was found, what is allowed."""
    path = config(tmp_path, stand_in)
    assert before in path.read_text()
    path.write_text(path.read_text().replace(before, after))
    with pytest.raises(ConfigRefused) as refused:
        load_provider(path)
    assert said in str(refused.value)
    assert SECRET not in str(refused.value)


def test_an_address_that_is_not_verified_is_no_name(
    serve: Any, stand_in: StandIn, tmp_path: Path
) -> None:
    """Where the name is the e-mail address, the provider must have verified it."""
    clock = Still()
    path = config(tmp_path, stand_in, name_claim='"email"')
    serving = serve(clock=clock, provider=Provider(load_provider(path), clock))
    for verified, status in ((False, 403), ("true", 403), (None, 403), (True, 303)):
        stand_in.token = with_claims(email=NAME, email_verified=verified)
        told = leave(serving, stand_in)
        assert back(serving, code="the-code", state=told["state"]).status_code == status
