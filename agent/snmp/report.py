"""A reading and what was gathered since become the values of a result. Pure.

Names are docs/methods.md's. Nothing here identifies a pupil's device: of forwarding and ARP tables
there are numbers, of neighbours only infrastructure has names.
"""

import json
from typing import Any, Final

from agent.snmp.interfaces import Port
from agent.snmp.neighbours import Neighbour
from agent.snmp.profiles import Figure
from agent.snmp.reading import Reading
from agent.snmp.tally import PortTally, Tally, risen
from agent.snmp.values import show_oid
from wire.measurement import Json

MOST_PORTS_BYTES: Final = 34_000
MOST_NEIGHBOURS_BYTES: Final = 14_000
MOST_DEVICE_PORTS_BYTES: Final = 6_000
"""A record holds at most 65,536 bytes; what is left off is counted."""
SLOW_BPS: Final = 100_000_000
_MOST_NUMBER: Final = 1 << 62


def values(reading: Reading, tally: Tally, before: Reading | None = None) -> dict[str, Json]:
    """Give the values of a report. ``before``: the whole reading of the report before."""
    found: dict[str, Json] = {}
    _tell_system(found, reading, tally)
    _tell_figures(found, tally)
    _tell_ports(found, reading, tally)
    _tell_rest(found, reading)
    _tell_place(found, reading)
    if before is not None and not tally.restarts_count and not tally.replaced:
        elapsed = reading.sample.moment.at_seconds - before.sample.moment.at_seconds
        changes = risen(before.topology_changes, reading.topology_changes, elapsed)
        found["topology_changes_count"] = changes
    return {name: value for name, value in found.items() if value is not None}


def _tell_system(found: dict[str, Json], reading: Reading, tally: Tally) -> None:
    system, profile, figures = reading.system, reading.profile, reading.sample.figures
    model = figures.get(Figure.MODEL)
    firmware = figures.get(Figure.FIRMWARE)
    part = reading.parts[0] if reading.parts else None
    found |= {
        "system_name": system.name,
        "description": system.description,
        "object_id": None if system.object_id is None else show_oid(system.object_id),
        "vendor": None if profile is None else profile.vendor,
        "profile": None if profile is None else profile.name,
        "role": (profile.role or None) if profile is not None else None,
        "model": model or (part.model if part is not None else None),
        "firmware": firmware or (part.software if part is not None else None),
        "parts_count": len(reading.parts) or None,
        "uptime_seconds": None if system.uptime_ticks is None else system.uptime_ticks / 100,
        "restarts_count": tally.restarts_count,
        "samples_count": tally.samples_count,
        "covered_seconds": tally.covered_seconds,
    }
    if tally.replaced:
        found["replaced"] = True


def _tell_figures(found: dict[str, Json], tally: Tally) -> None:
    for figure, told in tally.figures.items():
        name = figure.value
        stem, _, unit = name.rpartition("_")
        if unit == "ratio":
            found[name] = told.mean
            found[f"{stem}_max_ratio"] = told.most
        elif unit == "count":
            found[name] = round(told.last)
            if figure in (Figure.SESSIONS_COUNT, Figure.NAT_ENTRIES_COUNT, Figure.CLIENTS_COUNT):
                found[f"{stem}_max_count"] = round(told.most)
        else:
            found[name] = told.last
    sessions = tally.figures.get(Figure.SESSIONS_COUNT)
    limit = tally.figures.get(Figure.SESSIONS_LIMIT_COUNT)
    if sessions is not None and limit is not None and 0 < sessions.most <= limit.last:
        found["sessions_max_ratio"] = sessions.most / limit.last


def _tell_ports(found: dict[str, Json], reading: Reading, tally: Tally) -> None:
    counted = [port for port in reading.ports if port.is_ethernet]
    up = [port for port in counted if port.is_up]
    told = [(port, _port(port, tally.ports.get(port.index), reading)) for port in reading.ports]
    errors = [one["error_ratio"] for _, one in told if "error_ratio" in one]
    discards = [one["discard_ratio"] for _, one in told if "discard_ratio" in one]
    listed = [(port, one) for port, one in told if port.is_up or _is_bad(one)]
    told_of = _linking(reading)
    listed.sort(
        key=lambda item: (
            item[0].name not in told_of,
            not _is_bad(item[1]),
            not item[0].is_ethernet,
            item[0].index,
        )
    )
    kept, left = _fitting([one for _, one in listed], MOST_PORTS_BYTES)
    found |= {
        "ports_count": len(counted),
        "ports_up_count": len(up),
        "ports_half_duplex_count": sum(port.duplex == "half" for port in up),
        "ports_duplex_unknown_count": sum(port.duplex is None for port in up),
        "ports_slow_count": sum(
            port.speed_bps is not None and port.speed_bps <= SLOW_BPS for port in up
        ),
        "ports_speed_unknown_count": sum(port.speed_bps is None for port in up),
        "ports_with_errors_count": sum(ratio > 0 for ratio in errors) if errors else None,
        "port_error_max_ratio": max(errors, default=None),
        "port_discard_max_ratio": max(discards, default=None),
        "broadcast_max_per_second": max(_broadcasts(tally), default=None),
        "ports": kept or None,
        "ports_left_off_count": left or None,
    }


