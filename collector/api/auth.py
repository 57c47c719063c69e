"""Who is asking: the bearer token of an agent, and whether the way it came is private."""

import hashlib
import ipaddress
import re
from datetime import datetime
from functools import lru_cache
from typing import Final

from starlette.requests import Request

from collector.api.refusal import Refusal
from collector.store.interface import Agent, Store

_BEARER: Final = re.compile(r"[Bb]earer +([A-Za-z0-9._~+/=-]{16,512})")
_CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="hakaru"'}
AGENT_OF_SCOPE: Final = "hakaru.agent"
"""Where the gate leaves the agent that it let through."""


def require_private(request: Request, *, insecure_lab: bool) -> None:
    """Refuse secrets over plain HTTP from another machine. Raises :class:`Refusal` (426).

    Not 403: that says that the agent was revoked, and an agent that hears it stops.
    """
    if insecure_lab or request.scope["scheme"] == "https" or is_local(request):
        return
    raise Refusal(
        426,
        "plain_http",
        "secrets are taken over TLS only: use https, or start the collector with "
        "--tls-cert/--tls-key, --behind-tls-proxy, or (in a lab) --insecure-lab",
        {"Upgrade": "TLS/1.2", "Connection": "Upgrade"},
    )


def require_agent(request: Request, store: Store) -> Agent:
    """Give the agent that the gate let through, else look it up. Raises :class:`Refusal`."""
    admitted = request.scope.get(AGENT_OF_SCOPE)
    if isinstance(admitted, Agent):
        return admitted
    return welcome(store.agent_by_token(bearer_sha256(request)), None)


def welcome(agent: Agent | None, now: datetime | None) -> Agent:
    """Turn away who is not known, expired or revoked. Raises :class:`Refusal` (401, 403).

    ``now``: for the gate, which alone looks whether the token has expired.
    """
    if agent is None:
        raise _not_known()
    if agent.token_expires_at is not None and now is not None and now > agent.token_expires_at:
        raise Refusal(401, "expired", "this token has expired: enrol the agent anew", _CHALLENGE)
    if agent.revoked_at is not None:
        raise Refusal(403, "revoked", "this agent was revoked: ask the board of education")
    return agent


def bearer_sha256(request: Request) -> str:
    """Hash the bearer token that is presented. Raises :class:`Refusal` (401)."""
    header = request.headers.get("authorization")
    if header is None:
        raise Refusal(
            401, "no_token", "no token: send Authorization: Bearer TOKEN; enrol first", _CHALLENGE
        )
    match = _BEARER.fullmatch(header)
    if match is None:
        raise _not_known()
    return sha256_hex(match[1])


def _not_known() -> Refusal:
    return Refusal(401, "bad_token", "this token is not known: enrol the agent", _CHALLENGE)


def sha256_hex(text: str) -> str:
    """SHA-256 of a random secret. A slow hash is for passwords, which people choose."""
    return hashlib.sha256(text.encode()).hexdigest()


def is_local(request: Request) -> bool:
    """Say whether it came from this machine."""
    return request.client is None or _is_loopback(request.client.host)


@lru_cache(maxsize=1024)
def _is_loopback(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
