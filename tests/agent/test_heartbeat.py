"""The agent's heartbeat: what it says, what it makes of answers, and that it disturbs nothing."""

import asyncio
import json
import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from agent import heartbeat
from agent.clock import SystemClock
from agent.delivery import Delivery, DeliveryState
from agent.heartbeat import Heart, Pulse, judge
from agent.identity import Enrolment
from agent.push import PushSettings, new_client
from agent.reply import Reply as HttpReply
from agent.spool import Spool
from agent.surroundings import (
    KEY_BYTES,
    Route,
    Surroundings,
    fingerprint,
    load_key,
    parse_neighbour,
    parse_routes,
)
from agent.vitals import Vitals
from tests.agent.stub import Stub, http
from wire.heartbeat import Network, Reply
from wire.heartbeat_codec import decode_request, encode_reply

NOW = datetime(2026, 5, 11, 3, 0, tzinfo=UTC)
GOOD = encode_reply(Reply(server_time=NOW))
PAGE = b"<html>Please log in</html>"
TOKEN = "canary-token-0123456789abcdef"
JSON = b'{"detail": "no"}'


@pytest.mark.parametrize(
    ("status", "body", "pulse"),
    [
        (200, GOOD, Pulse.OK),
        (200, PAGE, Pulse.INTERCEPTED),
        (200, b"{}", Pulse.INTERCEPTED),
        (200, GOOD[:-1], Pulse.INTERCEPTED),
        (204, b"", Pulse.INTERCEPTED),
        (302, b"", Pulse.INTERCEPTED),
        (400, JSON, Pulse.BACKING_OFF),
        (400, PAGE, Pulse.INTERCEPTED),
        (401, JSON, Pulse.UNAUTHORISED),
        (401, PAGE, Pulse.UNAUTHORISED),
        (403, JSON, Pulse.STOPPED),
        (403, PAGE, Pulse.INTERCEPTED),
        (404, JSON, Pulse.NOT_OFFERED),
        (405, JSON, Pulse.NOT_OFFERED),
        (404, PAGE, Pulse.INTERCEPTED),
        (429, PAGE, Pulse.BACKING_OFF),
        (500, PAGE, Pulse.BACKING_OFF),
        (503, JSON, Pulse.BACKING_OFF),
        (507, JSON, Pulse.BACKING_OFF),
    ],
)
def test_every_answer_has_its_meaning(status: int, body: bytes, pulse: Pulse) -> None:
    """A page of somebody else never stops the agent; only the collector's own word does."""
    assert judge(HttpReply(status, body), NOW).pulse is pulse


def beat_once(
    tmp_path: Path, url: str, then: Callable[[Heart], None] = lambda _: None
) -> tuple[Heart, float]:
    """One heartbeat of an agent with an empty spool; gives the pause it wants."""
    clock = SystemClock()
    spool = Spool(
        tmp_path / "spool.db",
        agent_id="5ad9503e-0000-4000-8000-000000000001",
        clock=clock,
        random=random.Random(7),
    )

    async def live() -> tuple[Heart, float]:
        async with new_client(PushSettings()) as client:
            vitals = Vitals(
                clock=clock,
                life_id="0b5e9a77-6a3f-4d5a-9f5d-0f4a55aa0001",
                state_dir=tmp_path,
                spool=spool,
                delivery=lambda: Delivery(state=DeliveryState.INTERCEPTED),
                surroundings=Surroundings(bytes(KEY_BYTES)),
            )
            enrolment = Enrolment(collector=url, token=TOKEN)
            heart = Heart(vitals, enrolment, client, clock, random.Random(7))
            then(heart)
            return heart, await heart.beat()

    try:
        return asyncio.run(live())
    finally:
        spool.close()


