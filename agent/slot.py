"""Slots: before a test loads the line towards a responder of ours, the collector is asked for one.

What an answer means for the test::

    granted       the test runs with the token, and the slot is given back when it has ended
    not needed    the target is no responder of the collector's: the test runs without
    wait          the test is put off and asks again then; the collector keeps its place in the line
    refused       the test is recorded as deferred, with the collector's reason
    no such route a collector of an older release grants no slots: the test runs without
    not reached   'when_unreachable' of the configuration decides (default: deferred)

A test that is not run is never caught up: after an outage the plan goes on as it stands, so there
is no burst. Asking is bounded in time and tries and raises nothing.
"""

import asyncio
import json
import logging
from dataclasses import dataclass
from random import Random
from typing import Final, Literal

import httpx

from agent.identity import Enrolment, check_transport
from agent.post import post
from agent.reply import Reply, describe
from agent.slot_request import request_for
from wire.failure import Failure, FailureCode, Operation
from wire.ids import uuid4
from wire.parsing import Refused, parse_object
from wire.planning.planned import Planned
from wire.slots import (
    MAX_REPLY_BYTES,
    PATH,
    RELEASE_PATH,
    SlotReply,
    decode_reply,
    encode_request,
)

log: Final = logging.getLogger(__name__)

WhenUnreachable = Literal["defer", "measure"]
ASK_SECONDS: Final = 10.0
"""For one question in all."""
TRIES: Final = 2
"""Questions in a row, with the same request id, where no answer came."""
MAX_PUT_OFFS: Final = 30
"""How often one test is put off for want of a slot."""


@dataclass(frozen=True, slots=True)
class Leave:
    """A test may run: with a token, or without where none is needed."""

    token: str | None = None
    slot_id: str | None = None

    def __repr__(self) -> str:
        return f"Leave(slot_id={self.slot_id})"


@dataclass(frozen=True, slots=True)
class NotNow:
    """A test may not run now; ``wait_seconds`` None: there is no place in a line."""

    reason: str
    wait_seconds: float | None = None

    def failure(self) -> Failure:
        """The result of a test that was not run for it."""
        return Failure(FailureCode.NO_SLOT, Operation.PREPARE, self.reason)


class SlotDesk:
    """Asks one collector for slots."""

    def __init__(
        self,
        enrolment: Enrolment,
        client: httpx.AsyncClient,
        random: Random,
        when_unreachable: WhenUnreachable = "defer",
    ) -> None:
        check_transport(enrolment.collector, insecure_lab=enrolment.insecure_lab)
        self._enrolment = enrolment
        self._client = client
        self._random = random
        self._when_unreachable = when_unreachable

    def use(self, enrolment: Enrolment) -> None:
        """Ask with this enrolment from now on."""
        self._enrolment = enrolment

    async def ask(
        self, planned: Planned, fastest_bps: float, rehearsal: str | None = None
    ) -> Leave | NotNow:
        """Ask for a slot for a test that :func:`wants_slot`."""
        request_id = uuid4(self._random.getrandbits(128))
        request = request_for(planned, fastest_bps, request_id, rehearsal)
        found = ""
        for _ in range(TRIES):
            answer = await self._post(PATH, encode_request(request))
            if isinstance(answer, str):
                found = answer
                continue
            if answer.status == 200:
                return judge(answer)
            found = describe(answer)
            if answer.status in (404, 405) and _is_ours(answer):
                log.debug("no slots at this collector: %s", found)
                return Leave()
            if answer.status < 500:  # asked again, the answer would be the same
                break
        return self._unreached(found)

    async def release(self, leave: Leave) -> None:
        """Give a slot back. One that cannot be given back ends by itself."""
        if leave.slot_id is None:
            return
        answer = await self._post(RELEASE_PATH, json.dumps({"slot_id": leave.slot_id}).encode())
        if isinstance(answer, str) or answer.status != 204:
            log.info("a slot was not given back; it ends by itself")

    def _unreached(self, found: str) -> Leave | NotNow:
        if self._when_unreachable == "measure":
            log.info("no answer about a slot (%s): measuring without", found)
            return Leave()
        return NotNow(f"no answer about a slot: {found}"[:300])

    async def _post(self, path: str, body: bytes) -> Reply | str:
        """Give the reply, or why there is none."""
        try:
            async with asyncio.timeout(ASK_SECONDS):
                return await post(
                    self._client, self._enrolment, path, body, max_reply_bytes=MAX_REPLY_BYTES
                )
        except (httpx.TimeoutException, TimeoutError) as error:
            return f"no reply in time ({type(error).__name__})"
        except (httpx.HTTPError, OSError) as error:
            return f"{type(error).__name__}: {error}"[:200]


def judge(answer: Reply) -> Leave | NotNow:
    """What a reply of 200 means. One that is not the collector's own grants nothing."""
    try:
        reply = decode_reply(answer.body)
    except Refused as error:
        return NotNow(f"somebody else answered about a slot ({error})"[:300])
    return _meant(reply)


def _meant(reply: SlotReply) -> Leave | NotNow:
    if reply.status == "granted":
        return Leave(reply.token, reply.slot_id)
    if reply.status == "not_needed":
        return Leave()
    reason = "".join(char if char.isprintable() else " " for char in reply.reason)[:200]
    return NotNow(reason or reply.status, reply.wait_seconds)


def _is_ours(answer: Reply) -> bool:
    try:
        parse_object(answer.body, "reply")
    except Refused:
        return False
    return True
