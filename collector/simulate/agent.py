"""One simulated agent that delivers: the real requests, the real waits, a queue in memory.

It waits as an agent does (:mod:`wire.backoff`, the same pauses and halvings as ``agent/push.py``)
and removes only what an acknowledgement names. It does not decide what foreign replies mean as
finely as an agent does: whatever acknowledges nothing is tried again.
"""

import asyncio
import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, islice, zip_longest
from random import Random
from typing import Final

import httpx

from collector.clock import Clock
from collector.simulate.life import Life, LineLost, Made, Restart
from collector.simulate.pace import Pace
from collector.simulate.tally import Outage, Tally
from wire.backoff import parse_retry_after, wait_seconds
from wire.codec import Refused, encode
from wire.messages import decode_acknowledgement, encode_batch

TIMEOUT: Final = httpx.Timeout(60.0, connect=10.0)
REFUSED_RETRY_SECONDS: Final = 900.0
LAST_PAUSE_SECONDS: Final = 10.0
"""Where only the last results are missing, nobody waits a whole interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How simulated agents deliver; seconds of simulated time."""

    interval_seconds: float = 60.0
    batch_records: int = 100
    settle_seconds: float = 900.0
    """How long after the end of the simulation agents go on delivering what waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What all agents of a fleet share."""

    url: str
    pace: Pace
    tally: Tally
    delivery: Delivery
    outages: Sequence[Outage]
    length_seconds: float
    clock: Clock