def test_heartbeat_says_how_the_appliance_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is readable by the collector's reader and carries what is known, with the token."""
    with Stub(lambda _: None) as stub:
        stub.heartbeat_reply = http(200, GOOD)
        network = Network(gateway="a" * 32, subnet="b" * 32)

        def stand(heart: Heart) -> None:
            monkeypatch.setattr(heart.vitals.surroundings, "look", lambda: network)

        heart, pause = beat_once(tmp_path, stub.url, stand)
    (got,) = stub.beats
    assert got.headers["authorization"] == f"Bearer {TOKEN}"
    beat = decode_request(got.body)
    assert beat.boot_id == SystemClock().boot_id()
    assert beat.hints == ("delivery_intercepted",)
    assert beat.network == network
    assert beat.memory_bytes is not None
    assert beat.memory_bytes > 1_000_000
    assert beat.disk_free_bytes is not None
    assert beat.last_good_test_at is None
    assert heart.state.pulse is Pulse.OK
    assert 48.0 <= pause <= 72.0


@pytest.mark.parametrize(
    ("reply", "pulse", "low", "high"),
    [
        (http(404, {"detail": "Not Found"}), Pulse.NOT_OFFERED, 2880.0, 4320.0),
        (http(503, {"detail": "busy"}, "Retry-After: 100"), Pulse.BACKING_OFF, 100.0, 150.0),
        (http(401, {"detail": "who"}), Pulse.UNAUTHORISED, 720.0, 1080.0),
        (http(200, PAGE), Pulse.INTERCEPTED, 0.5, 2.0),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", Pulse.BACKING_OFF, 0.5, 2.0),
    ],
)
def test_wait_fits_the_answer(
    tmp_path: Path, reply: bytes, pulse: Pulse, low: float, high: float
) -> None:
    """An older collector is asked every hour, a busy one when it says, others after a back-off."""
    with Stub(lambda _: None) as stub:
        stub.heartbeat_reply = reply
        heart, pause = beat_once(tmp_path, stub.url)
    assert heart.state.pulse is pulse
    assert low <= pause <= high
    assert (heartbeat.INTERCEPTED in heart.vitals.hints) is (pulse is Pulse.INTERCEPTED)


def test_collector_that_is_not_there_is_a_wait(tmp_path: Path) -> None:
    """A refused connection is noted and nothing is raised."""
    with Stub(lambda _: None) as stub:
        url = stub.url
    heart, pause = beat_once(tmp_path, url)
    assert heart.state.pulse is Pulse.BACKING_OFF
    assert pause > 0


def test_reply_is_heard_by_all_listeners_in_order(tmp_path: Path) -> None:
    """Each listener hears the whole reply; one that is none reaches nobody."""
    heard: list[str] = []

    def listen(heart: Heart) -> None:
        for name in ("policy", "commands"):

            async def hear(reply: Reply, name: str = name) -> None:
                assert reply.server_time == NOW
                heard.append(name)

            heart.listeners.append(hear)

    with Stub(lambda _: None) as stub:
        stub.heartbeat_reply = http(200, PAGE)
        beat_once(tmp_path, stub.url, listen)
        assert heard == []
        stub.heartbeat_reply = http(200, GOOD)
        beat_once(tmp_path, stub.url, listen)
    assert heard == ["policy", "commands"]


def test_listener_never_gets_the_token_in_a_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever the answer, no log line holds the token."""
    caplog.set_level("DEBUG")
    with Stub(lambda _: None) as stub:
        for reply in (http(401, {"detail": "no"}), http(200, PAGE), http(500, "x")):
            stub.heartbeat_reply = reply
            beat_once(tmp_path, stub.url)
    assert "heartbeat" in caplog.text
    ours = [record for record in caplog.records if record.name.startswith("agent")]
    assert all(TOKEN[:4] not in record.getMessage() for record in ours)


ROUTES = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0
eth1\t00000000\t0100000A\t0003\t0\t0\t200\t00000000\t0\t0\t0
eth0\t0001A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0
eth1\t0000000A\t00000000\t0001\t0\t0\t200\t000000FF\t0\t0\t0
"""
ARP = """IP address       HW type     Flags       HW address            Mask     Device
192.168.1.1      0x1         0x2         02:00:5E:00:53:01     *        eth0
192.168.1.9      0x1         0x0         00:00:00:00:00:00     *        eth0
"""


