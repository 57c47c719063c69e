"""The heartbeat's route: who may, what is kept, what is answered."""

import hashlib
import json
import random
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from collector.api.heartbeat import assemble
from collector.fleet import beats, flags, renewal
from collector.fleet.enrolment import new_code
from collector.fleet.provider import Provider
from collector.store.interface import Agent
from collector.store.sql import Sql
from collector.store.times import from_micros, to_micros
from tests.collector.conftest import MONDAY, Serving
from wire.heartbeat import (
    PATH,
    ClockReport,
    Command,
    Heartbeat,
    IdentityHints,
    Network,
    PolicyOffer,
    Suppress,
)
from wire.heartbeat_codec import decode_reply, encode_request

NOW = MONDAY + timedelta(days=7)
BOOT = "0b5e9a77-6a3f-4d5a-9f5d-0f4a55aa0002"
LIFE = "0b5e9a77-6a3f-4d5a-9f5d-0f4a55aa0003"


def a_beat(**changes: Any) -> Heartbeat:
    """A heartbeat of the agent of A1."""
    given: dict[str, Any] = {
        "agent_version": "0.1.0",
        "boot_id": BOOT,
        "life_id": LIFE,
        "sent_at": NOW,
        "uptime_seconds": 4000.0,
        "life_seconds": 3600.0,
    }
    return Heartbeat(**given | changes)


def send(serving: Serving, beat: Heartbeat) -> Any:
    """Send one heartbeat."""
    return serving.client.post(PATH, content=encode_request(beat), headers=serving.headers())


def test_heartbeat_is_kept_and_answered(serving: Serving) -> None:
    """The newest heartbeat is kept by the collector's time; the reply carries that time."""
    reply = send(serving, a_beat())
    assert reply.status_code == 200, reply.text
    told = decode_reply(reply.content)
    row = serving.store.read(
        lambda sql: sql.execute("SELECT agent_id, received_at, life_id FROM agent_beat").fetchall()
    )
    assert row == [(serving.agent_id, row[0][1], LIFE)]
    assert from_micros(row[0][1]) == told.server_time
    assert told.identity == IdentityHints(seen_from="127.0.0.1")
    (agent,) = serving.store.agents()
    assert agent.last_seen_at == told.server_time


@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 401), ({"Authorization": "Bearer " + "x" * 40}, 401)],
)
def test_only_an_agent_is_heard(serving: Serving, headers: dict[str, str], status: int) -> None:
    """Without a token, or with one nobody has, nothing is kept."""
    reply = serving.client.post(PATH, content=encode_request(a_beat()), headers=headers)
    assert reply.status_code == status
    count = serving.store.read(
        lambda sql: sql.execute("SELECT count(*) FROM agent_beat").fetchone()[0]
    )
    assert count == 0


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b"", 400, "heartbeat: found no JSON"),
        (b"[1]", 400, "heartbeat: found a list of 1"),
        (b'{"schema_version":1}', 400, "agent_version: found nothing"),
        (b" " * 20_000, 413, "too large"),
    ],
)
def test_what_is_no_heartbeat_is_refused(
    serving: Serving, body: bytes, status: int, says: str
) -> None:
    """The refusal names the place and keeps nothing."""
    reply = serving.client.post(PATH, content=body, headers=serving.headers())
    assert reply.status_code == status
    assert says in reply.json()["detail"]


def test_subjects_add_to_the_reply() -> None:
    """Each provider's word is in the reply: commands are joined, elsewhere the first one counts."""
    agent = Agent(
        agent_id=LIFE, school_code="A1", enrolled_at=NOW, last_seen_at=None, agent_version=None
    )
    offer = PolicyOffer(version="8", sha256="d" * 64, document="{}")
    stop = Suppress(until=NOW + timedelta(hours=1), reason="exam")
    first = Command(id=BOOT, kind="measure", expires_at=NOW, details={"probe": "latency"})
    providers: list[Provider] = [
        lambda _agent, _beat, _now: {"policy": offer, "commands": (first,)},
        lambda _agent, _beat, _now: {"suppress": stop, "commands": (replace(first, id=LIFE),)},
        lambda agent, _beat, _now: {"suppress": None} if agent.school_code == "A1" else {},
        lambda _agent, _beat, _now: {},
    ]
    told = assemble(providers, agent, a_beat(), NOW)
    assert (told.policy, told.suppress) == (offer, stop)
    assert [each.id for each in told.commands] == [BOOT, LIFE]
    assert told.server_time == NOW


