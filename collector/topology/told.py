"""Links that devices tell of (LLDP, CDP), each once though both ends tell of it. Pure."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from collector.topology.model import Device, End, How, Link, Role, Source, joined
from collector.topology.report import Neighbour, Report, name_key, port_key, told_role

MOST_SEEN: Final = 500


@dataclass(frozen=True, slots=True)
class Told:
    """What neighbours say."""

    links: tuple[Link, ...]
    seen: tuple[Device, ...]
    """Devices that are only named."""
    roles: Mapping[str, Role]
    """What neighbours agree that a polled device is, by its id."""


@dataclass(frozen=True, slots=True)
class _Say:
    """One entry: ``here`` says that ``there`` is plugged in, at a port of that name."""

    here: End
    there: str
    remote: str | None
    how: How


def told(reports: Sequence[Report]) -> Told:
    """Put together what all devices say of their neighbours."""
    known = _Known(reports)
    says: list[_Say] = []
    seen: dict[str, Device] = {}
    roles: dict[str, set[Role | None]] = defaultdict(set)
    shared: dict[End, set[str]] = defaultdict(set)
    for report in reports:
        for entry in report.neighbours():
            here = End(report.id, entry.port)
            there = known.find(report, entry)
            if there is None:
                there = _seen_id(here, entry)
                if there not in seen and len(seen) >= MOST_SEEN:
                    continue
                seen.setdefault(there, _seen(there, entry))
            elif there == report.id:
                continue  # a loop-back cable, or a device that hears itself
            roles[there].add(told_role(entry.roles))
            shared[here].add(there)
            says.append(_Say(here, there, entry.remote_port, How(entry.protocol)))
    several = {end for end, others in shared.items() if len(others) > 1}
    links = _join(says, known, several)
    return Told(
        links=tuple(links),
        seen=tuple(seen.values()),
        roles={
            device: role
            for device, told in roles.items()
            if len(told) == 1 and (role := next(iter(told))) is not None
        },
    )


class _Known:
    """Finds the polled device that a neighbour's name means."""

    def __init__(self, reports: Sequence[Report]) -> None:
        self._by_name: dict[str, list[Report]] = defaultdict(list)
        self._ports: dict[str, dict[str, set[str]]] = {}
        for report in reports:
            if (key := name_key(report.text("system_name"))) is not None:
                self._by_name[key].append(report)
            names: dict[str, set[str]] = defaultdict(set)
            for port, values in report.ports():
                for text in (port, values.get("alias")):
                    if (short := port_key(text)) is not None:
                        names[short].add(port)
            self._ports[report.id] = names

    def find(self, here: Report, entry: Neighbour) -> str | None:
        """Give its id. Of several of one name the one that names us back; else None."""
        key = name_key(entry.name)
        candidates = [] if key is None else self._by_name.get(key, [])
        if len(candidates) == 1:
            return candidates[0].id
        ours = name_key(here.text("system_name"))
        back = [one for one in candidates if one is not here and self._names(one, ours, entry)]
        return back[0].id if len(back) == 1 else None

    def _names(self, other: Report, ours: str | None, entry: Neighbour) -> bool:
        return ours is not None and any(
            name_key(one.name) == ours and port_key(one.remote_port) == port_key(entry.port)
            for one in other.neighbours()
        )

    def port(self, device: str, name: str | None) -> str | None:
        """The port that is meant by what another says of it; None: none of ours."""
        key = port_key(name)
        found = self._ports.get(device, {}).get(key, set()) if key is not None else set()
        return next(iter(found)) if len(found) == 1 else None


def _join(says: Sequence[_Say], known: _Known, several: set[End]) -> list[Link]:
    """One link for each entry, or for two that tell of the same from both ends."""
    by_pair: dict[frozenset[str], list[_Say]] = defaultdict(list)
    for say in dict.fromkeys(says):
        by_pair[frozenset((say.here.device, say.there))].append(say)
    links: list[Link] = []
    for pair in by_pair.values():
        first = pair[0].here.device
        ours = [say for say in pair if say.here.device == first]
        theirs = [say for say in pair if say.here.device != first]
        couples = _couples(ours, theirs, known)
        for one, other in couples:
            links.append(_link(one, other, known, several))
    return links


def _couples(ours: list[_Say], theirs: list[_Say], known: _Known) -> list[tuple[_Say, _Say | None]]:
    found: list[tuple[_Say, _Say | None]] = []
    left, right = list(ours), list(theirs)
    for say in ours:  # both name each other's port
        match = next((one for one in right if _agree(say, one, known)), None)
        if match is not None:
            left.remove(say)
            right.remove(match)
            found.append((say, match))
    if len(left) == len(right) == 1 and not _contradict(left[0], right[0], known):
        return [*found, (left[0], right[0])]
    return [*found, *((say, None) for say in left), *((say, None) for say in right)]


def _agree(one: _Say, other: _Say, known: _Known) -> bool:
    return (
        known.port(one.there, one.remote) == other.here.port
        and known.port(other.there, other.remote) == one.here.port
    )


def _contradict(one: _Say, other: _Say, known: _Known) -> bool:
    """Whether one names a port of the other's that is not the other's: then they are two links."""
    named, back = known.port(one.there, one.remote), known.port(other.there, other.remote)
    return (named is not None and named != other.here.port) or (
        back is not None and back != one.here.port
    )


def _link(one: _Say, other: _Say | None, known: _Known, several: set[End]) -> Link:
    both = [one] if other is None else [one, other]
    far = End(one.there, known.port(one.there, one.remote) or one.remote or "")
    if other is not None:
        far = other.here
    return joined(
        one.here,
        far,
        how=tuple(sorted({say.how for say in both})),
        told_by=tuple(sorted(say.here.device for say in both)),
        shared=one.here in several or far in several,
    )


def _seen_id(here: End, entry: Neighbour) -> str:
    """Bridges and routers of one name are one device; access points often share a name."""
    key = name_key(entry.name)
    if key is None or "access_point" in entry.roles:
        return f"seen:{key or ''}@{here.device}/{here.port}"
    return f"seen:{key}"


def _seen(device: str, entry: Neighbour) -> Device:
    return Device(
        id=device,
        name=entry.name or "",
        source=Source.SEEN,
        role=told_role(entry.roles),
        model=entry.platform,
    )