class SimulatedAgent:
    """An agent with its token and its line."""

    def __init__(
        self,
        life: Life,
        token: str,
        client: httpx.AsyncClient,
        around: Surroundings,
        random: Random,
    ) -> None:
        self.life = life
        self._token = token
        self._client = client
        self._around = around
        self._random = random
        self._queue: dict[str, tuple[float, bytes]] = {}
        self._limit = around.delivery.batch_records
        self._attempt = 0
        self._retry_after_seconds: float | None = None
        self._line_back_seconds = 0.0
        self._restarted = asyncio.Event()
        self._has_measured_all = False
        self._undrained = dict(enumerate(around.outages))
        self.backlogs: set[int] = set()
        """Outages at whose end results of this agent waited."""

    @property
    def waiting_count(self) -> int:
        """Results not yet acknowledged."""
        return len(self._queue)

    async def live(self) -> None:
        """Measure and deliver to the end, then deliver what is left."""
        async with asyncio.TaskGroup() as group:  # what fails in one ends the other
            group.create_task(self._deliver())
            await self._measure()

    async def _measure(self) -> None:
        around = self._around
        made = around.tally.made.setdefault(self.life.agent_id, [])
        for event in self.life.events(around.length_seconds):
            await around.pace.until(event.at_seconds)
            match event:
                case Made(at_seconds, measurement):
                    self._queue[measurement.result_id] = (at_seconds, encode(measurement))
                    made.append(measurement.result_id)
                case Restart():
                    around.tally.restarts += 1
                    self._attempt = 0
                    self._restarted.set()
                case LineLost(_, until_seconds):
                    around.tally.lines_lost += 1
                    self._line_back_seconds = until_seconds
        await around.pace.until(around.length_seconds)
        self._has_measured_all = True

    async def _deliver(self) -> None:
        around = self._around
        gives_up = around.length_seconds + around.delivery.settle_seconds
        pause = self._first_pause()
        while around.pace.now_seconds() < gives_up:
            await self._sleep(pause)
            if self._restarted.is_set():
                self._restarted.clear()
                pause = self._first_pause()
                continue
            pause = await self._drain()
            if self._has_measured_all:
                if not self._queue:
                    return
                pause = min(pause, LAST_PAUSE_SECONDS) if self._attempt == 0 else pause

    def _first_pause(self) -> float:
        return self._random.uniform(0.0, min(10.0, self._around.delivery.interval_seconds))

    async def _sleep(self, seconds: float) -> None:
        pause = asyncio.create_task(self._around.pace.sleep(seconds))
        restart = asyncio.create_task(self._restarted.wait())
        try:
            await asyncio.wait((pause, restart), return_when=asyncio.FIRST_COMPLETED)
        finally:
            pause.cancel()
            restart.cancel()

    async def _drain(self) -> float:
        """Deliver what waits; give the pause until the next try, in seconds."""
        self._note_backlogs()
        while self._queue:
            failure_pause = await self._send(self._take())
            self._note_backlogs()
            if failure_pause is not None:
                return failure_pause
        return self._around.delivery.interval_seconds * self._random.uniform(0.8, 1.2)

    def _take(self) -> list[str]:
        """Fresh and old results by turns, as an agent's queue gives them."""
        size = min(self._limit, len(self._queue))
        old = islice(self._queue, size - size // 2)
        fresh = islice(reversed(self._queue), size // 2)
        pairs = chain.from_iterable(zip_longest(fresh, old))
        return [name for name in pairs if name is not None]

    async def _send(self, batch: Sequence[str]) -> float | None:
        """Send one batch; None where it was settled, else the pause until the next try."""
        around = self._around
        self._retry_after_seconds = None
        at_seconds = around.pace.now_seconds()
        if self.is_cut_off(at_seconds):
            around.tally.statuses["no line"] += 1
            return self._back_off()
        body = gzip.compress(encode_batch(self._queue[name][1] for name in batch), 6)
        began = around.clock.monotonic_seconds()
        try:
            with around.pace.working():
                reply = await self._client.post(
                    around.url + "/v1/measurements", content=body, headers=self._headers()
                )
        except httpx.HTTPError as error:
            around.tally.request(
                at_seconds, around.clock.monotonic_seconds() - began, type(error).__name__
            )
            if isinstance(error, httpx.TimeoutException):
                self._limit = max(1, len(batch) // 2)
            return self._back_off()
        around.tally.request(
            at_seconds, around.clock.monotonic_seconds() - began, str(reply.status_code)
        )
        return self._settle(batch, reply)

    def _headers(self) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self._token}",
            "Content-Type": "application/json",
            "Content-Encoding": "gzip",
            "User-Agent": "hakaru-agent/simulated",
        }

    def _settle(self, batch: Sequence[str], reply: httpx.Response) -> float | None:
        tally = self._around.tally
        try:
            message = decode_acknowledgement(reply.content) if reply.status_code == 200 else None
        except Refused:
            message = None
        if message is None:
            return self._refused(batch, reply)
        for name in message.committed:
            tally.acknowledged += self._queue.pop(name, None) is not None
        for item in message.quarantined:
            if item.result_id is not None and self._queue.pop(item.result_id, None) is not None:
                tally.refused[item.reason] += 1
        self._attempt = 0
        self._limit = min(self._around.delivery.batch_records, self._limit * 2)
        return None

    def _refused(self, batch: Sequence[str], reply: httpx.Response) -> float:
        status = reply.status_code
        if status in (408, 413):
            self._limit = max(1, len(batch) // 2)
        if status in (401, 403):
            return REFUSED_RETRY_SECONDS * self._random.uniform(0.8, 1.2)
        retry_after = reply.headers.get("retry-after")
        if status in (429, 503) and retry_after is None:
            self._around.tally.shed_without_retry_after += 1
        self._retry_after_seconds = parse_retry_after(retry_after, self._around.clock.now())
        return self._back_off()

    def _back_off(self) -> float:
        pause = wait_seconds(self._attempt, self._retry_after_seconds, self._random)
        self._attempt += 1
        return pause

    def is_cut_off(self, at_seconds: float) -> bool:
        """Whether the line of the school or of the centre is down."""
        return at_seconds < self._line_back_seconds or any(
            outage.start_seconds <= at_seconds < outage.end_seconds
            for outage in self._around.outages
        )

    def _note_backlogs(self) -> None:
        """See which outages' backlogs there were, and which are delivered by now."""
        now = self._around.pace.now_seconds()
        oldest = next(iter(self._queue.values()), (now, b""))[0]
        for index, outage in list(self._undrained.items()):
            if now < outage.end_seconds:
                continue
            if oldest < outage.end_seconds:
                self.backlogs.add(index)
            else:
                self._undrained.pop(index)
                if index in self.backlogs:
                    self._around.tally.drained_at_seconds[index, self.life.agent_id] = now
