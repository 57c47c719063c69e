"""Granting: one transaction a request, under one lock, so that several collectors agree."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from random import Random
from typing import Final

from collector.schools.model import School
from collector.slots import rehearsals, rows
from collector.slots.decide import Ask, Responder, Wait, decide
from collector.slots.keys import KeyTrouble, SlotKeys
from collector.store.interface import Store
from collector.store.sql import Sql
from collector.store.times import to_micros
from wire.ids import uuid4
from wire.slot_token import (
    CLOCK_TOLERANCE_SECONDS,
    MAX_LABEL_CHARACTERS,
    MAX_QUOTA_BYTES,
    SlotToken,
    write_claims,
)
from wire.slots import SlotReply, SlotRequest

log = logging.getLogger(__name__)

START_SECONDS: Final = 20
"""A token must have begun within this time."""
RETURN_SECONDS: Final = 60.0
"""A place in the line is kept this much longer than its agent was told to wait."""
LIKELY_RATIO: Final = 0.6
"""Share of the longest time that a test usually takes: it ends when its estimate has converged."""
LINE_BPS: Final = 1_000_000_000
"""Taken for the rate of a school whose contract is not known."""
LIGHT_AT_ONCE: Final = 4
"""Light tests that one agent may have leave for at once."""
LIGHT_WAIT_SECONDS: Final = 15.0
LIGHT_BYTES: Final = 64_000_000
NO_KEY: Final = "the collector has no key to sign slots with: see hakaru-collector slot key list"
_HASH_CHARACTERS: Final = 16


@dataclass(frozen=True, slots=True)
class Desk:
    """Grants slots out of one store."""

    store: Store
    keys: SlotKeys | None
    chance: Random

    def ask(self, agent_id: str, school: School, request: SlotRequest, now: datetime) -> SlotReply:
        """Answer a request. Raises StoreError."""

        def work(sql: Sql) -> tuple[SlotReply, bytes, Callable[[bytes], str]] | SlotReply:
            sql.lock(rows.LOCK)
            responder = rows.responder_at(sql, request.target)
            if responder is None:
                return SlotReply(status="not_needed", reason="no responder is known by this target")
            if self.keys is None:
                return SlotReply(status="refused", reason=NO_KEY)
            try:
                sign = self.keys.signer(sql)
            except KeyTrouble as error:
                log.warning("no slot is granted: %s", error)
                return SlotReply(status="refused", reason=NO_KEY)
            known = rows.by_request(sql, agent_id, request.request_id)
            if known is not None:
                return _granted(known.token_id), known.payload, sign
            made = self._decided(sql, agent_id, school, request, responder, now)
            if isinstance(made, SlotReply):
                return made
            rows.save(sql, made)
            return _granted(made.token_id), made.payload, sign

        found = self.store.write(work)
        if isinstance(found, SlotReply):
            return found
        reply, payload, sign = found
        return SlotReply(status=reply.status, slot_id=reply.slot_id, token=sign(payload))

    def release(self, agent_id: str, slot_id: str, now: datetime) -> bool:
        """Take a slot back; False where the agent has no such slot."""
        return self.store.write(lambda sql: rows.release(sql, agent_id, slot_id, now))

    def _decided(
        self,
        sql: Sql,
        agent_id: str,
        school: School,
        request: SlotRequest,
        responder: Responder,
        now: datetime,
    ) -> rows.Granted | SlotReply:
        if request.rehearsal is not None:
            return self._rehearsed(sql, agent_id, school, request, responder, now)
        if request.kinds == ("stamp",):
            return self._light(sql, agent_id, school, request, responder, now)
        upstream = upstream_of(school)
        running = rehearsals.in_the_way(sql, upstream, responder.name, now)
        if running is not None:
            wait = min((running.ends_at - now).total_seconds(), 600.0)
            return SlotReply(status="wait", wait_seconds=max(wait, 5.0), reason="a rehearsal runs")
        ask = Ask(
            agent_id=agent_id,
            upstream=upstream,
            responder=responder,
            reserved_bps=min(rate_of(school), responder.capacity_bps),
            likely_seconds=LIKELY_RATIO * request.seconds,
        )
        answer = decide(ask, rows.held(sql, now), rows.line(sql, now), now)
        if isinstance(answer, Wait):
            keep = answer.until + timedelta(seconds=RETURN_SECONDS)
            rows.keep_place(sql, ask, now, keep)
            wait = (answer.until - now).total_seconds()
            return SlotReply(status="wait", wait_seconds=wait, reason=answer.reason)
        waited = rows.leave_line(sql, agent_id, now)
        return self._slot(
            agent_id, school, request, responder, now, "test", request.seconds, waited=waited
        )

    def _light(
        self,
        sql: Sql,
        agent_id: str,
        school: School,
        request: SlotRequest,
        responder: Responder,
        now: datetime,
    ) -> rows.Granted | SlotReply:
        """Leave for a light test takes nothing from anybody, but is counted."""
        held = sql.execute(
            "SELECT count(*) FROM slot WHERE agent_id = ? AND purpose = 'light' "
            "AND holds_until > ? AND released_at IS NULL",
            (agent_id, to_micros(now)),
        ).fetchone()[0]
        if held >= LIGHT_AT_ONCE:
            reason = f"{held} light tests of this agent run already"
            return SlotReply(status="wait", wait_seconds=LIGHT_WAIT_SECONDS, reason=reason)
        return self._slot(agent_id, school, request, responder, now, "light", request.seconds)

    def _rehearsed(
        self,
        sql: Sql,
        agent_id: str,
        school: School,
        request: SlotRequest,
        responder: Responder,
        now: datetime,
    ) -> rows.Granted | SlotReply:
        assert request.rehearsal is not None
        running = rehearsals.by_id(sql, request.rehearsal)
        why_not = rehearsals.why_not(running, upstream_of(school), responder.name, now)
        if running is None or why_not:
            return SlotReply(status="refused", reason=why_not)
        if now < running.starts_at:
            wait = (running.starts_at - now).total_seconds()
            return SlotReply(status="wait", wait_seconds=wait, reason="the rehearsal begins then")
        before = [one for one in rows.held(sql, now) if one.responder == responder.name]
        if len(before) >= responder.capacity_tests:
            reason = (
                f"the responder {responder.name} takes {responder.capacity_tests} tests at once"
            )
            return SlotReply(status="wait", wait_seconds=5.0, reason=reason)
        left = int((running.ends_at - now).total_seconds())
        seconds = min(request.seconds, rehearsals.ROUND_SECONDS, left)
        if seconds < 1:
            return SlotReply(status="refused", reason="the rehearsal is over")
        return self._slot(agent_id, school, request, responder, now, "rehearsal", seconds)

    def _slot(
        self,
        agent_id: str,
        school: School,
        request: SlotRequest,
        responder: Responder,
        now: datetime,
        purpose: str,
        seconds: int,
        *,
        waited: float = 0.0,
    ) -> rows.Granted:
        begin = now.replace(microsecond=0)
        expires_at = begin + timedelta(seconds=START_SECONDS)
        reserved = min(rate_of(school), responder.capacity_bps)
        most = max(1, responder.capacity_bps * seconds // 8)
        if purpose == "light":
            most = LIGHT_BYTES
        token = SlotToken(
            token_id=uuid4(self.chance.getrandbits(128)),
            agent_id=agent_id,
            school_code=label(school.code),
            group=upstream_of(school),
            audience=responder.name,
            purpose=purpose,
            kinds=request.kinds,
            flows=request.flows,
            quota_bytes=min(request.quota_bytes, most, MAX_QUOTA_BYTES),
            quota_seconds=seconds,
            not_before=begin,
            expires_at=expires_at,
        )
        return rows.Granted(
            token_id=token.token_id,
            request_id=request.request_id,
            agent_id=agent_id,
            school_code=school.code,
            upstream=token.group,
            responder=responder.name,
            purpose=purpose,
            reserved_bps=reserved,
            payload=write_claims(token),
            granted_at=now,
            likely_until=now + timedelta(seconds=LIKELY_RATIO * seconds),
            holds_until=holds_until(expires_at, seconds),
            rehearsal_id=request.rehearsal,
            waited_seconds=waited,
        )


def holds_until(expires_at: datetime, seconds: int) -> datetime:
    """When a test under a token has ended in any case.

    A responder whose clock is late by the tolerance admits until twice the tolerance after the
    end of a token's time, and ends the test when its seconds are over.
    """
    return expires_at + timedelta(seconds=2 * CLOCK_TOLERANCE_SECONDS + seconds)


def upstream_of(school: School) -> str:
    """Name of what a school shares: its aggregation group, or itself where none is known."""
    if school.aggregation_group:
        return label(school.aggregation_group)
    return label(f"school {school.code}")


def rate_of(school: School) -> int:
    """Rate that a school's test may reach, bit/s."""
    contracted = school.contracted_mbps
    return LINE_BPS if contracted is None else contracted * 1_000_000


def label(text: str) -> str:
    """A name short enough for a token; a long one ends in its hash."""
    if len(text) <= MAX_LABEL_CHARACTERS:
        return text
    digest = sha256(text.encode()).hexdigest()[:_HASH_CHARACTERS]
    return f"{text[: MAX_LABEL_CHARACTERS - _HASH_CHARACTERS - 1]} {digest}"


def _granted(token_id: str) -> SlotReply:
    return SlotReply(status="granted", slot_id=token_id)
