"""Heartbeats that arrive together share one transaction: the reply leaves after its COMMIT.

Where a group fails for a reason that may lie in one of them, each is kept alone, so that one bad
heartbeat fails by itself. Whatever goes wrong, each sender hears of it: none waits for ever.
"""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Final

from collector.fleet.beats import Arrived, record_all
from collector.store.interface import Store, StoreBusy, StoreFull, StoreUnreachable

MAX_WAITING: Final = 4_096
MAX_GROUP: Final = 500

_Waiting = tuple[Arrived, asyncio.Future[None]]


class BeatBook:
    """Takes heartbeats on the event loop. One a server."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[_Waiting] = []
        self._writing: asyncio.Task[None] | None = None

    async def keep(self, arrived: Arrived) -> None:
        """Wait until a heartbeat is kept. Raises :class:`StoreError`, and what nobody foresaw."""
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
            await self._write_group(group)

    async def _write_group(self, group: Sequence[_Waiting]) -> None:
        work = partial(record_all, arrived=[arrived for arrived, _ in group])
        trouble: Exception | None = None
        try:
            await asyncio.to_thread(self._store.write, work)
        except (StoreBusy, StoreFull, StoreUnreachable) as error:
            trouble = error
        except Exception as error:  # noqa: BLE001 - handed to the sender's request, which raises it
            if len(group) > 1:
                for one in group:
                    await self._write_group([one])
                return
            trouble = error
        for _, done in group:
            if done.done():  # its sender has gone
                continue
            if trouble is None:
                done.set_result(None)
            else:
                done.set_exception(trouble)
