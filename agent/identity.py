"""Who this appliance is: an id and a secret, both made here; and where the secret may go.

``identity.json`` holds the id, the enrolment in force and, while one is under way, the pending
one. The pending one is durable before anything is sent: when the reply is lost, the same request
is repeated with the same token, which the collector recognises as the one it has granted.
"""

import hashlib
import ipaddress
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from agent.state import IDENTITY_FILE, StateTrouble, write_json
from wire.ids import is_uuid

TOKEN_BYTES: Final = 32
ADVICE: Final = (
    "enrol first: hakaru-agent enrol --collector https://collector.example --code - "
    "(the code comes from: hakaru-collector school enrol-code SCHOOL)"
)


class TransportRefused(Exception):
    """The token would travel in the clear, or the address is none; nothing was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """A binding of this appliance to a school at a collector."""

    collector: str
    """Base address, without a slash at the end."""
    token: str = field(repr=False)
    insecure_lab: bool = False
    """The token may travel in the clear: a lab, said so explicitly."""
    school_code: str = ""
    school_name: str = ""
    next_token: str = field(default="", repr=False)
    """Made to follow ``token``, on disk before it is offered; empty: none is under way."""
    previous_token: str = field(default="", repr=False)
    """The one before, for a collector that was restored from an older backup."""

    def token_sha256(self) -> str:
        """What the collector knows of the token: its SHA-256 in hexadecimal."""
        return sha256_of(self.token)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What stands in ``identity.json``."""

    agent_id: str
    """UUID version 4, made at the first enrolment and kept through all later ones."""
    active: Enrolment | None = None
    pending: Enrolment | None = None


def sha256_of(token: str) -> str:
    """SHA-256 of a token in hexadecimal."""
    return hashlib.sha256(token.encode()).hexdigest()


def load(directory: Path) -> Identity | None:
    """Read the identity, None when there is none. Raises :class:`StateTrouble`."""
    path = directory / IDENTITY_FILE
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
        identity = Identity(
            agent_id=given["agent_id"],
            active=_enrolment(given.get("active")),
            pending=_enrolment(given.get("pending")),
        )
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StateTrouble(f"{path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        # the content is not shown: there is a secret in it
        raise StateTrouble(
            f"{path} cannot be read ({type(error).__name__}): move it away and enrol again"
        ) from None
    if not is_uuid(identity.agent_id):
        raise StateTrouble(f"{path}: agent_id is no UUID: move the file away and enrol again")
    return identity


def save(directory: Path, identity: Identity) -> None:
    """Write the identity durably, readable by its owner only. Raises :class:`StateTrouble`."""
    path = directory / IDENTITY_FILE
    try:
        write_json(
            path,
            {
                "agent_id": identity.agent_id,
                "active": None if identity.active is None else asdict(identity.active),
                "pending": None if identity.pending is None else asdict(identity.pending),
            },
            durable=True,
        )
    except OSError as error:
        raise StateTrouble(f"{path}: {error.strerror}") from error


def collector_address(text: str) -> str:
    """Check and normalise the address of a collector. Raises :class:`TransportRefused`."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise TransportRefused(f"collector address {text[:80]!r}: {error}") from None
    if parts.scheme not in ("http", "https") or not host or port == 0:
        raise TransportRefused(
            f"collector address {text[:80]!r}: expected https://HOST[:PORT][/PATH]"
        )
    if parts.username is not None or parts.query or parts.fragment:
        raise TransportRefused("collector address: no user name, password, query or fragment in it")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise TransportRefused("collector address: printable ASCII without spaces")
    return text.rstrip("/")


def check_transport(collector: str, *, insecure_lab: bool) -> None:
    """Refuse to carry the token in the clear over a network. Raises :class:`TransportRefused`."""
    parts = urlsplit(collector)
    if parts.scheme == "https" or insecure_lab or _is_loopback(parts.hostname or ""):
        return
    raise TransportRefused(
        f"{collector} is not https: the token would travel in the clear, so nothing was sent. "
        "Use https://, or in a lab enrol with --insecure-lab"
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


_TEXTS: Final = (
    "collector",
    "token",
    "school_code",
    "school_name",
    "next_token",
    "previous_token",
)


def _enrolment(given: dict[str, object] | None) -> Enrolment | None:
    if given is None:
        return None
    texts = {name: given.get(name, "") for name in _TEXTS}
    if not all(isinstance(text, str) for text in texts.values()):
        raise TypeError("texts expected")
    if not texts["token"] or not texts["collector"]:
        raise ValueError("token and collector expected")
    return Enrolment(
        insecure_lab=given.get("insecure_lab") is True,
        **{name: str(text) for name, text in texts.items()},
    )
