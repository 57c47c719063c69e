"""A slot token from the collector, for a person who measures by hand."""

import asyncio
import random
import sys
from typing import Final

import httpx

from agent.commands.token import NoToken
from agent.identity import Identity, TransportRefused
from agent.push import PushSettings, new_client
from agent.slot import Leave, NotNow, SlotDesk
from agent.slot_request import UNBOUNDED_BPS
from wire.planning.planned import Planned

PATIENCE_SECONDS: Final = 120.0
"""How long a person waits for a slot."""


def asked(who: Identity, planned: Planned, ca_file: str | None) -> Leave:
    """Ask the collector of this appliance, and wait in line. Raises :class:`NoToken`."""
    return asyncio.run(_asked(who, planned, ca_file))


def released(who: Identity, leave: Leave, ca_file: str | None) -> None:
    """Give a slot back."""
    asyncio.run(_released(who, leave, ca_file))


async def _asked(who: Identity, planned: Planned, ca_file: str | None) -> Leave:
    assert who.active is not None
    async with new_client(PushSettings(ca_file=ca_file)) as client:
        # a person who measures wants a figure: an unreachable collector does not forbid it
        desk = _desk(who, client)
        left_seconds = PATIENCE_SECONDS
        while True:
            found = await desk.ask(planned, UNBOUNDED_BPS)
            if isinstance(found, Leave):
                return found
            left_seconds -= found.wait_seconds or left_seconds + 1
            if left_seconds < 0:
                raise NoToken(_no_slot(found))
            print(f"waiting {found.wait_seconds:.0f} s for a slot: {found.reason}", file=sys.stderr)
            await asyncio.sleep(found.wait_seconds or 0.0)


async def _released(who: Identity, leave: Leave, ca_file: str | None) -> None:
    async with new_client(PushSettings(ca_file=ca_file)) as client:
        await _desk(who, client).release(leave)


def _desk(who: Identity, client: httpx.AsyncClient) -> SlotDesk:
    assert who.active is not None
    try:
        return SlotDesk(who.active, client, random.SystemRandom(), "measure")
    except TransportRefused as error:
        raise NoToken(str(error)) from error


def _no_slot(found: NotNow) -> str:
    wait = "" if found.wait_seconds is None else f"; try again in {found.wait_seconds:.0f} s"
    return f"no slot: {found.reason}{wait} (or measure without one: --no-slot)"
