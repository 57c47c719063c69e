"""The ports of a school's network in words: those in trouble first, a page at a time."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from collector.causes.rules_file import Numbers, default_rules
from collector.pages import topology_words as say
from collector.pages.i18n import Words
from collector.pages.topology_words import Names
from collector.topology.model import End, PortRow, Topology

PAGE: Final = 100


class Trouble(StrEnum):
    """What is wrong with a port, the worst first."""

    WENT_DOWN = "went_down"
    HALF = "half"
    ERRORS = "errors"
    DISCARDS = "discards"
    FULL = "full"
    SLOW = "slow"


@dataclass(frozen=True, slots=True, kw_only=True)
class PortLine:
    """One port; all text is ready."""

    device: str
    port: str
    alias: str
    state: str
    speed: str
    duplex: str
    received: str
    sent: str
    errors: str
    discards: str
    link: str
    marks: Sequence[str]
    trouble: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PortsPart:
    """One page of ports."""

    lines: Sequence[PortLine]
    total: int
    troubled: int
    page: int
    pages: int
    device: int
    """Number of the device whose ports alone are shown; 0: all."""


def ports_part(
    words: Words,
    topology: Topology,
    *,
    device: int = 0,
    page: int = 1,
    numbers: Numbers | None = None,
) -> PortsPart:
    """Give a page of the ports that are asked for."""
    limits = default_rules().number if numbers is None else numbers
    names = Names(words, topology)
    links = _links(words, topology, names)
    known = [
        (one, troubles(one.values, limits))
        for one in topology.ports
        if one.device in names.number and device in (0, names.number[one.device])
    ]
    worst = list(Trouble)
    known.sort(
        key=lambda item: (
            min((worst.index(one) for one in item[1]), default=len(worst)),
            names.number[item[0].device],
        )
    )
    pages = max(1, -(-len(known) // PAGE))
    page = min(max(page, 1), pages)
    return PortsPart(
        lines=[
            _line(words, topology, names, links, row, found)
            for row, found in known[(page - 1) * PAGE : page * PAGE]
        ],
        total=len(known),
        troubled=sum(bool(found) for _, found in known),
        page=page,
        pages=pages,
        device=device,
    )


def troubles(values: Mapping[str, Any], limits: Numbers) -> list[Trouble]:
    """What is wrong with a port, by the thresholds of cause finding."""
    found = []
    if values.get("went_down") is True:
        found.append(Trouble.WENT_DOWN)
    if values.get("state", "up") != "up":
        return found
    if values.get("duplex") == "half":
        found.append(Trouble.HALF)
    if _many(values, "errors_count", "error_ratio", limits.error_count, limits.error_ratio):
        found.append(Trouble.ERRORS)
    if _many(values, "discards_count", "discard_ratio", limits.discard_count, limits.discard_ratio):
        found.append(Trouble.DISCARDS)
    speed = values.get("speed_bps")
    if speed is not None:
        most = max((values[name] for name in ("in_bps", "out_bps") if name in values), default=0.0)
        if most >= limits.saturated_port_ratio * speed:
            found.append(Trouble.FULL)
        if speed <= limits.slow_port_bps:
            found.append(Trouble.SLOW)
    return found


def _many(
    values: Mapping[str, Any], count: str, ratio: str, least_count: int, least_ratio: float
) -> bool:
    """Whether there are many, by count and share; a share alone decides where no count is told."""
    share = values.get(ratio)
    return (
        share is not None and share >= least_ratio and values.get(count, least_count) >= least_count
    )


def _links(words: Words, topology: Topology, names: Names) -> Mapping[End, list[str]]:
    found: dict[End, list[str]] = defaultdict(list)
    for link in topology.links:
        found[link.a].append(names.end(link.b))
        found[link.b].append(names.end(link.a))
    if topology.agent is not None:
        found[topology.agent.end].append(words("topology.agent"))
    return found


def _line(
    words: Words,
    topology: Topology,
    names: Names,
    links: Mapping[End, Sequence[str]],
    row: PortRow,
    found: Sequence[Trouble],
) -> PortLine:
    at, values = End(row.device, row.port), row.values
    marks = [words("topology.wan_mark")] if topology.wan == at else []
    if topology.agent is not None and topology.agent.end == at:
        marks.append(words("topology.agent_mark"))
    speed = values.get("speed_bps")
    return PortLine(
        device=names.of(row.device),
        port=row.port,
        alias=values.get("alias", ""),
        state=words.either(f"topology_port.{values.get('state')}", "topology.unknown"),
        speed=say.speed(words, speed),
        duplex=say.duplex(words, values.get("duplex")),
        received=_use(words, values.get("in_bps"), speed),
        sent=_use(words, values.get("out_bps"), speed),
        errors=_counted(words, values.get("errors_count"), values.get("error_ratio")),
        discards=_counted(words, values.get("discards_count"), values.get("discard_ratio")),
        link=words("site.separator").join(links.get(at, ())),
        marks=marks,
        trouble=[words(f"topology_trouble.{one.value}") for one in found],
    )


def _use(words: Words, bps: float | None, speed: float | None) -> str:
    if bps is None or not speed:
        return say.rate(words, bps)
    share = say.percent(words, bps / speed, least=1)
    return words("topology.use", rate=say.rate(words, bps), share=share)


def _counted(words: Words, count: float | None, ratio: float | None) -> str:
    """A count with its share; one of them where only that is told."""
    if count is None:
        return say.percent(words, ratio)
    if ratio is None or not count:
        return say.count(words, count)
    return words("topology.counted", count=say.count(words, count), share=say.percent(words, ratio))
