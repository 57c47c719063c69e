"""Devices that answer badly: every reading ends within its bound, named, without a crash."""

import asyncio
import random
import time
import tracemalloc
from collections.abc import Callable

import pytest

from agent.clock import SystemClock
from agent.failure import MeasurementFailed
from agent.snmp.ber import Malformed, object_identifier, oid_of, questions
from agent.snmp.client import Client
from agent.snmp.direct import Direct
from agent.snmp.exchange import Ask as ExchangeAsk
from agent.snmp.exchange import Version
from agent.snmp.limits import Limits, Trouble
from agent.snmp.reading import Reading, read_all
from agent.snmp.session import Engine
from agent.snmp.walk import Rows
from tests.agent.snmp import ber
from tests.agent.snmp.asking import ENGINES, PROFILES, access, asked
from tests.agent.snmp.recording import Recording, of
from tests.agent.snmp.responder import Answer, Ask, Device, serving
from tests.agent.snmp.test_engines import COLUMN, device
from wire.failure import FailureCode

BOUND = Limits(pdu_seconds=1.0, tries=2, device_seconds=3.0, table_rows=500)
SLACK_SECONDS = 12.0
"""Generous: a busy machine must not fail what is about ending at all."""
Meddle = Callable[[Device, Ask, Answer], "Answer | bytes | None"]


async def _walk(client: Client) -> Rows:
    return await client.table([(*COLUMN, 1), (*COLUMN, 10)])


def walked(
    engine: Engine, meddle: Meddle, version: Version = Version.V2C
) -> tuple[Rows | MeasurementFailed, Client | None, float]:
    """Rows or failure, and how long it took."""
    told = device()
    told.meddle = meddle
    began = time.monotonic()
    with serving(told) as port:
        try:
            rows, client = asked(engine, access(port, version), _walk, BOUND)
        except MeasurementFailed as error:
            return error, None, time.monotonic() - began
    return rows, client, time.monotonic() - began


def same_again(_device: Device, ask: Ask, answer: Answer) -> Answer:
    """Gives the first row for ever."""
    answer.values = [((*oid[:10], 1), ber.integer(1)) for oid in ask.oids]
    return answer


def round_and_round(_device: Device, _ask: Ask, answer: Answer) -> Answer:
    """Goes back to the beginning after row 20."""
    answer.values = [
        ((*oid[:10], 1) if oid[-1] >= 20 and len(oid) > 10 else oid, value)
        for oid, value in answer.values
    ]
    return answer


def endless(_device: Device, ask: Ask, answer: Answer) -> Answer:
    """Makes up rows in right order without end."""
    answer.values = [
        ((*oid[:10], (oid[10] if len(oid) > 10 else 0) + 1 + step), ber.integer(step))
        for step in range(max(1, ask.second))
        for oid in ask.oids
    ]
    return answer


def empty(_device: Device, _ask: Ask, answer: Answer) -> Answer:
    """No error and nothing."""
    answer.values = []
    return answer


def too_big(_device: Device, ask: Ask, _answer: Answer) -> Answer:
    """Says tooBig to everything."""
    return Answer(ask.request_id, 1)


def general_error(_device: Device, ask: Ask, _answer: Answer) -> Answer:
    """Says genErr to everything."""
    return Answer(ask.request_id, 5, 1, [(oid, ber.tlv(ber.NULL, b"")) for oid in ask.oids])


def general_error_unnamed(_device: Device, ask: Ask, _answer: Answer) -> Answer:
    """Says genErr and not where."""
    return Answer(ask.request_id, 5, 0, [])


def wrong_index(_device: Device, ask: Ask, _answer: Answer) -> Answer:
    """Names a place that was not asked for."""
    return Answer(ask.request_id, 5, 77, [])


def wrong_request_id(_device: Device, _ask: Ask, answer: Answer) -> Answer:
    """Answers another question."""
    answer.request_id += 1
    return answer


def silent(_device: Device, _ask: Ask, _answer: Answer) -> None:
    """Dead."""


def noise(_device: Device, _ask: Ask, _answer: Answer) -> bytes:
    """No SNMP."""
    return b"HTTP/1.1 200 OK\r\n\r\n"


