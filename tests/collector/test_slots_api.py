"""Slots over HTTP: keys, grants, the line, giving back, several collectors, the command."""

import json
import stat
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from collector.cli import main
from collector.slots import rows
from collector.slots.decide import Responder
from collector.slots.grant import Desk, label, upstream_of
from collector.slots.keys import KeyTrouble, SlotKeys, public_keys, retire
from collector.store import create_store
from collector.store.interface import Store
from tests.collector.conftest import MONDAY, Serve, Serving, a_school, enrol
from wire.parsing import Refused
from wire.slot_token import SlotToken, open_envelope, read_claims, read_keys
from wire.slots import SlotReply, SlotRequest, decode_reply, decode_request, encode_request

CENTRE = Responder(
    name="centre", target="centre.example:4443", capacity_bps=10**9, capacity_tests=2
)
ASKED = SlotRequest(
    request_id="5ad9503e-0000-4000-8000-00000000000a",
    target=CENTRE.target,
    kinds=("download", "upload"),
    flows=4,
    seconds=30,
    quota_bytes=10**9,
)
ON_SQLITE = pytest.mark.parametrize("url", ["sqlite"], indirect=True)
"""The database is not what these are about."""
SECOND_AGENT = "5ad9503e-0000-4000-8000-000000000002"


@pytest.fixture
def keys(store: Store, tmp_path: Path) -> SlotKeys:
    """A key, and a responder."""
    made = SlotKeys(tmp_path / "slot-keys")
    made.ensure(store, "test", MONDAY)
    store.write(lambda sql: rows.save_responder(sql, CENTRE, MONDAY))
    return made


def number(count: int) -> str:
    """A request id."""
    return f"5ad9503e-0000-4000-8000-{count:012x}"


def verified(reply: SlotReply, keys: dict[str, bytes]) -> SlotToken:
    """The claims of a token, as a responder reads them."""
    assert reply.token is not None, reply
    envelope = open_envelope(reply.token)
    public = Ed25519PublicKey.from_public_bytes(keys[envelope.key_id])
    public.verify(envelope.signature, envelope.signed)
    return read_claims(envelope.payload)


def ask(serving: Serving, request: SlotRequest = ASKED, token: str | None = None) -> SlotReply:
    """Ask over HTTP."""
    headers = {"Authorization": f"Bearer {token or serving.token}"}
    response = serving.client.post("/v1/slots", content=encode_request(request), headers=headers)
    assert response.status_code == 200, response.text
    return decode_reply(response.content)


def test_a_slot(serve: Serve, keys: SlotKeys) -> None:
    """A token is granted that the public keys of the collector verify, bound to who asked."""
    serving = serve(slot_keys=keys)
    public = serving.client.get("/v1/slot-keys").text
    token = verified(ask(serving), dict(read_keys(public)))
    assert (token.agent_id, token.school_code, token.group, token.audience, token.purpose) == (
        serving.agent_id,
        "A1",
        "school A1",
        "centre",
        "test",
    )
    assert (token.kinds, token.flows, token.quota_seconds) == (("download", "upload"), 4, 30)
    assert token.expires_at - token.not_before == timedelta(seconds=20)


def test_the_same_request_again(serve: Serve, keys: SlotKeys) -> None:
    """A reply that was lost comes once more, the same token; a new request has to wait."""
    serving = serve(slot_keys=keys)
    first = ask(serving)
    assert ask(serving).token == first.token
    other = ask(serving, replace(ASKED, request_id=number(1)))
    assert other.status == "wait"
    assert other.wait_seconds is not None
    assert 0 < other.wait_seconds <= 30
    assert "same upstream" in other.reason


def test_given_back(serve: Serve, keys: SlotKeys) -> None:
    """A slot that is given back is free at once; nobody gives back another's."""
    serving = serve(slot_keys=keys)
    enrol(serving.store, SECOND_AGENT, "a-token-of-another-agent", "B1")
    slot = ask(serving).slot_id
    body = json.dumps({"slot_id": slot})
    foreign = {"Authorization": "Bearer a-token-of-another-agent"}
    assert (
        serving.client.post("/v1/slots/release", content=body, headers=foreign).status_code == 404
    )
    assert ask(serving, replace(ASKED, request_id=number(1))).status == "wait"
    for _ in range(2):
        again = serving.client.post("/v1/slots/release", content=body, headers=serving.headers())
        assert again.status_code == 204
    assert ask(serving, replace(ASKED, request_id=number(1))).status == "granted"


