"""Both engines give the same, over every version, and name what fails alike."""

import pytest

from agent.failure import MeasurementFailed
from agent.snmp.client import Client
from agent.snmp.exchange import Version
from agent.snmp.limits import Limits, Trouble
from agent.snmp.session import Engine
from agent.snmp.values import Kind, Oid, Value
from agent.snmp.walk import Rows
from tests.agent.snmp import ber
from tests.agent.snmp.asking import ENGINES, USERS, access, asked
from tests.agent.snmp.recording import Recording, of
from tests.agent.snmp.responder import Device, serving
from wire.failure import FailureCode

SYSTEM = (1, 3, 6, 1, 2, 1, 1)
COLUMN = (1, 3, 6, 1, 2, 1, 2, 2, 1)
WAYS = [(version, "reader") for version in Version] + [
    (Version.V3, user.name) for user in USERS[1:]
]


def device() -> Device:
    """Every type of value, and a table with a hole."""
    told = {
        "1.3.6.1.2.1.1.1.0": ber.tlv(ber.STRING, "校内スイッチ".encode()),
        "1.3.6.1.2.1.1.2.0": ber.oid((1, 3, 6, 1, 4, 1, 2021, 4294967295)),
        "1.3.6.1.2.1.1.3.0": ber.integer(4_294_967_295, ber.TICKS),
        "1.3.6.1.2.1.1.4.0": ber.tlv(ber.ADDRESS, bytes((192, 0, 2, 1))),
        "1.3.6.1.2.1.1.5.0": ber.tlv(ber.OPAQUE, b"\x9f\x78\x04\x42\xf6\x00\x00"),
        "1.3.6.1.2.1.1.6.0": ber.tlv(ber.STRING, b""),
        "1.3.6.1.2.1.1.7.0": ber.integer(-2_147_483_648),
    }
    for index in range(1, 31):
        told[f"1.3.6.1.2.1.2.2.1.1.{index}"] = ber.integer(index)
        told[f"1.3.6.1.2.1.2.2.1.10.{index}"] = ber.integer(4_294_967_295 - index, ber.COUNTER32)
        if index != 7:
            told[f"1.3.6.1.2.1.2.2.1.5.{index}"] = ber.integer(1_000_000_000, ber.GAUGE32)
    told["1.3.6.1.2.1.2.2.1.99.1"] = ber.integer(2**64 - 1, ber.COUNTER64)
    return Device(of(told), users=USERS)


async def _everything(client: Client) -> tuple[dict[Oid, Value], Rows]:
    single = await client.get([(*SYSTEM, number, 0) for number in range(1, 10)])
    return single, await client.table([(*COLUMN, number) for number in (1, 5, 10, 99)])


@pytest.mark.parametrize(("version", "user"), WAYS)
def test_both_engines_give_the_same(version: Version, user: str) -> None:
    """Values, types and holes; only a Counter64 is not to be had over version 1 (RFC 2576)."""
    with serving(device()) as port:
        results = [asked(engine, access(port, version, user), _everything) for engine in ENGINES]
    (single, rows), _ = results[0]
    assert results[1][0] == (single, rows)
    assert results[0][1].troubles == results[1][1].troubles == set()
    assert len(single) == 7
    assert single[*SYSTEM, 3, 0] == Value(Kind.TICKS, 4_294_967_295)
    assert single[*SYSTEM, 7, 0] == Value(Kind.INTEGER, -2_147_483_648)
    assert single[*SYSTEM, 2, 0] == Value(Kind.OID, (1, 3, 6, 1, 4, 1, 2021, 4294967295))
    assert len(rows) == 30
    assert (*COLUMN, 5) not in rows[7,]
    assert rows[30,][*COLUMN, 10] == Value(Kind.COUNTER32, 4_294_967_265)
    wide = rows[1,].get((*COLUMN, 99))
    assert wide == (None if version is Version.V1 else Value(Kind.COUNTER64, 2**64 - 1))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"auth_password": "another password"}, FailureCode.NOT_ADMITTED),
        ({"privacy_password": "another password"}, FailureCode.NOT_ADMITTED),
        ({"user": "nobody"}, FailureCode.NOT_ADMITTED),
    ],
    ids=["auth", "privacy", "user"],
)
def test_wrong_keys_are_named(engine: Engine, change: dict[str, str], code: FailureCode) -> None:
    """A device of version 3 says what it refuses; the result says so, and no secret."""
    from dataclasses import replace  # noqa: PLC0415

    with serving(device()) as port:
        way = replace(access(port, Version.V3), **change)  # type: ignore[arg-type]
        with pytest.raises(MeasurementFailed) as caught:
            asked(engine, way, _everything)
    assert caught.value.failure.code is code
    for secret in change.values():
        assert secret not in str(caught.value)


