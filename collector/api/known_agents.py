"""Agents whose token was looked up a moment ago: a busy sender is not asked for every batch.

What this process changes (a revocation, a renewal) holds at once: every write through the store
is counted, and a count that has moved forgets everything. What another process changes (a
command, a second collector) holds after :data:`REMEMBERED_SECONDS` at the latest. Only known
agents are remembered, never a token that was refused.
"""

from typing import Final

from collector.clock import Clock
from collector.store.interface import Agent, Store

REMEMBERED_SECONDS: Final = 1.0
MOST_REMEMBERED: Final = 4096


class KnownAgents:
    """A short memory in front of ``store.agent_by_token``; used from several threads."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._found: dict[str, tuple[Agent, int, float]] = {}

    def recall(self, token_sha256: str) -> Agent | None:
        """Give the agent if it was looked up just now; None where the store has to be asked."""
        found = self._found.get(token_sha256)
        if found is None:
            return None
        agent, changes, until_seconds = found
        fresh = self._clock.monotonic_seconds() < until_seconds
        return agent if fresh and changes == self._store.changes() else None

    def ask(self, token_sha256: str) -> Agent | None:
        """Ask the store. Raises :class:`~collector.store.interface.StoreError`."""
        changes, now = self._store.changes(), self._clock.monotonic_seconds()  # before it answers
        agent = self._store.agent_by_token(token_sha256)
        if agent is None:
            self._found.pop(token_sha256, None)
        else:
            if len(self._found) >= MOST_REMEMBERED:
                self._found.clear()
            self._found[token_sha256] = (agent, changes, now + REMEMBERED_SECONDS)
        return agent