@ON_SQLITE
@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (replace(ASKED, target="elsewhere.example:1"), "not_needed"),
        (replace(ASKED, rehearsal=number(9)), "refused"),
        (replace(ASKED, kinds=("stamp",), flows=1), "granted"),
    ],
)
def test_other_answers(request_: SlotRequest, status: str, serve: Serve, keys: SlotKeys) -> None:
    """A target that is no responder needs none; an unknown rehearsal gives none."""
    assert ask(serve(slot_keys=keys), request_).status == status


@ON_SQLITE
def test_light_tests_hold_nothing(serve: Serve, keys: SlotKeys) -> None:
    """STAMP is let through beside a heavy test, but only so many at once."""
    serving = serve(slot_keys=keys)
    light = replace(ASKED, kinds=("stamp",), flows=1)
    assert ask(serving).status == "granted"
    found = [ask(serving, replace(light, request_id=number(one))).status for one in range(5)]
    assert found == ["granted"] * 4 + ["wait"]


@ON_SQLITE
def test_without_a_key(serve: Serve, store: Store) -> None:
    """A collector without key says so, and says so only where a slot is needed."""
    store.write(lambda sql: rows.save_responder(sql, CENTRE, MONDAY))
    serving = serve()
    refused = ask(serving)
    assert refused.status == "refused"
    assert "slot key" in refused.reason
    assert ask(serving, replace(ASKED, target="elsewhere:1")).status == "not_needed"


@ON_SQLITE
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        encode_request(ASKED).replace(b'"flows":4', b'"flows":0'),
        encode_request(ASKED).replace(b'"download"', b'"anything"'),
        encode_request(ASKED).replace(b'"seconds":30', b'"seconds":1e400'),
        b"{" * 5000,
    ],
)
def test_bad_requests(body: bytes, serve: Serve, keys: SlotKeys) -> None:
    """What is no request is named as such: 4xx, never 5xx."""
    serving = serve(slot_keys=keys)
    for path in ("/v1/slots", "/v1/slots/release"):
        response = serving.client.post(path, content=body, headers=serving.headers())
        assert 400 <= response.status_code < 500


def test_words_of_the_wire() -> None:
    """Requests come back as they were; replies without what their status needs are refused."""
    assert decode_request(encode_request(ASKED)) == ASKED
    rehearsed = replace(ASKED, rehearsal=number(3))
    assert decode_request(encode_request(rehearsed)) == rehearsed
    for raw in (b'{"status":"granted"}', b'{"status":"wait"}', b'{"status":"yes"}', b"<html>"):
        with pytest.raises(Refused):
            decode_reply(raw)


# --- keys ---------------------------------------------------------------------------------------


def test_private_keys_stay_in_their_file(store: Store, tmp_path: Path) -> None:
    """The private half is in a file of mode 0600 and nowhere in the database."""
    keys = SlotKeys(tmp_path / "slot-keys")
    keys.ensure(store, "test", MONDAY)
    keys.ensure(store, "test", MONDAY)
    (path,) = keys.directory.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(keys.directory.stat().st_mode) == 0o700
    secret = path.read_text().strip()
    assert len(store.read(public_keys)) == 1
    for file in tmp_path.glob("store.db*"):
        content = file.read_bytes()
        assert secret.encode()[10:50] not in content


@ON_SQLITE
def test_keys_change(store: Store, tmp_path: Path) -> None:
    """A new key signs only when the old one is retired: in between responders learn of it."""
    keys = SlotKeys(tmp_path / "slot-keys")
    old = keys.new(store, "test", MONDAY)
    new = keys.new(store, "test", MONDAY + timedelta(days=1))
    desk_token = store.read(keys.signer)(b"x" * 10)
    assert open_envelope(desk_token).key_id == old
    assert store.write(lambda sql: retire(sql, old, "test", MONDAY))
    assert not store.write(lambda sql: retire(sql, old, "test", MONDAY))
    assert open_envelope(store.read(keys.signer)(b"x" * 10)).key_id == new


@ON_SQLITE
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda path: path.chmod(0o644), "may be read by others"),
        (lambda path: path.write_text("nonsense"), "holds no key"),
        (lambda path: path.unlink(), "no key in force has its file"),
    ],
)
def test_bad_key_files(spoil: Any, said: str, store: Store, tmp_path: Path) -> None:
    """A key file that others may read, that is damaged or gone is named, and nothing is signed."""
    SlotKeys(tmp_path / "slot-keys").ensure(store, "test", MONDAY)
    (path,) = (tmp_path / "slot-keys").iterdir()
    spoil(path)
    with pytest.raises(KeyTrouble, match=said):
        store.read(SlotKeys(tmp_path / "slot-keys").signer)