def more_than_asked(_device: Device, _ask: Ask, answer: Answer) -> Answer:
    """Ten thousand bindings in one answer."""
    answer.values *= 60
    return answer


def huge_text(_device: Device, ask: Ask, answer: Answer) -> Answer:
    """One string of nearly 64 KB."""
    oid = ask.oids[0]
    row = (oid[10] if len(oid) > 10 else 0) + 1
    answer.values = [((*oid[:10], row), ber.tlv(ber.STRING, b"A" * 63_000))]
    return answer


ENDING = [
    (same_again, Trouble.NOT_INCREASING),
    (round_and_round, Trouble.NOT_INCREASING),
    (endless, Trouble.ROWS_CUT),
    (empty, Trouble.NO_PROGRESS),
    (too_big, Trouble.TOO_BIG),
    (general_error, Trouble.GENERAL_ERROR),
    (general_error_unnamed, Trouble.GENERAL_ERROR),
    (wrong_index, Trouble.GENERAL_ERROR),
    (more_than_asked, None),
    (huge_text, Trouble.TEXT_CUT),
]


@pytest.mark.parametrize("version", [Version.V1, Version.V2C])
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("meddle", "trouble"), ENDING, ids=lambda one: getattr(one, "__name__", "")
)
def test_a_bad_walk_ends_and_is_noted(
    engine: Engine, version: Version, meddle: Meddle, trouble: Trouble | None
) -> None:
    """Whatever is answered: no crash, a bounded number of rows, in time."""
    rows, client, seconds = walked(engine, meddle, version)
    assert not isinstance(rows, MeasurementFailed), rows
    assert client is not None
    assert seconds < BOUND.device_seconds + SLACK_SECONDS
    assert len(rows) <= BOUND.table_rows
    if trouble is not None and not (version is Version.V1 and trouble is Trouble.NO_PROGRESS):
        assert client.troubles & {trouble, Trouble.TIME_CUT}, client.troubles


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("meddle", "codes"),
    [
        (wrong_request_id, {FailureCode.PROTOCOL_ERROR, FailureCode.NO_REPLY}),
        (silent, {FailureCode.NO_REPLY}),
        (noise, {FailureCode.PROTOCOL_ERROR, FailureCode.NO_REPLY}),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_no_answer_is_a_named_failure(
    engine: Engine, meddle: Meddle, codes: set[FailureCode]
) -> None:
    """Only the direct engine can tell a wrong answer from none."""
    found, _, seconds = walked(engine, meddle)
    assert isinstance(found, MeasurementFailed)
    assert found.failure.code in codes
    assert seconds < SLACK_SECONDS
    if engine is Engine.DIRECT and meddle is not silent:
        assert found.failure.code is FailureCode.PROTOCOL_ERROR


def test_an_endless_device_is_read_within_its_time() -> None:
    """A whole reading of a device that makes up rows everywhere, each answer late: it ends."""
    told = device()

    def slow(one: Device, ask: Ask, answer: Answer) -> Answer:
        time.sleep(0.02)
        return endless(one, ask, answer) if ask.kind != ber.GET else answer

    told.meddle = slow
    began = time.monotonic()
    with serving(told) as port:
        found, _ = asked(Engine.DIRECT, access(port), lambda one: read_all(one, PROFILES), BOUND)
    assert time.monotonic() - began < BOUND.device_seconds + SLACK_SECONDS
    assert Trouble.TIME_CUT in found.troubles


class _Flood:
    """A socket in which there is always something more."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds

    def gettimeout(self) -> float:
        """As asyncio wants it."""
        return 0.0

    def send(self, data: bytes) -> int:
        """Take everything."""
        return len(data)

    def recv(self, _most: int) -> bytes:
        """Give what is no answer."""
        assert time.monotonic() < self._until, "it reads on for ever"
        return b"x"

    def close(self) -> None:
        """Nothing to close."""


def test_a_device_that_floods_is_left_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever comes and however fast, the wait for an answer ends."""
    limits = Limits(pdu_seconds=0.1, tries=2, device_seconds=3.0)
    direct = Direct("192.0.2.1", access(161), limits, SystemClock(), random.Random(7))
    monkeypatch.setattr(direct, "_socket", _Flood(SLACK_SECONDS))
    with pytest.raises(MeasurementFailed) as failed:
        asyncio.run(direct.ask(ExchangeAsk.GET, [(1, 3, 6, 1)]))
    assert failed.value.failure.code is FailureCode.PROTOCOL_ERROR


def test_identifiers_of_a_device_do_not_fill_the_memory() -> None:
    """Padded to 60 KB they are refused, long ones are read and not kept."""
    tracemalloc.start()
    try:
        for number in range(60):
            with pytest.raises(Malformed):
                oid_of(b"\x2b" + b"\x80" * 60_000 + bytes((number,)))
        for number in range(600):
            long = (1, 3, *(1 << 31,) * 120, number)
            assert oid_of(object_identifier(long)[4:]) == long
            questions([long])
        assert tracemalloc.get_traced_memory()[0] < 1_000_000
    finally:
        tracemalloc.stop()


def test_mutated_answers_never_crash() -> None:
    """2,000 answers with bytes changed, cut or repeated: a value or a named failure."""
    chance = random.Random(11)

    def mutate(answer: Answer) -> bytes:
        raw = bytearray(_raw(answer))
        for _ in range(chance.randint(1, 4)):
            kind = chance.randrange(3)
            place = chance.randrange(len(raw))
            if kind == 0:
                raw[place] = chance.randrange(256)
            elif kind == 1:
                del raw[place:]
                raw = raw or bytearray(b"0")
            else:
                raw[place:place] = raw[max(0, place - 9) : place]
        return bytes(raw)

    from agent.snmp import message  # noqa: PLC0415

    read = refused = 0
    told = device()
    for number in range(2_000):
        ask = Ask(1, ber.BULK, number, 0, 3, [(*COLUMN, 1), (1, 3, 6, 1, 2, 1, 1)])
        raw = mutate(told._serve(ask))
        try:
            message.read_with_community(raw, Version.V2C, b"public")
            read += 1
        except Malformed:
            refused += 1
    print(f"\nmutated answers: {read} read, {refused} refused")
    assert read > 0
    assert refused > 500


def _raw(answer: Answer) -> bytes:
    from tests.agent.snmp.responder import _pdu  # noqa: PLC0415

    head = ber.integer(1) + ber.tlv(ber.STRING, b"public")
    return ber.tlv(ber.SEQUENCE, head + _pdu(answer))


def stack(ports: int) -> Recording:
    """A stack of switches with as many ports."""
    told = {"1.3.6.1.2.1.1.3.0": ber.integer(5_000, ber.TICKS)}
    for index in range(1, ports + 1):
        told[f"1.3.6.1.2.1.2.2.1.2.{index}"] = ber.tlv(ber.STRING, f"port{index:04d}".encode())
        told[f"1.3.6.1.2.1.2.2.1.3.{index}"] = ber.integer(6)
        told[f"1.3.6.1.2.1.2.2.1.8.{index}"] = ber.integer(1)
        told[f"1.3.6.1.2.1.31.1.1.1.6.{index}"] = ber.integer(index, ber.COUNTER64)
        told[f"1.3.6.1.2.1.31.1.1.1.15.{index}"] = ber.integer(1_000, ber.GAUGE32)
    return of(told)


def test_a_stack_of_a_thousand_ports_fits_a_record() -> None:
    """All counted, those that fit are listed, the rest is a number."""
    from agent.snmp.report import values  # noqa: PLC0415
    from agent.snmp.tally import Tally  # noqa: PLC0415
    from wire.record import MAX_RECORD_BYTES  # noqa: PLC0415

    with serving(Device(stack(1_000))) as port:
        found, _ = asked(Engine.DIRECT, access(port), lambda one: read_all(one, PROFILES), Limits())
    tally = Tally()
    tally.take(found.sample)
    told = values(found, tally)
    import json  # noqa: PLC0415

    assert told["ports_count"] == told["ports_up_count"] == 1_000
    ports, left = told["ports"], told["ports_left_off_count"]
    assert isinstance(ports, list)
    assert isinstance(left, int)
    assert len(ports) + left == 1_000
    assert left > 0
    assert len(json.dumps(told)) < MAX_RECORD_BYTES - 8_000


def neighbour(reading: Reading) -> tuple[str | None, ...]:
    """Names of what was seen."""
    return tuple(one.name for one in reading.neighbours.infrastructure)
