"""Many clients at once from one process: asyncio, raw sockets, prepared bodies."""

import asyncio
import contextlib
import gzip
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import cycle, islice
from random import Random

from wire.codec import encode
from wire.failure import Outcome
from wire.ids import uuid4, uuid7
from wire.measurement import Measurement
from wire.messages import encode_batch

BATCH = 50
HEAD = (
    "POST /v1/measurements HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
    "Content-Encoding: gzip\r\nContent-Type: application/json\r\n"
    "Content-Length: {length}\r\n\r\n"
)


@dataclass
class Done:
    """What came of it."""

    seconds: float = 0.0
    statuses: Counter[str] = field(default_factory=Counter)
    shed_without_retry_after: int = 0
    latencies_seconds: list[float] = field(default_factory=list)


_ANY_ID = uuid4(999_999)
Batch = tuple[str, bytes]
"""Token of its sender, body."""


def bodies(senders: Sequence[tuple[str, str]], count: int, seed: int) -> Iterator[Batch]:
    """Batches of agents in turn, each with results of its own. Senders: agent id and token."""
    chance = Random(seed)
    forms = cycle([(token, _form(agent_id)) for agent_id, token in senders])
    for token, form in islice(forms, count):
        records = [form % _own(chance) for _ in range(BATCH)]
        yield token, gzip.compress(encode_batch(records), 1)


def _form(agent_id: str) -> bytes:
    """A record as the codec writes it, with places for what differs: encoding each costs more."""
    moment = datetime.fromtimestamp(0, UTC)
    record = encode(
        Measurement(
            result_id=_ANY_ID,
            agent_id=agent_id,
            stream=uuid4(1),
            seq=7_000_007,
            probe="throughput",
            target="centre.example:4443",
            started_at=moment,
            boot_id=uuid4(2),
            monotonic_start_seconds=1.0,
            duration_seconds=10.0,
            outcome=Outcome.OK,
            values={"download_bps": 5_000_005.5, "upload_bps": 6_000_006.5},
        )
    )
    for value, place in (
        (_ANY_ID, b"%(result_id)b"),
        ("1970-01-01T00:00:00.000000Z", b"%(started_at)b"),
        ("7000007", b"%(seq)d"),
        ("5000005.5", b"%(download_bps)f"),
        ("6000006.5", b"%(upload_bps)f"),
    ):
        assert record.count(value.encode()) == 1
        record = record.replace(value.encode(), place)
    return record


def _own(chance: Random) -> dict[bytes, object]:
    micros = time.time_ns() // 1000 - chance.randrange(80_000_000_000)
    moment = datetime.fromtimestamp(micros / 1e6, UTC)
    return {
        b"result_id": uuid7(micros // 1000, chance.getrandbits(74)).encode(),
        b"started_at": moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ").encode(),
        b"seq": chance.randrange(1 << 40),
        b"download_bps": chance.uniform(1e8, 9e8),
        b"upload_bps": chance.uniform(1e8, 9e8),
    }


Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def storm(port: int, waiting: "deque[Batch]", clients: int, seconds: float) -> Done:
    """Deliver for some seconds; one that is turned away comes again when it was told to.

    All are connected before the first of them speaks: then they are heard at once, as after a
    stall of the network, of the server or of the clients' own machine.
    """
    pairs: list[Pair | None] = []
    for _ in range(clients):
        try:
            pairs.append(await asyncio.open_connection("127.0.0.1", port))
        except OSError:
            pairs.append(None)  # tries again
    done, started = Done(), time.monotonic()
    await asyncio.gather(*[_client(port, waiting, done, started + seconds, one) for one in pairs])
    done.seconds = time.monotonic() - started
    return done


async def _client(
    port: int, waiting: "deque[Batch]", done: Done, until: float, pair: Pair | None
) -> None:
    while time.monotonic() < until and waiting:
        token, body = waiting.popleft()
        began = time.monotonic()
        status, pause_seconds = "none", 2.0
        try:
            pair = pair or await asyncio.open_connection("127.0.0.1", port)
            pair[1].write(HEAD.format(token=token, length=len(body)).encode() + body)
            async with asyncio.timeout(60):
                status, lines = await _reply(pair[0])
            told = [line for line in lines if line.startswith("retry-after:")]
            done.shed_without_retry_after += status in ("429", "503") and not told
            pause_seconds = float(told[0].split(":")[1]) if told else pause_seconds
            if "connection: close" in lines:
                pair[1].close()
                pair = None
        except (OSError, EOFError, TimeoutError) as error:
            status = type(error).__name__
            if pair is not None:
                pair[1].close()
                pair = None
        done.statuses[status] += 1
        if status == "200":
            done.latencies_seconds.append(time.monotonic() - began)
        else:
            waiting.append((token, body))
            await asyncio.sleep(max(0.0, min(pause_seconds, until - time.monotonic())))
    if pair is not None:
        pair[1].close()
        with contextlib.suppress(OSError):
            await pair[1].wait_closed()


async def _reply(reader: asyncio.StreamReader) -> tuple[str, list[str]]:
    raw = await reader.readuntil(b"\r\n\r\n")
    lines = raw.decode("latin-1").lower().split("\r\n")
    length = next(int(line.split(":")[1]) for line in lines if line.startswith("content-length"))
    await reader.readexactly(length)
    return lines[0].split()[1], lines
