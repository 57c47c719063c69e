"""Which waiting results go into one batch: a pure choice."""

from collections.abc import Sequence

from agent.spool.layout import Worth, range_of, seq_of


def choose(
    ascending: Sequence[tuple[int, int]],
    descending: Sequence[tuple[int, int]],
    limit: int,
    max_bytes: int,
) -> list[int]:
    """Pick keys for one batch: accounts, then newest and oldest in turn.

    Takes (key, size in bytes) pairs. So a backlog drains while fresh results go out with every
    batch. Always at least one, also when it alone is larger than ``max_bytes``.
    """
    oldest = sorted(set(ascending), key=lambda row: seq_of(row[0]))
    newest = sorted(set(descending), key=lambda row: -seq_of(row[0]))
    accounts = [row for row in oldest if row[0] >= range_of(Worth.ACCOUNT)[0]]
    turns: list[tuple[int, int]] = accounts
    for index in range(max(len(oldest), len(newest))):
        turns += newest[index : index + 1] + oldest[index : index + 1]
    chosen: dict[int, None] = {}
    total = 0
    for key, size in turns:
        if key in chosen:
            continue
        if len(chosen) == limit or (chosen and total + size > max_bytes):
            break
        chosen[key] = None
        total += size
    return list(chosen)
