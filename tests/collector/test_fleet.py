"""The fleet end to end: heartbeats in, states, pages, API and commands out."""

import itertools
import json
import random
import re
import threading
from datetime import datetime, timedelta
from typing import Any

import pytest

from collector.cli import main
from collector.fleet import beats, flags
from collector.fleet.beats import Arrived
from collector.fleet.changes import ChangeRefused, FleetChanges, find
from collector.fleet.health import State
from collector.fleet.roster import counts, member, roster, troubled
from collector.fleet.watch import Change, FleetWatch, history, tick
from collector.operators.audit import newest
from collector.store.interface import Store, StoreBusy
from tests.collector.conftest import MONDAY, Serving, desk_of, enrol
from wire.heartbeat import Heartbeat, Network, PolicyReport, PolicyState
from wire.heartbeat_codec import encode_request
from wire.ids import uuid4

START = MONDAY + timedelta(days=7)
AGENT = "5ad9503e-0000-4000-8000-000000000001"
OTHER = "5ad9503e-0000-4000-8000-000000000002"


class Clock:
    """Stands where it is put."""

    def __init__(self, now: datetime = START) -> None:
        self.moment = now

    def now(self) -> datetime:
        """Wall clock."""
        return self.moment

    def monotonic_seconds(self) -> float:
        """Not asked."""
        return 0.0


def beat(store: Store, agent_id: str, now: datetime, **changes: Any) -> None:
    """A heartbeat that arrives now, of a life that began at START."""
    agent = next(each for each in store.agents() if each.agent_id == agent_id)
    age = (now - START).total_seconds() + 600
    given: dict[str, Any] = {
        "agent_version": "0.1.0",
        "boot_id": uuid4(1),
        "life_id": uuid4(2),
        "sent_at": now,
        "uptime_seconds": age,
        "life_seconds": age,
    }
    told = Heartbeat(**given | changes)
    arrived = Arrived(agent, told, beats_text(told), now)
    store.write(lambda sql: beats.record_all(sql, [arrived]))


def beats_text(told: Heartbeat) -> str:
    """The JSON text that the route keeps."""
    return encode_request(told).decode()


@pytest.fixture
def fleet(store: Store) -> Store:
    """Two schools with an agent each."""
    enrol(store, AGENT, "a-token-of-the-agent-of-A1")
    enrol(store, OTHER, "a-token-of-the-agent-of-B1", "B1")
    return store


def state(store: Store, agent_id: str) -> State:
    """The state an agent is said to be in."""
    found = store.read(lambda sql: member(sql, agent_id))
    assert found is not None
    return found.state


def look(store: Store, now: datetime) -> None:
    """One look of the watch."""
    store.write(lambda sql: tick(sql, now))


def test_states_follow_the_heartbeats_and_are_kept(fleet: Store) -> None:
    """Never seen, healthy, late, silent, and back; each with the moment it began."""
    look(fleet, START)
    assert state(fleet, AGENT) is State.NEVER_SEEN
    for seconds in range(20, 3600, 20):
        now = START + timedelta(seconds=seconds)
        if seconds % 60 == 0:
            beat(fleet, OTHER, now)
            if not 600 < seconds < 3000:
                beat(fleet, AGENT, now)
        look(fleet, now)
    told = fleet.read(lambda sql: history(sql, AGENT))
    expected = [State.HEALTHY, State.LATE, State.SILENT, State.LATE, State.HEALTHY]
    assert [each.state for each in told] == [*expected, State.NEVER_SEEN]
    silent = next(each for each in told if each.state is State.SILENT)
    late_by = silent.changed_at - (START + timedelta(seconds=2400))
    assert timedelta() < late_by <= timedelta(seconds=20)
    assert [each.state for each in fleet.read(lambda sql: history(sql, OTHER))] == [
        State.HEALTHY,
        State.NEVER_SEEN,
    ]
    assert fleet.read(counts) == {State.HEALTHY: 2}
    assert fleet.read(lambda sql: troubled(sql, 9)) == []


def test_several_collectors_look_as_one(fleet: Store) -> None:
    """Of two looks within ten seconds the second changes nothing; nothing is noted twice."""
    beat(fleet, AGENT, START)
    for seconds in (0, 1, 20, 21, 40, 41):
        look(fleet, START + timedelta(seconds=seconds))
    assert len(fleet.read(lambda sql: history(sql, AGENT))) == 1


