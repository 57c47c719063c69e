"""The short memory of who was asked for just now never outlives a change."""

from typing import Any

import pytest

from collector.api.known_agents import MOST_REMEMBERED, REMEMBERED_SECONDS, KnownAgents
from collector.store import create_store
from collector.store.interface import Store
from tests.collector.conftest import MONDAY, enrol


class _Hands:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def now(self) -> Any:
        """Wall clock, not asked here."""
        return MONDAY

    def monotonic_seconds(self) -> float:
        """What the test set."""
        return self.seconds


@pytest.fixture
def known(store: Store) -> tuple[KnownAgents, _Hands, str]:
    """A memory, its clock, and the hash of an enrolled agent's token."""
    enrol(store, "5ad9503e-0000-4000-8000-000000000001", "a-token-of-the-agent-of-A1")
    clock = _Hands()
    hashed = store.read(lambda sql: sql.execute("SELECT token_sha256 FROM agent").fetchone())[0]
    return KnownAgents(store, clock), clock, hashed


def test_who_was_asked_for_is_recalled_for_a_second(known: Any) -> None:
    """Not before, and not a moment longer."""
    memory, clock, hashed = known
    assert memory.recall(hashed) is None
    asked = memory.ask(hashed)
    assert asked is not None
    clock.seconds += REMEMBERED_SECONDS - 0.01
    assert memory.recall(hashed) == asked
    clock.seconds += 0.02
    assert memory.recall(hashed) is None


def test_a_revocation_by_this_process_holds_at_once(known: Any, store: Store) -> None:
    """The very next request is looked up again, and is refused."""
    memory, _, hashed = known
    agent = memory.ask(hashed)
    store.revoke_agent(agent.agent_id, MONDAY)
    assert memory.recall(hashed) is None
    assert memory.ask(hashed).revoked_at == MONDAY


def test_a_revocation_by_another_process_holds_after_a_second(known: Any, url: str) -> None:
    """A command or a second collector: its change is seen when the second is over."""
    memory, clock, hashed = known
    agent = memory.ask(hashed)
    other = create_store(url)
    other.revoke_agent(agent.agent_id, MONDAY)
    other.close()
    clock.seconds += REMEMBERED_SECONDS
    assert memory.recall(hashed) is None
    assert memory.ask(hashed).revoked_at == MONDAY


def test_a_refused_token_is_never_remembered(known: Any) -> None:
    """So that an agent that has just been enrolled elsewhere is not turned away."""
    memory, _, _ = known
    assert memory.ask("0" * 64) is None
    assert memory.recall("0" * 64) is None


def test_the_memory_is_bounded(known: Any) -> None:
    """It forgets rather than grows."""
    memory, _, hashed = known
    found = memory.ask(hashed)
    for number in range(MOST_REMEMBERED):
        memory._found[str(number)] = (found, 0, 0.0)
    memory.ask(hashed)
    assert len(memory._found) == 1


def test_a_revoked_agent_is_turned_away_by_the_server_at_once(serving: Any) -> None:
    """Over HTTP: accepted, revoked, refused, without a pause."""
    body = b'{"measurements":[]}'
    assert serving.post(body).status_code == 200
    serving.store.revoke_agent(serving.agent_id, MONDAY)
    assert serving.post(body).status_code == 403
