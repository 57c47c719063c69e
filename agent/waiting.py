"""Waits that end before their time: at a stop, or where there is something to do at once."""

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

T = TypeVar("T")


class Hurry:
    """Cuts the next wait short, or the one under way."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def soon(self) -> None:
        """Do not wait."""
        self._event.set()

    async def stopped_within(self, stop: asyncio.Event, seconds: float) -> bool:
        """Wait; True when an end was asked for. :meth:`soon` cuts the wait short."""
        waits = [asyncio.create_task(event.wait()) for event in (stop, self._event)]
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        self._event.clear()
        return stop.is_set()


async def set_within(event: asyncio.Event, seconds: float) -> bool:
    """Wait; True when ``event`` is set in time."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


async def unless_set(event: asyncio.Event, work: Coroutine[object, object, T]) -> T | None:
    """Do ``work``; where ``event`` is set before its end it is cancelled, and None given."""
    doing, waiting = asyncio.create_task(work), asyncio.create_task(event.wait())
    try:
        await asyncio.wait((doing, waiting), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (doing, waiting):
            task.cancel()
        await asyncio.gather(doing, waiting, return_exceptions=True)
    return None if doing.cancelled() else doing.result()
