"""A pushed policy that is invalid, empty, huge or disables everything: the last good one stays."""

import errno
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent import policy as agent_policy
from agent.allowed import read_entries
from agent.config import Config, LineSettings
from agent.once import ONCE_FILE, Once
from agent.policy import PolicyKeeper, applied
from agent.suppression import SUPPRESS_FILE, Suppression
from tests.wire.policies import POLICY, changed
from wire.heartbeat import PolicyOffer, PolicyState, Suppress
from wire.planning.cost import Budget
from wire.planning.timetable import Closed
from wire.policy import MAX_POLICY_BYTES, canonical, read, sha256_of

NOW = datetime(2026, 5, 11, tzinfo=UTC)


def offer(document: Any, version: str = "1-aa", text: str | None = None) -> PolicyOffer:
    """A document as the collector sends it."""
    text = canonical(document) if text is None else text
    return PolicyOffer(version=version, sha256=sha256_of(text), document=text)


GOOD = offer(POLICY)
BAD = {
    "invalid": (offer(changed("tests.0.probe", "thrughput"), "2-bb"), "tests[0].probe: found"),
    "empty object": (offer({}, "2-bb"), "format: found nothing"),
    "empty text": (offer({}, "2-bb", ""), "policy: found no JSON"),
    "huge": (
        offer({}, "2-bb", json.dumps({"zone": "x" * MAX_POLICY_BYTES})),
        f"allowed is at most {MAX_POLICY_BYTES} bytes",
    ),
    "deep": (offer({}, "2-bb", "[" * 100_000), "policy: found"),
    "no tests": (offer(changed("tests", []), "2-bb"), "found no run in any week"),
    "no runs": (
        offer(changed("tests.0.runs", {}) | {"tests": [POLICY["tests"][1] | {"runs": {}}]}, "2-bb"),
        "found no run in any week",
    ),
    "dark for ever": (
        offer(changed("blackouts", [{"first": "2026-01-01", "last": "2030-01-01"}]), "2-bb"),
        "at most 100 days without a run",
    ),
    "other hash": (
        PolicyOffer(version="2-bb", sha256="0" * 64, document=canonical(POLICY)),
        "not what it is said to be",
    ),
    "loopback": (offer(changed("tests.1.target", "127.0.0.1"), "2-bb"), "127.0.0.1 is not allowed"),
    "newer format": (offer(changed("format", 2), "2-bb"), "format: found 2"),
}


def keeper(folder: Path, **more: Any) -> PolicyKeeper:
    """A keeper of this folder."""
    return PolicyKeeper(folder / "policy.json", read_entries(None), **more)


@pytest.mark.parametrize("name", BAD)
def test_a_bad_policy_changes_nothing_and_is_reported(tmp_path: Path, name: str) -> None:
    """The last good one stays in force, over a restart too, and the next heartbeat says why."""
    bad, why = BAD[name]
    one = keeper(tmp_path)
    assert one.hear(GOOD)
    assert not one.hear(bad)
    assert one.in_force is not None
    assert one.in_force.version == "1-aa"
    report = one.report()
    assert (report.state, report.version) == (PolicyState.REJECTED, "1-aa")
    assert report.text is not None
    assert why in report.text
    assert len(report.text) <= 255
    assert report.text.isprintable()
    again = keeper(tmp_path)
    assert again.in_force is not None
    assert again.in_force.policy == read(POLICY)


@pytest.mark.parametrize("name", BAD)
def test_a_bad_first_policy_leaves_the_appliance_with_its_own(tmp_path: Path, name: str) -> None:
    """Nothing in force, no file, and the reason is told."""
    one = keeper(tmp_path)
    assert not one.hear(BAD[name][0])
    assert one.in_force is None
    assert one.report().version is None
    assert one.report().state is PolicyState.REJECTED
    assert not (tmp_path / "policy.json").exists()


def test_a_good_policy_ends_the_complaint(tmp_path: Path) -> None:
    """What was rejected is off the table once something else is offered, or nothing."""
    one = keeper(tmp_path)
    one.hear(GOOD)
    one.hear(BAD["invalid"][0])
    one.is_current()
    assert one.report().state is PolicyState.IN_FORCE
    one.hear(BAD["invalid"][0])
    assert one.hear(offer(changed("zone", "UTC"), "3-cc"))
    assert (one.report().state, one.report().version) == (PolicyState.IN_FORCE, "3-cc")
    assert not one.hear(offer(changed("zone", "UTC"), "3-cc"))


