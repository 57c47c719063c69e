"""Keeps what is known of the clock: asks the collector and a time server, remembers each boot."""

import asyncio
import json
import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Final

import httpx

from agent import clock_check, sntp
from agent.clock import Clock
from agent.clock_check import Anchor, ClockState, Standing
from agent.failure import MeasurementFailed
from agent.stamp.packet import ErrorEstimate
from agent.stamp.quality import clock_quality
from agent.state import write_json
from agent.waiting import set_within
from wire.measurement import Json, Measurement

log: Final = logging.getLogger(__name__)

CLOCK_FILE: Final = "clock.json"
PATH: Final = "/v1/time"
ASKED_TIMES: Final = 3
"""The exchange with the shortest way counts; the first one pays for the connection."""
CHECK_SECONDS: Final = 10.0
"""A whole check ends within this."""
EVERY_SECONDS: Final = 900.0
AGAIN_SECONDS: Final = 60.0
"""Pause between checks while nothing is known."""
OLD_SECONDS: Final = 3600.0
"""Results wait for a newer anchor than this, where one can be had."""
KEPT_BOOTS: Final = 8
MAX_BODY_BYTES: Final = 4096


class ClockWatch:
    """What is known of the wall clock of this and of former boots."""

    def __init__(
        self,
        clock: Clock,
        random: Random,
        path: Path | None = None,
        *,
        client: httpx.AsyncClient | None = None,
        collector: str | None = None,
        ntp_server: str | None = None,
        kernel: Callable[[], ErrorEstimate] = clock_quality,
    ) -> None:
        self._clock = clock
        self._random = random
        self._path = path
        self._client = client
        self._collector = collector
        self._ntp_server = ntp_server
        self._kernel = kernel
        self._boot_id = clock.boot_id()
        self._anchors = {} if path is None else read_anchors(path)
        self._checked_at: float | None = None
        self.collector_trouble: str | None = None
        """Why the collector gave no time at the last check; None where it did."""
        self._checking = asyncio.Lock()

    @property
    def known(self) -> Anchor | None:
        """What is known of this boot."""
        return self._anchors.get(self._boot_id)

    def now(self) -> datetime:
        """The time to go by."""
        return clock_check.best_time(self._clock.now(), self._clock.monotonic_seconds(), self.known)

    def usable(self) -> bool:
        """False while nobody can know what time of day it is: no line is loaded then."""
        return self.now() >= clock_check.EARLIEST

    def standing(self, wall: datetime, monotonic_seconds: float) -> Standing:
        """The wall clock at a moment of this boot."""
        kernel = self._kernel()
        return clock_check.standing(
            wall,
            monotonic_seconds,
            self.known,
            kernel.error_seconds if kernel.synchronised else None,
        )

    def standing_now(self) -> Standing:
        """The wall clock now."""
        return self.standing(self._clock.now(), self._clock.monotonic_seconds())

    def stand_of(self, result: Measurement) -> Standing:
        """The wall clock when ``result`` began."""
        if result.boot_id != self._boot_id:
            return Standing(ClockState.UNKNOWN)
        return self.standing(result.started_at, result.monotonic_start_seconds)

    async def settle(self, records: Mapping[int, bytes]) -> dict[int, bytes]:
        """Make the dates of results final before they are first sent; give those that changed."""
        unsettled = {
            key: record for key, record in records.items() if not clock_check.is_settled(record)
        }
        if unsettled:
            now = self._clock.monotonic_seconds()
            if self.known is None or now - self.known.monotonic_seconds > OLD_SECONDS:
                await self.check()
        return {key: clock_check.settle(each, self._anchors) for key, each in unsettled.items()}

    async def run(self, stop: asyncio.Event) -> None:
        """Check now and then until ``stop``."""
        while not stop.is_set():
            await self.check()
            pause = AGAIN_SECONDS if self.known is None else EVERY_SECONDS
            await set_within(stop, pause * self._random.uniform(0.8, 1.2))

    async def check(self) -> Anchor | None:
        """Ask collector and time server; keep the better answer. Raises nothing of theirs.

        Not again within 30 s: the result of the last check stands.
        """
        async with self._checking:
            now = self._clock.monotonic_seconds()
            if self._checked_at is not None and now - self._checked_at < AGAIN_SECONDS / 2:
                return self.known
            found: list[Anchor] = []
            try:
                async with asyncio.timeout(CHECK_SECONDS):
                    for answer in await asyncio.gather(self._ask_ntp(), self._ask_collector()):
                        found += answer
            except TimeoutError:
                self.collector_trouble = f"no answer within {CHECK_SECONDS:g} s"
            now = self._checked_at = self._clock.monotonic_seconds()
            self._learn(clock_check.best(found, now), now)
            return self.known

    def _learn(self, found: Anchor | None, now: float) -> None:
        if found is None:
            return
        before = self.known
        self._anchors.pop(self._boot_id, None)
        self._anchors[self._boot_id] = (
            found if before is None else clock_check.best([found, before], now) or found
        )
        self._anchors = dict(list(self._anchors.items())[-KEPT_BOOTS:])
        stand = self.standing_now()
        if stand.state is ClockState.WRONG:
            log.warning(
                "the clock is wrong by %.0f s (%s); the schedule and results go by the true time",
                stand.offset_seconds or 0.0,
                stand.source,
            )
        if self._path is not None:
            boots: dict[str, Json] = {boot: asdict(each) for boot, each in self._anchors.items()}
            try:
                write_json(self._path, boots, durable=False)
            except OSError as error:
                log.warning("%s: %s", self._path, error.strerror)

    async def _ask_ntp(self) -> list[Anchor]:
        if self._ntp_server is None:
            return []
        try:
            return [
                await asyncio.to_thread(sntp.query, self._ntp_server, self._clock, self._random)
            ]
        except (OSError, MeasurementFailed) as error:
            log.info("time server %s: %s", self._ntp_server, error)
            return []

    async def _ask_collector(self) -> list[Anchor]:
        if self._client is None or self._collector is None:
            return []
        found: list[Anchor] = []
        for _ in range(ASKED_TIMES):
            try:
                answer = await self._ask_once(self._client, self._collector)
            except (httpx.HTTPError, OSError) as error:
                self.collector_trouble = f"not reached ({type(error).__name__})"
                break
            if answer is None:
                self.collector_trouble = "somebody else answers, or a collector without /v1/time"
                break
            self.collector_trouble = None
            found.append(answer)
        return found

    async def _ask_once(self, client: httpx.AsyncClient, collector: str) -> Anchor | None:
        asked = self._clock.monotonic_seconds()
        async with client.stream(
            "GET", collector + PATH, headers={"Accept": "application/json"}
        ) as response:
            back = self._clock.monotonic_seconds()
            body = b""
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    return None
            date = response.headers.get("date")
        return clock_check.read_time_reply(body, date, asked, back, "collector")


def read_anchors(path: Path) -> dict[str, Anchor]:
    """What former lives knew. Nothing where it cannot be read: it is learned anew."""
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
        found = {boot: Anchor(**each) for boot, each in given.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
    return {boot: each for boot, each in found.items() if _finite(each)}


def _finite(each: Anchor) -> bool:
    """Tell whether what a file gave is an anchor after all."""
    given: list[object] = [each.utc_seconds, each.monotonic_seconds, each.error_seconds]
    return all(isinstance(number, int | float) and math.isfinite(number) for number in given)
