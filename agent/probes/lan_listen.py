"""Broadcast and multicast rates, a loop, IPv6 routers: what the LAN says by itself.

Listens and sends nothing, only with an approval of the school. A filter in the kernel hands over
headers alone; no frame and no address of a device is kept. Values: see docs/methods.md.
"""

import ipaddress
import threading
from collections.abc import Mapping
from typing import Final

from agent.clock import Clock
from agent.failure import MeasurementFailed
from agent.lan.interface import Interface, chosen
from agent.lan.leave import need_leave
from agent.lan.listening import Heard, headers_of_groups
from agent.lan.options import INTERFACE, TARGET, addresses6
from agent.lan.packet_socket import EVERY_ETHERTYPE, PacketSocket
from agent.network_card import read_card
from agent.probes import Findings, Progress, Report, Request
from agent.target import parse_lan
from wire.failure import FailureCode, Operation
from wire.measurement import Json
from wire.options import Option, resolve

FORM: Final = "lan"
__all__ = ["FORM", "OPTIONS", "TARGET", "probe"]
OPTIONS: Final[Mapping[str, Option]] = {
    "interface": INTERFACE,
    "seconds": Option(
        type=float, default=20.0, minimum=1, maximum=120, help="how long to listen (seconds)"
    ),
    "expected_routers": Option(
        type=str,
        default=None,
        help="link-local addresses of the school's IPv6 routers, with commas; others are rogue",
    ),
}
MOST_FRAMES_A_SECOND: Final = 5_000
"""More are counted by the kernel but not looked at: a storm must not take the whole processor."""
POLL_SECONDS: Final = 0.25
LAST_SECONDS: Final = 1.0


def probe(request: Request, report: Report) -> Findings:
    """Listen. See the module for what is found."""
    options = resolve(OPTIONS, request.options)
    parse_lan(request.target)
    expected = addresses6("expected_routers", options["expected_routers"])
    interface = chosen(options["interface"])
    leave = need_leave("lan_listen", interface, request.clock.now())
    seconds = options["seconds"]
    assert isinstance(seconds, float)
    seconds = min(seconds, request.deadline_seconds - LAST_SECONDS)
    heard = Heard(link_address=interface.link_address, address=interface.address)
    with PacketSocket(interface.name, EVERY_ETHERTYPE, headers_of_groups()) as frames:
        frames.hear_all_groups()
        frames.counts()  # what came while it was opened
        started = request.clock.monotonic_seconds()
        _listen(frames, heard, started + seconds, request.clock, report, seconds)
        listened = request.clock.monotonic_seconds() - started
        whole, _ = frames.counts()
    if listened <= 0:
        raise MeasurementFailed(
            FailureCode.TIMEOUT, Operation.RECEIVE, "the deadline left no time to listen"
        )
    return Findings(
        values=_figures(heard, interface, whole, listened, expected),
        context={
            "method": "frames to everybody and to groups, headers only, counted by the kernel",
            "approval_number": leave.approval_number,
        },
    )


def _listen(
    frames: PacketSocket,
    heard: Heard,
    until: float,
    clock: Clock,
    report: Report,
    seconds: float,
) -> None:
    second, looked_at = 0, 0
    while (left := until - (now := clock.monotonic_seconds())) > 0:
        if int(now) != second:
            second, looked_at = int(now), 0
            report(
                Progress(
                    phase="listen",
                    elapsed_seconds=seconds - left,
                    total_seconds=seconds,
                    text=f"{heard.frames} frames",
                )
            )
        if looked_at >= MOST_FRAMES_A_SECOND:
            threading.Event().wait(min(left, second + 1 - now))
            continue
        for frame in frames.poll(min(left, POLL_SECONDS)):
            heard.note(frame, now)
            looked_at += 1


def _figures(
    heard: Heard,
    interface: Interface,
    whole: int,
    seconds: float,
    expected: frozenset[ipaddress.IPv6Address],
) -> dict[str, Json]:
    """Rates from the kernel's count; how it divides, by the frames that were looked at."""
    share = heard.broadcasts / heard.frames if heard.frames else 0.0
    values: dict[str, Json] = {
        "broadcast_per_second": whole * share / seconds,
        "multicast_per_second": whole * (1 - share) / seconds,
        "frames_count": whole,
        "dropped_frames_count": max(0, whole - heard.frames),
        "listened_seconds": seconds,
        "loop_suspected": heard.loop_suspected(wireless=read_card(interface.name).wireless),
        "most_repeats_count": heard.most_repeats,
        "own_frames_returned_count": heard.own_returned,
        "own_address_conflict": heard.own_address_conflict,
        "ipv6_routers_count": len(heard.routers),
        "ipv6_prefixes_count": len(heard.prefixes),
        "ipv6_conflicting_prefixes_count": len(heard.conflicting_prefixes()),
    }
    if heard.repeat_ratio is not None:
        values["repeat_ratio"] = heard.repeat_ratio
    if expected:
        values["ipv6_rogue_routers_count"] = len(frozenset(heard.routers) - expected)
    return values
