"""The registry of probes: one probe, one file, one signature, one line here.

A probe is a function ``probe(request, report) -> Findings``. It raises
:class:`agent.failure.MeasurementFailed` (or an OSError) when it comes to no value. It neither
stamps times nor decides on outcomes: whoever runs it (:mod:`agent.measure`) does, so every
probe is timed and named alike.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from random import Random
from typing import Final

from agent.clock import Clock
from wire.measurement import Fields, Json, nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A moment of a running measurement, for a person who watches."""

    phase: str
    """What is going on, for example ``download``."""
    elapsed_seconds: float
    total_seconds: float
    text: str
    """The figure so far, with its unit."""


Report = Callable[[Progress], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to measure."""

    target: str
    """HOST, HOST:PORT or URL, as the probe takes it. Data, never a shell word."""
    options: Mapping[str, Json] = field(default_factory=dict)
    """Options of this probe, validated by the probe (unknown ones are refused)."""
    clock: Clock
    random: Random
    deadline_seconds: float = 60.0
    """The probe ends by itself within this time."""
    token: str | None = field(default=None, repr=False)
    """Slot token of a responder of ours, where one was granted. Never part of a result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What a probe measured. At least one value; units in names."""

    values: Fields
    context: Fields = field(default_factory=nothing)
    confidence: Fields | None = None


Probe = Callable[[Request, Report], Findings]

REGISTRY: Final[Mapping[str, str]] = {
    "throughput": "agent.probes.throughput",
    "verify": "agent.probes.verify",
    "responsiveness": "agent.probes.responsiveness",
    "bottleneck": "agent.probes.bottleneck",
    "latency": "agent.probes.latency",
    "tcp_connect": "agent.probes.tcp_connect",
    "dns": "agent.probes.dns",
    "stamp": "agent.probes.stamp",
    "https": "agent.probes.https",
    "iperf3": "agent.probes.iperf3",
    "ndt7_public": "agent.probes.ndt7_public",
    "ookla": "agent.probes.ookla",
    "http_download": "agent.probes.http_download",
    "traceroute": "agent.probes.traceroute",
    "path_mtu": "agent.probes.path_mtu",
    "public_address": "agent.probes.public_address",
    "snmp": "agent.probes.snmp",
    "gateway": "agent.probes.gateway",
    "dhcp": "agent.probes.dhcp",
    "lan_devices": "agent.probes.lan_devices",
    "lan_listen": "agent.probes.lan_listen",
    "wifi_scan": "agent.probes.wifi_scan",
}
"""Name to module. Modules are imported when first used, so a small box pays only for its own."""


def load(name: str) -> Probe:
    """Import the probe called ``name``. Raises KeyError for a name not in the registry."""
    probe: Probe = import_module(REGISTRY[name]).probe
    return probe
