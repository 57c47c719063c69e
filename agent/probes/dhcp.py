"""How long the network takes to offer an address, and who offers. No address is taken.

A DISCOVER with a link address made up for this check; a REQUEST is never sent. Runs only with an
approval of the school. Values: see docs/methods.md. Where nobody offers, the failure says whether
a server is there that has none left (it answers an INFORM), or none at all.
"""

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from agent.failure import MeasurementFailed
from agent.lan import devices
from agent.lan.dhcp_messages import only_answers
from agent.lan.dhcp_round import INFORM_SECONDS, Round, ask, ask_for_settings
from agent.lan.interface import chosen
from agent.lan.leave import Leave, need_leave
from agent.lan.options import INTERFACE, TARGET, addresses4
from agent.lan.packet_socket import ETHERTYPE_IPV4, PacketSocket
from agent.probes import Findings, Progress, Report, Request
from agent.state import write_json
from agent.target import parse_lan
from wire.failure import FailureCode, Operation
from wire.measurement import Json
from wire.options import Option, resolve

FORM: Final = "lan"
__all__ = ["FORM", "OPTIONS", "TARGET", "probe"]
OPTIONS: Final[Mapping[str, Option]] = {
    "interface": INTERFACE,
    "seconds": Option(
        type=float,
        default=6.0,
        minimum=4,
        maximum=20,
        help="time to wait for offers, also after the first (seconds)",
    ),
    "expected_servers": Option(
        type=str,
        default=None,
        help="addresses of the school's DHCP servers, with commas; others are counted as rogue",
    ),
    "frame_source": Option(
        type=str,
        default="made_up",
        choices=("made_up", "card"),
        help="sender of the frames: card where the switch port lets one link address through",
    ),
}
KNOWN_FILE: Final = "lan-dhcp.json"
_MADE_UP: Final = b"\x02"
"""First byte: locally administered, of one device."""
_SAID: Final = {
    "pool_exhausted": "a DHCP server is there (it answers INFORM) but offers no address: its pool "
    "is used up, or it gives addresses to known devices only",
    "server_gone": "no DHCP server answers, though one is expected or answered before",
    "no_server": "no DHCP server answers, and none is known to exist",
}


def probe(request: Request, report: Report) -> Findings:
    """Ask for offers. See the module for what is found."""
    options = resolve(OPTIONS, request.options)
    parse_lan(request.target)
    expected = addresses4("expected_servers", options["expected_servers"])
    interface = chosen(options["interface"])
    leave = need_leave("dhcp", interface, request.clock.now())
    seconds = options["seconds"]
    assert isinstance(seconds, float)
    seconds = min(seconds, request.deadline_seconds - INFORM_SECONDS - 1)
    key = devices.load_key(leave.directory, leave.school, secrets.token_bytes)
    made_up = _MADE_UP + bytes.fromhex(devices.hasher(key)(b"dhcp"))[:5]
    transaction = request.random.getrandbits(32)
    report(Progress(phase="offers", elapsed_seconds=0.0, total_seconds=seconds, text=""))
    with PacketSocket(interface.name, ETHERTYPE_IPV4, only_answers()) as frames:
        frames.hear(made_up)
        link = interface.link_address
        sent = _FromCard(frames, link) if options["frame_source"] == "card" else frames
        found = ask(sent, made_up, transaction, seconds, request.clock)
        if not found.offers:
            number = transaction ^ 1
            ask_for_settings(frames, link, interface.address, number, found, request.clock)
    if not found.offers:
        raise _no_offer(found, known=bool(expected) or _known(leave))
    _remember(leave)
    values: dict[str, Json] = {
        "offer_seconds": found.offers[0][0],
        "offers_count": len(found.offers),
        "servers_count": len(found.servers),
        "naks_count": found.naks_count,
    }
    if expected:
        values["rogue_servers_count"] = len(found.servers - expected)
    return Findings(
        values=values,
        context={
            "method": "DHCPDISCOVER, answers by broadcast; no address is taken (RFC 2131)",
            "approval_number": leave.approval_number,
            "seconds": seconds,
        },
    )


class _FromCard:
    """Sends frames under the card's own link address; the message inside stays as it is."""

    def __init__(self, frames: PacketSocket, link_address: bytes) -> None:
        self._frames, self._link_address = frames, link_address

    def send(self, frame: bytes) -> None:
        self._frames.send(frame[:6] + self._link_address + frame[12:])

    def poll(self, timeout_seconds: float) -> list[bytes]:
        return self._frames.poll(timeout_seconds)


def _no_offer(found: Round, *, known: bool) -> MeasurementFailed:
    partial: dict[str, Json] = {
        "informed_servers_count": len(found.informed),
        "naks_count": found.naks_count,
    }
    if found.naks_count:
        text = f"DHCP servers refused {found.naks_count} times and offered nothing"
        return MeasurementFailed(FailureCode.PROTOCOL_ERROR, Operation.RECEIVE, text, partial)
    reason = found.why_no_offer(known=known)
    partial["no_offer_reason"] = reason
    return MeasurementFailed(FailureCode.NO_REPLY, Operation.RECEIVE, _SAID[reason], partial)


def _known(leave: Leave) -> bool:
    """A server answered at this school before."""
    try:
        return _told(leave.directory / KNOWN_FILE) == leave.school
    except OSError:
        return False


def _remember(leave: Leave) -> None:
    write_json(leave.directory / KNOWN_FILE, {"answered_at_school": leave.school}, durable=False)


def _told(path: Path) -> str | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return None
    return found.get("answered_at_school") if isinstance(found, dict) else None
