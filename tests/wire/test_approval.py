"""Approvals: what they hold for, why not, and how they travel."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from wire.approval import CHECKS, MAX_APPROVALS, Approval, holding, inside, networks_of
from wire.approval_codec import approval_in, approval_out
from wire.heartbeat import Reply
from wire.heartbeat_codec import decode_reply, encode_reply
from wire.parsing import Refused
from wire.probes import PROBES

NOON = datetime(2026, 5, 11, 3, 0, tzinfo=UTC)
ONE = Approval(
    number=4,
    school="E001",
    checks=("lan_devices", "dhcp"),
    networks=("192.0.2.0/24", "2001:db8::/64"),
    valid_from=NOON - timedelta(days=1),
    valid_until=NOON + timedelta(days=1),
)
(HERE,) = networks_of(["192.0.2.0/25"])


def test_a_record_holds_for_its_school_check_network_and_time() -> None:
    """The first moment holds, the last does not; the record itself is given."""
    assert holding([ONE], "E001", "dhcp", HERE, NOON) == (ONE, "")
    assert holding([ONE], "E001", "dhcp", HERE, ONE.valid_from) == (ONE, "")
    assert holding([ONE], "E001", "dhcp", HERE, ONE.valid_until)[0] is None


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ([], "no approval for dhcp is known on this appliance"),
        ([replace(ONE, school="E002")], "approval 4 is for another school"),
        ([replace(ONE, checks=("lan_listen",))], "approval 4 is for lan_listen, not for dhcp"),
        (
            [replace(ONE, networks=("192.0.2.0/26",))],
            "approval 4 does not cover this network, only 192.0.2.0/26",
        ),
        (
            [replace(ONE, valid_from=NOON + timedelta(hours=1))],
            "approval 4 holds only from 2026-05-11T04:00:00Z",
        ),
        ([replace(ONE, valid_until=NOON)], "approval 4 ended at 2026-05-11T03:00:00Z"),
        (
            [replace(ONE, school="E002"), replace(ONE, number=5, valid_until=NOON)],
            "approval 5 ended at 2026-05-11T03:00:00Z",
        ),
    ],
)
def test_each_reason_is_named_and_the_nearest_record_says_it(
    given: list[Approval], why: str
) -> None:
    """Whoever reads the result knows what to change."""
    assert holding(given, "E001", "dhcp", HERE, NOON) == (None, why)


def test_an_appliance_without_a_school_has_no_leave() -> None:
    """No school is no match, not even for a record without one."""
    assert holding([replace(ONE, school="")], "", "dhcp", HERE, NOON)[0] is None


def test_a_network_of_the_other_version_is_not_inside() -> None:
    """IPv4 in IPv6 ranges and the reverse: no."""
    assert not inside(HERE, networks_of(["2001:db8::/32"]))
    assert inside(HERE, networks_of(["2001:db8::/32", "192.0.2.0/24"]))


def test_records_come_through_the_reply_as_they_were() -> None:
    """A reply of an older collector, without the list, has none."""
    reply = Reply(server_time=NOON, approvals=(ONE, replace(ONE, number=5)))
    assert decode_reply(encode_reply(reply)) == reply
    assert decode_reply(b'{"server_time": "2026-05-11T03:00:00Z"}').approvals == ()


def test_checks_of_a_newer_collector_are_kept() -> None:
    """A check that is not known here gives leave for nothing, and spoils no reply."""
    newer = replace(ONE, checks=("lan_something",))
    assert approval_in("approvals[0]", approval_out(newer)) == newer


def _without(name: str) -> dict[str, Any]:
    whole = approval_out(ONE)
    assert isinstance(whole, dict)
    return {key: value for key, value in whole.items() if key != name}


@pytest.mark.parametrize(
    "given",
    [
        None,
        [],
        *(_without(name) for name in ("number", "school", "checks", "networks", "valid_until")),
        {**_without(""), "networks": ["192.0.2.1/24"]},
        {**_without(""), "networks": ["192.0.2.0/24"] * 21},
        {**_without(""), "networks": [1]},
        {**_without(""), "checks": []},
        {**_without(""), "checks": ["-x"]},
        {**_without(""), "valid_from": "yesterday"},
        {**_without(""), "number": True},
    ],
)
def test_what_is_no_record_is_refused(given: Any) -> None:
    """Nothing is guessed where leave is given."""
    with pytest.raises(Refused):
        approval_in("approvals[0]", given)


def test_no_reply_holds_more_records_than_an_agent_reads() -> None:
    """More would be refused as a whole."""
    with pytest.raises(Refused):
        decode_reply(encode_reply(Reply(server_time=NOON, approvals=(ONE,) * (MAX_APPROVALS + 1))))


def test_the_checks_are_probes() -> None:
    """A name that no probe has would give leave for nothing."""
    assert set(CHECKS) <= set(PROBES)
