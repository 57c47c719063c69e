"""Identities for simulated agents: codes that are given, or made in the database at hand."""

import hashlib
import random
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import httpx

from collector.demo import city
from collector.fleet.enrolment import DEFAULT_LIFETIME, new_code
from collector.store.interface import Store

MAX_SAID_CHARACTERS: Final = 200


class EnrolmentFailed(Exception):
    """A simulated agent was not enrolled; the text says why and what to do."""


def make_codes(store: Store, count: int, now: datetime, chance: random.Random) -> list[str]:
    """Make one-time codes, one for each agent, over the schools in turn.

    A database without schools gets the fictional city of the demo; where there are schools
    already, simulated agents are enrolled at those.
    """
    if not store.schools():
        store.import_schools(city.schools())
    schools = store.schools()
    codes = []
    for number in range(count):
        school = schools[number % len(schools)]
        codes.append(new_code(store, school.code, now + DEFAULT_LIFETIME, chance))
    return codes


async def enrol(client: httpx.AsyncClient, url: str, agent_id: str, code: str) -> str:
    """Enrol one agent as an appliance does; give its token. Raises :class:`EnrolmentFailed`."""
    token = secrets.token_urlsafe(32)
    message = {
        "code": code,
        "agent_id": agent_id,
        "token_sha256": hashlib.sha256(token.encode()).hexdigest(),
    }
    try:
        reply = await client.post(url + "/v1/enrol", json=message)
    except httpx.HTTPError as error:
        raise EnrolmentFailed(
            f"{url} was not reached ({type(error).__name__}): is the collector running?"
        ) from error
    if reply.status_code not in (200, 201):
        said = " ".join(reply.text.split())[:MAX_SAID_CHARACTERS]
        advice = "; this seed's agents are enrolled here: give another --seed"
        raise EnrolmentFailed(
            f"not enrolled: HTTP {reply.status_code} {said}"
            f"{advice if reply.status_code == 409 else ''}"
        )
    return token


def check_count(codes: Sequence[str], agents: int) -> None:
    """Raise :class:`EnrolmentFailed` where there are fewer codes than agents."""
    if len(codes) < agents:
        raise EnrolmentFailed(
            f"{len(codes)} codes for {agents} agents: give one code a line for each of them, "
            "or --database to have them made"
        )
