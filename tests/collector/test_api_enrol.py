"""Enrolment: one-time codes, won by one, typed by people, not to be guessed."""

import asyncio
import hashlib
import json
import random
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from collector.cli import main
from collector.fleet import guesses
from collector.fleet.enrolment import code_hash, code_key, new_code
from collector.store import create_store
from collector.store.interface import Store, StoreUnusable
from tests.collector.conftest import MONDAY
from wire.enrolment_code import make_code
from wire.ids import NO_AGENT, uuid4
from wire.messages import MAX_BODY_BYTES

FAR = datetime(2100, 1, 1, tzinfo=UTC)


def _code(serving: Any, seed: int = 1, school: str = "A1", expires_at: datetime = FAR) -> str:
    return new_code(serving.store, school, expires_at, random.Random(seed))


def _ask(
    serving: Any, code: str, number: int = 5, token: str = "a token of the box"
) -> httpx.Response:
    message = {
        "code": code,
        "agent_id": uuid4(number),
        "token_sha256": hashlib.sha256(token.encode()).hexdigest(),
    }
    reply: httpx.Response = serving.client.post("/v1/enrol", json=message)
    return reply


def test_a_code_binds_an_appliance_and_its_token_delivers(serving: Any) -> None:
    """201 names agent and school; the token that never left the box is known from then on."""
    token = "a-token-made-on-the-appliance"
    reply = _ask(serving, _code(serving, school="B1"), token=token)
    assert reply.status_code == 201
    assert reply.json() == {"agent_id": uuid4(5), "school": {"code": "B1", "name": "学校B1"}}
    delivered = serving.client.post(
        "/v1/measurements",
        content=b'{"measurements":[]}',
        headers={"Authorization": f"Bearer {token}"},
    )
    assert delivered.status_code == 200


def test_the_same_request_again_succeeds_and_another_does_not(serving: Any) -> None:
    """A lost reply is repaired by repeating; another agent or token finds the code used."""
    code = _code(serving)
    assert [_ask(serving, code).status_code for _ in range(3)] == [201, 201, 201]
    assert _ask(serving, code, number=6).status_code == 403
    assert _ask(serving, code, token="another token").status_code == 403


def test_one_of_many_wins_a_code(serving: Any) -> None:
    """Sixteen appliances at once: one 201, fifteen 403, one agent more."""
    code = _code(serving)
    before = len(serving.store.agents())
    with ThreadPoolExecutor(16) as pool:
        statuses = list(
            pool.map(lambda n: _ask(serving, code, n, f"token {n}").status_code, range(100, 116))
        )
    assert statuses.count(201) == 1
    assert set(statuses) <= {201, 403, 429}
    assert len(serving.store.agents()) == before + 1


@pytest.mark.parametrize(
    "typed",
    [str.lower, lambda c: c.replace("-", ""), lambda c: c.replace("-", " "), lambda c: f" {c} "],
)
def test_codes_are_taken_as_people_type_them(serving: Any, typed: Any) -> None:
    """Case, blanks and the hyphen do not matter."""
    assert _ask(serving, typed(_code(serving))).status_code == 201


def test_an_expired_code_is_refused_with_advice(serving: Any) -> None:
    """403 says to ask for a new one."""
    reply = _ask(serving, _code(serving, expires_at=datetime(2020, 1, 1, tzinfo=UTC)))
    assert reply.status_code == 403
    assert "expired: ask for a new one" in reply.json()["detail"]


def test_an_agent_of_another_school_is_refused_with_advice(serving: Any) -> None:
    """409 says whose it is and how to change that; the code stays unused."""
    assert _ask(serving, _code(serving, 1, "A1")).status_code == 201
    second = _code(serving, 2, "B1")
    reply = _ask(serving, second)
    assert reply.status_code == 409
    assert "belongs to school A1" in reply.json()["detail"]
    assert _ask(serving, second, number=6, token="fresh").status_code == 201


def test_two_appliances_must_not_share_a_token(serving: Any) -> None:
    """A cloned image asks with a token that is taken."""
    assert _ask(serving, _code(serving, 1)).status_code == 201
    reply = _ask(serving, _code(serving, 2), number=6)
    assert reply.status_code == 409
    assert "belongs to another agent" in reply.json()["detail"]


