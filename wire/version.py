"""The number of the record format and the rule for its neighbours (N and N-1).

A collector is upgraded before its agents, so it reads its own format N and the one before.
A record of a newer format is refused with advice, never guessed at.
"""

from typing import Final

SCHEMA_VERSION: Final = 1
"""Format written by this release.

==  ======================================================================================
0   draft: no ``simulated`` and no ``confidence``; both read as 'not stated'
1   current
==  ======================================================================================
"""


def accepted_versions(current: int = SCHEMA_VERSION) -> tuple[int, ...]:
    """Formats a reader of format ``current`` accepts, oldest first: N-1 and N."""
    return tuple(version for version in (current - 1, current) if version >= 0)


def why_refused(version: int, current: int = SCHEMA_VERSION) -> str | None:
    """Say what is read instead of format ``version`` and what to do; None where it is read."""
    accepted = accepted_versions(current)
    if version in accepted:
        return None
    advice = "upgrade the collector" if version > current else "upgrade the agent"
    known = " and ".join(str(number) for number in accepted)
    return f"{known}: {advice}"
