"""Every route with every credential: let through only whom its line in the table names.

The matrix is made from the application's own routes, so a new route is in it by being declared.
"""

import asyncio
import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from starlette.types import Receive, Scope, Send

from collector.api.gate import Gate
from collector.api.policy_of_routes import Caller, policy_of, routes_of
from collector.operators import accounts, sessions
from collector.operators.model import Role
from collector.operators.sign_in import secret_sha256
from collector.operators.signed_in import form_token
from collector.store.times import to_micros
from tests.collector.conftest import MONDAY, enrol

SAMPLES: Final = {"code": "A1", "path": "hakaru.css"}
"""What stands for a parameter of a path; ``1`` where nothing is named here."""
URL: Final = "http://127.0.0.1"
FAR: Final = {"X-Forwarded-For": "192.0.2.1"}


@dataclass(frozen=True)
class Credential:
    """What a caller shows, and for whom it may pass."""

    name: str
    passes: str | None
    """agent, viewer, operator, administrator; None: nobody."""
    headers: dict[str, str] = field(default_factory=dict)
    session: str | None = None
    csrf: bool = True
    near: bool = True
    """Whether the caller is this machine itself."""


@pytest.fixture
def url(sqlite_url: str) -> str:
    """What is checked lies before the database."""
    return sqlite_url


