"""What people know better than devices tell: dumb switches, links, names. Pure.

Edits are one document a school, laid over each new measurement; an edit of a device that is not
seen any more waits until it is seen again. A change makes a new document of the one before.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from collector.programme import texts
from collector.topology.model import End, Role
from collector.topology.refusal import EditRefused, Refusal

MOST_DEVICES: Final = 300
MOST_LINKS: Final = 600
MOST_ID: Final = 300
MOST_SPEED_BPS: Final = 800_000_000_000
TEXTS: Final = ("name", "vendor", "model", "firmware", "note")
_OWN_ID: Final = re.compile(r"hand:[a-z0-9][a-z0-9._-]{0,59}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceEdit:
    """Of one device; empty fields leave what is measured."""

    name: str = ""
    vendor: str = ""
    model: str = ""
    firmware: str = ""
    note: str = ""
    role: Role | None = None
    hidden: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkEdit:
    """A link that a person added, completed or hid."""

    a: End
    b: End
    speed_bps: int | None = None
    duplex: str | None = None
    note: str = ""
    hidden: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Edits:
    """All edits of one school."""

    devices: Mapping[str, DeviceEdit] = field(default_factory=dict)
    """By id; ``hand:NAME`` is a device that a person added."""
    links: tuple[LinkEdit, ...] = ()
    agent: End | None = None
    wan: End | None = None


def set_device(edits: Edits, device: str, given: Mapping[str, str]) -> Edits:
    """Add a device (``hand:NAME``) or correct one. Raises EditRefused."""
    device_id(device)
    wanted = _fields(given)
    if device.startswith("hand:") and not wanted.name:
        raise EditRefused("name: a device that is added needs one", Refusal.NO_NAME)
    if device not in edits.devices and len(edits.devices) >= MOST_DEVICES:
        raise EditRefused(
            f"devices: at most {MOST_DEVICES} edits a school; take some back",
            Refusal.TOO_MANY,
            most=MOST_DEVICES,
        )
    return replace(edits, devices={**edits.devices, device: wanted})


def drop_device(edits: Edits, device: str) -> Edits:
    """Take the edit of a device back; of one that was added, with its links."""
    if device not in edits.devices:
        raise EditRefused(f"device: nothing is edited of {device[:60]!r}", Refusal.NOT_EDITED)
    left = {one: edit for one, edit in edits.devices.items() if one != device}
    if not device.startswith("hand:"):
        return replace(edits, devices=left)
    return Edits(
        devices=left,
        links=tuple(one for one in edits.links if device not in (one.a.device, one.b.device)),
        agent=_unless(edits.agent, device),
        wan=_unless(edits.wan, device),
    )


def set_link(edits: Edits, one: End, other: End, given: Mapping[str, str]) -> Edits:
    """Add a link, say what it is, or hide it. Raises EditRefused."""
    if end(one).device == end(other).device:
        raise EditRefused(
            "link: found one device twice, allowed are two devices", Refusal.SAME_DEVICE
        )
    a, b = sorted((one, other))
    speed, duplex = given.get("speed_bps", "").strip(), given.get("duplex", "")
    if speed and not (speed.isascii() and speed.isdigit() and len(speed) < 16):
        raise EditRefused(
            f"speed_bps: found {speed[:40]!r}, allowed are whole bits per second", Refusal.SPEED
        )
    if speed and not 0 < int(speed) <= MOST_SPEED_BPS:
        raise EditRefused(
            f"speed_bps: found {speed}, allowed is 1 to {MOST_SPEED_BPS}", Refusal.SPEED
        )
    if duplex not in ("", "full", "half"):
        raise EditRefused(
            f"duplex: found {duplex[:20]!r}, allowed is full, half or nothing", Refusal.DUPLEX
        )
    wanted = LinkEdit(
        a=a,
        b=b,
        speed_bps=int(speed) if speed else None,
        duplex=duplex or None,
        note=_line("note", given.get("note", "")),
        hidden=given.get("hidden", "") == "yes",
    )
    left = tuple(link for link in edits.links if (link.a, link.b) != (a, b))
    if len(left) >= MOST_LINKS:
        raise EditRefused(
            f"links: at most {MOST_LINKS} edits a school; take some back",
            Refusal.TOO_MANY,
            most=MOST_LINKS,
        )
    links = sorted((*left, wanted), key=lambda link: (link.a, link.b))
    return replace(edits, links=tuple(links))


def drop_link(edits: Edits, one: End, other: End) -> Edits:
    """Take the edit of a link back. Raises EditRefused."""
    a, b = sorted((one, other))
    left = tuple(link for link in edits.links if (link.a, link.b) != (a, b))
    if len(left) == len(edits.links):
        raise EditRefused(
            "link: nothing is edited of a link between these ends", Refusal.NOT_EDITED
        )
    return replace(edits, links=left)


def set_place(edits: Edits, what: str, at: End | None) -> Edits:
    """Say where the agent sits or which port is the WAN; None: as measured."""
    if what not in ("agent", "wan"):
        raise EditRefused(f"place: found {what[:20]!r}, allowed is agent or wan", Refusal.FORM)
    if at is not None:
        end(at)
    return replace(edits, agent=at) if what == "agent" else replace(edits, wan=at)


def device_id(text: str) -> str:
    """Check a device's id. Raises EditRefused."""
    if text.startswith("hand:"):
        if not _OWN_ID.fullmatch(text):
            raise EditRefused(
                f"device: found {text[:60]!r}, allowed is hand: and letters a-z, digits, . _ -",
                Refusal.NO_DEVICE,
            )
    elif not text.startswith(("address:", "seen:")) or len(text) > MOST_ID:
        raise EditRefused(
            f"device: found {text[:60]!r}, allowed is an id of the list of devices",
            Refusal.NO_DEVICE,
        )
    return _line("device", text, MOST_ID)


