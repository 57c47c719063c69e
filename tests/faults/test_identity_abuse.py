"""Identities abused: another school's key, copied appliances, secrets and devices out of place."""

import asyncio
import hashlib
import json
import logging
import os
import random
import signal
import subprocess
import sys
import traceback
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.commands.status import read
from agent.identity import Enrolment, Identity, save
from agent.renewal import Renewal
from agent.state import prepare
from agent.surroundings import KEY_BYTES, Surroundings
from collector.fleet import flags
from collector.fleet.beats import Arrived, record_all
from collector.fleet.enrolment import new_code
from collector.fleet.watch import history, tick
from collector.store.interface import Store
from tests.agent.stub import Stub, http
from tests.collector.conftest import MONDAY, Maker, Serving, a_school, enrol
from tests.faults.lives import Agent
from wire.codec import encode
from wire.heartbeat import Heartbeat
from wire.heartbeat_codec import encode_request
from wire.ids import uuid4
from wire.messages import encode_batch

pytestmark = pytest.mark.faults
SCHOOLS = int(os.environ.get("ABUSE_SCHOOLS", "8"))
READS = (
    "/v1/schools",
    "/v1/schools/{}",
    "/v1/compliance",
    "/v1/fleet",
    "/fleet",
    "/",
    "/schools/{}",
)


def keep(store: Store, arrived: Arrived) -> None:
    """Keep one heartbeat."""
    store.write(lambda sql: record_all(sql, [arrived]))


def look(store: Store, now: datetime) -> None:
    """One look at the fleet."""
    store.write(lambda sql: tick(sql, now))


def beating(store: Store) -> set[str]:
    """Agents that have a heartbeat."""
    rows = store.read(lambda sql: sql.execute("SELECT agent_id FROM agent_beat").fetchall())
    return {row[0] for row in rows}


def a_beat(number: int, age: float = 600.0, life: int = 1) -> Heartbeat:
    """A heartbeat of the agent of one school."""
    return Heartbeat(
        agent_version="0.1.0",
        boot_id=uuid4(1000 + number * 10 + life),
        life_id=uuid4(2000 + number * 10 + life),
        sent_at=MONDAY + timedelta(days=7),
        uptime_seconds=age,
        life_seconds=age,
    )


def test_no_key_of_a_school_opens_another(serving: Serving, case: Any) -> None:
    """For every pair of schools A's key writes nothing for B; it reads nothing of anybody."""
    make, store, client = Maker(), serving.store, serving.client
    codes = [f"P{number}" for number in range(SCHOOLS)]
    store.import_schools([a_school(code) for code in codes])
    agents = {code: (make.uuid(), f"a-token-of-the-agent-of-{code}") for code in codes}
    for code, (agent_id, token) in agents.items():
        enrol(store, agent_id, token, code)
    tried = denied = 0
    heard: list[str] = []
    for mine, (own_id, token) in agents.items():
        key = {"Authorization": f"Bearer {token}"}
        for theirs, (their_id, _) in agents.items():
            if mine == theirs:
                continue
            record = encode(make.record(their_id))
            said = client.post("/v1/measurements", content=encode_batch([record]), headers=key)
            tried += 1
            denied += not said.json()["committed"] and len(said.json()["quarantined"]) == 1
        client.post("/v1/heartbeat", content=encode_request(a_beat(1)), headers=key)
        heard.append(own_id)
        assert beating(store) == set(heard)
        for path in READS:
            far = {"X-Forwarded-For": "192.0.2.9"}  # not this machine: pages are not open to it
            reply = client.get(path.format(codes[0]), headers=key | far)
            tried += 1
            denied += reply.status_code in (302, 303, 401, 403)
    stored = {code: len(store.latest_results(code, limit=100)) for code in codes}
    case(
        "F2",
        f"key of one school for another, {SCHOOLS} schools, write and read",
        runs=tried,
        lost=0,
        duplicates=0,
        other=f"denied {denied} of {tried}",
    )
    assert denied == tried
    assert set(stored.values()) == {0}


