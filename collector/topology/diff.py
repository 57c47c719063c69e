"""What changed between two topologies of one school. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from collector.topology.model import Device, End, Link, Source, Topology
from collector.topology.report import name_key


class Kind(StrEnum):
    """What a change is."""

    APPEARED = "appeared"
    VANISHED = "vanished"
    REPLACED = "replaced"
    """Another device at the same address."""
    RENAMED = "renamed"
    FIRMWARE = "firmware"
    LINK_APPEARED = "link_appeared"
    LINK_VANISHED = "link_vanished"
    MOVED = "moved"
    """The same two devices over another port."""
    SPEED = "speed"
    DUPLEX = "duplex"
    AGENT_MOVED = "agent_moved"
    WAN_MOVED = "wan_moved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change. ``before`` and ``after``: names, figures or ``DEVICE PORT``; empty: none."""

    kind: Kind
    device: str
    """Name of the device, or of the first of a link."""
    other: str = ""
    """Name of the second device of a link."""
    before: str = ""
    after: str = ""


def diff(before: Topology, after: Topology) -> list[Change]:
    """Tell what changed; a value that is not known in one of them is no change."""
    after = _known_as(before, _known_as(before, after, Source.POLLED), Source.SEEN)
    names = {one.id: one.name or one.id for one in (*before.devices, *after.devices)}
    return [
        *_devices(before, after),
        *_links(before, after, names),
        *_place(
            Kind.AGENT_MOVED,
            None if before.agent is None else before.agent.end,
            None if after.agent is None else after.agent.end,
            names,
        ),
        *_place(Kind.WAN_MOVED, before.wan, after.wan, names),
    ]


def _known_as(before: Topology, after: Topology, source: Source) -> Topology:
    """Give a device that is now known otherwise (named only, or asked) the id that it had."""
    had, has = {one.id for one in before.devices}, {one.id for one in after.devices}
    old: dict[str, list[str]] = defaultdict(list)
    new: dict[str, list[str]] = defaultdict(list)
    for one in before.devices:
        if one.source is source and one.id not in has and (key := name_key(one.name)):
            old[key].append(one.id)
    for one in after.devices:
        if one.source is not source and one.id not in had and (key := name_key(one.name)):
            new[key].append(one.id)
    known = {
        found[0]: old[key][0]
        for key, found in new.items()
        if len(found) == 1 and len(old.get(key, ())) == 1
    }
    return _with_ids(after, known) if known else after


def _with_ids(of: Topology, known: Mapping[str, str]) -> Topology:
    def named(device: str) -> str:
        return known.get(device, device)

    def at(end: End) -> End:
        return End(named(end.device), end.port)

    links = []
    for link in of.links:
        a, b = at(link.a), at(link.b)
        turned = a > b
        moved = replace(link, a=a, b=b)
        if turned:
            moved = replace(
                link, a=b, b=a, a_speed_bps=link.b_speed_bps, b_speed_bps=link.a_speed_bps,
                a_duplex=link.b_duplex, b_duplex=link.a_duplex,
            )  # fmt: skip
        links.append(moved)
    agent = None if of.agent is None else replace(of.agent, end=at(of.agent.end))
    return replace(
        of,
        devices=tuple(replace(one, id=named(one.id)) for one in of.devices),
        links=tuple(links),
        agent=agent,
        wan=None if of.wan is None else at(of.wan),
    )


def _devices(before: Topology, after: Topology) -> Iterator[Change]:
    old = {one.id: one for one in before.devices}
    new = {one.id: one for one in after.devices}
    for device in after.devices:
        if device.id not in old:
            yield Change(kind=Kind.APPEARED, device=device.name, after=_what(device))
    for device in before.devices:
        if device.id not in new:
            yield Change(kind=Kind.VANISHED, device=device.name, before=_what(device))
    for device_id in sorted(old.keys() & new.keys()):
        yield from _device(old[device_id], new[device_id])


def _device(old: Device, new: Device) -> Iterator[Change]:
    was, now = _what(old), _what(new)
    models = old.model and new.model and (old.vendor, old.model) != (new.vendor, new.model)
    if models or (new.replaced and not old.replaced):
        yield Change(kind=Kind.REPLACED, device=new.name, before=was, after=now)
    elif old.firmware and new.firmware and old.firmware != new.firmware:
        yield Change(kind=Kind.FIRMWARE, device=new.name, before=old.firmware, after=new.firmware)
    if old.name and new.name and old.name != new.name:
        yield Change(kind=Kind.RENAMED, device=new.name, before=old.name, after=new.name)


def _what(device: Device) -> str:
    return " ".join(part for part in (device.vendor, device.model) if part)


def _links(before: Topology, after: Topology, names: dict[str, str]) -> Iterator[Change]:
    old, new = _by_pair(before), _by_pair(after)
    for pair in sorted(old.keys() | new.keys()):
        first, second = (names.get(one, one) for one in pair)
        was, now = old.get(pair, []), new.get(pair, [])
        same = Counter(map(_ends, was)) & Counter(map(_ends, now))
        for ends in sorted(same):
            yield from _link(
                next(one for one in was if _ends(one) == ends),
                next(one for one in now if _ends(one) == ends),
                first,
                second,
            )
        gone = [one for one in was if _ends(one) not in same]
        come = [one for one in now if _ends(one) not in same]
        moved = min(len(gone), len(come))
        for one, other in zip(gone[:moved], come[:moved], strict=True):
            if _only_learned(one, other):
                yield from _link(one, other, first, second)
                continue
            yield Change(
                kind=Kind.MOVED, device=first, other=second,
                before=_ports(one), after=_ports(other),
            )  # fmt: skip
        for one in gone[moved:]:
            yield Change(kind=Kind.LINK_VANISHED, device=first, other=second, before=_ports(one))
        for one in come[moved:]:
            yield Change(kind=Kind.LINK_APPEARED, device=first, other=second, after=_ports(one))


def _link(old: Link, new: Link, first: str, second: str) -> Iterator[Change]:
    if old.speed_bps and new.speed_bps and old.speed_bps != new.speed_bps:
        yield Change(
            kind=Kind.SPEED, device=first, other=second,
            before=str(old.speed_bps), after=str(new.speed_bps),
        )  # fmt: skip
    if old.duplex and new.duplex and old.duplex != new.duplex:
        yield Change(
            kind=Kind.DUPLEX, device=first, other=second, before=old.duplex, after=new.duplex
        )


def _only_learned(old: Link, new: Link) -> bool:
    """Whether they differ only where one of them does not know the port."""
    return all(
        not one.port or not other.port or one.port == other.port
        for one, other in ((old.a, new.a), (old.b, new.b))
    )


def _by_pair(topology: Topology) -> dict[tuple[str, str], list[Link]]:
    found: dict[tuple[str, str], list[Link]] = defaultdict(list)
    for link in topology.links:
        found[link.a.device, link.b.device].append(link)
    return found


def _ends(link: Link) -> tuple[str, str]:
    return link.a.port, link.b.port


def _ports(link: Link) -> str:
    return f"{link.a.port or '?'} - {link.b.port or '?'}"


def _place(kind: Kind, old: End | None, new: End | None, names: dict[str, str]) -> Sequence[Change]:
    if old is None or new is None or old == new:
        return ()
    was, now = (f"{names.get(at.device, at.device)} {at.port}".strip() for at in (old, new))
    return (Change(kind=kind, device=names.get(new.device, new.device), before=was, after=now),)