def end(of: End) -> End:
    """Check an end. Raises EditRefused."""
    device_id(of.device)
    _line("port", of.port)
    return of


def to_document(edits: Edits) -> dict[str, Any]:
    """As JSON holds them; what is empty is left out."""
    document: dict[str, Any] = {}
    if edits.devices:
        document["devices"] = {
            device: _told(
                {name: getattr(edit, name) for name in TEXTS}
                | {"role": edit.role.value if edit.role else "", "hidden": edit.hidden}
            )
            for device, edit in sorted(edits.devices.items())
        }
    if edits.links:
        document["links"] = [
            _told(
                {
                    "a": _end_document(link.a),
                    "b": _end_document(link.b),
                    "speed_bps": link.speed_bps,
                    "duplex": link.duplex,
                    "note": link.note,
                    "hidden": link.hidden,
                }
            )
            for link in sorted(edits.links, key=lambda link: (link.a, link.b))
        ]
    for name, at in (("agent", edits.agent), ("wan", edits.wan)):
        if at is not None:
            document[name] = _end_document(at)
    return document


def from_document(document: Mapping[str, Any]) -> Edits:
    """Read what :func:`to_document` wrote."""
    devices = {
        device: DeviceEdit(
            **{name: edit.get(name, "") for name in TEXTS},
            role=Role(edit["role"]) if edit.get("role") else None,
            hidden=bool(edit.get("hidden")),
        )
        for device, edit in document.get("devices", {}).items()
    }
    links = tuple(
        LinkEdit(
            a=_end_of(link["a"]),
            b=_end_of(link["b"]),
            speed_bps=link.get("speed_bps"),
            duplex=link.get("duplex"),
            note=link.get("note", ""),
            hidden=bool(link.get("hidden")),
        )
        for link in document.get("links", ())
    )
    places = {
        name: _end_of(document[name]) if name in document else None for name in ("agent", "wan")
    }
    return Edits(devices=devices, links=links, agent=places["agent"], wan=places["wan"])


def _fields(given: Mapping[str, str]) -> DeviceEdit:
    role = given.get("role", "")
    try:
        chosen = Role(role) if role else None
    except ValueError:
        allowed = ", ".join(one.value for one in Role)
        raise EditRefused(
            f"role: found {role[:20]!r}, allowed is {allowed}", Refusal.ROLE
        ) from None
    told = {name: _line(name, given.get(name, "")) for name in TEXTS}
    return DeviceEdit(**told, role=chosen, hidden=given.get("hidden", "") == "yes")


def _line(name: str, text: str, most: int = texts.MAX_LINE) -> str:
    try:
        return texts.line(text, most)
    except ValueError as error:
        raise EditRefused(
            f"{name}: allowed is {error}", Refusal.TEXT, field=name, most=most
        ) from None


def _unless(at: End | None, device: str) -> End | None:
    return None if at is not None and at.device == device else at


def _told(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}


def _end_document(at: End) -> dict[str, str]:
    return {"device": at.device, "port": at.port} if at.port else {"device": at.device}


def _end_of(told: Mapping[str, str]) -> End:
    return End(told["device"], told.get("port", ""))