def test_a_cloned_appliance_is_flagged_both_ways(serving: Serving, case: Any) -> None:
    """One key from two machines: the flag names both boots, the key is renewed for neither."""
    clock = serving.clock
    first, second = a_beat(1, 4000.0, 1), a_beat(1, 5.0, 2)
    store, raised_after = serving.store, None
    agent = store.agents()[0]
    start = clock.now()
    for minute in range(8):
        for beat, base, offset in ((first, 4000.0, 0), (second, 5.0, 30)):
            now = start + timedelta(minutes=minute, seconds=offset)
            age = base + minute * 60.0
            sent = Heartbeat(
                agent_version="0.1.0",
                boot_id=beat.boot_id,
                life_id=beat.life_id,
                sent_at=now,
                uptime_seconds=age,
                life_seconds=age,
            )
            arrived = Arrived(agent, sent, encode_request(sent).decode(), now)
            keep(store, arrived)
            up = store.read(lambda sql: flags.open_flags(sql, agent.agent_id))
            if up and raised_after is None:
                raised_after = (now - start).total_seconds()
    detail = up[flags.CLONED]
    case(
        "F2",
        "cloned appliance: one key, interleaved boots",
        runs=1,
        other=f"flagged with both boots after {raised_after} s",
    )
    assert first.boot_id in detail
    assert second.boot_id in detail
    offered = serving.client.post(
        "/v1/identity/offer", json={"token_sha256": "a" * 64}, headers=serving.headers()
    )
    assert offered.status_code == 409


def test_clock_jumps_make_no_healthy_agent_silent(serving: Serving, case: Any) -> None:
    """Heartbeats a minute apart whose own time is 1970, 2100 and +-2 h, +-400 days."""
    store, agent = serving.store, serving.store.agents()[0]
    chance, jumps = random.Random(5), 0
    start = serving.clock.now() + timedelta(days=1)
    odd = [timedelta(hours=2), timedelta(hours=-2), timedelta(days=400), timedelta(days=-400)]
    for minute in range(240):
        now = start + timedelta(minutes=minute)
        sent_at = now
        if chance.random() < 0.5:
            jumps += 1
            pick = chance.randrange(6)
            sent_at = now + odd[pick] if pick < 4 else now.replace(year=(1970, 2100)[pick - 4])
        age = 600.0 + minute * 60
        beat = Heartbeat(
            agent_version="0.1.0",
            boot_id=uuid4(1),
            life_id=uuid4(2),
            sent_at=sent_at,
            uptime_seconds=age,
            life_seconds=age,
        )
        arrived = Arrived(agent, beat, encode_request(beat).decode(), now)
        keep(store, arrived)
        for seconds in (1, 21, 41):
            look(store, now + timedelta(seconds=seconds))
    states = {
        each.state.value
        for each in store.read(lambda sql: history(sql, agent.agent_id, 1000))
        if each.changed_at >= start
    }
    case(
        "D1",
        "clock of an appliance jumps while it beats",
        runs=jumps,
        other=f"states seen: {', '.join(sorted(states))}",
    )
    assert states.isdisjoint({"silent", "late", "cloned"})


CANARIES = ("Zq7xV-canary-0123456789-first-one", "Qj8wK-canary-9876543210-second-1")
MAC, ADDRESS, HOST = "02:00:5e:00:53:99", "198.51.100.77", "pupil-tablet-17"


def found_in(text: str, secret: str) -> bool:
    """Whether a secret, or a prefix of four or more of its characters, stands in a text."""
    return secret[:4] in text


def dumped(url: str, store: Any) -> str:
    """All of the database as text."""
    if url.startswith("sqlite"):
        path = Path(url.removeprefix("sqlite:///"))
        files = [path, Path(f"{path}-wal")]
        return "".join(file.read_bytes().decode("latin-1") for file in files if file.exists())
    tables = store.read(
        lambda sql: sql.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        ).fetchall()
    )
    rows = [
        store.read(lambda sql, name=name: sql.execute(f"SELECT * FROM {name}").fetchall())
        for (name,) in tables
    ]
    return repr(rows)


