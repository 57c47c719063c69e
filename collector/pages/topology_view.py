"""Devices and links of a school's network in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from collector.pages import format as fmt
from collector.pages import topology_words as say
from collector.pages.i18n import Words
from collector.pages.topology_words import Names
from collector.topology.layout import agent_at
from collector.topology.model import Device, Link, Source, Topology
from collector.topology.rows import Silence

OLD_AFTER: Final = timedelta(days=1)
"""A device that told nothing for so long is said to be old; several reports an hour are usual."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceLine:
    """One device; all text is ready, nothing is escaped."""

    id: str
    number: int
    name: str
    role: str
    made_by: str
    firmware: str
    address: str
    state: str
    state_kind: str
    """``answers``, ``silent``, ``old``, ``seen`` or ``hand``."""
    marks: Sequence[str]
    corrected: str
    note: str
    cpu: str
    memory: str
    uptime: str
    sessions: str
    clients: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkLine:
    """One link."""

    ends: str
    speed: str
    duplex: str
    how: str
    odd: Sequence[str]
    note: str
    a: str
    a_port: str
    b: str
    b_port: str


def device_lines(
    words: Words, topology: Topology, silent: Mapping[str, Silence], now: datetime
) -> list[DeviceLine]:
    """Give a line for each device, routers first."""
    names = Names(words, topology)
    return [_device(words, topology, names, one, silent, now) for one in topology.devices]


def link_lines(words: Words, topology: Topology) -> list[LinkLine]:
    """Give a line for each link, those with something odd first."""
    names = Names(words, topology)
    lines = [_link(words, names, one) for one in topology.links]
    return sorted(lines, key=lambda line: not line.odd)


def silent_strangers(words: Words, silent: Sequence[Silence]) -> list[str]:
    """Devices that were asked and never answered in the last weeks: no report names them."""
    return [
        words("topology.never", address=one.target, why=_failure(words, one))
        for one in silent
        if not one.ever_answered
    ]


def summary(words: Words, topology: Topology) -> str:
    """The drawing in one sentence."""
    names = Names(words, topology)
    unknown = words("topology.unknown")
    return words(
        "topology.summary",
        devices=len(topology.devices),
        links=len(topology.links),
        agent=unknown if topology.agent is None else names.end(topology.agent.end),
        wan=unknown if topology.wan is None else names.end(topology.wan),
    )


def odd_of(words: Words, link: Link) -> list[str]:
    """What is wrong or unsure with a link."""
    odd = [words("topology.half_duplex")] if link.duplex == "half" else []
    odd += [words(f"topology_differ.{one}") for one in link.contradictions]
    if link.shared:
        odd.append(words("topology.shared"))
    return odd


def _device(
    words: Words,
    topology: Topology,
    names: Names,
    one: Device,
    silent: Mapping[str, Silence],
    now: datetime,
) -> DeviceLine:
    kind, state = _state(words, one, silent, now)
    figures = one.figures
    marks = []
    if topology.wan is not None and topology.wan.device == one.id:
        marks.append(words("topology.wan_mark"))
    if topology.agent is not None and agent_at(topology.agent) == one.id:
        marks.append(words("topology.agent_mark"))
    separator = words("site.separator")
    return DeviceLine(
        id=one.id,
        number=names.number[one.id],
        name=names.of(one.id),
        role=say.role_name(words, one.role),
        made_by=say.made_by(one) or words("topology.unknown"),
        firmware=one.firmware or "",
        address=one.address or "",
        state=state,
        state_kind=kind,
        marks=marks,
        corrected=separator.join(words(f"topology_field.{name}") for name in one.by_hand),
        note=one.note,
        cpu=_mean_and_most(words, figures.get("cpu_ratio"), figures.get("cpu_max_ratio")),
        memory=_mean_and_most(words, figures.get("memory_ratio"), figures.get("memory_max_ratio")),
        uptime=say.uptime(words, figures.get("uptime_seconds")),
        sessions=_sessions(words, figures),
        clients=_clients(words, figures),
    )


def _state(
    words: Words, one: Device, silent: Mapping[str, Silence], now: datetime
) -> tuple[str, str]:
    if one.source is not Source.POLLED:
        return one.source.value, words(f"topology_state.{one.source.value}")
    at = "" if one.reported_at is None else fmt.moment(words, one.reported_at)
    failed = silent.get(one.id)
    if failed is not None:
        return "silent", words(
            "topology_state.silent",
            time=at or words("topology.unknown"),
            why=_failure(words, failed),
        )
    if one.reported_at is None or now - one.reported_at > OLD_AFTER:
        return "old", words("topology_state.old", time=at or words("topology.unknown"))
    return "answers", words("topology_state.answers", time=at)


def _failure(words: Words, one: Silence) -> str:
    return words.either(f"failure.{one.failure_code}", "topology.unknown")


def _mean_and_most(words: Words, mean: float | None, most: float | None) -> str:
    if mean is None and most is None:
        return words("topology.unknown")
    return words(
        "topology.mean_and_most", mean=say.percent(words, mean), most=say.percent(words, most)
    )


def _sessions(words: Words, figures: Mapping[str, float]) -> str:
    used = figures.get("sessions_max_count", figures.get("sessions_count"))
    if used is None:
        return words("topology.unknown")
    limit = figures.get("sessions_limit_count")
    return words("topology.of_limit", used=say.count(words, used), limit=say.count(words, limit))


def _clients(words: Words, figures: Mapping[str, float]) -> str:
    most = figures.get("clients_max_count", figures.get("clients_count"))
    points = figures.get("access_points_count")
    if points is None:
        return say.count(words, most)
    down = figures.get("access_points_down_count")
    return words(
        "topology.controller",
        clients=say.count(words, most),
        points=say.count(words, points),
        down=say.count(words, down),
    )


def _link(words: Words, names: Names, link: Link) -> LinkLine:
    separator = words("site.separator")
    hand = words("topology.by_hand")
    return LinkLine(
        ends=words("topology.link", a=names.end(link.a), b=names.end(link.b)),
        speed=say.speed(words, link.speed_bps) + (f" {hand}" if "speed" in link.by_hand else ""),
        duplex=say.duplex(words, link.duplex) + (f" {hand}" if "duplex" in link.by_hand else ""),
        how=separator.join(words(f"topology_how.{how.value}") for how in link.how),
        odd=odd_of(words, link),
        note=link.note,
        a=link.a.device,
        a_port=link.a.port,
        b=link.b.device,
        b_port=link.b.port,
    )
