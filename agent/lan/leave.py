"""Leave for a check of the LAN: the collector's approval and the appliance's own word, both.

Two files of the state directory, both 0600. ``approvals.json`` holds the records as the collector
last told them; a reply without any empties it. ``lan.json`` is what agent.toml says under ``[lan]``
and the school this appliance is enrolled for, written anew at each start. Where one is missing or
cannot be read nobody has leave.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, Final

from agent.failure import MeasurementFailed
from agent.lan.interface import Interface
from agent.state import state_directory, write_json
from wire.approval import CHECKS, Approval, Network, holding, inside, networks_of
from wire.approval_codec import approval_in, approval_out
from wire.failure import FailureCode, Operation
from wire.measurement import Json
from wire.parsing import Refused

APPROVALS_FILE: Final = "approvals.json"
RULE_FILE: Final = "lan.json"
MOST_PACKETS_PER_SECOND: Final = 100
"""Hard bound of what one check sends, whatever a policy or agent.toml says."""
MAX_FILE_BYTES: Final = 256 * 1024
_ADVICE: Final = "hakaru-collector approval grant gives one"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What this appliance lets be done in its LAN: ``[lan]`` of agent.toml. Has the last word."""

    checks: tuple[str, ...] = CHECKS
    """Of those that need an approval; the others never run here."""
    networks: tuple[str, ...] | None = None
    """Where; None: wherever an approval says."""
    packets_per_second: int = MOST_PACKETS_PER_SECOND
    """Most that one check sends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """What a check goes by."""

    approval_number: int
    packets_per_second: int
    school: str
    directory: Path
    """Where the key and the tables of this appliance are."""


def keep_rule(directory: Path, rule: Rule, school: str) -> None:
    """Write down what holds from now on. Raises OSError."""
    kept: dict[str, Json] = {
        "school": school,
        "checks": list(rule.checks),
        "networks": None if rule.networks is None else list(rule.networks),
        "packets_per_second": rule.packets_per_second,
    }
    write_json(directory / RULE_FILE, kept, durable=True)


def keep_approvals(directory: Path, approvals: Sequence[Approval]) -> None:
    """Write down the records of the collector. Raises OSError."""
    kept: list[Json] = [approval_out(one) for one in approvals]
    write_json(directory / APPROVALS_FILE, {"approvals": kept}, durable=True)


def read_approvals(directory: Path) -> tuple[Approval, ...]:
    """The records last told; none where the file is missing or damaged."""
    try:
        given = _load(directory / APPROVALS_FILE)["approvals"]
        return tuple(approval_in("approvals", one) for one in given)
    except (OSError, ValueError, KeyError, TypeError, RecursionError, Refused):
        return ()


def need_leave(
    check: str, interface: Interface, now: datetime, network: IPv4Network | None = None
) -> Leave:
    """Give leave for ``check`` on an interface; raises :class:`MeasurementFailed` without.

    ``network``: the part of the interface's subnet that is looked at, by default all of it.
    """
    directory = state_directory(None, os.environ, Path.home())
    try:
        kept = _load(directory / RULE_FILE)
        rule = Rule(
            checks=tuple(kept["checks"]),
            networks=None if kept["networks"] is None else tuple(kept["networks"]),
            packets_per_second=int(kept["packets_per_second"]),
        )
        school = str(kept["school"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        text = f"{directory / RULE_FILE} cannot be read: enrol and start hakaru-agent run once"
        raise _denied(text) from None
    looked_at = network or interface.network
    if (why := why_forbidden(check, looked_at, rule)) is not None:
        raise _denied(why)
    approval, why_not = holding(read_approvals(directory), school, check, looked_at, now)
    if approval is None:
        raise _denied(f"{why_not}: {_ADVICE}")
    rate = min(MOST_PACKETS_PER_SECOND, rule.packets_per_second)
    return Leave(
        approval_number=approval.number,
        packets_per_second=rate,
        school=school,
        directory=directory,
    )


def why_forbidden(check: str, network: Network, rule: Rule) -> str | None:
    """Say why agent.toml forbids a check, whatever was approved."""
    if check not in rule.checks:
        return f"[lan] checks in agent.toml of this appliance does not allow {check}"
    if rule.networks is not None and not inside(network, networks_of(rule.networks)):
        return "[lan] networks in agent.toml of this appliance does not hold this network"
    return None


def _denied(why: str) -> MeasurementFailed:
    return MeasurementFailed(FailureCode.NOT_APPROVED, Operation.PREPARE, why)


def _load(path: Path) -> Mapping[str, Any]:
    with path.open("rb") as file:
        found = json.loads(file.read(MAX_FILE_BYTES))
    if not isinstance(found, dict):
        raise TypeError("an object expected")
    return found