def test_secrets_are_in_no_log_status_argv_traceback_or_database(
    serving: Serving, url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, case: Any
) -> None:
    """Token, next token and code: at DEBUG, in failures, on both sides, not four letters."""
    caplog.set_level(logging.DEBUG)
    store = serving.store
    enrol(store, uuid4(77), CANARIES[0], "B1")
    code = new_code(store, "A1", MONDAY + timedelta(days=30), random.Random(99))
    texts = []
    state = prepare(tmp_path / "state")
    who = Identity(
        agent_id=uuid4(77), active=Enrolment(collector=serving.base_url, token=CANARIES[0])
    )
    save(state, who)

    async def renew() -> Enrolment:
        async with httpx.AsyncClient(trust_env=False) as client:
            box = Renewal(state, who, client, lambda: CANARIES[1], lambda _: None)
            assert await box.renew()
            return box.active

    active = asyncio.run(renew())
    assert active.token == CANARIES[1]
    texts += [repr(who), repr(active), json.dumps(read(state))]
    texts += traceback.format_exception(RuntimeError(who, active))
    wrong = {"code": code[:-1] + ("0" if code[-1] != "0" else "1"), "agent_id": uuid4(78)}
    for message in (wrong | {"token_sha256": "5" * 64}, wrong | {"token_sha256": CANARIES[0]}):
        texts.append(serving.client.post("/v1/enrol", json=message).text)
    for header in (f"Bearer {CANARIES[0]}", f"Basic {CANARIES[0]}", CANARIES[1]):
        reply = serving.client.post(
            "/v1/heartbeat", content=b"{}", headers={"Authorization": header}
        )
        texts.append(reply.text)
    with Stub(lambda _: http(401, {"detail": "who?"})) as stub:
        save(
            state,
            Identity(agent_id=uuid4(77), active=Enrolment(collector=stub.url, token=CANARIES[0])),
        )
        stub.heartbeat_reply = http(401, {"detail": "who?"})
        agent = Agent(state)
        agent.wait_for(3)
        texts.append(Path(f"/proc/{agent.process.pid}/cmdline").read_bytes().decode())
        agent.end(signal.SIGTERM)
    texts.append(agent.errors.decode())
    status = subprocess.run(
        [sys.executable, "-m", "agent.cli", "status", "--json", "--state", state],
        capture_output=True,
        text=True,
        check=True,
    )
    texts += [status.stdout, caplog.text, dumped(url, store)]
    hashes = [hashlib.sha256(each.encode()).hexdigest() for each in CANARIES]
    assert any(each in texts[-1] for each in hashes)  # the search finds what is there
    places = len(texts)
    hits = [
        (place, secret[:4])
        for place, text in enumerate(texts)
        for secret in CANARIES
        if found_in(text, secret)
    ]
    hits += [(place, "code") for place, text in enumerate(texts) if code in text]
    case(
        "F6",
        "canary secrets, prefixes of 4 and more",
        runs=places,
        other=f"found in {len(hits)} of {places} logs, replies, dumps and tracebacks",
    )
    assert hits == []


def test_devices_of_a_school_never_leave_it(
    serving: Serving, url: str, tmp_path: Path, case: Any
) -> None:
    """Link address, address and name from the appliance's tables: in no heartbeat, no database."""
    routes, table = tmp_path / "route", tmp_path / "arp"
    routes.write_text(
        "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"
        "eth0 00000000 4D6433C6 0003 0 0 100 00000000 0 0 0\n"
        "eth0 006433C6 00000000 0001 0 0 100 00FFFFFF 0 0 0\n"
    )
    table.write_text(
        "IP address HW type Flags HW address Mask Device\n"
        f"{ADDRESS} 0x1 0x2 {MAC} * eth0\n198.51.100.78 0x1 0x2 02:00:5e:00:53:98 * eth0\n"
    )
    network = Surroundings(bytes(range(KEY_BYTES)), routes, table).look()
    assert None not in (network.gateway, network.subnet)
    beat = Heartbeat(
        agent_version="0.1.0",
        boot_id=uuid4(1),
        life_id=uuid4(2),
        sent_at=serving.clock.now(),
        uptime_seconds=1.0,
        life_seconds=1.0,
        network=network,
    )
    sent = encode_request(beat).decode()
    with_more = json.loads(sent) | {"neighbours": [{"mac": MAC, "ip": ADDRESS, "name": HOST}]}
    reply = serving.client.post("/v1/heartbeat", json=with_more, headers=serving.headers())
    assert reply.status_code == 200
    texts = [sent, reply.text, dumped(url, serving.store)]
    plain = [MAC, MAC.replace(":", ""), ADDRESS, HOST, "198.51.100.0"]
    digests = [
        made(each.encode()).hexdigest()[:32]
        for each in plain
        for made in (hashlib.md5, hashlib.sha1, hashlib.sha256)
    ]
    hits = [each for each in (*plain, *digests) for text in texts if each in text]
    case(
        "F6",
        "canary MAC, IP and host name of devices",
        runs=len(plain) + len(digests),
        other=f"found {len(hits)}, plain and under unkeyed hashes",
    )
    assert hits == []
