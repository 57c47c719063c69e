"""What this appliance can and cannot measure: facts to lines. Pure.

Each line: ok, warn or fail; what it means; what to do. ``fail`` stands only where an agent cannot
do its work at all, ``warn`` where some figures are missing or will not be judged.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from agent.appliance import VOUCH_FACTOR, ceiling_bps
from agent.clock_check import ClockState, Standing
from agent.network_card import Card

FEW_MEMORY_BYTES: Final = 256 * 1024 * 1024
BUSY_RATIO: Final = 0.7
"""An idle appliance that is busier than this has no room for measuring."""
SPARE_BYTES: Final = 64 * 1024 * 1024
"""Wanted free on the disk beyond the spool's cap."""


class Grade(StrEnum):
    """How a line is to be taken."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Line:
    """One finding."""

    name: str
    grade: Grade
    text: str
    advice: str = ""


def privileges(*, datagram: bool, raw: bool, group_range: str) -> Line:
    """ICMP echo without root, or with."""
    if datagram or raw:
        how = "raw sockets (CAP_NET_RAW)" if raw else "datagram sockets (ping_group_range)"
        more = "" if raw else "; no raw packets, which only traces with TCP packets need"
        return Line("privileges", Grade.OK, f"ICMP echo works through {how}{more}")
    return Line(
        "privileges",
        Grade.WARN,
        f"no ICMP echo: net.ipv4.ping_group_range is {group_range or 'unreadable'} and there is "
        "no CAP_NET_RAW; latency and path cannot be measured by ICMP",
        "sysctl -w net.ipv4.ping_group_range='0 2147483647', or give the service "
        "AmbientCapabilities=CAP_NET_RAW",
    )


def clock(stand: Standing, *, kernel_synchronised: bool) -> Line:
    """How wrong the clock is."""
    by = "the kernel has a time source" if kernel_synchronised else "nobody sets this clock"
    if stand.state is ClockState.WRONG:
        off = "reads a year before this release"
        if stand.offset_seconds is not None:
            off = f"is off by {abs(stand.offset_seconds):.1f} s ({stand.source})"
        return Line(
            "clock",
            Grade.WARN,
            f"the clock {off}; {by}; results are re-dated where the true time is known",
            "timedatectl set-ntp true, and let UDP 123 to a time server pass",
        )
    if stand.state is ClockState.GOOD:
        error = stand.error_seconds or 0.0
        shown = "" if stand.offset_seconds is None else f"off by {stand.offset_seconds:+.3f} s, "
        return Line("clock", Grade.OK, f"{shown}known within {error:.3f} s ({stand.source})")
    return Line(
        "clock",
        Grade.WARN,
        f"how right the clock is is not known; {by}",
        "enrol, or name clock.ntp_server in the configuration",
    )


def link(card: Card | None, target: str | None) -> Line:
    """Interface, speed and duplex towards the target."""
    if target is None:
        return Line(
            "link", Grade.WARN, "not looked at: no target", "give --target HOST:PORT or --config"
        )
    if card is None:
        return Line(
            "link", Grade.FAIL, f"no way to {target}: no address or no route", "check cable and DNS"
        )
    if card.wireless:
        return Line(
            "link",
            Grade.WARN,
            f"{card.name} is wireless: its figures are those of the access point, not of the line",
            "connect the appliance by cable",
        )
    if card.duplex == "half":
        return Line(
            "link",
            Grade.WARN,
            f"{card.name} runs half duplex: throughput is spoilt",
            "replace cable or port; set both ends to automatic negotiation",
        )
    if card.speed_bps is None:
        return Line("link", Grade.OK, f"{card.name}, speed not told by its driver")
    return Line(
        "link",
        Grade.OK,
        f"{card.name} {card.speed_bps / 1e6:,.0f} Mbit/s {card.duplex or 'duplex unknown'}: "
        f"at most {(card.goodput_bps or 0.0) / 1e6:,.0f} Mbit/s of TCP goodput",
    )


def processor(count: int, busy_ratio: float | None) -> Line:
    """Processors and what is left of them."""
    shown = "load unknown" if busy_ratio is None else f"{busy_ratio:.0%} busy"
    if busy_ratio is not None and busy_ratio > BUSY_RATIO:
        return Line(
            "processor",
            Grade.WARN,
            f"{count} processors, {shown}: measurements will be too low",
            "stop what else runs here",
        )
    return Line("processor", Grade.OK, f"{count} processors, {shown}")


def memory(available_bytes: int | None) -> Line:
    """Memory that can be had."""
    if available_bytes is None:
        return Line("memory", Grade.WARN, "not known", "is /proc mounted?")
    shown = f"{available_bytes / 2**20:,.0f} MiB available"
    if available_bytes < FEW_MEMORY_BYTES:
        return Line("memory", Grade.WARN, f"{shown}: tight", "stop what else runs here")
    return Line("memory", Grade.OK, shown)


def disk(free_bytes: int | None, used_bytes: int, cap_bytes: int, place: str) -> Line:
    """Room for results that wait."""
    if free_bytes is None:
        return Line("disk", Grade.FAIL, f"{place} cannot be used", "name another with --state DIR")
    wanted = max(0, cap_bytes - used_bytes)
    shown = (
        f"{free_bytes / 2**20:,.0f} MiB free at {place}, the spool may take {wanted / 2**20:,.0f}"
    )
    if free_bytes < wanted:
        return Line(
            "disk",
            Grade.WARN,
            f"{shown}: in a long outage the oldest results go early",
            "free space, or lower spool.cap_bytes",
        )
    if free_bytes < wanted + SPARE_BYTES:
        return Line("disk", Grade.WARN, f"{shown}: little is left", "free space")
    return Line("disk", Grade.OK, shown)


def ceiling(
    loopback_bps: float | None, card: Card | None, required_bps: float | None, reason: str = ""
) -> Line:
    """Highest rate this appliance can vouch for, against what is required."""
    bound = ceiling_bps(loopback_bps, card)
    if loopback_bps is None or bound is None:
        return Line(
            "ceiling",
            Grade.FAIL,
            f"not known: {reason or 'the self-test gave no rate'}",
            "run: hakaru-agent measure throughput against a responder of your own, and see why",
        )
    shown = (
        f"loopback {loopback_bps / 1e6:,.0f} Mbit/s; this appliance can vouch for verdicts up to "
        f"{bound / VOUCH_FACTOR / 1e6:,.0f} Mbit/s"
    )
    if required_bps is None:
        return Line("ceiling", Grade.OK, shown)
    if bound < VOUCH_FACTOR * required_bps:
        return Line(
            "ceiling",
            Grade.FAIL,
            f"{shown}, required are {required_bps / 1e6:,.0f}: every verdict will be undetermined",
            "use a faster link or appliance",
        )
    return Line("ceiling", Grade.OK, f"{shown}, required are {required_bps / 1e6:,.0f}")


def reach(name: str, asked: str | None, failure: str | None, seen: str = "") -> Line:
    """A far end: None for what was not asked, a reason where it did not answer."""
    if asked is None:
        advice = {
            "collector": "run hakaru-agent enrol: it asks for QR code, or address and code",
            "responder": "give --target HOST:PORT or --config FILE",
        }
        return Line(name, Grade.WARN, "not asked: none is known", advice.get(name, ""))
    if failure is not None:
        return Line(name, Grade.FAIL, f"{asked}: {failure}", "check name, route and firewall")
    return Line(name, Grade.OK, f"{asked} answers{seen}")


def exit_code(lines: Sequence[Line]) -> int:
    """1 where anything fails."""
    return int(any(line.grade is Grade.FAIL for line in lines))


def describe(lines: Sequence[Line]) -> str:
    """The lines for a person."""
    width = max(len(line.name) for line in lines)
    shown = []
    for line in lines:
        shown.append(f"{line.grade.value:4}  {line.name:{width}}  {line.text}")
        if line.advice:
            shown.append(f"{'':6}{'':{width}}  -> {line.advice}")
    return "\n".join(shown)
