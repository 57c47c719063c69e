"""A school's network for readers who are not signed in: no addresses, no firmware. Pure.

Pages may be open to all. Where a device can be reached and which software it runs helps nobody who
reads them, but those who look for a way in.
"""

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address

from collector.topology.diff import Change, Kind
from collector.topology.model import Attached, End, Link, Topology


def withheld(of: Topology) -> Topology:
    """Leave out what only staff needs; ids become numbers, in the order of devices."""
    ids = {one.id: f"device:{place}" for place, one in enumerate(of.devices, 1)}

    def at(end: End) -> End:
        return replace(end, device=ids[end.device])

    def linked(link: Link) -> Link:
        told_by = tuple(sorted(ids[one] for one in link.told_by if one in ids))
        return replace(link, a=at(link.a), b=at(link.b), told_by=told_by, note="")

    agent, wan = of.agent, of.wan
    if agent is not None:
        behind = None if agent.behind is None else ids.get(agent.behind)
        known = agent.end.device in ids
        agent = Attached(end=at(agent.end), behind=behind) if known else None
    return Topology(
        devices=tuple(
            replace(
                one, id=ids[one.id], name=nameless(one.name), address=None, firmware=None, note=""
            )
            for one in of.devices
        ),
        links=tuple(linked(one) for one in of.links),
        ports=tuple(replace(one, device=ids[one.device]) for one in of.ports if one.device in ids),
        ports_left_off_count=of.ports_left_off_count,
        agent=agent,
        wan=at(wan) if wan is not None and wan.device in ids else None,
    )


def changes_withheld(changes: Sequence[Change]) -> list[Change]:
    """The same of what changed in a week: that firmware changed, not which it is."""
    return [
        replace(
            one,
            device=nameless(one.device),
            other=nameless(one.other),
            before=_told(one, one.before),
            after=_told(one, one.after),
        )
        for one in changes
    ]


def nameless(name: str) -> str:
    """A name; nothing where a device has none but its address, or the id that a person gave."""
    try:
        ip_address(name)
    except ValueError:
        return name
    return ""


def _told(change: Change, value: str) -> str:
    if change.kind is Kind.FIRMWARE:
        return ""
    first, blank, rest = value.partition(" ")
    return f"{nameless(first)}{blank}{rest}".strip()
