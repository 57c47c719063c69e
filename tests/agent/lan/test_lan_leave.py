"""Leave for a check of the LAN: both must agree, and what is missing or damaged is no leave."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from agent.failure import MeasurementFailed
from agent.lan.interface import Interface
from agent.lan.keeper import LanKeeper
from agent.lan.leave import (
    APPROVALS_FILE,
    MOST_PACKETS_PER_SECOND,
    RULE_FILE,
    Leave,
    Rule,
    keep_approvals,
    keep_rule,
    need_leave,
    read_approvals,
)
from agent.state import STATE_VARIABLE
from wire.approval import Approval
from wire.failure import FailureCode, Operation
from wire.heartbeat import Reply

NOON = datetime(2026, 5, 11, 3, 0, tzinfo=UTC)
HERE = Interface(
    name="eth0",
    link_address=bytes(6),
    address=IPv4Address("192.0.2.5"),
    network=IPv4Network("192.0.2.0/24"),
)
ONE = Approval(
    number=4,
    school="E001",
    checks=("lan_devices",),
    networks=("192.0.2.0/24",),
    valid_from=NOON - timedelta(days=1),
    valid_until=NOON + timedelta(days=1),
)


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory with everything that gives leave for lan_devices."""
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path))
    keep_rule(tmp_path, Rule(), "E001")
    keep_approvals(tmp_path, [ONE])
    return tmp_path


def why_not(check: str = "lan_devices", network: IPv4Network | None = None) -> str:
    """The reason of the refusal."""
    with pytest.raises(MeasurementFailed) as failed:
        need_leave(check, HERE, NOON, network)
    failure = failed.value.failure
    assert (failure.code, failure.operation) == (FailureCode.NOT_APPROVED, Operation.PREPARE)
    return failure.text


def test_with_both_there_is_leave(state: Path) -> None:
    """The record is named, so that each result can be traced to it."""
    assert need_leave("lan_devices", HERE, NOON) == Leave(
        approval_number=4,
        packets_per_second=MOST_PACKETS_PER_SECOND,
        school="E001",
        directory=state,
    )


def test_what_was_not_approved_has_none(state: Path) -> None:
    """Another check, another network, another school, no record, records that are damaged."""
    assert "not for dhcp" in why_not("dhcp")
    assert "does not cover" in why_not(network=IPv4Network("198.51.100.0/24"))
    keep_rule(state, Rule(), "E002")
    assert "another school" in why_not()
    keep_rule(state, Rule(), "E001")
    keep_approvals(state, [])
    assert why_not() == (
        "no approval for lan_devices is known on this appliance: "
        "hakaru-collector approval grant gives one"
    )
    for damaged in ("", "[]", '{"approvals": 1}', '{"approvals": [{}]}', "[" * 100_000):
        (state / APPROVALS_FILE).write_text(damaged)
        assert "no approval" in why_not()
    (state / APPROVALS_FILE).unlink()
    assert "no approval" in why_not()


def test_the_appliance_has_the_last_word(state: Path) -> None:
    """Its list of checks and its networks count whatever was approved."""
    keep_rule(state, Rule(checks=("dhcp",)), "E001")
    assert why_not().startswith("[lan] checks in agent.toml")
    keep_rule(state, Rule(networks=("192.0.2.0/25",)), "E001")
    assert why_not().startswith("[lan] networks in agent.toml")
    assert need_leave("lan_devices", HERE, NOON, IPv4Network("192.0.2.0/26")).approval_number == 4


def test_without_the_appliances_word_there_is_none(state: Path) -> None:
    """Missing or damaged, it is no leave for everything."""
    for damaged in ("", "{}", '{"checks": 5}', "[]"):
        (state / RULE_FILE).write_text(damaged)
        assert "hakaru-agent run" in why_not()
    (state / RULE_FILE).unlink()
    assert "hakaru-agent run" in why_not()


@pytest.mark.parametrize("asked", [7, 100, 1_000_000])
def test_no_configuration_sends_faster_than_the_bound(state: Path, asked: int) -> None:
    """Not even a file that was written by hand."""
    kept = json.loads((state / RULE_FILE).read_text())
    (state / RULE_FILE).write_text(json.dumps({**kept, "packets_per_second": asked}))
    rate = need_leave("lan_devices", HERE, NOON).packets_per_second
    assert rate == min(asked, MOST_PACKETS_PER_SECOND) <= 100


def _hear(keeper: LanKeeper, *approvals: Approval) -> None:
    asyncio.run(keeper.hear(Reply(server_time=NOON, approvals=approvals)))


def test_a_reply_replaces_what_was_known(state: Path) -> None:
    """What a reply does not name does not hold any more: so a revocation works."""
    keeper = LanKeeper(state, Rule(checks=("dhcp",)), "E001")
    assert json.loads((state / RULE_FILE).read_text())["checks"] == ["dhcp"]
    two = replace(ONE, number=5)
    _hear(keeper, ONE, two)
    assert read_approvals(state) == (ONE, two)
    _hear(keeper, two)
    assert read_approvals(state) == (two,)
    _hear(keeper)
    assert read_approvals(state) == ()


def test_what_cannot_be_written_does_not_hold(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a full disk the older records must not stay in force."""

    def full(_directory: Path, _approvals: object) -> None:
        raise OSError(28, "No space left on device")

    keeper = LanKeeper(state, Rule(), "E001")
    monkeypatch.setattr("agent.lan.keeper.keep_approvals", full)
    _hear(keeper, replace(ONE, number=5))
    assert read_approvals(state) == ()


def test_a_disk_that_takes_nothing_at_all_does_not_end_the_agent(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Turned read-only, as worn flash does: heartbeats, measurements and delivery go on."""

    def read_only(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    keeper = LanKeeper(state, Rule(), "E001")
    monkeypatch.setattr("agent.lan.keeper.keep_approvals", read_only)
    monkeypatch.setattr(Path, "unlink", read_only)
    _hear(keeper, replace(ONE, number=5))


def test_the_files_are_of_the_owner_alone(state: Path) -> None:
    """Nobody else reads what was approved where."""
    for name in (RULE_FILE, APPROVALS_FILE):
        assert (state / name).stat().st_mode & 0o777 == 0o600
