"""E5: pushed policies that are broken in any way: the last good one stays, and it is said why."""

import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.allowed import read_entries
from agent.policy import PolicyKeeper
from tests.wire.policies import POLICY, changed
from wire.heartbeat import PolicyOffer, PolicyState
from wire.policy import PolicyRefused, canonical, parse, read, sha256_of

pytestmark = pytest.mark.faults

SEEDS = int(os.environ.get("SEEDS", "300"))
ODD: list[Any] = [
    None, True, -1, 0, 1e308, "", "x" * 5000, "\x00", "\ud800", [], {}, [[]], "24:01", "9999-12-31",
    "0001-01-01", "mon-", "127.0.0.1", "169.254.169.254:80", "$(id)", 2**70, [None] * 1000,
]  # fmt: skip
OFF = [
    changed("tests", []),
    changed("tests.0.runs", {}) | {"tests": [POLICY["tests"][1] | {"runs": {}}]},
    changed("timetable", {"lesson": [], "quiet": []}),
    changed("blackouts", [{"first": "2026-01-01", "last": "2029-12-31"}]),
    changed("closed", [{"first": "2026-01-01", "last": "2026-12-31"}]),
]


def mutated(chance: random.Random) -> str:
    """A policy with one to three things in it made odd, or its text cut or flipped."""
    document: Any = json.loads(json.dumps(POLICY))
    for _ in range(chance.randint(1, 3)):
        inner = document
        while True:
            keys = list(inner) if isinstance(inner, dict) else list(range(len(inner)))
            if not keys:
                break
            key = chance.choice(keys)
            if isinstance(inner[key], dict | list) and inner[key] and chance.random() < 0.75:
                inner = inner[key]
                continue
            inner[key] = chance.choice(ODD)
            break
    text = json.dumps(document, ensure_ascii=chance.random() < 0.5)
    if chance.random() < 0.2:
        place = chance.randrange(len(text))
        text = text[:place] + chance.choice(["", "}", "\x01", "9"]) + text[place + 1 :]
    return text if chance.random() > 0.05 else text * 200


def is_good(text: str) -> bool:
    """Whether a reader that knows nothing of the agent takes it."""
    try:
        text.encode()
        read(parse(text))
    except (PolicyRefused, UnicodeEncodeError):
        return False
    return True


def offer(text: str, number: int) -> PolicyOffer:
    """As the collector would send it."""
    sha256 = sha256_of(text) if text.isprintable() or text.isascii() else "0" * 64
    return PolicyOffer(version=f"{number}-x", sha256=sha256, document=text)


@pytest.mark.timeout(600)
def test_nothing_broken_ever_replaces_a_good_policy(
    tmp_path: Path, case: Callable[..., None]
) -> None:
    """After each push the agent starts again: what was in force is, and the reason was told."""
    path, chance = tmp_path / "policy.json", random.Random(5)
    good = PolicyOffer(
        version="good", sha256=sha256_of(canonical(POLICY)), document=canonical(POLICY)
    )
    texts = [mutated(chance) for _ in range(SEEDS)]
    texts += [canonical(document) for document in OFF]
    texts += ["", "{}", "[]", "x" * 1_000_000, "[" * 1_000_000]
    texts.append(canonical(changed("zone", "UTC")))  # good: what takes nothing proves nothing
    rejected = replaced = silent = 0
    for number, text in enumerate(texts):
        keeper = PolicyKeeper(path, read_entries(None))
        keeper.hear(good)
        assert keeper.in_force is not None
        assert keeper.in_force.version == "good"
        taken = keeper.hear(offer(text, number))
        report = keeper.report()
        again = PolicyKeeper(path, read_entries(None))
        assert again.in_force is not None
        if taken:
            assert is_good(text)
            continue
        rejected += 1
        replaced += again.in_force.version != "good"
        silent += not (report.state is PolicyState.REJECTED and report.text)
    case(
        "E5",
        "pushed policies: mutated, empty, huge, deep, disabling everything",
        runs=len(texts),
        other=f"rejected {rejected}, good one replaced {replaced}, not reported {silent}",
    )
    assert len(texts) // 2 < rejected < len(texts)
    assert (replaced, silent) == (0, 0)