def test_an_appliance_may_take_a_new_token_with_a_new_code(serving: Any) -> None:
    """Same school, same agent, new code: the old token is no longer known."""
    assert _ask(serving, _code(serving, 1), token="first-token-of-the-box").status_code == 201
    assert _ask(serving, _code(serving, 2), token="second-token-of-the-box").status_code == 201
    for token, status in (("first-token-of-the-box", 401), ("second-token-of-the-box", 200)):
        reply = serving.client.post(
            "/v1/measurements",
            content=b'{"measurements":[]}',
            headers={"Authorization": f"Bearer {token}"},
        )
        assert reply.status_code == status


def test_a_revoked_agent_stays_revoked(serving: Any) -> None:
    """Neither the old code nor a new one brings it back."""
    code = _code(serving, 1)
    assert _ask(serving, code).status_code == 201
    serving.store.revoke_agent(uuid4(5), datetime(2026, 5, 11, tzinfo=UTC))
    assert _ask(serving, code).status_code == 403
    assert _ask(serving, _code(serving, 2)).status_code == 409


def test_guessing_is_throttled(serving: Any) -> None:
    """After ten wrong codes an address waits, even with the right one."""
    code = _code(serving)
    wrong = [make_code(random.Random(seed)) for seed in range(100, 111)]
    statuses = [_ask(serving, each).status_code for each in wrong]
    assert statuses == [403] * 10 + [429]
    reply = _ask(serving, code)
    assert reply.status_code == 429
    assert 1 <= int(reply.headers["retry-after"]) <= 901


def test_guesses_of_one_subscriber_count_together(serving: Any) -> None:
    """Who has a /64 has as many addresses as there are guesses: all of them wait, others do not."""

    async def tried(peers: list[str]) -> list[int]:
        found = []
        for number, peer in enumerate(peers):
            transport = httpx.ASGITransport(serving.app, client=(peer, 1))
            async with httpx.AsyncClient(transport=transport, base_url="https://c") as client:
                message = {
                    "code": make_code(random.Random(200 + number)),
                    "agent_id": uuid4(7),
                    "token_sha256": "0" * 64,
                }
                found.append((await client.post("/v1/enrol", json=message)).status_code)
        return found

    peers = [f"2001:db8:1:2::{number:x}" for number in range(1, 12)]
    assert asyncio.run(tried([*peers, "2001:db8:1:3::1"])) == [403] * 10 + [429, 403]


def test_a_typing_mistake_is_no_guess(serving: Any) -> None:
    """What cannot be anybody's code is refused with its reason and not counted."""
    code = _code(serving)
    other = "0" if code[0] != "0" else "1"
    replies = [_ask(serving, other + code[1:]) for _ in range(12)]
    assert {reply.status_code for reply in replies} == {400}
    assert "typing mistake" in replies[0].json()["detail"]
    assert code[1:] not in replies[0].text
    assert _ask(serving, code).status_code == 201


def test_the_guess_limit_by_address_and_in_all(store: Store) -> None:
    """Windows slide; one address does not lock out the others, many addresses do."""
    start = datetime(2026, 5, 11, tzinfo=UTC)

    def wait(peer: str, minutes: float) -> float | None:
        now = start + timedelta(minutes=minutes)
        return store.read(lambda sql: guesses.wait_seconds(sql, peer, now))

    def wrong(peer: str, minutes: float) -> None:
        now = start + timedelta(minutes=minutes)
        store.write(lambda sql: guesses.count_wrong(sql, peer, now))

    for count in range(10):
        assert wait("a", count) is None
        wrong("a", count)
    assert wait("a", 9) == 360  # until the first of the ten is a quarter of an hour ago
    assert wait("b", 9) is None
    assert wait("a", 15) is None
    for number in range(guesses.IN_ALL):
        wrong(f"c{number}", 20)
    assert wait("b", 21) == 14 * 60
    assert wait("b", 35) is None


def test_the_guess_limit_holds_over_restarts_and_for_all_collectors(serving: Any, url: str) -> None:
    """What was guessed at one collector is known to another one on the same database."""
    wrong = [make_code(random.Random(seed)) for seed in range(100, 110)]
    assert {_ask(serving, each).status_code for each in wrong} == {403}
    other = create_store(url)
    try:
        now = MONDAY + timedelta(days=7, minutes=5)
        assert other.read(lambda sql: guesses.wait_seconds(sql, "127.0.0.1", now)) is not None
        assert other.read(lambda sql: guesses.wait_seconds(sql, "192.0.2.1", now)) is None
    finally:
        other.close()


