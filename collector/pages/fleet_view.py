"""What the pages show of agents: plain texts for the templates."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from collector.fleet.health import NEEDS_ATTENTION, State
from collector.fleet.roster import Member, counts, troubled
from collector.fleet.watch import Change
from collector.pages import format as fmt
from collector.pages.i18n import Words
from collector.store.interface import Store
from wire.heartbeat import Heartbeat

AGENTS_A_LINE = 5
AGENTS_LOOKED_AT = 60


@dataclass(frozen=True, slots=True)
class Troubled:
    """One agent in the summary."""

    id: str
    school: str
    since: str


@dataclass(frozen=True, slots=True)
class SummaryLine:
    """One state with its agents."""

    state: str
    count: int
    attention: bool
    agents: Sequence[Troubled]


@dataclass(frozen=True, slots=True)
class Summary:
    """The first table of the city page."""

    total: int
    lines: Sequence[SummaryLine]


def summary(store: Store, words: Words, now: datetime) -> Summary:
    """Count agents by state and name those that need attention."""
    known = store.read(counts)
    found = store.read(lambda sql: troubled(sql, AGENTS_LOOKED_AT))
    lines = []
    for state in State:
        if not known.get(state):
            continue
        agents = [
            Troubled(each.agent_id, each.school_name, _troubled_since(words, each, now))
            for each in found
            if each.state is state
        ]
        attention = state in NEEDS_ATTENTION
        lines.append(SummaryLine(state.value, known[state], attention, agents[:AGENTS_A_LINE]))
    return Summary(sum(known.values()), lines)


def row(words: Words, each: Member, now: datetime) -> dict[str, object]:
    """One agent in the table of all."""
    beat = each.beat()
    unknown = words("site.none")
    return {
        "id": each.agent_id,
        "school": each.school_name,
        "school_code": each.school_code,
        "state": each.state.value,
        "attention": each.state in NEEDS_ATTENTION,
        "revoked": each.revoked_at is not None,
        "since": _since(words, each, now),
        "detail": "; ".join(each.flags.values()),
        "last_seen": fmt.age(words, each.last_seen_at, now),
        "spool": unknown if beat is None else f"{beat.spool.waiting_count:,}",
        "clock": unknown
        if each.sent_offset_seconds is None
        else f"{each.sent_offset_seconds:+,.1f} s",
        "disk": _bytes(None if beat is None else beat.disk_free_bytes) or unknown,
        "cpu": unknown
        if beat is None or beat.cpu_utilisation_ratio is None
        else f"{beat.cpu_utilisation_ratio * 100:.0f} %",
        "version": each.agent_version or unknown,
        "policy": unknown if beat is None else _policy(words, beat),
        "last_good": unknown
        if beat is None or beat.last_good_test_at is None
        else fmt.age(words, beat.last_good_test_at, now),
    }


def facts(words: Words, each: Member, now: datetime) -> list[tuple[str, str]]:
    """What else is known of one agent: key of the word, text."""
    beat = each.beat()
    told = row(words, each, now)
    names = ("last_seen", "spool", "clock", "disk", "cpu", "version", "policy", "last_good")
    found = [(f"fleet.{name}", str(told[name])) for name in names]
    if beat is not None:
        memory = _bytes(beat.memory_bytes)
        found += [
            ("fleet.memory", memory or words("fleet.not_known")),
            ("fleet.uptime", f"{beat.uptime_seconds / 3600:,.1f} h"),
            ("fleet.boot", beat.boot_id),
        ]
        if beat.hints:
            found.append(("fleet.hints", " ".join(beat.hints)))
    if each.successor_id is not None:
        found.append(("fleet.successor", each.successor_id))
    return found


def change(words: Words, each: Change) -> dict[str, object]:
    """One line of the history."""
    return {
        "when": fmt.moment(words, each.changed_at),
        "state": each.state.value,
        "attention": each.state in NEEDS_ATTENTION,
        "detail": each.detail,
    }


def _since(words: Words, each: Member, now: datetime) -> str:
    if each.standing is None:
        return ""
    return fmt.age(words, each.standing.since, now)


def _troubled_since(words: Words, each: Member, now: datetime) -> str:
    """When a silent agent was last heard; since when others are in their state."""
    if each.state in (State.LATE, State.SILENT):
        return fmt.age(words, each.last_seen_at, now)
    return _since(words, each, now)


def _policy(words: Words, beat: Heartbeat) -> str:
    state = words(f"fleet_policy.{beat.policy.state.value}")
    return f"{beat.policy.version or ''} {state}".strip()


def _bytes(count: int | None) -> str:
    if count is None:
        return ""
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.0f} MB"