def test_unknown_fields_are_not_kept(serving: Serving) -> None:
    """What this release does not know stays out of the database, whatever an agent sends."""
    beat = json.loads(encode_request(a_beat())) | {"canary": "pupil-tablet-17"}
    reply = serving.client.post(PATH, json=beat, headers=serving.headers())
    assert reply.status_code == 200
    body = serving.store.read(lambda sql: sql.execute("SELECT body FROM agent_beat").fetchone()[0])
    assert "canary" not in body


def test_another_network_is_flagged_after_three_heartbeats(serving: Serving) -> None:
    """Home is where it was first heard from; three heartbeats from elsewhere raise the flag."""
    home, away = Network(gateway="a" * 32, subnet="b" * 32), Network(gateway="c" * 32)

    def up() -> dict[str, str]:
        return serving.store.read(lambda sql: flags.open_flags(sql, serving.agent_id))

    for network in (home, away, away):
        send(serving, a_beat(network=network))
        assert up() == {}
    send(serving, a_beat(network=away))
    assert up() == {flags.WRONG_PLACE: "gateway changed"}
    send(serving, a_beat(network=home))
    assert up() == {}


def test_wrong_wall_clock_changes_no_arrival(serving: Serving) -> None:
    """Arrival is by the collector's clock, whatever year the appliance believes in."""
    for year in (1970, 2100):
        sent_at = NOW.replace(year=year)
        clock = ClockReport(state="wrong", source="none")
        assert send(serving, a_beat(sent_at=sent_at, clock=clock)).status_code == 200
        row = serving.store.read(
            lambda sql: sql.execute("SELECT received_at FROM agent_beat").fetchone()
        )
        assert timedelta() <= from_micros(row[0]) - NOW < timedelta(hours=1)


def test_lives_are_remembered(serving: Serving) -> None:
    """Each start of the agent is one life, with the moment it began."""
    send(serving, a_beat(life_seconds=60.0))
    send(serving, a_beat(life_seconds=61.0))
    send(serving, a_beat(life_id=BOOT, life_seconds=1.0))
    lives = serving.store.read(lambda sql: beats.known_lives(sql, serving.agent_id))
    assert [life.life_id for life in lives] == [BOOT, LIFE]
    assert lives[1].life_seconds == 61.0


def test_an_old_secret_is_to_be_renewed_and_an_expired_one_is_refused(serving: Serving) -> None:
    """After 30 days the reply asks for a new one; after its end it is 401 until enrolled anew."""

    def dated(issued: datetime, expires: datetime) -> None:
        def work(sql: Sql) -> None:
            renewal.issued(sql, serving.agent_id, None, issued)
            sql.execute("UPDATE agent SET token_expires_at = ?", (to_micros(expires),))

        serving.store.write(work)

    far = NOW + timedelta(days=300)
    for age, renew in ((29, False), (31, True)):
        dated(NOW - timedelta(days=age), far)
        assert decode_reply(send(serving, a_beat()).content).identity.renew is renew
    dated(NOW - timedelta(days=401), NOW - timedelta(days=1))
    for reply in (send(serving, a_beat()), serving.post(b'{"measurements":[]}')):
        assert reply.status_code == 401
        assert "expired" in reply.json()["detail"]
    code = new_code(serving.store, "A1", far, random.Random(2))
    token = "a-new-token-of-the-same-box"
    message = {
        "code": code,
        "agent_id": serving.agent_id,
        "token_sha256": hashlib.sha256(token.encode()).hexdigest(),
    }
    assert serving.client.post("/v1/enrol", json=message).status_code == 201
    serving.token = token
    assert send(serving, a_beat()).status_code == 200
