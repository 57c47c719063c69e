"""Heartbeats that arrive together share one transaction: the reply leaves after its COMMIT."""

import asyncio
from typing import Final

from collector.fleet.beats import Arrived, record_all
from collector.store.interface import Store, StoreBusy, StoreError

MAX_WAITING: Final = 4_096
MAX_GROUP: Final = 500


class BeatBook:
    """Takes heartbeats on the event loop. One a server."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[tuple[Arrived, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def keep(self, arrived: Arrived) -> None:
        """Wait until a heartbeat is kept. Raises :class:`StoreError`."""
        if len(self._waiting) >= MAX_WAITING:
            raise StoreBusy("too many heartbeats wait for the database: try again")
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((arrived, done))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        await done

    async def _write(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[:MAX_GROUP], self._waiting[MAX_GROUP:]
            beats = [arrived for arrived, _ in group]
            trouble: StoreError | None = None
            try:
                await asyncio.to_thread(self._store.write, lambda sql: record_all(sql, beats))  # noqa: B023 - awaited within the same turn
            except StoreError as error:
                trouble = error
            for _, done in group:
                if done.done():  # its sender has gone
                    continue
                if trouble is None:
                    done.set_result(None)
                else:
                    done.set_exception(trouble)
