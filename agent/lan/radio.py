"""What ``iw`` prints of Wi-Fi networks and channels, read into counts. Pure.

``iw`` says that its output is for people; what is read here (lines of ``scan`` and ``survey dump``)
has been the same since 2010. A network's name is compared and forgotten; its address is not read.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from wire.measurement import Json

_DFS: Final = (*range(52, 65), *range(100, 145))
"""5 GHz channels that must be left when a radar is heard: W53 and W56 in Japan (ITU-R M.1652)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """One network that was heard."""

    megahertz: int
    signal_dbm: float | None
    own: bool
    """It has one of the school's own names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """How long the radio was on a channel, and how much of it the channel was busy."""

    megahertz: int
    in_use: bool
    active_seconds: float | None = None
    busy_seconds: float | None = None


def read_scan(text: str, own_names: Sequence[str]) -> list[Network]:
    """Read ``iw dev NAME scan``. Networks without a frequency are left out."""
    found = []
    for lines in _blocks(text, "BSS "):
        frequency = _number(lines, "freq:")
        if frequency is None:
            continue
        name = next((line[5:].strip() for line in lines if line.startswith("SSID:")), "")
        found.append(
            Network(
                megahertz=int(frequency),
                signal_dbm=_number(lines, "signal:"),
                own=name in own_names,
            )
        )
    return found


def read_survey(text: str) -> dict[int, Survey]:
    """Read ``iw dev NAME survey dump``, by frequency in MHz."""
    found = {}
    for lines in _blocks(text, "Survey data"):
        frequency = _number(lines, "frequency:")
        if frequency is None:
            continue
        active, busy = (_number(lines, f"channel {what} time:") for what in ("active", "busy"))
        found[int(frequency)] = Survey(
            megahertz=int(frequency),
            in_use=any(line.startswith("frequency:") and "[in use]" in line for line in lines),
            active_seconds=None if active is None else active / 1000,
            busy_seconds=None if busy is None else busy / 1000,
        )
    return found


def busy_ratio(before: Survey | None, after: Survey) -> float | None:
    """Busy share between two looks, or since the counters began where they began in between."""
    if after.active_seconds is None or after.busy_seconds is None:
        return None
    active, busy = after.active_seconds, after.busy_seconds
    if before is not None and before.active_seconds is not None and before.busy_seconds is not None:
        grown, busier = active - before.active_seconds, busy - before.busy_seconds
        if grown > 0 and busier >= 0:
            active, busy = grown, busier
    return min(1.0, busy / active) if active > 0 else None


def channel_of(megahertz: int) -> tuple[int, str] | None:
    """Channel and band of a frequency (IEEE 802.11 annex E); None for one that is none."""
    if megahertz == 2484:
        return 14, "2.4 GHz"
    if 2412 <= megahertz <= 2472:
        return (megahertz - 2407) // 5, "2.4 GHz"
    if 5160 <= megahertz <= 5885:
        return (megahertz - 5000) // 5, "5 GHz"
    if 5955 <= megahertz <= 7115:
        return (megahertz - 5950) // 5, "6 GHz"
    return None


def is_dfs(channel: int, band: str) -> bool:
    """The channel must be left when a radar is heard."""
    return band == "5 GHz" and channel in _DFS


def figures(
    networks: Sequence[Network], before: dict[int, Survey], after: dict[int, Survey]
) -> dict[str, Json]:
    """Values of one scan between two surveys."""
    by_frequency: dict[int, list[Network]] = {}
    for network in networks:
        if channel_of(network.megahertz) is not None:
            by_frequency.setdefault(network.megahertz, []).append(network)
    known = [network for found in by_frequency.values() for network in found]
    own = [network for network in known if network.own]
    channels: list[Json] = [
        _channel(megahertz, by_frequency[megahertz], before, after)
        for megahertz in sorted(by_frequency)
    ]
    values: dict[str, Json] = {
        "networks_count": len(known),
        "own_networks_count": len(own),
        "channels": channels,
        "dfs_channels_count": sum(is_dfs(*_named(each)) for each in by_frequency),
    }
    for band, name in (("2.4 GHz", "2ghz"), ("5 GHz", "5ghz"), ("6 GHz", "6ghz")):
        values[f"networks_{name}_count"] = sum(
            _named(network.megahertz)[1] == band for network in known
        )
    values |= _strongest("strongest_dbm", known) | _strongest("own_strongest_dbm", own)
    place = _place(own, after)
    if place is not None:
        values["same_channel_networks_count"] = len(by_frequency.get(place, []))
        values["dfs"] = is_dfs(*_named(place))
        if place in after and (busy := busy_ratio(before.get(place), after[place])) is not None:
            values["busy_ratio"] = busy
    return values


def _place(own: Sequence[Network], surveys: dict[int, Survey]) -> int | None:
    """Frequency of the school's own strongest network, else the one the radio is on."""
    heard = [network for network in own if network.signal_dbm is not None]
    if heard:
        return max(heard, key=lambda network: network.signal_dbm or 0.0).megahertz
    in_use = (each.megahertz for each in surveys.values() if each.in_use)
    return next((each for each in in_use if channel_of(each) is not None), None)


def _channel(
    megahertz: int,
    found: Sequence[Network],
    before: dict[int, Survey],
    after: dict[int, Survey],
) -> dict[str, Json]:
    channel, band = _named(megahertz)
    told: dict[str, Json] = {
        "channel": channel,
        "band": band,
        "networks_count": len(found),
        "own_networks_count": sum(network.own for network in found),
        "dfs": is_dfs(channel, band),
        **_strongest("strongest_dbm", found),
    }
    if megahertz in after:
        busy = busy_ratio(before.get(megahertz), after[megahertz])
        if busy is not None:
            told["busy_ratio"] = busy
    return told


def _named(megahertz: int) -> tuple[int, str]:
    found = channel_of(megahertz)
    assert found is not None
    return found


def _strongest(name: str, networks: Iterable[Network]) -> dict[str, Json]:
    heard = [each.signal_dbm for each in networks if each.signal_dbm is not None]
    return {name: max(heard)} if heard else {}


def _blocks(text: str, head: str) -> Iterator[list[str]]:
    """Lines of each block that a line beginning with ``head`` opens, without indent."""
    block: list[str] | None = None
    for line in text.splitlines():
        if line.startswith(head):
            if block is not None:
                yield block
            block = []
        elif block is not None:
            block.append(line.strip())
    if block is not None:
        yield block


def _number(lines: Sequence[str], name: str) -> float | None:
    """The number that follows ``name`` on the first line that begins so."""
    for line in lines:
        if line.startswith(name):
            word = line.removeprefix(name).split()[:1]
            try:
                number = float(word[0])
            except (IndexError, ValueError):
                return None
            return number if math.isfinite(number) else None
    return None