def test_default_route_of_the_lowest_metric_counts() -> None:
    """Gateway and subnet are those of the interface that traffic leaves by."""
    assert parse_routes(ROUTES) == Route("eth0", "192.168.1.1", "192.168.1.0/255.255.255.0")
    assert parse_routes(ROUTES.splitlines()[0]) is None
    assert parse_neighbour(ARP, "192.168.1.1", "eth0") == "02:00:5e:00:53:01"
    assert parse_neighbour(ARP, "192.168.1.9", "eth0") is None
    assert parse_neighbour(ARP, "192.168.1.1", "eth1") is None


def test_hashes_tell_places_apart_and_appliances_too(tmp_path: Path) -> None:
    """Same key and place: same hash. Another place, or the same one of another box: another."""
    routes, table = tmp_path / "route", tmp_path / "arp"
    routes.write_text(ROUTES)
    table.write_text(ARP)
    key = load_key(tmp_path, lambda count: bytes(range(count)))
    assert load_key(tmp_path, bytes) == key
    here = Surroundings(key, routes, table).look()
    assert here == Surroundings(key, routes, table).look()
    assert None not in (here.gateway, here.subnet)
    assert here.public_address is None
    other_box = Surroundings(bytes(KEY_BYTES), routes, table).look()
    table.write_text(ARP.replace("53:01", "53:02"))
    elsewhere = Surroundings(key, routes, table).look()
    assert elsewhere.gateway != here.gateway
    assert elsewhere.subnet == here.subnet
    assert {other_box.gateway, other_box.subnet}.isdisjoint({here.gateway, here.subnet})
    assert Surroundings(None, routes, table).look() == Network()
    shown = json.dumps([here.gateway, here.subnet])
    assert "02:00" not in shown
    assert "192.168" not in shown


def test_same_text_in_another_role_has_another_hash() -> None:
    """A gateway's hash cannot be compared with an address's."""
    network = fingerprint(bytes(KEY_BYTES), "x", "x", "x")
    assert len({network.gateway, network.subnet, network.public_address}) == 3
    assert fingerprint(bytes(KEY_BYTES), None, None, None) == Network()


@pytest.mark.parametrize("text", ["", "Iface\n", "a b c\n1 2 3\n"])
def test_odd_tables_of_the_kernel_are_not_known(tmp_path: Path, text: str) -> None:
    """A table of another shape gives no hash and no error."""
    (tmp_path / "route").write_text(text)
    found = Surroundings(bytes(KEY_BYTES), tmp_path / "route", tmp_path / "none").look()
    assert found == Network()


def test_soon_cuts_the_wait_and_stop_ends_it(tmp_path: Path) -> None:
    """After ``soon`` a heartbeat follows at once; after the stop none does."""
    with Stub(lambda _: None) as stub:
        stub.heartbeat_reply = http(200, GOOD)

        async def live() -> None:
            clock = SystemClock()
            spool = Spool(
                tmp_path / "spool.db",
                agent_id="5ad9503e-0000-4000-8000-000000000001",
                clock=clock,
                random=random.Random(7),
            )
            client: httpx.AsyncClient
            async with new_client(PushSettings()) as client:
                vitals = Vitals(
                    clock=clock,
                    life_id="0b5e9a77-6a3f-4d5a-9f5d-0f4a55aa0001",
                    state_dir=tmp_path,
                    spool=spool,
                    delivery=Delivery,
                    surroundings=Surroundings(None),
                )
                enrolment = Enrolment(collector=stub.url, token=TOKEN)
                heart = Heart(vitals, enrolment, client, clock, random.Random(7))
                stop, heard = asyncio.Event(), asyncio.Semaphore(0)

                async def hear(_: Reply) -> None:
                    heard.release()

                heart.listeners.append(hear)
                task = asyncio.create_task(heart.run(stop))
                for _ in range(3):
                    heart.soon()
                    await heard.acquire()
                stop.set()
                await task
            spool.close()

        asyncio.run(live())
    assert len(stub.beats) == 3
