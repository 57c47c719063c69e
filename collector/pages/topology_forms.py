"""The forms of the page of a school's network: what they send, and what comes of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from collector.pages import topology_words as say
from collector.pages.i18n import Words
from collector.pages.topology_words import Names
from collector.topology.change import Edit, edit_of
from collector.topology.edits import TEXTS, DeviceEdit, Edits, LinkEdit
from collector.topology.model import Device, Topology
from collector.topology.refusal import EditRefused, Refusal

SPEEDS_BPS: Final = tuple(int(gbps * 1e9) for gbps in (0.01, 0.1, 1, 2.5, 5, 10, 25, 40, 100))
_DOES: Final = {"add": "device", "correct": "device", "hide-link": "link"}
"""What the forms of the page call an edit of :func:`edit_of`; all others have its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """An edit that stands, with the fields that take it back."""

    text: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forms:
    """What the forms show: choices, and what was entered or stands."""

    devices: Sequence[tuple[str, str]]
    """Id and name of each device that can be chosen."""
    speeds: Sequence[tuple[str, str]]
    correct: str
    """Id of the device that is corrected; empty: none is chosen."""
    correct_name: str
    entered: Mapping[str, Mapping[str, str]]
    """By form, then by field."""
    standing: Sequence[Standing]
    version: int


def edit_asked(given: Mapping[str, str], edits: Edits) -> tuple[Edit, str]:
    """Make an edit of what a form of the page sent. Raises EditRefused."""
    do = given.get("do", "")
    fields = dict(given) | {"do": _DOES.get(do, do)}
    if do == "add":
        fields["device"] = free_id(edits)
    if do == "hide-link":
        fields["hidden"] = "yes"
    return edit_of(fields)


def free_id(edits: Edits) -> str:
    """The id of the next device that a person adds."""
    number = 1
    while f"hand:{number}" in edits.devices:
        number += 1
    return f"hand:{number}"


def version_seen(given: Mapping[str, str]) -> int:
    """The version that the page showed. Raises EditRefused."""
    text = given.get("version", "")
    if text.isascii() and text.isdecimal() and len(text) < 10:
        return int(text)
    raise EditRefused(f"version: found {text[:20]!r}, allowed is a number", Refusal.FORM)


def refusal_text(words: Words, refused: EditRefused) -> str:
    """Why an edit was refused, in the reader's language."""
    names = dict(refused.names)
    if "field" in names:
        names["field"] = words.either(f"topology_field.{names['field']}", "topology.text")
    return words(f"topology_refused.{refused.why.value}", **names)


def forms(
    words: Words,
    topology: Topology,
    edits: Edits,
    version: int,
    *,
    correct: str = "",
    given: Mapping[str, str] | None = None,
) -> Forms:
    """Give the forms. ``given``: what was entered and could not be kept; nothing of it is lost."""
    names = Names(words, topology)
    given = given or {}
    do = given.get("do", "")
    if do == "correct":
        correct = given.get("device", "")
    chosen = topology.device(correct) or next(
        (one for one in topology.hidden_devices if one.id == correct), None
    )
    if chosen is None and correct not in edits.devices:
        correct = ""
    entered: dict[str, Mapping[str, str]] = {"correct": _of_device(edits.devices.get(correct))}
    if do:
        entered[do] = given
    return Forms(
        devices=[(one.id, _choice(words, names, one)) for one in topology.devices],
        speeds=[(str(bps), say.speed(words, bps)) for bps in SPEEDS_BPS],
        correct=correct,
        correct_name=(correct if chosen is None else chosen.name or names.of(correct)),
        entered=entered,
        standing=_standing(words, topology, names, edits),
        version=version,
    )


def _choice(words: Words, names: Names, device: Device) -> str:
    told = names.of(device.id)
    role = say.role_name(words, device.role)
    where = device.address or ""
    return words("topology.choice", name=told, role=role, address=where).strip()


def _of_device(edit: DeviceEdit | None) -> dict[str, str]:
    if edit is None:
        return {}
    return {name: getattr(edit, name) for name in TEXTS} | {
        "role": "" if edit.role is None else edit.role.value,
        "hidden": "yes" if edit.hidden else "",
    }


def _standing(words: Words, topology: Topology, names: Names, edits: Edits) -> list[Standing]:
    hidden = {one.id: one.name for one in topology.hidden_devices}
    found = [
        Standing(
            text=_device_text(words, hidden.get(device) or names.of(device), device, edit),
            fields={"do": "drop-device", "device": device},
        )
        for device, edit in sorted(edits.devices.items())
    ]
    found += [_link_standing(words, names, edit) for edit in edits.links]
    for what, key, at in (
        ("agent", "topology.agent_by_hand", edits.agent),
        ("wan", "topology.wan_by_hand", edits.wan),
    ):
        if at is not None:
            text = words(key, at=names.end(at))
            found.append(Standing(text=text, fields={"do": what, "device": ""}))
    return found


def _device_text(words: Words, name: str, device: str, edit: DeviceEdit) -> str:
    if edit.hidden:
        return words("topology.device_hidden", name=name)
    if device.startswith("hand:"):
        return words("topology.device_added", name=edit.name or name)
    told = [words(f"topology_field.{key}") for key in (*TEXTS, "role") if getattr(edit, key)]
    return words("topology.device_corrected", name=name, fields=words("site.separator").join(told))


def _link_standing(words: Words, names: Names, edit: LinkEdit) -> Standing:
    between = words("topology.link", a=names.end(edit.a), b=names.end(edit.b))
    key = "topology.link_hidden" if edit.hidden else "topology.link_by_hand"
    return Standing(
        text=words(key, link=between),
        fields={
            "do": "drop-link",
            "a": edit.a.device,
            "a_port": edit.a.port,
            "b": edit.b.device,
            "b_port": edit.b.port,
        },
    )