def _linking(reading: Reading) -> frozenset[str | None]:
    """Ports that lead to other devices: where not all ports fit, these do."""
    at = reading.place
    names = (one.port for one in reading.neighbours.infrastructure)
    return frozenset(
        (at.appliance_port, at.gateway_port, at.wan_port, *at.device_ports.values(), *names)
    )


def _is_bad(told: dict[str, Any]) -> bool:
    return told.get("duplex") == "half" or told.get("error_ratio", 0) > 0


def _port(port: Port, tally: PortTally | None, reading: Reading) -> dict[str, Any]:
    told: dict[str, Any] = {
        "port": port.name,
        "alias": port.alias if port.alias != port.name else None,
        "state": port.state,
        "type": None if port.is_ethernet else port.type,
        "speed_bps": port.speed_bps,
        "duplex": port.duplex,
        "addresses_count": reading.forwarding.by_interface.get(port.index),
        "others_count": reading.neighbours.others.get(port.name),
    }
    if tally is not None:
        packets = ("in_packets", "out_packets", "in_broadcast", "in_multicast")
        told |= {
            "in_bps": _rounded(tally.mean_bps("in_octets")),
            "out_bps": _rounded(tally.mean_bps("out_octets")),
            "in_max_bps": _rounded(tally.most_bps.get("in_octets")),
            "out_max_bps": _rounded(tally.most_bps.get("out_octets")),
            "error_ratio": tally.ratio(("in_errors", "out_errors"), packets),
            "discard_ratio": tally.ratio(("in_discards", "out_discards"), packets),
            "errors_count": _rise(tally, "in_errors", "out_errors"),
            "discards_count": _rise(tally, "in_discards", "out_discards"),
            "check_errors_count": _rise(tally, "check_errors", "alignment_errors") or None,
            "late_collisions_count": _rise(tally, "late_collisions") or None,
            "broadcast_count": _rise(tally, "in_broadcast"),
            "not_known": " ".join(sorted(reason.value for reason in tally.reasons)) or None,
        }
        if tally.states["up"] and len(tally.states) > 1:
            told["went_down"] = True
    return {name: value for name, value in told.items() if value is not None}


def _rise(tally: PortTally, *names: str) -> int | None:
    known = [tally.rose[name] for name in names if name in tally.known]
    return min(sum(known), _MOST_NUMBER) if known else None


def _broadcasts(tally: Tally) -> list[float]:
    """Broadcast frames a second that came in, of each port where that is known."""
    return [
        1_000 * port.rose["in_broadcast"] / port.seconds["in_broadcast"]
        for port in tally.ports.values()
        if port.seconds["in_broadcast"]
    ]


def _rounded(rate: float | None) -> int | None:
    return None if rate is None else round(rate)


def _tell_rest(found: dict[str, Json], reading: Reading) -> None:
    power = reading.power
    neighbours, left = _fitting(
        [_neighbour(one) for one in reading.neighbours.infrastructure], MOST_NEIGHBOURS_BYTES
    )
    found |= {
        "addresses_count": reading.forwarding.addresses_count,
        "vlans_count": reading.vlans_count,
        "arp_entries_count": reading.arp_count,
        "neighbours": neighbours or None,
        "neighbours_left_off_count": left or None,
        "neighbours_other_count": sum(reading.neighbours.others.values()) or None,
    }
    if power is not None:
        found |= {
            "power_used_ratio": power.used_ratio,
            "power_ports_count": power.delivering_count,
            "power_faults_count": power.faults_count,
            "power_states": " ".join(power.states) or None,
        }
    if len(reading.parts) > 1:
        found["parts"] = [
            {"model": part.model, "software": part.software or ""} for part in reading.parts
        ]


def _tell_place(found: dict[str, Json], reading: Reading) -> None:
    at = reading.place
    devices, _ = _fitting(
        [{"device": device, "port": port} for device, port in sorted(at.device_ports.items())],
        MOST_DEVICE_PORTS_BYTES,
    )
    found |= {
        "appliance_port": at.appliance_port,
        "gateway_port": at.gateway_port,
        "device_ports": devices or None,
        "wan_port": at.wan_port,
        "wan_interface": at.wan_interface,
    }


def _neighbour(one: Neighbour) -> dict[str, Any]:
    told = {
        "port": one.port,
        "name": one.name,
        "remote_port": one.remote_port,
        "platform": one.platform,
        "roles": " ".join(one.roles),
        "protocol": one.protocol,
    }
    return {name: value for name, value in told.items() if value is not None}


def _fitting(rows: list[dict[str, Any]], most_bytes: int) -> tuple[list[Json], int]:
    """Keep as many rows as fit; give them and how many were left off."""
    kept: list[Json] = []
    size = 0
    for row in rows:
        size += len(json.dumps(row, ensure_ascii=False).encode()) + 2
        if size > most_bytes:
            break
        kept.append(row)
    return kept, len(rows) - len(kept)