def test_a_policy_that_cannot_be_kept_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In force means: also after a restart. With room again the same offer is taken."""
    full = OSError(errno.ENOSPC, "No space left on device")

    def refuse(*_: object, **__: object) -> None:
        raise full

    one = keeper(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(agent_policy, "write_json", refuse)
        assert not one.hear(GOOD)
    assert "No space left" in (one.report().text or "")
    assert one.hear(GOOD)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 1}', "\x00", "[" * 50_000])
def test_a_damaged_file_is_told_and_not_followed(tmp_path: Path, text: str) -> None:
    """No crash loop: agent.toml counts until the next heartbeat brings the policy again."""
    (tmp_path / "policy.json").write_text(text)
    one = keeper(tmp_path)
    assert one.in_force is None
    assert "cannot be used" in (one.report().text or "")
    assert one.hear(GOOD)
    assert one.report().state is PolicyState.IN_FORCE


def test_an_appliance_may_go_by_its_own_word(tmp_path: Path) -> None:
    """[policy] source = "local": nothing is followed, and the centre is told so."""
    assert keeper(tmp_path).hear(GOOD)
    one = keeper(tmp_path, local=True)
    assert not one.hear(GOOD)
    assert one.in_force is None
    assert (one.report().state, "source" in (one.report().text or "")) == (PolicyState.NONE, True)


def test_local_limits_hold_beside_the_policy() -> None:
    """Of two budgets the smaller, dark days of both, tests of the policy alone."""
    own = Config(
        tests=(),
        budget=Budget(day_bytes=5_000_000_000, fastest_bps=2e8),
        closed=(Closed(first=NOW.date(), last=NOW.date()),),
        line=LineSettings(wan_interface="eth1", busy_retries=2),
    )
    policy = read(
        changed("budget", {"day_bytes": 9_000_000_000, "month_bytes": 90_000_000_000})
        | {"line": {"busy_above_bps": 5e6}}
    )
    both = applied(own, policy)
    assert both.budget == Budget(
        day_bytes=5_000_000_000, month_bytes=90_000_000_000, fastest_bps=2e8
    )
    assert both.line == LineSettings(wan_interface="eth1", busy_above_bps=5e6, busy_retries=2)
    assert both.closed == own.closed
    assert both.blackouts == policy.blackouts
    assert both.tests == policy.tests
    assert both.central
    assert both.timetable.tasks == policy.timetable.tasks


def test_suppression_holds_over_restarts_until_its_time_or_until_lifted(tmp_path: Path) -> None:
    """Also without any contact; lifting is remembered too."""
    path = tmp_path / SUPPRESS_FILE
    exam = Suppress(until=NOW + timedelta(hours=2), reason="試験")
    Suppression(path).hear(exam)
    again = Suppression(path)
    assert again.active(NOW) == exam
    assert again.active(NOW + timedelta(hours=2)) is None
    again.hear(None)
    assert Suppression(path).active(NOW) is None


@pytest.mark.parametrize("text", ["", "[]", '{"until": "x"}', '{"until": null, "reason": 1}'])
def test_a_damaged_suppression_is_none(tmp_path: Path, text: str) -> None:
    """The next heartbeat says it again."""
    (tmp_path / SUPPRESS_FILE).write_text(text)
    assert Suppression(tmp_path / SUPPRESS_FILE).active(NOW) is None


def test_a_command_begins_once_in_its_time_over_restarts(tmp_path: Path) -> None:
    """Said again, said late, or said again to the next life: left alone."""
    path, until = tmp_path / ONCE_FILE, NOW + timedelta(minutes=10)
    assert Once(path).begin("a", until, NOW)
    assert not Once(path).begin("a", until, NOW)
    assert not Once(path).begin("b", NOW, NOW)
    assert Once(path).begin("c", until, NOW)
    later = NOW + timedelta(days=2)
    assert Once(path).begin("d", later + timedelta(minutes=1), later)
    assert set(json.loads(path.read_text())) == {"d"}


def test_a_command_that_cannot_be_noted_does_not_begin(tmp_path: Path) -> None:
    """On a full disk it could run at each restart."""
    assert not Once(tmp_path / "missing" / ONCE_FILE).begin("a", NOW + timedelta(1), NOW)
