"""Read the thresholds of cause finding (configs/causes/rules.toml), refusing with every mistake."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from collector import resources
from collector.judge.reading import Reading, parse_toml, read_bytes, words
from collector.programme.findings_catalogue import load_findings


class Scope(StrEnum):
    """Where a cause explains a symptom."""

    ALWAYS = "always"
    SAME_PORT = "same_port"
    SAME_HOURS = "same_hours"


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """The thresholds; what each is for stands in the file and in docs/causes.md."""

    fewest_runs: int
    fewest_reports: int
    fewest_days: int
    recent_days: int
    saturated_left_ratio: float
    saturated_use_ratio: float
    saturated_whole_ratio: float
    saturated_port_ratio: float
    saturated_rtt_seconds: float
    below_contract_ratio: float
    below_located_ratio: float
    steady_ratio: float
    slump_ratio: float
    lesson_slump_ratio: float
    centre_steady_ratio: float
    update_ratio: float
    plateau_low_bps: float
    plateau_high_bps: float
    plateau_spread_ratio: float
    slow_port_bps: float
    slow_port_matters_bps: float
    uplink_addresses_count: int
    error_ratio: float
    error_count: int
    discard_ratio: float
    discard_count: int
    bad_share_ratio: float
    loss_ratio: float
    loss_packets_count: int
    router_cpu_ratio: float
    router_cpu_mean_ratio: float
    hot_share_ratio: float
    sessions_ratio: float
    rated_low_ratio: float
    rated_high_ratio: float
    access_point_clients_count: int
    controller_clients_count: int
    broadcast_per_second: float
    topology_changes_count: int
    channel_busy_ratio: float
    same_channel_count: int
    same_channel_busy_ratio: float
    dns_seconds: float
    dns_failure_ratio: float
    dns_lost_ratio: float
    fewest_failures_count: int
    cloud_seconds: float
    cloud_times_ratio: float
    cloud_failure_ratio: float
    filter_ratio: float
    filter_tls_seconds: float
    filter_tls_times_ratio: float
    intercepted_ratio: float
    session_failure_ratio: float
    session_quiet_ratio: float
    session_steady_ratio: float
    appliance_ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Thresholds, and what explains what."""

    version: str
    number: Numbers
    explains: Mapping[str, Mapping[str, Scope]]
    """By cause: its symptoms and where it explains them."""


@cache
def default_rules() -> Rules:
    """Give the packaged rules. Raises ConfigRefused where they are broken."""
    path = resources.configs_folder() / "causes" / "rules.toml"
    return load_rules(path, load_findings())


def load_rules(path: Path, findings: Iterable[str]) -> Rules:
    """Read rules; ``findings`` are the ids that may stand in them. Raises ConfigRefused."""
    return parse_rules(read_bytes(path), str(path), findings)


def parse_rules(raw: bytes, file: str, findings: Iterable[str]) -> Rules:
    """Read rules; ``file`` names them in messages. Raises ConfigRefused with all mistakes."""
    document = parse_toml(raw, file)
    reading = Reading(file)
    reading.only(document, "", ("version", "number", "explains"))
    version = reading.text(document, "", "version")
    numbers = _numbers(reading, reading.table(document, "", "number"))
    explains = _explains(reading, reading.table(document, "", "explains"), tuple(findings))
    reading.refuse_if_wrong()
    assert numbers is not None
    return Rules(version=version, number=numbers, explains=explains)


def _numbers(reading: Reading, table: Mapping[str, Any]) -> Numbers | None:
    if not table:
        reading.wrong("number", words("nothing"), "the table of thresholds")
        return None
    known = {field.name: field.type for field in fields(Numbers)}
    reading.only(table, "number", known)
    found: dict[str, Any] = {}
    for name, kind in known.items():
        value, here = table.get(name), f"number.{name}"
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            reading.wrong(here, value, "a number above 0")
            continue
        number = float(value)
        if not 0 < number < float("inf"):
            reading.wrong(here, value, "a number above 0")
        elif kind is int and not isinstance(value, int):
            reading.wrong(here, value, "a whole number above 0")
        elif name.endswith("_ratio") and "times" not in name and number > _MOST_RATIO:
            reading.wrong(here, value, f"a ratio above 0, at most {_MOST_RATIO:g}")
        else:
            found[name] = int(value) if kind is int else number
    return Numbers(**found) if len(found) == len(known) else None


_MOST_RATIO: Final = 2.0


def _explains(
    reading: Reading, table: Mapping[str, Any], findings: tuple[str, ...]
) -> Mapping[str, Mapping[str, Scope]]:
    reading.only(table, "explains", findings)
    found: dict[str, Mapping[str, Scope]] = {}
    for cause in table:
        place = f"explains.{cause}"
        symptoms = reading.table(table, "explains", cause)
        reading.only(symptoms, place, findings)
        scopes: dict[str, Scope] = {}
        for symptom, scope in symptoms.items():
            if symptom == cause:
                reading.wrong(f"{place}.{symptom}", symptom, "another finding than the cause")
            elif scope not in tuple(Scope):
                reading.wrong(f"{place}.{symptom}", scope, f"one of {', '.join(Scope)}")
            else:
                scopes[symptom] = Scope(scope)
        found[cause] = MappingProxyType(scopes)
    for ring in _rings(found):
        reading.wrong("explains", " -> ".join(ring), "no finding that explains itself in the end")
    return MappingProxyType(found)


def _rings(explains: Mapping[str, Mapping[str, Scope]]) -> list[list[str]]:
    """Rings of causes; the shortest way round from each, once."""
    rings: list[list[str]] = []
    seen: set[frozenset[str]] = set()
    for start in explains:
        ways = [[start, symptom] for symptom in explains[start]]
        reached = {start}
        while ways:
            way = ways.pop(0)
            if way[-1] == start and frozenset(way) not in seen:
                seen.add(frozenset(way))
                rings.append(way)
                break
            if way[-1] in reached:
                continue
            reached.add(way[-1])
            ways += [[*way, symptom] for symptom in explains.get(way[-1], ())]
    return rings