def test_a_collector_that_was_away_calls_nobody_silent(fleet: Store) -> None:
    """Six hours without a collector: on its return silence counts from now."""
    beat(fleet, AGENT, START)
    look(fleet, START)
    back = START + timedelta(hours=6)
    look(fleet, back)
    assert state(fleet, AGENT) is State.HEALTHY
    look(fleet, back + timedelta(seconds=20))
    beat(fleet, AGENT, back + timedelta(seconds=30))
    for seconds in range(40, 400, 20):
        look(fleet, back + timedelta(seconds=seconds))
    states = [each.state for each in fleet.read(lambda sql: history(sql, AGENT))]
    assert State.SILENT not in states


def test_an_error_that_nobody_foresaw_does_not_end_looking(
    fleet: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the watch every agent would stay as it was for ever, and no page would say so."""
    looked_again, looks = threading.Event(), itertools.count()

    def odd_at_first(*_: Any) -> list[Change]:
        if next(looks) == 0:
            raise ValueError("odd")
        looked_again.set()
        return []

    monkeypatch.setattr("collector.fleet.watch.TICK_SECONDS", 0.05)
    monkeypatch.setattr("collector.fleet.watch.tick", odd_at_first)
    watch = FleetWatch(fleet, Clock(), lambda: START)
    watch.start()
    try:
        assert looked_again.wait(10.0)
    finally:
        watch.stop()


def test_the_collectors_own_clock_is_blamed_where_most_agree(store: Store) -> None:
    """Six agents that are all two hours off the same way: none of them has a wrong clock."""
    for number in range(6):
        enrol(store, uuid4(100 + number), f"token-number-{number}-of-an-agent")
    for minute in range(10):
        now = START + timedelta(minutes=minute)
        for number in range(6):
            off = timedelta(hours=-3) if number == 5 else timedelta()
            sent_at = now - timedelta(hours=2) + off
            beat(store, uuid4(100 + number), now, sent_at=sent_at)
        for seconds in (0, 20, 40):
            look(store, now + timedelta(seconds=seconds))
    states = [each.state for each in store.read(roster)]
    assert states.count(State.HEALTHY) == 5
    assert states.count(State.CLOCK_WRONG) == 1


def test_clone_is_flagged_and_a_new_enrolment_clears_it(fleet: Store) -> None:
    """Two machines with one identity: both are in the flag, neither is believed alone."""
    for minute in range(6):
        now = START + timedelta(minutes=minute)
        beat(fleet, AGENT, now)
        then = now + timedelta(seconds=20)
        age = minute * 60.0 + 5
        beat(fleet, AGENT, then, boot_id=uuid4(7), life_id=uuid4(8), life_seconds=age)
    look(fleet, START + timedelta(minutes=7))
    assert state(fleet, AGENT) is State.CLONED
    detail = fleet.read(lambda sql: flags.open_flags(sql, AGENT))[flags.CLONED]
    assert uuid4(1) in detail
    assert uuid4(7) in detail
    assert state(fleet, OTHER) is State.NEVER_SEEN


def changes_of(store: Store) -> FleetChanges:
    """Changes made by a person."""
    return FleetChanges(store, Clock(), random.Random(4))


def test_a_move_is_confirmed_with_its_record(fleet: Store) -> None:
    """The flag goes down, the new place is home, the audit log says who."""
    for minute in range(6):
        network = Network(gateway="a" * 32 if minute < 3 else "b" * 32)
        beat(fleet, AGENT, START + timedelta(minutes=minute), network=network)
    look(fleet, START + timedelta(minutes=6))
    assert state(fleet, AGENT) is State.WRONG_PLACE
    with pytest.raises(ChangeRefused, match="stands where it was"):
        changes_of(fleet).confirm_move("cli:somebody", OTHER)
    changes_of(fleet).confirm_move("cli:somebody", AGENT)
    assert state(fleet, AGENT) is State.HEALTHY
    (record,) = fleet.read(lambda sql: newest(sql, 1))
    assert (record.actor, record.action, record.subject) == (
        "cli:somebody",
        "agent.confirm-move",
        AGENT,
    )
    assert "gateway" in record.detail


def test_replacing_retires_the_old_one_when_the_code_is_used(serving: Serving) -> None:
    """Its history and token stay; the new one is its successor; revoking ends it."""
    store = serving.store
    school, code = changes_of(store).replace("cli:somebody", serving.agent_id)
    assert school == "A1"
    assert state(store, serving.agent_id) is not State.REPLACED
    message = {"code": code, "agent_id": OTHER, "token_sha256": "5" * 64}
    assert serving.client.post("/v1/enrol", json=message).status_code == 201
    look(store, START + timedelta(hours=9))
    assert state(store, serving.agent_id) is State.REPLACED
    found = store.read(lambda sql: member(sql, serving.agent_id))
    assert found is not None
    assert found.successor_id == OTHER
    assert serving.post(b'{"measurements":[]}').status_code == 200
    with pytest.raises(ChangeRefused, match="replaced already"):
        changes_of(store).replace("cli:somebody", serving.agent_id)
    changes_of(store).revoke("cli:somebody", serving.agent_id)
    assert serving.post(b'{"measurements":[]}').status_code == 403
    assert state(store, serving.agent_id) is State.REVOKED


def test_agents_are_found_by_the_first_letters_of_their_id(fleet: Store) -> None:
    """Enough of them, and only where one agent fits."""
    assert fleet.read(lambda sql: find(sql, AGENT)) == AGENT
    with pytest.raises(ChangeRefused, match="2 agents"):
        fleet.read(lambda sql: find(sql, "5ad9503e"))
    with pytest.raises(ChangeRefused, match="no agent"):
        fleet.read(lambda sql: find(sql, "ffffffff"))
    with pytest.raises(ChangeRefused, match="at least 8"):
        fleet.read(lambda sql: find(sql, "5ad9"))


def test_commands_list_revoke_and_replace(
    fleet: Store, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each says what it did; what cannot be done is exit code 1 with the reason."""

    def run(*words: str) -> tuple[int, str]:
        code = main(["agent", *words, "--database", url])
        return code, capsys.readouterr().out

    code, out = run("list", "--json")
    assert code == 0
    assert {each["agent_id"]: each["state"] for each in json.loads(out)["agents"]} == {
        AGENT: "never_seen",
        OTHER: "never_seen",
    }
    code, out = run("replace", OTHER, "--collector", "https://collector.example")
    assert code == 0
    assert re.fullmatch(r"([0-9A-Z]{4}-){2}[0-9A-Z]{4}", out.splitlines()[-1])
    assert "▀" in out or "█" in out
    assert run("revoke", AGENT)[0] == 0
    assert run("revoke", AGENT)[0] == 1
    assert "revoked" in run("list", "--state", "revoked")[1]
    assert run("history", AGENT)[0] == 0
    assert run("confirm-move", OTHER)[0] == 1
    actions = [record.action for record in fleet.read(lambda sql: newest(sql, 9))]
    assert actions[:2] == ["agent.revoke", "agent.replace"]


@pytest.mark.parametrize("what", PolicyState)
def test_what_became_of_the_policy_is_a_word(serving: Serving, what: PolicyState) -> None:
    """Not the code of the heartbeat, which no clerk reads."""
    beat(serving.store, serving.agent_id, START, policy=PolicyReport(state=what))
    look(serving.store, START)
    page = serving.client.get("/fleet?lang=ja").text
    word = {"none": "測定端末の設定", "in_force": "適用中", "rejected": "拒否"}[what.value]
    assert f"<bdi>{word}</bdi></td>" in page


def test_the_first_table_of_the_city_is_the_fleet(serving: Serving) -> None:
    """Counts by state, who needs attention and what to do, in both languages."""
    look(serving.store, START + timedelta(hours=9))
    for language, advice in (
        ("ja", "電源と LAN ケーブルを確認し、登録"),
        ("en", "Check power and LAN"),
    ):
        page = serving.client.get(f"/?lang={language}").text
        first = page[page.index("<table") : page.index("</table>")]
        assert 'id="fleet"' in first
        assert advice in first
        assert f"/fleet/{serving.agent_id}" in first


def test_pages_and_api_show_each_agent(serving: Serving) -> None:
    """The list filters by state; one agent has its facts and history; an unknown one is 404."""
    store = serving.store
    beat(store, serving.agent_id, START, disk_free_bytes=2_000_000_000, hints=("heavy_rain",))
    look(store, START + timedelta(hours=9))
    client = serving.client
    page = client.get("/fleet?lang=en").text
    assert "2.0 GB" in page
    now = state(store, serving.agent_id).value
    assert serving.agent_id[:8] in client.get(f"/fleet?state={now}&lang=en").text
    assert "No agent matches" in client.get("/fleet?state=cloned&lang=en").text
    detail = client.get(f"/fleet/{serving.agent_id}?lang=en").text
    assert "heavy_rain" in detail
    assert "History of its state" in detail
    assert client.get("/fleet/nobody").status_code == 404
    told = client.get("/v1/fleet").json()
    assert told["by_state"] == {now: 1}
    assert told["agents"][0]["disk_free_bytes"] == 2_000_000_000
    one = client.get(f"/v1/fleet/{serving.agent_id}").json()
    assert one["history"][0]["state"] == now
    assert client.get("/v1/fleet/nobody").status_code == 404
    assert client.get("/v1/fleet?state=odd").status_code == 422


@pytest.mark.parametrize("action", ["revoke", "replace", "confirm-move"])
def test_changing_needs_an_operator(serving: Serving, action: str) -> None:
    """Nobody who is not signed in changes an agent."""
    reply = serving.client.post(f"/fleet/{serving.agent_id}/{action}")
    assert reply.status_code in (401, 403)
    assert serving.client.post("/fleet/codes", data={"school": "A1"}).status_code in (401, 403)
    assert state(serving.store, serving.agent_id) is not State.REVOKED


def test_an_operator_changes_agents_on_the_pages(serving: Serving) -> None:
    """A code with its QR code, shown once; replace, refuse and revoke, each in the audit log."""
    desk = desk_of(serving, "operator")
    shown = desk.send("/fleet/codes", school="B1").text
    code = re.search(r"<code>([0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4})</code>", shown)
    assert code is not None
    assert "--code" not in shown  # no code in the arguments of the command
    assert "<svg" in shown[shown.index('class="qr"') :]
    message = {"code": code[1], "agent_id": OTHER, "token_sha256": "6" * 64}
    enrolled = serving.client.post("/v1/enrol", json=message)
    assert enrolled.json()["school"]["code"] == "B1"
    assert code[1] not in desk.get("/fleet").text
    assert desk.send("/fleet/codes", school="nowhere").status_code == 404
    assert 'class="qr"' in desk.send(f"/fleet/{OTHER}/replace").text
    assert desk.send(f"/fleet/{OTHER}/confirm-move").status_code == 422
    assert desk.send(f"/fleet/{OTHER}/revoke").status_code == 303
    assert state(serving.store, OTHER) is State.REVOKED
    assert 'action="' not in desk.get(f"/fleet/{OTHER}").text.partition("<main")[2]
    records = serving.store.read(lambda sql: newest(sql, 9))
    done = [record.action for record in records if record.actor == f"operator:{desk.name}"]
    assert done == ["agent.revoke", "agent.replace", "school.enrol-code"]


def test_a_viewer_changes_nothing(serving: Serving) -> None:
    """The buttons are not shown, and what they would send is refused."""
    desk = desk_of(serving, "viewer")
    page = desk.get(f"/fleet/{serving.agent_id}").text
    assert "/revoke" not in page
    assert desk.send(f"/fleet/{serving.agent_id}/revoke").status_code == 403
    assert desk.send("/fleet/codes", school="A1").status_code == 403


def test_a_database_that_cannot_keep_it_is_503(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the agent backs off; the next heartbeat is kept."""

    def busy(_work: object) -> None:
        raise StoreBusy("locked")

    told = Heartbeat(
        agent_version="0.1.0",
        boot_id=uuid4(1),
        life_id=uuid4(2),
        sent_at=START,
        uptime_seconds=1.0,
        life_seconds=1.0,
    )

    def send() -> int:
        body = encode_request(told)
        return serving.client.post(
            "/v1/heartbeat", content=body, headers=serving.headers()
        ).status_code

    with monkeypatch.context() as patch:
        patch.setattr(serving.store, "write", busy)
        assert send() == 503
    assert send() == 200
