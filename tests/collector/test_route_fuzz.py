"""Every route with anything in path, query and form: refused or answered, never broken (E1).

Beside the fuzzing from the API's description: this covers the pages and forms that are not in it,
by the application's own routes, so a new one is in it by itself.
"""

import asyncio
import random
import re
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx
import pytest

import collector.pages
from collector.api.policy_of_routes import Caller, policy_of, routes_of
from collector.operators import accounts, sessions
from collector.operators.sign_in import secret_sha256
from collector.operators.signed_in import form_token

TEMPLATES: Final = Path(collector.pages.__file__).parent / "templates"
FIELDS: Final = sorted(
    {
        name
        for file in TEMPLATES.glob("*.html")
        for name in re.findall(r'name="([a-z_]+)"', file.read_text("utf-8"))
    }
    - {"csrf", "viewport"}
)
VALUES: Final = (
    *("", "A1", "viewer", "administrator", "2026-W20", "2026-05-18", "2026-05-18T09:00", "\0"),
    *("-1", "0", "1e999", "9" * 30, "on", "/", "//x", "all", "city", "\u202e学校", "\U0001f600"),
    *("<script>", "{{ 7 * 7 }}", "'", '"', "%00", "%", "=1+1", "{}", "[]", "null", "a" * 3_000),
    *("2026-02-30", "24:61", "schools.0", "5ad9503e-0000-4000-8000-000000000001", "..", "\x1b[2J"),
)
BODIES: Final = (b"", b"{}", b"[]", b"null", b'{"a":NaN}', b"\xff", b'"x"', b"1", b"{" * 5_000)
ROUNDS: Final = 6


@pytest.fixture
def url(sqlite_url: str) -> str:
    """PostgreSQL refuses a NUL in a text: tried by the tests of the store."""
    return sqlite_url


def test_no_path_query_or_form_breaks_any_route(serving: Any) -> None:
    """As administrator and as agent, each route several times: no answer of 500 or above."""
    assert {"name", "role", "old", "new"} <= set(FIELDS)
    routes = [(method, path) for method, path, _ in routes_of(serving.app.routes)]
    token = serving.desk("administrator").token
    operator = serving.store.read(lambda sql: accounts.require(sql, "the-administrator"))

    def renew(sql: Any) -> None:  # /sign-out has ended it
        sessions.end(sql, secret_sha256(token))
        sessions.start(sql, operator.operator_id, secret_sha256(token), serving.clock.now())

    chance = random.Random(20)
    for _ in range(ROUNDS):
        asked = [_request(serving, token, chance, *route) for route in routes]
        serving.store.write(renew)
        for request, status in zip(asked, asyncio.run(_send(serving.app, asked)), strict=True):
            assert status < 500, (request.method, str(request.url), request.content, status)


def _request(
    serving: Any, token: str, chance: random.Random, method: str, path: str
) -> httpx.Request:
    address = re.sub(r"{\w+}", lambda _: quote(chance.choice(VALUES), safe="") or "x", path)
    query = {name: chance.choice(VALUES) for name in chance.sample([*FIELDS, "before", "lang"], 2)}
    if policy_of(method, path) is Caller.AGENT:
        headers = {"Authorization": f"Bearer {serving.token}"}
        body = chance.choice(BODIES)
        return httpx.Request(method, URL + address, params=query, headers=headers, content=body)
    headers = {"Cookie": f"hakaru_session={token}"}
    form = {name: chance.choice(VALUES) for name in chance.sample(FIELDS, len(FIELDS) // 2)}
    data = {"csrf": form_token(token)} | form if method != "GET" else None
    return httpx.Request(method, URL + address, params=query, headers=headers, data=data)


URL: Final = "http://127.0.0.1"


async def _send(app: Any, asked: list[httpx.Request]) -> list[int]:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=False)
    ) as client:
        return [(await client.send(request)).status_code for request in asked]
