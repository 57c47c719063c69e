"""Helpers of the SNMP tests: accesses to a test device, both engines, whole readings."""

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable
from random import Random
from typing import TypeVar

from agent.clock import SystemClock
from agent.snmp import profiles
from agent.snmp.access import Access, AccessFile
from agent.snmp.client import Client
from agent.snmp.exchange import Exchange, Version
from agent.snmp.limits import Limits
from agent.snmp.reading import Reading, read_all
from agent.snmp.session import Engine, open_exchange
from agent.snmp.usm import Auth, Privacy
from tests.agent.snmp import usm
from tests.agent.snmp.responder import Device, serving

T = TypeVar("T")
ENGINES = tuple(Engine)
PROFILES = profiles.load()
QUICK = Limits(pdu_seconds=1.5, tries=2, device_seconds=20.0)
CANARY = "Xk7-canary-community"
USERS = (
    usm.User("reader"),
    usm.User("old", "sha1", "correct horse", "aes128"),
    usm.User("long", "sha512", "correct horse", "aes256"),
    usm.User("open", "sha384", "correct horse", ""),
    usm.User("short", "sha224", "correct horse", "aes192"),
)


def access(port: int, version: Version = Version.V2C, user: str = "reader") -> Access:
    """How a test device on loopback is asked."""
    networks = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1"))
    if version is not Version.V3:
        return Access(networks=networks, version=version, community="public", port=port)
    told = next(one for one in USERS if one.name == user)
    return Access(
        networks=networks,
        version=version,
        user=user,
        auth=Auth(told.auth),
        auth_password=told.auth_password,
        privacy=Privacy(told.privacy) if told.privacy else None,
        privacy_password=told.privacy_password if told.privacy else "",
        port=port,
    )


def exchange(engine: Engine, way: Access, limits: Limits = QUICK) -> Exchange:
    """An exchange with the device on 127.0.0.1."""
    file = AccessFile(accesses=(way,))
    return open_exchange(engine, file, "127.0.0.1", limits, SystemClock(), Random(7))


def asked(
    engine: Engine,
    way: Access,
    what: Callable[[Client], Awaitable[T]],
    limits: Limits = QUICK,
) -> tuple[T, Client]:
    """Run something with a client; give its result and the client."""

    async def run() -> tuple[T, Client]:
        found = exchange(engine, way, limits)
        client = Client(found, limits, SystemClock())
        try:
            return await what(client), client
        finally:
            client.close()

    return asyncio.run(run())


def read(device: Device, engine: Engine = Engine.DIRECT, limits: Limits = QUICK) -> Reading:
    """Everything a device says."""
    with serving(device) as port:
        found, _ = asked(engine, access(port), lambda one: read_all(one, PROFILES), limits)
    return found
