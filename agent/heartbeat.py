"""Tells the collector every minute how this appliance is, and hears what is asked of it.

A task of its own beside measuring and delivering: whatever becomes of a heartbeat, both go on. A
collector of an older release, which has no such route, is asked again every hour.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random
from typing import Final

import httpx

from agent.backoff import parse_retry_after, wait_seconds
from agent.clock import Clock
from agent.identity import Enrolment, check_transport
from agent.post import post
from agent.push import STOPPED_RETRY_SECONDS, UNAUTHORISED_RETRY_SECONDS
from agent.reply import Reply as HttpReply
from agent.reply import describe
from agent.vitals import Vitals
from agent.waiting import Hurry
from wire.codec import Refused, parse_object
from wire.heartbeat import EVERY_SECONDS, MAX_REPLY_BYTES, PATH, Reply
from wire.heartbeat_codec import decode_reply, encode_request

log: Final = logging.getLogger(__name__)

TIMEOUT_SECONDS: Final = 30.0
"""Of one heartbeat in all."""
FIRST_WITHIN_SECONDS: Final = 10.0
OLD_COLLECTOR_RETRY_SECONDS: Final = 3600.0
INTERCEPTED: Final = "heartbeat_intercepted"

Listener = Callable[[Reply], Awaitable[None]]


class Pulse(StrEnum):
    """What became of the latest heartbeat."""

    STARTING = "starting"
    OK = "ok"
    BACKING_OFF = "backing_off"
    INTERCEPTED = "intercepted"
    UNAUTHORISED = "unauthorised"
    STOPPED = "stopped"
    NOT_OFFERED = "not_offered"
    """The collector is older and has no heartbeat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartState:
    """How heartbeats stand."""

    pulse: Pulse = Pulse.STARTING
    detail: str = ""
    last_ok_at: datetime | None = None
    retry_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """What an answer means."""

    pulse: Pulse
    detail: str = ""
    reply: Reply | None = None
    retry_after_seconds: float | None = None


def judge(answer: HttpReply, now: datetime) -> Heard:
    """Decide what an answer to a heartbeat means. Only the collector's own word stops anything."""
    detail = describe(answer)
    try:
        if answer.status == 200:
            return Heard(Pulse.OK, reply=decode_reply(answer.body))
        parse_object(answer.body, "reply")
        ours = True
    except Refused:
        ours = False
    retry_after = parse_retry_after(answer.retry_after, now)
    if answer.status == 401:
        return Heard(Pulse.UNAUTHORISED, detail)
    if answer.status in (408, 425, 429) or answer.status >= 500:
        return Heard(Pulse.BACKING_OFF, detail, retry_after_seconds=retry_after)
    if not ours or answer.status < 400:
        return Heard(Pulse.INTERCEPTED, detail)
    if answer.status == 403:
        return Heard(Pulse.STOPPED, detail)
    if answer.status in (404, 405):
        return Heard(Pulse.NOT_OFFERED, detail)
    return Heard(Pulse.BACKING_OFF, detail, retry_after_seconds=retry_after)


class Heart:
    """Sends heartbeats until it is stopped."""

    def __init__(
        self,
        vitals: Vitals,
        enrolment: Enrolment,
        client: httpx.AsyncClient,
        clock: Clock,
        random: Random,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        check_transport(enrolment.collector, insecure_lab=enrolment.insecure_lab)
        self.vitals = vitals
        self._enrolment = enrolment
        self._client = client
        self._clock = clock
        self._random = random
        self.on_change = on_change
        self.unauthorised: Callable[[], Awaitable[bool]] = _nothing_else_to_try
        """Asked after a 401; True where another secret is in use now."""
        self.listeners: list[Listener] = []
        """Who hears each reply, in this order. They raise nothing."""
        self.state = HeartState()
        self._attempt = 0
        self._switched = False
        self._hurry = Hurry()

    async def run(self, stop: asyncio.Event) -> None:
        """Beat until ``stop``; the first after a moment by chance, as deliveries do."""
        pause = self._random.uniform(0.0, FIRST_WITHIN_SECONDS)
        while not await self._hurry.stopped_within(stop, pause):
            pause = await self.beat()

    def use(self, enrolment: Enrolment) -> None:
        """Send with this enrolment from now on."""
        self._enrolment = enrolment

    def soon(self) -> None:
        """Do not wait for the minute: there is something to tell."""
        self._hurry.soon()

    async def beat(self) -> float:
        """Send one heartbeat, pass on what was heard; give the pause until the next in seconds."""
        heard = await self._exchange()
        pause = self._pause_after(heard)
        self._note(heard, pause)
        if heard.pulse is Pulse.UNAUTHORISED:
            # another secret is tried at once, and after it each only as often as this one
            self._switched = await self.unauthorised() and not self._switched
            if self._switched:
                return wait_seconds(0, None, self._random)
        elif heard.pulse is Pulse.OK:
            self._switched = False
        if heard.reply is not None:
            self.vitals.surroundings.seen_from = heard.reply.identity.seen_from
            for listener in self.listeners:
                await listener(heard.reply)
        return pause

    async def _exchange(self) -> Heard:
        body = encode_request(await asyncio.to_thread(self.vitals.gather))
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                answer = await post(
                    self._client, self._enrolment, PATH, body, max_reply_bytes=MAX_REPLY_BYTES
                )
        except (httpx.TimeoutException, TimeoutError) as error:
            return Heard(Pulse.BACKING_OFF, f"no reply in time ({type(error).__name__})")
        except (httpx.HTTPError, OSError) as error:
            return Heard(Pulse.BACKING_OFF, f"{type(error).__name__}: {error}"[:200])
        return judge(answer, self._clock.now())

    def _pause_after(self, heard: Heard) -> float:
        spread = self._random.uniform(0.8, 1.2)
        fixed = {
            Pulse.OK: EVERY_SECONDS,
            Pulse.STOPPED: STOPPED_RETRY_SECONDS,
            Pulse.UNAUTHORISED: UNAUTHORISED_RETRY_SECONDS,
            Pulse.NOT_OFFERED: OLD_COLLECTOR_RETRY_SECONDS,
        }
        if heard.pulse in fixed:
            self._attempt = 0
            return fixed[heard.pulse] * spread
        self._attempt += 1
        return wait_seconds(self._attempt - 1, heard.retry_after_seconds, self._random)

    def _note(self, heard: Heard, pause_seconds: float) -> None:
        if heard.pulse is not self.state.pulse:
            text = f"heartbeat {heard.pulse}" + (f": {heard.detail}" if heard.detail else "")
            quiet = heard.pulse in (Pulse.OK, Pulse.NOT_OFFERED)
            log.log(logging.INFO if quiet else logging.WARNING, "%s", text)
        if heard.pulse is Pulse.INTERCEPTED:
            self.vitals.hints.add(INTERCEPTED)
        elif heard.pulse is Pulse.OK:
            # told with this one: somebody had answered in the collector's place before it
            self.vitals.hints.discard(INTERCEPTED)
        now = self._clock.now()
        ok = heard.pulse is Pulse.OK
        changed = heard.pulse is not self.state.pulse
        self.state = HeartState(
            pulse=heard.pulse,
            detail=heard.detail,
            last_ok_at=now if ok else self.state.last_ok_at,
            retry_at=None if ok else now + timedelta(seconds=pause_seconds),
        )
        if changed:
            self.on_change()


async def _nothing_else_to_try() -> bool:
    return False