# --- several collectors -------------------------------------------------------------------------


def test_two_collectors_never_grant_one_upstream_twice(url: str, tmp_path: Path) -> None:
    """Twenty agents of one upstream ask two collectors at once: one is granted, nineteen wait.

    On SQLite both are one process with two threads, as it must be.
    """
    first = create_store(url)
    second = create_store(url) if url.startswith("postgresql") else first
    school = a_school("A1", aggregation_group="north")
    first.import_schools([school])
    keys = SlotKeys(tmp_path / "slot-keys")
    keys.ensure(first, "test", MONDAY)
    first.write(lambda sql: rows.save_responder(sql, CENTRE, MONDAY))
    found: list[str] = []
    desks = [Desk(store, keys, Random(seed)) for seed, store in enumerate((first, second))]

    def come(count: int) -> None:
        request = replace(ASKED, request_id=number(count))
        reply = desks[count % 2].ask(number(100 + count), school, request, MONDAY)
        found.append(reply.status)

    threads = [threading.Thread(target=come, args=(count,)) for count in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == ["granted"] + ["wait"] * 19
    line = first.write(lambda sql: rows.line(sql, MONDAY))
    assert sorted(place.number for place in line) == list(range(1, 20))
    first.close()
    if second is not first:
        second.close()


@ON_SQLITE
def test_a_place_is_lost_in_time(store: Store, keys: SlotKeys) -> None:
    """One that does not come back loses its place; a slot that is never given back ends."""
    desk = Desk(store, keys, Random(1))
    schools = [a_school(code, aggregation_group="north") for code in "PQR"]
    moment = MONDAY

    def come(count: int) -> SlotReply:
        request = replace(ASKED, request_id=number(1000 + int(moment.timestamp()) + count))
        return desk.ask(number(count), schools[count], request, moment)

    assert come(0).status == "granted"
    assert come(1).status == "wait"
    moment += timedelta(seconds=30)
    assert come(2).status == "wait"
    moment = MONDAY + timedelta(seconds=111)  # 20 to begin, 60 of clocks, 30 of test are over
    assert come(2).status == "granted"


def test_upstreams() -> None:
    """A school without a group is its own upstream; a long name keeps its difference."""
    assert upstream_of(a_school("A1")) == "school A1"
    assert upstream_of(a_school("A1", aggregation_group="north")) == "north"
    long = [label("x" * 70 + end) for end in "ab"]
    assert long[0] != long[1]
    assert all(len(one) == 64 for one in long)


# --- the command --------------------------------------------------------------------------------


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Keys and responders by command: made, listed, written for a responder, retired."""
    database = f"sqlite:///{tmp_path}/hakaru.db"

    def command(*words: str) -> tuple[int, str]:
        try:
            code = main(["slot", *words, "--database", database])
        except SystemExit as ended:
            code = int(ended.code or 0)
        said = capsys.readouterr()
        return code, said.out + said.err

    code, said = command("key", "list", "--public")
    assert (code, "no keys: the collector makes one" in said) == (1, True)
    code, said = command("key", "new")
    assert code == 0, said
    name = said.split()[1]
    assert (tmp_path / "hakaru.db.slot-keys" / f"{name}.key").is_file()
    assert list(read_keys(command("key", "list", "--public")[1])) == [name]
    assert "in force, signs" in command("key", "list")[1]
    add = ("responder", "add", "centre", "--target", "centre.example:4443")
    assert command(*add, "--mbps", "1000", "--tests", "2")[0] == 0
    assert json.loads(command("responder", "list", "--json")[1])["responders"] == [
        {
            "name": "centre",
            "target": "centre.example:4443",
            "capacity_bps": 1_000_000_000,
            "capacity_tests": 2,
        }
    ]
    for wrong, named in (
        (("--mbps", "0", "--tests", "2"), "--mbps"),
        (("--mbps", "10", "--tests", "no"), "--tests"),
    ):
        code, said = command(*add, *wrong)
        assert code == 2
        assert named in said
    without_port = ("responder", "add", "centre", "--target", "centre.example")
    code, said = command(*without_port, "--mbps", "1", "--tests", "1")
    assert (code, "the port is missing" in said) == (2, True)
    other = ("responder", "add", "other", "--target", "centre.example:4443")
    assert command(*other, "--mbps", "1", "--tests", "1")[0] == 1
    assert command("key", "retire", name)[0] == 0
    assert command("key", "retire", name)[0] == 1
    assert command("responder", "remove", "centre")[0] == 0
    assert command("responder", "remove", "centre")[0] == 1
