"""Heartbeats in the database: the newest of each agent, its lives, its place, what is amiss."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from collector.fleet import flags, lives, place
from collector.fleet.lives import Life
from collector.fleet.place import Place
from collector.store.interface import Agent
from collector.store.sql import Sql
from collector.store.times import from_micros, to_micros
from wire.heartbeat import Heartbeat, Network

LOCK: Final = "fleet"


@dataclass(frozen=True, slots=True)
class Arrived:
    """A heartbeat with its sender, its JSON text and the collector's time."""

    agent: Agent
    beat: Heartbeat
    body: str
    now: datetime


def record_all(sql: Sql, arrived: Sequence[Arrived]) -> None:
    """Keep heartbeats, in one transaction."""
    sql.lock(LOCK)
    for each in arrived:
        record(sql, each)


def record(sql: Sql, arrived: Arrived) -> None:
    """Keep one heartbeat; raise or clear the flags that follow from it."""
    agent_id, now = arrived.agent.agent_id, arrived.now
    overlaps = note_life(sql, agent_id, arrived.beat, now)
    if overlaps:
        others = ", ".join(f"{life.boot_id}/{life.life_id}" for life in overlaps)
        detail = f"boot/life {arrived.beat.boot_id}/{arrived.beat.life_id} beside {others}"
        flags.raise_flag(sql, agent_id, flags.CLONED, now, detail)
    _note_place(sql, agent_id, arrived.beat.network, now)
    sql.execute(
        """INSERT INTO agent_beat (agent_id, received_at, first_received_at, life_id,
        sent_offset_seconds, hints, body)
        VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (agent_id) DO UPDATE SET
        received_at = excluded.received_at, life_id = excluded.life_id,
        sent_offset_seconds = excluded.sent_offset_seconds, hints = excluded.hints,
        body = excluded.body""",
        (
            agent_id,
            to_micros(now),
            to_micros(now),
            arrived.beat.life_id,
            (now - arrived.beat.sent_at).total_seconds(),
            " ".join(arrived.beat.hints),
            arrived.body,
        ),
    )
    sql.execute(
        "UPDATE agent SET last_seen_at = ?, agent_version = ? WHERE agent_id = ?",
        (to_micros(now), arrived.beat.agent_version, agent_id),
    )


def note_life(sql: Sql, agent_id: str, beat: Heartbeat, now: datetime) -> tuple[Life, ...]:
    """Take a heartbeat into the lives of its identity; give those of other machines."""
    known = known_lives(sql, agent_id)
    judged = lives.judge(known, beat.life_id, beat.boot_id, beat.life_seconds, now)
    life = judged.life
    sql.execute(
        """INSERT INTO agent_life
        (agent_id, life_id, boot_id, began_by, alive_at, life_seconds, first_order, last_order)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (agent_id, life_id) DO UPDATE SET
        began_by = excluded.began_by, alive_at = excluded.alive_at,
        life_seconds = excluded.life_seconds, last_order = excluded.last_order""",
        (
            agent_id,
            life.life_id,
            life.boot_id,
            to_micros(life.began_by),
            to_micros(life.alive_at),
            life.life_seconds,
            life.first_order,
            life.last_order,
        ),
    )
    for old in known[lives.KEPT_LIVES - 1 :]:
        if old.life_id != life.life_id:
            sql.execute(
                "DELETE FROM agent_life WHERE agent_id = ? AND life_id = ?",
                (agent_id, old.life_id),
            )
    return judged.overlaps


def known_lives(sql: Sql, agent_id: str) -> list[Life]:
    """The lives of one identity, the one heard last first."""
    rows = sql.execute(
        "SELECT life_id, boot_id, began_by, alive_at, life_seconds, first_order, last_order "
        "FROM agent_life WHERE agent_id = ? ORDER BY last_order DESC",
        (agent_id,),
    )
    return [
        Life(
            life_id=row[0],
            boot_id=row[1],
            began_by=from_micros(row[2]),
            alive_at=from_micros(row[3]),
            life_seconds=row[4],
            first_order=row[5],
            last_order=row[6],
        )
        for row in rows
    ]


def place_of(sql: Sql, agent_id: str) -> Place | None:
    """Where an agent is at home; None where it never said."""
    row = sql.execute(
        "SELECT gateway, subnet, public_address, other_gateway, other_subnet, "
        "other_public_address, other_count FROM agent_place WHERE agent_id = ?",
        (agent_id,),
    ).fetchone()
    if row is None:
        return None
    return Place(
        home=Network(gateway=row[0], subnet=row[1], public_address=row[2]),
        other=Network(gateway=row[3], subnet=row[4], public_address=row[5]),
        other_count=row[6],
    )


def save_place(sql: Sql, agent_id: str, new: Place, now: datetime) -> None:
    """Keep where an agent is at home."""
    home, other = new.home, new.other
    here = (home.gateway, home.subnet, home.public_address)
    there = (other.gateway, other.subnet, other.public_address)
    sql.execute(
        """INSERT INTO agent_place (agent_id, gateway, subnet, public_address, other_gateway,
        other_subnet, other_public_address, other_count, since)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (agent_id) DO UPDATE SET
        gateway = excluded.gateway, subnet = excluded.subnet,
        public_address = excluded.public_address, other_gateway = excluded.other_gateway,
        other_subnet = excluded.other_subnet,
        other_public_address = excluded.other_public_address,
        other_count = excluded.other_count, since = excluded.since""",
        (agent_id, *here, *there, new.other_count, to_micros(now)),
    )


def _note_place(sql: Sql, agent_id: str, network: Network, now: datetime) -> None:
    before = place_of(sql, agent_id)
    after = place.seen(before, network)
    if after is None or after == before:
        return
    save_place(sql, agent_id, after, now)
    if after.strange:
        changed = " and ".join(place.differences(after.home, after.other))
        detail = f"{changed} changed"
        flags.raise_flag(sql, agent_id, flags.WRONG_PLACE, now, detail)
    elif before is not None and before.strange and not after.other_count:
        flags.clear_flag(sql, agent_id, flags.WRONG_PLACE, now, "itself: back where it was")