def test_codes_are_hashed_under_a_key(store: Store, tmp_path: Path) -> None:
    """The database has neither code nor its plain hash; another key knows no code of it."""
    code = new_code(store, "A1", FAR, random.Random(3))
    (kept,) = store.read(
        lambda sql: sql.execute("SELECT code_sha256 FROM enrolment_code")
    ).fetchall()
    plain = {hashlib.sha256(form.encode()).hexdigest() for form in (code, code.replace("-", ""))}
    assert kept[0] not in plain
    file = tmp_path / "key"
    file.write_bytes(b"0123456789abcdef-of-another-machine")
    key = code_key(store, {"HAKARU_CODE_KEY_FILE": str(file)})
    assert code_hash(key, code) != kept[0]
    assert code_hash(code_key(store, {}), code.lower().replace("-", " ")) == kept[0]
    file.write_bytes(b"short")
    with pytest.raises(StoreUnusable, match="holds 5 bytes, 16 are needed"):
        code_key(store, {"HAKARU_CODE_KEY_FILE": str(file)})


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"code": "AAAA-AAAA"},
        {"code": "", "agent_id": uuid4(1), "token_sha256": "0" * 64},
        {"code": "A", "agent_id": "me", "token_sha256": "0" * 64},
        {"code": "A", "agent_id": uuid4(1).upper() + "F", "token_sha256": "0" * 64},
        {"code": "A", "agent_id": uuid4(1), "token_sha256": "secret"},
        {"code": 5, "agent_id": uuid4(1), "token_sha256": "0" * 64},
    ],
)
def test_what_is_no_enrolment_is_refused(serving: Any, message: Any) -> None:
    """422 names the field as the description promises, repeats nothing; nobody is bound."""
    before = len(serving.store.agents())
    reply = serving.client.post("/v1/enrol", json=message)
    assert reply.status_code == 422
    detail = reply.json()["detail"]
    assert isinstance(detail, str)
    assert re.match(r"(code|agent_id|token_sha256): ", detail)
    assert "input" not in reply.json()
    for sent in message.values():
        assert len(str(sent)) < 5 or str(sent) not in reply.text
    assert len(serving.store.agents()) == before


def test_the_description_promises_the_refusal_that_comes(serving: Any) -> None:
    """422 of every route is one text, for a body that is no JSON too."""
    paths = serving.client.get("/openapi.json").json()["paths"]
    promised = {
        answer["content"]["application/json"]["schema"].get("$ref")
        for path in paths.values()
        for operation in path.values()
        for status, answer in operation["responses"].items()
        if status == "422"
    }
    assert promised == {"#/components/schemas/ErrorOut"}
    broken = b'{"code": "SECRET-CODE"'
    json_type = {"Content-Type": "application/json"}
    reply = serving.client.post("/v1/enrol", content=broken, headers=json_type)
    assert reply.status_code == 422
    assert reply.json()["detail"].startswith("body: JSON decode error")
    assert "SECRET" not in reply.text


def test_the_nil_agent_is_nobody(serving: Any) -> None:
    """The id of measurements before enrolment cannot be enrolled."""
    message = {"code": _code(serving), "agent_id": NO_AGENT, "token_sha256": "0" * 64}
    reply = serving.client.post("/v1/enrol", json=message)
    assert reply.status_code == 400
    assert "nil UUID" in reply.json()["detail"]


def test_the_command_prints_the_code_alone_on_the_last_line(
    store: Any, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is a valid code of that school; --json says the same."""
    assert main(["school", "enrol-code", "A1", "--database", url]) == 0
    code = capsys.readouterr().out.splitlines()[-1]
    school = store.enrol(
        code_sha256=code_hash(code_key(store), code),
        agent_id="x",
        token_sha256="y",
        now=datetime.now(UTC),
    )
    assert school.code == "A1"
    assert main(["school", "enrol-code", "B1", "--days", "2", "--json", "--database", url]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["school"] == "B1"
    left = datetime.fromisoformat(said["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=1.9) < left < timedelta(days=2.1)


def test_the_command_names_a_school_that_is_not_there(
    store: Any, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 1 with advice; no code is printed."""
    assert store.school("ZZ") is None
    assert main(["school", "enrol-code", "ZZ", "--database", url]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "there is no school 'ZZ': import it first" in said.err


def test_no_route_reads_a_body_beyond_the_limit(serving: Any) -> None:
    """A huge body is refused with 413 wherever a body is read."""
    reply = serving.client.post("/v1/enrol", content=b" " * (MAX_BODY_BYTES + 1))
    assert reply.status_code == 413
