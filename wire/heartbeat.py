"""The heartbeat: what an agent says of itself every minute, and what the collector asks of it.

``POST /v1/heartbeat`` with the agent's bearer token; both bodies are JSON objects. Readers keep to
what they know: unknown fields are left out, so that either side may be older. The codec is
:mod:`wire.heartbeat_codec`.

Nothing here names a device or a person: the network an agent stands in is given as hashes under a
key that never leaves the appliance (:class:`Network`), so equal means 'as before' and no more.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from wire.approval import Approval
from wire.measurement import Json, nothing
from wire.version import SCHEMA_VERSION

PATH: Final = "/v1/heartbeat"
EVERY_SECONDS: Final = 60.0
MAX_REQUEST_BYTES: Final = 16 * 1024
MAX_REPLY_BYTES: Final = 512 * 1024
MAX_COMMANDS: Final = 32
MAX_HINTS: Final = 16


class PolicyState(StrEnum):
    """What became of the policy that the agent was last given."""

    NONE = "none"
    """It goes by its own configuration."""
    IN_FORCE = "in_force"
    REJECTED = "rejected"
    """The last one was not valid; ``version`` is the one still in force, ``text`` says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyReport:
    """The policy an agent goes by."""

    state: PolicyState = PolicyState.NONE
    version: str | None = None
    text: str | None = None
    """Why the last one was rejected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolReport:
    """Results that wait on the appliance."""

    waiting_count: int = 0
    used_bytes: int = 0
    dropped_count: int = 0
    """Lost for want of room and not yet reported as a result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockReport:
    """The appliance's wall clock, in the words of a result's context."""

    state: str = "unknown"
    source: str = "none"
    offset_seconds: float | None = None
    """True time less wall clock."""
    error_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """Where the appliance stands: HMACs under its own key, 32 to 64 hexadecimal digits each."""

    gateway: str | None = None
    """Of the link address of the default gateway."""
    subnet: str | None = None
    """Of the network of its own address."""
    public_address: str | None = None
    """Of the address it comes from, as the collector told it in the reply before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """One heartbeat. What is not known is None, never 0."""

    agent_version: str
    boot_id: str
    life_id: str
    """UUID made at each start of the program: two lives of one agent never overlap in time."""
    sent_at: datetime
    """By the appliance's wall clock."""
    uptime_seconds: float
    """Since the boot, suspended time included."""
    life_seconds: float
    """Since the program started."""
    spool: SpoolReport = field(default_factory=SpoolReport)
    clock: ClockReport = field(default_factory=ClockReport)
    disk_free_bytes: int | None = None
    cpu_utilisation_ratio: float | None = None
    """Share of all processors since the heartbeat before."""
    memory_bytes: int | None = None
    """Resident memory of the program."""
    last_good_test_at: datetime | None = None
    policy: PolicyReport = field(default_factory=PolicyReport)
    network: Network = field(default_factory=Network)
    hints: tuple[str, ...] = ()
    """Names such as ``delivery_intercepted``; unknown ones are shown as they are."""
    schema_version: int = SCHEMA_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyOffer:
    """A policy to go by from now on."""

    version: str
    sha256: str
    """Of the UTF-8 text of ``document``."""
    document: str
    """JSON text: kept as it was hashed. Its reader is :mod:`wire.policy`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppress:
    """Measure nothing until then."""

    until: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One thing to do once, such as to measure now. An agent leaves kinds it does not know."""

    id: str
    kind: str
    expires_at: datetime
    details: Mapping[str, Json] = field(default_factory=nothing)
    """Of the kind: for ``measure`` the probe, its target and its options."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityHints:
    """What the collector tells an agent of its identity."""

    renew: bool = False
    """Make a new secret: the one in use is getting old."""
    seen_from: str | None = None
    """Address the heartbeat came from, as the collector saw it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the collector answers."""

    server_time: datetime
    policy: PolicyOffer | None = None
    """None: the agent's is current."""
    suppress: Suppress | None = None
    commands: tuple[Command, ...] = ()
    approvals: tuple[Approval, ...] = ()
    """All that hold or will hold for the agent's school; what is not here does not hold."""
    identity: IdentityHints = field(default_factory=IdentityHints)
