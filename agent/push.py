"""Delivery: send waiting results in batches, remove only what the collector has named.

See :mod:`agent.reply` for what each reply means and ``docs/delivery.md`` for the table.
"""

import asyncio
import gzip
import logging
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random
from typing import Final, Protocol

import httpx

from agent.backoff import parse_retry_after, wait_seconds
from agent.clock import Clock
from agent.delivery import Delivery, DeliveryState
from agent.identity import Enrolment, check_transport
from agent.post import post
from agent.reply import MAX_REPLY_BYTES, Action, Reply, Verdict, decide
from agent.spool import Spool, Waiting
from agent.waiting import Hurry, set_within
from wire.codec import MAX_RECORD_BYTES
from wire.messages import MAX_BATCH_BYTES, MAX_BATCH_RECORDS, encode_batch

log: Final = logging.getLogger(__name__)

PATH: Final = "/v1/measurements"
TIMEOUT: Final = httpx.Timeout(60.0, connect=10.0)
TOTAL_TIMEOUT_SECONDS: Final = 300.0
BATCH_BYTES: Final = min(1024 * 1024, MAX_BATCH_BYTES - MAX_RECORD_BYTES)
"""Of JSON text in one batch, below the collector's own bound."""
QUICK_SECONDS: Final = 15.0
"""A batch that took longer is not followed by a larger one: twice as many results could take
longer than a slow line or the collector gives them."""
UNAUTHORISED_RETRY_SECONDS: Final = 900.0
STOPPED_RETRY_SECONDS: Final = 6 * 3600.0
RESEND_PAUSE_SECONDS: Final = 3600.0
STRIKES: Final = 3
"""Times a result is refused alone and without its name before it is quarantined: a body that was
cut off on the way is refused like that too."""
_STATES: Final = {
    Action.KEEP: DeliveryState.BACKING_OFF,
    Action.INTERCEPTED: DeliveryState.INTERCEPTED,
    Action.REAUTHENTICATE: DeliveryState.UNAUTHORISED,
    Action.STOP: DeliveryState.STOPPED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PushSettings:
    """How results are delivered."""

    interval_seconds: float = 60.0
    """Pause between deliveries while all is well."""
    batch_records: int = 100
    """Most results in one request."""
    ca_file: str | None = None
    """Certificates to trust instead of the public ones (PEM)."""
    proxy_url: str | None = None
    """HTTP proxy to go through. The environment is not consulted."""


def new_client(settings: PushSettings) -> httpx.AsyncClient:
    """An HTTP client for the token: no redirects, TLS verified, nothing from the environment.

    ``trust_env=False``: HTTP_PROXY, SSL_CERT_FILE or a .netrc that happen to be set on a box must
    not decide who sees the token; ``ca_file`` and ``proxy_url`` of the configuration do.
    """
    return httpx.AsyncClient(
        timeout=TIMEOUT,
        follow_redirects=False,
        trust_env=False,
        verify=True
        if settings.ca_file is None
        else ssl.create_default_context(cafile=settings.ca_file),
        proxy=settings.proxy_url,
        limits=httpx.Limits(max_connections=4, max_keepalive_connections=2),
    )


class Dating(Protocol):
    """Makes the dates of results final before they are first sent."""

    async def settle(self, records: Mapping[int, bytes]) -> Mapping[int, bytes]:
        """Give the records whose date changed, or is final from now on, by key."""
        ...


class Pusher:
    """Delivers the spool to one collector."""

    def __init__(
        self,
        spool: Spool,
        enrolment: Enrolment,
        settings: PushSettings,
        client: httpx.AsyncClient,
        clock: Clock,
        random: Random,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        check_transport(enrolment.collector, insecure_lab=enrolment.insecure_lab)
        self._spool = spool
        self._enrolment = enrolment
        self._settings = settings
        self._client = client
        self._clock = clock
        self._random = random
        self.on_change = on_change
        self.dating: Dating | None = None
        self._limit = min(settings.batch_records, MAX_BATCH_RECORDS)
        self._most = self._limit
        self._attempt = 0
        self._strikes: dict[str, int] = {}
        self._held = 0
        self._resend_from_seconds = 0.0
        self._retry_after_seconds: float | None = None
        self._took_seconds = 0.0
        self._hurry = Hurry()
        self.delivery = Delivery()

    def use(self, enrolment: Enrolment) -> None:
        """Deliver with this enrolment from now on: soon again where its secret was refused."""
        if enrolment.token != self._enrolment.token:
            self._hurry.soon()
        self._enrolment = enrolment

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until ``stop``: again after each interval, or after the wait that a failure asks.

        The first try waits a moment by chance, so that a city of agents that got their power
        back together does not come together.
        """
        pause = self._random.uniform(0.0, min(10.0, self._settings.interval_seconds))
        failure = None
        while not await self._stopped_within(stop, pause, patient=_patient(failure)):
            failure = await self._drain()
            pause = self._pause_after(failure)
            if failure is not None:
                self._note_failure(failure, pause)

    def soon(self) -> None:
        """Do not wait for the interval: somebody watches. A back-off is waited for all the same."""
        self._hurry.soon()

    async def drain(self) -> Verdict | None:
        """Deliver all that waits, once. Gives None when done, else the verdict that ended it."""
        failure = await self._drain()
        if failure is not None:
            self._note_failure(failure, None)
        return failure

    async def _drain(self) -> Verdict | None:
        while batch := await asyncio.to_thread(self._spool.take, self._limit, BATCH_BYTES):
            self._held = 0
            failure = await self._deliver(await self._dated(batch))
            if failure is not None:
                return failure
            if self._held:
                return Verdict(Action.KEEP, f"{self._held} refused without a name: tried again")
        return None

    async def _dated(self, batch: list[Waiting]) -> list[Waiting]:
        """Make dates final, durably: what is sent again must be what was sent."""
        if self.dating is None:
            return batch
        changed = await self.dating.settle({waiting.key: waiting.record for waiting in batch})
        if not changed or not await asyncio.to_thread(self._spool.amend, changed):
            return batch
        return [
            replace(waiting, record=changed.get(waiting.key, waiting.record)) for waiting in batch
        ]

    async def _deliver(self, batch: list[Waiting]) -> Verdict | None:
        verdict = await self._send(batch)
        if verdict.action in (Action.SPLIT, Action.ISOLATE) and not verdict.refused:
            if len(batch) > 1:
                return await self._deliver_halves(batch, verdict)
            strikes = self._strikes.pop(batch[0].result_id, 0) + 1
            if strikes < STRIKES:
                self._strikes[batch[0].result_id] = strikes
                self._held += 1
                return None
            verdict = replace(verdict, refused={batch[0].result_id: verdict.detail})
        elif verdict.action not in (Action.SETTLE, Action.ISOLATE):
            return verdict
        return await self._settle(batch, verdict)

    async def _deliver_halves(self, batch: list[Waiting], verdict: Verdict) -> Verdict | None:
        middle = len(batch) // 2
        if verdict.action is Action.SPLIT:
            self._limit = max(1, middle)
        for half in (batch[:middle], batch[middle:]):
            failure = await self._deliver(half)
            if failure is not None:
                return failure
        return None

    async def _settle(self, batch: list[Waiting], verdict: Verdict) -> Verdict | None:
        keys = {waiting.result_id: waiting.key for waiting in batch}
        for result_id, reason in verdict.refused.items():
            log.warning("result %s refused, kept in local quarantine: %s", result_id, reason)
        done = await asyncio.to_thread(
            self._spool.settle,
            [keys[result_id] for result_id in verdict.delivered],
            {keys[result_id]: reason for result_id, reason in verdict.refused.items()},
            verdict.store_id,
        )
        if not done:
            return Verdict(Action.KEEP, f"the spool cannot be changed: {self._spool.trouble}")
        if self.delivery.state is not DeliveryState.OK:
            log.info("delivering to %s", self._enrolment.collector)
        await self._resend(verdict.store_id)
        self._attempt = 0
        if verdict.action is Action.SETTLE and self._took_seconds < QUICK_SECONDS:
            self._limit = min(self._most, self._limit * 2)
        self.delivery = replace(
            self.delivery,
            state=DeliveryState.OK,
            detail="",
            retry_at=None,
            last_delivery_at=self._clock.now(),
            delivered_count=self.delivery.delivered_count + len(verdict.delivered),
        )
        self.on_change()
        return None

    async def _resend(self, store_id: str) -> None:
        """Send again what another database had: this one may be an older copy of it.

        Not twice within an hour, should two databases answer in turn behind one address.
        """
        now_seconds = self._clock.monotonic_seconds()
        if not store_id or now_seconds < self._resend_from_seconds:
            return
        count = await asyncio.to_thread(self._spool.resend, store_id)
        if count:
            self._resend_from_seconds = now_seconds + RESEND_PAUSE_SECONDS
            log.warning(
                "the collector has another database now (%s): %s kept results are sent again",
                store_id,
                count,
            )

    async def _send(self, batch: list[Waiting]) -> Verdict:
        body = gzip.compress(encode_batch(waiting.record for waiting in batch), compresslevel=6)
        self._retry_after_seconds = None
        began = self._clock.monotonic_seconds()
        try:
            async with asyncio.timeout(TOTAL_TIMEOUT_SECONDS):
                reply = await self._exchange(body)
        except (httpx.TimeoutException, TimeoutError) as error:
            self._limit = max(1, len(batch) // 2)  # a slow line: less at a time
            return Verdict(Action.KEEP, f"no reply in time ({type(error).__name__})")
        except (httpx.HTTPError, OSError) as error:
            return Verdict(Action.KEEP, f"{type(error).__name__}: {error}"[:200])
        self._took_seconds = self._clock.monotonic_seconds() - began
        if reply.status == 408:  # the collector waited in vain for the rest of the body
            self._limit = max(1, len(batch) // 2)
        verdict = decide(reply, [waiting.result_id for waiting in batch])
        if verdict.action is Action.KEEP:
            self._retry_after_seconds = parse_retry_after(reply.retry_after, self._clock.now())
        return verdict

    async def _exchange(self, body: bytes) -> Reply:
        return await post(
            self._client,
            self._enrolment,
            PATH,
            body,
            max_reply_bytes=MAX_REPLY_BYTES,
            content_encoding="gzip",
        )

    async def _stopped_within(self, stop: asyncio.Event, seconds: float, *, patient: bool) -> bool:
        """Wait; True when an end was asked for. :meth:`soon` cuts short unless ``patient``."""
        if patient:
            return await set_within(stop, seconds)
        return await self._hurry.stopped_within(stop, seconds)

    def _pause_after(self, failure: Verdict | None) -> float:
        spread = self._random.uniform(0.8, 1.2)
        if failure is None:
            return self._settings.interval_seconds * spread
        if failure.action is Action.STOP:
            return STOPPED_RETRY_SECONDS * spread
        if failure.action is Action.REAUTHENTICATE:
            return UNAUTHORISED_RETRY_SECONDS * spread
        pause = wait_seconds(self._attempt, self._retry_after_seconds, self._random)
        self._attempt += 1
        return pause

    def _note_failure(self, failure: Verdict, pause_seconds: float | None) -> None:
        """Tell of a failure; ``pause_seconds`` None: nothing tries again by itself."""
        state = _STATES[failure.action]
        again = "" if pause_seconds is None else f"; next try in {pause_seconds:.0f} s"
        log.warning("not delivered (%s): %s%s", state, failure.detail, again)
        now = self._clock.now()
        self.delivery = replace(
            self.delivery,
            state=state,
            detail=failure.detail,
            last_failure_at=now,
            retry_at=None if pause_seconds is None else now + timedelta(seconds=pause_seconds),
        )
        self.on_change()


def _patient(failure: Verdict | None) -> bool:
    """Whether a wait is not cut short; after a 401 it is, by a secret that was renewed."""
    return failure is not None and failure.action is not Action.REAUTHENTICATE
