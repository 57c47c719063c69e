"""Heartbeats that share a transaction: one that cannot be kept fails alone, and nobody hangs."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest

from collector.fleet import book as book_module
from collector.fleet.beats import Arrived
from collector.fleet.book import BeatBook
from collector.store.interface import Store, StoreFailed, StoreUnreachable


class Beats:
    """A database that fails where it is told to, and notes how many came at once."""

    def __init__(self) -> None:
        self.bad: dict[str, Exception] = {}
        self.groups: list[int] = []

    def write(self, work: Callable[[Any], None]) -> None:
        """One transaction."""
        work(None)

    def record_all(self, _sql: Any, arrived: Sequence[Arrived]) -> None:
        """Take a group, or none of it."""
        self.groups.append(len(arrived))
        for one in arrived:
            if one.body in self.bad:
                raise self.bad[one.body]


def kept(
    beats: Beats, monkeypatch: pytest.MonkeyPatch, count: int = 5
) -> list[BaseException | None]:
    """What became of heartbeats that arrive together."""
    monkeypatch.setattr(book_module, "record_all", beats.record_all)

    async def run() -> list[BaseException | None]:
        book = BeatBook(cast("Store", beats))
        arrived = [Arrived(cast("Any", None), cast("Any", None), str(n), cast("Any", None))
                   for n in range(count)]  # fmt: skip
        async with asyncio.timeout(20.0):
            return await asyncio.gather(*map(book.keep, arrived), return_exceptions=True)

    return asyncio.run(run())


def test_heartbeats_that_arrive_together_share_a_transaction(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Five, one transaction."""
    beats = Beats()
    assert kept(beats, monkeypatch) == [None] * 5
    assert beats.groups == [5]


@pytest.mark.parametrize("error", [ValueError("odd"), StoreFailed("a statement failed")])
def test_one_that_cannot_be_kept_fails_alone(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Its sender is told, whatever the error; the others are kept."""
    beats = Beats()
    beats.bad["2"] = error
    assert kept(beats, monkeypatch) == [None, None, error, None, None]


def test_a_database_that_is_away_is_not_asked_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """No heartbeat is at fault: all are told at once."""
    beats = Beats()
    beats.bad["0"] = error = StoreUnreachable("gone")
    assert kept(beats, monkeypatch) == [error] * 5
    assert beats.groups == [5]
