"""The secret is renewed by itself, and whatever happens on the way, the appliance gets back in.

Theory of operation. Up to three secrets stand in ``identity.json``: the one in force, the next one
while a change is under way, and the one before. The next one is on disk before its hash is offered;
it replaces the one in force only after the collector has confirmed it. So after a crash at any
step one of them is good, and a 401 means: try the others, in the order next, previous. Nothing
is ever removed because of a 401: an inspecting proxy, a restored backup or a collector's mistake
may answer so for a week.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

import httpx

from agent import identity
from agent.identity import Enrolment, Identity, sha256_of
from agent.state import StateTrouble
from wire.codec import Refused, parse_object
from wire.heartbeat import Reply

log: Final = logging.getLogger(__name__)

OFFER: Final = "/v1/identity/offer"
CONFIRM: Final = "/v1/identity/confirm"
TIMEOUT: Final = httpx.Timeout(30.0, connect=10.0)
MAX_REPLY_BYTES: Final = 16 * 1024


class Step(StrEnum):
    """Moments between which the program may die; tests kill it at each."""

    MADE = "made"
    SAVED_NEXT = "saved_next"
    OFFERED = "offered"
    CONFIRMED = "confirmed"
    SAVED_ACTIVE = "saved_active"


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    ours: bool


class Renewal:
    """Changes the secret of one enrolment. ``use`` hands a new one to whoever sends."""

    def __init__(
        self,
        directory: Path,
        who: Identity,
        client: httpx.AsyncClient,
        make_token: Callable[[], str],
        use: Callable[[Enrolment], None],
        at: Callable[[Step], None] = lambda _step: None,
    ) -> None:
        assert who.active is not None
        self._directory = directory
        self._agent_id = who.agent_id
        self._active = who.active
        self._client = client
        self._make_token = make_token
        self._use = use
        self._at = at

    @property
    def active(self) -> Enrolment:
        """The enrolment in force."""
        return self._active

    async def heard(self, reply: Reply) -> None:
        """Listen to the heartbeat's replies: renew when asked to, or when a change was cut off."""
        if reply.identity.renew or self._active.next_token:
            await self.renew()

    async def renew(self) -> bool:
        """Make, offer and confirm a new secret. False: not now; the old one is in force."""
        if not self._active.next_token:
            token = self._make_token()
            self._at(Step.MADE)
            if not self._save(replace(self._active, next_token=token)):
                return False
            self._at(Step.SAVED_NEXT)
        answer = await self._post(
            OFFER, self._active.token, {"token_sha256": sha256_of(self._active.next_token)}
        )
        self._at(Step.OFFERED)
        if answer.status == 409 and answer.ours:
            # two machines use this identity, or chance made a secret twice: begin anew, later
            self._save(replace(self._active, next_token=""))
            return False
        return answer.status == 200 and answer.ours and await self._confirm()

    async def unauthorised(self) -> bool:
        """The secret in use was refused: try the others. True where another one is now in use."""
        if self._enrolled_anew():
            return True
        if self._active.next_token and await self._confirm():
            return True
        if not self._active.previous_token:
            return False
        # a database from before the last change knows only the one before; should that be
        # refused too, the next time it is the other's turn again
        swapped = replace(
            self._active, token=self._active.previous_token, previous_token=self._active.token
        )
        log.warning("the secret was refused: trying the one before")
        return self._save(swapped)

    async def _confirm(self) -> bool:
        answer = await self._post(CONFIRM, self._active.next_token, {})
        self._at(Step.CONFIRMED)
        if answer.status != 200 or not answer.ours:
            return False
        renewed = replace(
            self._active,
            token=self._active.next_token,
            next_token="",
            previous_token=self._active.token,
        )
        done = self._save(renewed)
        self._at(Step.SAVED_ACTIVE)
        if done:
            log.info("the secret of this appliance was renewed")
        return done

    def _save(self, enrolment: Enrolment) -> bool:
        """Keep it durably and put it in use; what cannot be kept is not used."""
        if self._enrolled_anew():
            return False
        try:
            kept = identity.load(self._directory) or Identity(agent_id=self._agent_id)
            identity.save(self._directory, replace(kept, active=enrolment))
        except StateTrouble as error:
            log.warning("the secret is not renewed now: %s", error)
            return False
        self._active = enrolment
        self._use(enrolment)
        return True

    def _enrolled_anew(self) -> bool:
        """Take over what ``hakaru-agent enrol`` has written meanwhile; True where it has."""
        try:
            kept = identity.load(self._directory)
        except StateTrouble as error:
            log.warning("%s", error)
            return False
        if kept is None or kept.active in (None, self._active) or kept.agent_id != self._agent_id:
            return False
        assert kept.active is not None
        self._active = kept.active
        self._use(kept.active)
        log.info("enrolled anew: the new secret is in use")
        return True

    async def _post(self, path: str, token: str, message: dict[str, str]) -> _Answer:
        try:
            reply = await self._client.post(
                self._active.collector + path,
                json=message,
                headers={"Authorization": f"Bearer {token}"},
                timeout=TIMEOUT,
            )
        except (httpx.HTTPError, OSError) as error:
            log.info("the secret is not renewed now: %s", type(error).__name__)
            return _Answer(0, ours=False)
        return _Answer(reply.status_code, self._is_ours(reply))

    def _is_ours(self, reply: httpx.Response) -> bool:
        """A success names this agent; a refusal is a JSON object: no page of somebody else."""
        try:
            message = parse_object(reply.content[:MAX_REPLY_BYTES], "reply")
        except Refused:
            return False
        return reply.status_code != 200 or message.get("agent_id") == self._agent_id
