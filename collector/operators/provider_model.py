"""Signing in through an identity provider, as the pages see it; the protocol is elsewhere."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from collector.operators.model import Role


@dataclass(frozen=True, slots=True)
class Begun:
    """A way to the provider: where to send the browser, and what to remember until it is back."""

    url: str
    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom the provider vouches for."""

    subject: str
    """Issuer and subject: unlike a name never given to somebody else."""
    name: str
    role: Role


Reason = Literal["unreachable", "token", "not_allowed", "state", "cancelled"]


class ProviderRefused(Exception):
    """Nobody was signed in. ``reason`` is also the key of its words; the text is for the log."""

    def __init__(self, reason: Reason, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class IdentityProvider(Protocol):
    """What the pages ask. Methods are synchronous; they raise :class:`ProviderRefused`."""

    @property
    def name(self) -> str:
        """What the link on the sign-in page says."""
        ...

    def begin(self) -> Begun:
        """Make the address of the provider's page."""
        ...

    def finish(self, code: str, begun_verifier: str, nonce: str, now: datetime) -> Identity:
        """Exchange the code, check the token, map the role."""
        ...

    def is_issuer(self, text: str) -> bool:
        """Say whether this is the provider's own name (RFC 9207)."""
        ...
