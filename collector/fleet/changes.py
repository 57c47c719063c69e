"""What people change about agents: each with its record in the audit log, in one transaction."""

import random
from datetime import datetime, timedelta
from typing import Final

from collector.clock import Clock
from collector.fleet import beats, flags, place
from collector.fleet.enrolment import DEFAULT_LIFETIME, add_code, code_hash, code_key
from collector.fleet.roster import Member, member
from collector.fleet.watch import look_again
from collector.operators.audit import audit
from collector.store import rows_identity
from collector.store.interface import Store
from collector.store.sql import Sql
from collector.store.times import to_micros
from wire.enrolment_code import make_code

LEAST_PREFIX: Final = 8


class ChangeRefused(Exception):
    """Nothing was changed; the text says why. ``reason`` is also the key of its words."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class FleetChanges:
    """Changes agents in the name of ``actor``. Each method raises :class:`ChangeRefused`."""

    def __init__(self, store: Store, clock: Clock, chance: random.Random) -> None:
        self._store = store
        self._clock = clock
        self._chance = chance

    def revoke(self, actor: str, agent_id: str) -> None:
        """Withdraw an agent's secret for good. Its results stay."""

        def work(sql: Sql, now: datetime) -> None:
            found = _active(sql, agent_id)
            rows_identity.revoke(sql, agent_id, now)
            audit(sql, actor, "agent.revoke", agent_id, {"school": found.school_code}, now)
            look_again(sql, agent_id, now)

        self._store.write(lambda sql: work(sql, self._clock.now()))

    def replace(
        self, actor: str, agent_id: str, lifetime: timedelta = DEFAULT_LIFETIME
    ) -> tuple[str, str]:
        """Give school and code for the appliance that takes this one's place.

        The old one may deliver what waits on it until it is revoked; its history stays.
        """
        code, key = make_code(self._chance), code_key(self._store)
        hashed = code_hash(key, code)

        def work(sql: Sql, now: datetime) -> str:
            found = _active(sql, agent_id)
            if found.replaced_at is not None:
                raise ChangeRefused("replaced", f"agent {agent_id} has been replaced already")
            add_code(sql, found.school_code, hashed, now + lifetime)
            sql.execute(
                "INSERT INTO agent_replacement (agent_id, asked_at, asked_by, code_sha256) "
                "VALUES (?, ?, ?, ?) ON CONFLICT (agent_id) DO UPDATE SET asked_at = "
                "excluded.asked_at, asked_by = excluded.asked_by, code_sha256 = "
                "excluded.code_sha256",
                (agent_id, to_micros(now), actor, hashed),
            )
            audit(sql, actor, "agent.replace", agent_id, {"school": found.school_code}, now)
            return found.school_code

        return self._store.write(lambda sql: work(sql, self._clock.now())), code

    def confirm_move(self, actor: str, agent_id: str) -> None:
        """Say that where the agent stands now is its home."""

        def work(sql: Sql, now: datetime) -> None:
            _active(sql, agent_id)
            known = beats.place_of(sql, agent_id)
            if known is None or not known.other_count:
                raise ChangeRefused("not_moved", f"agent {agent_id} stands where it was")
            changed = place.differences(known.home, known.other)
            beats.save_place(sql, agent_id, known.confirmed(), now)
            flags.clear_flag(sql, agent_id, flags.WRONG_PLACE, now, actor)
            audit(sql, actor, "agent.confirm-move", agent_id, {"changed": changed}, now)
            look_again(sql, agent_id, now)

        self._store.write(lambda sql: work(sql, self._clock.now()))

    def code_for(self, actor: str, school_code: str, lifetime: timedelta = DEFAULT_LIFETIME) -> str:
        """Make a one-time code for a school. Raises also Enrolment where there is no such."""
        code, key = make_code(self._chance), code_key(self._store)
        hashed = code_hash(key, code)

        def work(sql: Sql, now: datetime) -> None:
            add_code(sql, school_code, hashed, now + lifetime)
            audit(sql, actor, "school.enrol-code", school_code, {"days": lifetime.days}, now)

        self._store.write(lambda sql: work(sql, self._clock.now()))
        return code


def find(sql: Sql, text: str) -> str:
    """Give the agent whose id is, or alone begins with, ``text``. Raises ChangeRefused."""
    if len(text) < LEAST_PREFIX:
        raise ChangeRefused("no_agent", f"{text!r}: give at least {LEAST_PREFIX} letters of the id")
    rows = sql.execute("SELECT agent_id FROM agent ORDER BY agent_id").fetchall()
    hits = [row[0] for row in rows if row[0].startswith(text.lower())]
    if len(hits) != 1:
        what = "no agent" if not hits else f"{len(hits)} agents"
        raise ChangeRefused("no_agent", f"{text!r} is {what}: see hakaru-collector agent list")
    return str(hits[0])


def _active(sql: Sql, agent_id: str) -> Member:
    found = member(sql, agent_id)
    if found is None:
        raise ChangeRefused("no_agent", f"there is no agent {agent_id}: see agent list")
    if found.revoked_at is not None:
        raise ChangeRefused("revoked", f"agent {agent_id} was revoked already")
    return found