@pytest.fixture
def reached(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The requests that got past the gate; they are then answered as ever."""
    seen: list[str] = []
    make = Gate.__init__

    def listening(gate: Gate, app: Any, plan: Any, keeper: Any) -> None:
        async def inner(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                seen.append(f"{scope['method']} {scope['path']}")
            await app(scope, receive, send)

        make(gate, inner, plan, keeper)

    monkeypatch.setattr(Gate, "__init__", listening)
    return seen


@pytest.fixture
def serving(reached: list[str], serve: Any) -> Any:  # noqa: ARG001 - listening before it starts
    """A collector that serves and whose gate is listened to."""
    return serve()


@pytest.fixture
def credentials(serving: Any) -> list[Credential]:
    """Right and wrong ones of every kind."""
    desks = {role.value: serving.desk(role.value) for role in Role}
    store, agent_token = serving.store, serving.token
    session_of = {role: desk.token for role, desk in desks.items()}

    def bad_session(name: str, ended: Callable[[Any, str, datetime], None]) -> str:
        token = serving.desk("administrator", name).token
        now = serving.clock.now()
        store.write(lambda sql: ended(sql, token, now))
        return str(token)

    def aged(**ages: timedelta) -> Callable[[Any, str, datetime], None]:
        def age(sql: Any, token: str, now: datetime) -> None:
            for column, by in ages.items():
                sql.execute(
                    f"UPDATE operator_session SET {column} = ? WHERE token_sha256 = ?",
                    (to_micros(now - by), secret_sha256(token)),
                )

        return age

    def disabled(sql: Any, _token: str, now: datetime) -> None:
        accounts.set_disabled(sql, accounts.require(sql, "disabled"), now, keep_one=False)

    def temporary(sql: Any, _token: str, _now: datetime) -> None:
        operator = accounts.require(sql, "temporary")
        accounts.set_password(sql, operator.operator_id, "no hash", must_change=True)

    revoked = "5ad9503e-0000-4000-8000-00000000dead"
    enrol(store, revoked, "a-token-of-a-revoked-agent")
    store.revoke_agent(revoked, MONDAY)
    enrol(store, "5ad9503e-0000-4000-8000-0000000000b1", "a-token-of-the-agent-of-B1", "B1")
    return [
        Credential("none", None),
        Credential("none, far away", None, near=False),
        Credential("garbage bearer", None, _bearer("x" * 43)),
        Credential("bearer that is no token", None, {"Authorization": "Bearer a b c; \x27--"}),
        Credential("basic", None, {"Authorization": "Basic YW9pOnBhc3N3b3Jk"}),
        Credential("agent", "agent", _bearer(agent_token)),
        Credential("agent of another school", "agent", _bearer("a-token-of-the-agent-of-B1")),
        Credential("agent, cut", None, _bearer(agent_token[:-1])),
        Credential("agent, longer", None, _bearer(agent_token + "A")),
        Credential("agent, revoked", None, _bearer("a-token-of-a-revoked-agent")),
        Credential("agent's token as a session", None, session=agent_token),
        Credential("agent id as a token", None, _bearer(serving.agent_id)),
        *(
            Credential(f"JWT {name}", None, _bearer(token), session=token)
            for name, token in _jwts(serving).items()
        ),
        Credential("garbage session", None, session="x" * 43),
        Credential("session, cut", None, session=session_of["administrator"][:-1]),
        Credential("session, hash of it", None, session=secret_sha256(session_of["administrator"])),
        Credential("session as a bearer", None, _bearer(session_of["administrator"])),
        Credential(
            "session, idle", None, session=bad_session("idle", aged(last_used_at=sessions.IDLE))
        ),
        Credential(
            "session, old", None, session=bad_session("old", aged(created_at=sessions.LONGEST))
        ),
        Credential(
            "session, signed out",
            None,
            session=bad_session(
                "out", lambda sql, token, _: sessions.end(sql, secret_sha256(token))
            ),
        ),
        Credential("operator, disabled", None, session=bad_session("disabled", disabled)),
        Credential("temporary password", "temporary", session=bad_session("temporary", temporary)),
        Credential(
            "administrator, no form token",
            "reader",
            session=session_of["administrator"],
            csrf=False,
        ),
        Credential(
            "administrator, from another site",
            "reader",
            {"Sec-Fetch-Site": "cross-site"},
            session=session_of["administrator"],
        ),
        *(Credential(role, role, session=session_of[role]) for role in session_of),
        Credential(
            "administrator, far away",
            "administrator",
            session=serving.desk("administrator", "far").token,
            near=False,
        ),
    ]


def allowed(caller: Caller, method: str, path: str, shown: Credential) -> bool:
    """What the table means, said a second time and simply."""
    if caller is Caller.PUBLIC:
        return True
    if caller is Caller.LOCAL:
        return shown.near
    if caller is Caller.AGENT:
        return shown.passes == "agent"
    if shown.passes == "temporary":
        return path in {"/account/password", "/sign-out"}
    if shown.passes == "reader":  # an administrator who may do nothing that needs a form
        return method == "GET"
    enough = {
        Caller.VIEWER: ("viewer", "operator", "administrator"),
        Caller.SIGNED_IN: ("viewer", "operator", "administrator"),
        Caller.OPERATOR: ("operator", "administrator"),
        Caller.ADMINISTRATOR: ("administrator",),
    }
    return shown.passes in enough[caller]


def test_every_route_lets_through_whom_its_line_names_and_nobody_else(
    serving: Any,
    reached: list[str],
    credentials: list[Credential],
    record_property: Callable[[str, object], None],
) -> None:
    """Routes x credentials: past the gate or not, as the table says; no answer of 500 or above."""
    wrong: list[str] = []
    tried = denied = 0
    routes = [(method, path) for method, path, _ in routes_of(serving.app.routes)]
    for method, path in routes:
        caller, address = policy_of(method, path), _address(path)
        _renew(serving, credentials)  # what was let through to /sign-out has signed out
        asked = [
            httpx.Request(method, URL + address, **_as_sent(method, caller, shown))
            for shown in credentials
        ]
        for shown, (status, passed) in zip(
            credentials, asyncio.run(_ask(serving.app, asked, reached)), strict=True
        ):
            tried += 1
            denied += not passed
            if passed is not allowed(caller, method, path, shown):
                wrong.append(f"{method} {path} ({caller}) by {shown.name}: passed is {passed}")
            if status >= 500 or not (passed or status in {303, 401, 403, 426}):
                wrong.append(f"{method} {path} by {shown.name}: {status}")
    note = {
        "name": "F1",
        "what": "every route with every credential",
        "runs": tried,
        "lost": None,
        "duplicates": None,
        "other": f"{len(routes)} routes x {len(credentials)} credentials, {denied} denied, "
        f"{len(wrong)} wrong",
    }
    record_property("fault-case", json.dumps(note))
    print(f"F1: {note['other']}")
    assert wrong == []


def test_no_spelling_of_an_address_goes_past_the_gate(serving: Any, reached: list[str]) -> None:
    """What the router would answer with the log reaches nobody who has not signed in."""
    serving.desk("viewer")
    for address in (
        *("/audit", "/audit/", "//audit", "/./audit", "/static/../audit", "/%61udit", "/AUDIT"),
        *("/audit;x", "/audit%00", "/audit%2f", "/static/%2e%2e/audit", "/operators/../audit"),
        "/audit?x=/sign-in",
    ):
        for method in ("GET", "HEAD", "OPTIONS", "POST", "TRACE"):
            reply = serving.client.request(method, address)
            assert "/audit" not in [one.partition(" ")[2] for one in reached]
            assert reply.status_code in {303, 401, 403, 404, 405}


def test_a_nul_in_an_address_leads_nowhere(serving: Any) -> None:
    """No database is asked for it: PostgreSQL takes no text with it, and the answer was 503."""
    serving.desk("viewer")
    for address in ("/schools/%00", "/v1/schools/a%00b", "/fleet/%00", "/static/%00"):
        reply = serving.client.get(address)
        assert (reply.status_code, reply.json()) == (404, {"detail": "Not Found"})


def _renew(serving: Any, credentials: list[Credential]) -> None:
    """Have the good sessions go on."""
    good = {shown.session for shown in credentials if shown.passes and shown.session}

    def again(sql: Any) -> None:
        for name in (*(f"the-{role.value}" for role in Role), "far", "temporary"):
            operator = accounts.require(sql, name)
            for token in [one for one in good if one.startswith(f"session of {name} ")]:
                sessions.end(sql, secret_sha256(token))
                sessions.start(sql, operator.operator_id, secret_sha256(token), serving.clock.now())

    serving.store.write(again)


async def _ask(app: Any, asked: list[httpx.Request], reached: list[str]) -> list[tuple[int, bool]]:
    """Send all; give the status of each, and whether it got past the gate."""
    found = []
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
        for request in asked:
            del reached[:]
            reply = await client.send(request)
            found.append((reply.status_code, bool(reached)))
    return found


def _as_sent(method: str, caller: Caller, shown: Credential) -> dict[str, Any]:
    headers = dict(shown.headers) | ({} if shown.near else FAR)
    if shown.session is not None:
        headers["Cookie"] = f"hakaru_session={shown.session}"
    sent: dict[str, Any] = {"headers": headers}
    if method != "GET" and caller is not Caller.AGENT:
        token = form_token(shown.session) if shown.session and shown.csrf else "0" * 64
        sent["data"] = {"csrf": token}
    return sent


def _address(path: str) -> str:
    return re.sub(r"{(\w+)}", lambda found: SAMPLES.get(found[1], "1"), path)


def _jwts(serving: Any) -> dict[str, str]:
    """Tokens of a kind that nothing here takes, whatever they claim."""
    now = int(serving.clock.now().timestamp())
    claims = {
        "iss": serving.base_url,
        "aud": "hakaru",
        "sub": serving.agent_id,
        "role": "administrator",
    }
    key = ed25519.Ed25519PrivateKey.generate()
    signed = {"alg": "EdDSA", "typ": "JWT"}
    good = claims | {"exp": now + 60, "nbf": now - 60}
    return {
        "alg=none": _jwt({"alg": "none"}, good, lambda _: b""),
        "of a foreign key": _jwt(signed, good, key.sign),
        "for another audience": _jwt(signed, good | {"aud": "another"}, key.sign),
        "expired": _jwt(signed, good | {"exp": now - 60}, key.sign),
        "not yet valid": _jwt(signed, good | {"nbf": now + 60}, key.sign),
    }


def _jwt(header: dict[str, Any], claims: dict[str, Any], sign: Callable[[bytes], bytes]) -> str:
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in (header, claims)
    ]
    signature = base64.urlsafe_b64encode(sign(b".".join(parts))).rstrip(b"=")
    return b".".join([*parts, signature]).decode()


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
