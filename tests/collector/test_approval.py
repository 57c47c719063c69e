"""Approvals of checks of the LAN, on both databases: laid down, told to agents, revoked, shown."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from collector.operators import audit
from collector.policy import approval
from collector.policy.approval import State, Wanted, grant, revoke
from collector.policy.change import Author, ChangeRefused
from collector.store.interface import Store
from tests.collector.conftest import MONDAY, Serving
from tests.collector.test_heartbeat_api import a_beat, send
from tests.collector.test_policy_command import Said, database, said
from wire.approval import MAX_APPROVALS, Approval
from wire.heartbeat_codec import decode_reply

__all__ = ["database", "said"]

AUTHOR = Author("cli:aoi", MONDAY, "letter 12")
WANTED = Wanted(
    school_code="A1",
    approved_by="<script>山田</script>",
    role="校長",
    checks=("dhcp", "lan_devices"),
    networks=("192.0.2.0/24", "2001:0db8::/64"),
    valid_from=MONDAY,
    valid_until=MONDAY + timedelta(days=30),
)


def told(store: Store, code: str = "A1", days: float = 0) -> tuple[Approval, ...]:
    """What agents of a school are told."""
    now = MONDAY + timedelta(days=days)
    return store.read(lambda sql: approval.for_agents(sql, code, now))


def test_agents_are_told_what_holds_or_will_hold_for_their_school(store: Store) -> None:
    """Number, scope and time, in one spelling; not who approved. Nobody else's school."""
    later = replace(WANTED, valid_from=MONDAY + timedelta(days=5))
    first, second = grant(store, WANTED, AUTHOR), grant(store, later, AUTHOR)
    assert told(store) == (first.approval, second.approval)
    assert first.approval == Approval(
        number=1,
        school="A1",
        checks=("lan_devices", "dhcp"),
        networks=("192.0.2.0/24", "2001:db8::/64"),
        valid_from=WANTED.valid_from,
        valid_until=WANTED.valid_until,
    )
    assert told(store, "B1") == ()
    assert told(store, days=30) == ()


def test_a_revoked_record_is_told_to_nobody_and_stays_readable(store: Store) -> None:
    """With who revoked it; twice is refused, as is one that there is not."""
    grant(store, WANTED, AUTHOR)
    later = Author("cli:ren", MONDAY + timedelta(days=1), "withdrawn")
    revoke(store, 1, later)
    assert told(store, days=1) == ()
    (found,) = store.read(lambda sql: approval.newest(sql, "A1", 10))
    assert found.state(MONDAY) is State.REVOKED
    assert (found.revoked_at, found.revoked_by) == (later.now, "cli:ren")
    assert (found.approved_by, found.role, found.note) == (WANTED.approved_by, "校長", "letter 12")
    for number, why in ((1, "does not hold any more"), (2, "there is no approval 2")):
        with pytest.raises(ChangeRefused, match=why):
            revoke(store, number, later)


def test_every_change_is_in_the_audit_log(store: Store) -> None:
    """Who approved, what, where, until when; and who took it back."""
    grant(store, WANTED, AUTHOR)
    revoke(store, 1, AUTHOR)
    records = store.read(lambda sql: audit.newest(sql, 10))
    assert [record.action for record in records] == ["approval.revoke", "approval.grant"]
    detail = json.loads(records[1].detail)
    assert (records[1].subject, records[1].actor) == ("school:A1", "cli:aoi")
    assert (detail["approved_by"], detail["role"]) == (WANTED.approved_by, "校長")
    assert detail["networks"] == ["192.0.2.0/24", "2001:db8::/64"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"school_code": "X9"}, "there is no school 'X9'"),
        ({"approved_by": " "}, "approved-by: allowed is one line"),
        ({"role": "a\nb"}, "role: allowed is one line"),
        ({"checks": ("latency",)}, "checks: found 'latency', allowed is some of lan_devices"),
        ({"checks": ()}, "checks: found 'nothing'"),
        ({"networks": ()}, "networks: allowed is 1 to 20"),
        ({"networks": ("192.0.2.1/24",)}, "192.0.2.1/24 has host bits set"),
        ({"networks": ("here",)}, "allowed are ranges"),
        ({"valid_until": MONDAY}, "until: allowed is a time within 400 days"),
        ({"valid_until": MONDAY + timedelta(days=401)}, "within 400 days"),
        (
            {
                "valid_from": MONDAY - timedelta(days=2),
                "valid_until": MONDAY - timedelta(days=1),
            },
            "a time to come",
        ),
    ],
)
def test_what_makes_no_record_is_refused(store: Store, change: dict[str, Any], why: str) -> None:
    """Nothing is kept of it."""
    with pytest.raises(ChangeRefused, match=why):
        grant(store, replace(WANTED, **change), AUTHOR)
    assert store.read(lambda sql: approval.newest(sql, None, 10)) == []


def test_no_more_records_than_a_reply_holds(store: Store) -> None:
    """The next one is refused until one is revoked."""
    for _ in range(MAX_APPROVALS):
        grant(store, WANTED, AUTHOR)
    with pytest.raises(ChangeRefused, match="revoke some first"):
        grant(store, WANTED, AUTHOR)
    revoke(store, 3, AUTHOR)
    assert grant(store, WANTED, AUTHOR).approval.number == MAX_APPROVALS + 1


def test_it_reaches_the_agent_with_the_next_heartbeat_and_the_page(serving: Serving) -> None:
    """And leaves it the same way; a hostile name is inert on the page."""
    now = serving.clock.now()
    wanted = replace(WANTED, valid_from=now, valid_until=now + timedelta(days=1))
    granted = grant(serving.store, wanted, replace(AUTHOR, now=now))

    def heard() -> tuple[Approval, ...]:
        reply = send(serving, a_beat())
        assert reply.status_code == 200, reply.text
        return decode_reply(reply.content).approvals

    assert heard() == (granted.approval,)
    page = serving.desk("viewer").get("/schools/A1/policy?lang=en").text
    assert "In force" in page
    assert "<script>山田" not in page
    assert "&lt;script&gt;山田" in page
    assert "No approval" in serving.desk("viewer").get("/schools/B1/policy?lang=en").text
    revoke(serving.store, 1, replace(AUTHOR, now=now))
    assert heard() == ()
    assert "取り消し済み" in serving.desk("viewer").get("/schools/A1/policy?lang=ja").text


def test_the_command_grants_lists_and_revokes(said: Said) -> None:
    """Days count from the beginning; what is refused changes nothing."""
    given = (
        "approval", "grant", "--school", "A1", "--approved-by", "Aoi", "--role", "principal",
        "--networks", "192.0.2.0/24", "--checks", "lan_listen", "dhcp",
    )  # fmt: skip
    assert said(*given, "--until", "never")[0] == 1
    code, shown = said(*given, "--from", "2030-04-15T08:00", "--until", "2d", "--note", "letter 3")
    assert code == 0
    line = shown.splitlines()[0]
    assert line.startswith(
        "1  A1  planned  2030-04-15 08:00 to 2030-04-17 08:00  dhcp lan_listen  192.0.2.0/24  "
        "Aoi (principal), recorded by cli:"
    )
    assert line.endswith("  letter 3")
    assert said("approval", "list", "--school", "A1") == (0, line + "\n")
    assert said("approval", "list", "--school", "B1") == (0, "")
    assert said("approval", "revoke", "1")[0] == 0
    assert "  revoked  " in said("approval", "list")[1]
    assert said("approval", "revoke", "1")[0] == 1