@pytest.mark.parametrize("engine", ENGINES)
def test_another_community_is_silence(engine: Engine) -> None:
    """Versions 1 and 2c say nothing to a wrong community: NO_REPLY, within the bound."""
    told = device()
    told.community = "changed"
    with serving(told) as port, pytest.raises(MeasurementFailed) as caught:
        asked(engine, access(port), _everything, Limits(pdu_seconds=0.2))
    assert caught.value.failure.code is FailureCode.NO_REPLY


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("version", [Version.V2C, Version.V1])
def test_too_big_answers_are_asked_for_in_parts(engine: Engine, version: Version) -> None:
    """A device whose answers hold 120 bytes gives everything all the same; it is noted."""
    told = device()
    told.most_bytes = 120
    with serving(told) as port:
        (single, rows), client = asked(engine, access(port, version), _everything)
    assert (len(single), len(rows)) == (7, 30)
    assert Trouble.TOO_BIG in client.troubles


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("before", [False, True], ids=["first", "replaced"])
def test_a_changed_engine_id_is_learnt(engine: Engine, before: bool) -> None:
    """A device that was replaced (another engine id, boots, keys) goes on being read."""
    told = device()

    async def read_over_a_change(client: Client) -> int:
        if before:
            await client.get([(*SYSTEM, 1, 0)])
        told.engine_id, told.boots = b"\x80\x00\x1f\x88\x04another", 9
        return len(await client.get([(*SYSTEM, number, 0) for number in range(1, 8)]))

    with serving(told) as port:
        found, client = asked(engine, access(port, Version.V3), read_over_a_change)
    assert found == 7
    assert (Trouble.ENGINE_CHANGED in client.troubles) is before


@pytest.mark.parametrize("engine", ENGINES)
def test_a_restarted_engine_is_followed(engine: Engine) -> None:
    """After a reboot an engine has more boots and a clock from 0: the time window moves along."""
    told = device()

    async def read_over_a_reboot(client: Client) -> int:
        await client.get([(*SYSTEM, 1, 0)])
        told.boots += 1
        told.began += 0.5
        return len(await client.get([(*SYSTEM, 1, 0)]))

    with serving(told) as port:
        found, _ = asked(engine, access(port, Version.V3), read_over_a_reboot)
    assert found == 1


def test_a_closed_port_is_known_at_once() -> None:
    """The kernel says so: CONNECTION_REFUSED, not a wait."""
    with pytest.raises(MeasurementFailed) as caught:
        asked(Engine.DIRECT, access(9), _everything)
    assert caught.value.failure.code is FailureCode.CONNECTION_REFUSED


def test_over_ipv6_too() -> None:
    """Both engines ask ::1."""
    import asyncio  # noqa: PLC0415
    from random import Random  # noqa: PLC0415

    from agent.clock import SystemClock  # noqa: PLC0415
    from agent.snmp.access import AccessFile  # noqa: PLC0415
    from agent.snmp.session import open_exchange  # noqa: PLC0415

    async def ask(engine: Engine, port: int) -> int:
        file, limits = AccessFile(accesses=(access(port),)), Limits()
        found = open_exchange(engine, file, "::1", limits, SystemClock(), Random(1))
        client = Client(found, limits, SystemClock())
        try:
            return len(await client.get([(*SYSTEM, 1, 0)]))
        finally:
            client.close()

    with serving(device(), "::1") as port:
        assert [asyncio.run(ask(engine, port)) for engine in ENGINES] == [1, 1]


def test_the_recording_serves_what_it_holds() -> None:
    """The tests' own agent: order, ends and absences."""
    told: Recording = device().recording
    assert told.after((1, 3)) is not None
    assert told.after(told.oids[-1]) is None
