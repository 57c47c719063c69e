"""The slot token: leave for one agent to run one test against one responder, checked offline.

The envelope is PASETO version 4.public (Ed25519, RFC 8032), whose header fixes the algorithm: a
token has no field that chooses one. Three parts joined by dots, ``v4.public`` counting as one::

    v4.public.BASE64URL(payload || 64 bytes of signature).BASE64URL(footer)

``payload`` is the canonical JSON of :data:`CLAIMS` (sorted names, no blanks, no name besides),
``footer`` is ``{"kid":"..."}``. What is signed is the pre-authentication encoding of header,
payload, footer and :data:`PURPOSE`, so a token of another kind never passes for this one, though
it be signed with the same key. Base64url is without padding and has one spelling for each token.

Signing and verifying need ``cryptography`` and live with those who do it: a token is split with
:func:`open_envelope`, its signature checked, and only then its claims are read with
:func:`read_claims`.
"""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from wire.fields import read_line, read_uuid, read_whole
from wire.measurement import Json
from wire.parsing import Refused, Words, parse_object

HEADER: Final = "v4.public."
PURPOSE: Final = b"hakaru slot 1"
"""PASETO's implicit assertion: signed, but not sent."""
MAX_TOKEN_CHARACTERS: Final = 1_400
SIGNATURE_BYTES: Final = 64
PUBLIC_KEY_BYTES: Final = 32
KINDS: Final = ("download", "upload", "stamp")
"""What a token may admit: directions of a throughput test, a STAMP session."""
PURPOSES: Final = ("test", "rehearsal", "light")
"""``test`` has its upstream for itself, ``rehearsal`` shares it on purpose, ``light`` may."""
MAX_FLOWS: Final = 64
MAX_QUOTA_BYTES: Final = 1 << 42
MAX_QUOTA_SECONDS: Final = 600
CLOCK_TOLERANCE_SECONDS: Final = 30
"""How far the clocks of collector and responder may differ, either way."""
_SEGMENT: Final = re.compile(r"[A-Za-z0-9_-]+")
_KEY_ID: Final = re.compile(r"[0-9a-f]{16}")
_KEY_LINE: Final = re.compile(r"k4\.public\.([A-Za-z0-9_-]{43})")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
MAX_EPOCH_SECONDS: Final = 253_402_300_799
"""The last second of the year 9999."""
MAX_KEYS: Final = 16
MAX_LABEL_CHARACTERS: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotToken:
    """What a token says. Times are aware, UTC, whole seconds."""

    token_id: str
    """UUID; a token is used once."""
    agent_id: str
    school_code: str
    group: str
    """The upstream it was granted on."""
    audience: str
    """The responder it is for."""
    purpose: str
    """One of :data:`PURPOSES`."""
    kinds: tuple[str, ...]
    """Which of :data:`KINDS` it admits, each at most once, in their order."""
    flows: int
    """Flows of each kind that it admits, in all."""
    quota_bytes: int
    """Bytes of WebSocket stream that the responder sends and takes, all flows together."""
    quota_seconds: int
    """Seconds from its first flow until the last one is ended."""
    not_before: datetime
    expires_at: datetime
    """It must have begun by then."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A token taken apart. Nothing in it may be believed before the signature was checked."""

    key_id: str
    signed: bytes
    """What the signature is over."""
    signature: bytes
    payload: bytes


def signing_input(payload: bytes, key_id: str) -> bytes:
    """What is to be signed for a payload (PASETO's pre-authentication encoding)."""
    return _pae(HEADER.encode(), payload, _footer(key_id), PURPOSE)


def assemble(payload: bytes, key_id: str, signature: bytes) -> str:
    """Join the parts of a token."""
    return f"{HEADER}{_encode(payload + signature)}.{_encode(_footer(key_id))}"


def open_envelope(text: str) -> Envelope:
    """Take a token apart. Raises :class:`~wire.parsing.Refused`, never with the token in it."""
    if len(text) > MAX_TOKEN_CHARACTERS:
        found = Words(f"{len(text)} characters")
        raise Refused("token", found, f"at most {MAX_TOKEN_CHARACTERS} characters")
    if not text.startswith(HEADER):
        # 'v2.', 'v4.local', 'eyJ' (JWT), anything: there is one algorithm
        raise Refused("token", Words("another kind of token"), f"a token that begins with {HEADER}")
    body, dot, footer = text[len(HEADER) :].partition(".")
    if not dot:
        raise Refused("token", Words("no footer (cut off?)"), "a footer that names the key")
    raw, below = _decode("token.payload", body), _decode("token.footer", footer)
    if len(raw) <= SIGNATURE_BYTES:
        raise Refused("token.payload", Words("too short (cut off?)"), "claims and a signature")
    payload, signature = raw[:-SIGNATURE_BYTES], raw[-SIGNATURE_BYTES:]
    named = parse_object(below, "token.footer").get("kid")
    if not isinstance(named, str) or _KEY_ID.fullmatch(named) is None or below != _footer(named):
        raise Refused("token.footer", Words("another footer"), '{"kid":"16 hexadecimal digits"}')
    return Envelope(named, signing_input(payload, named), signature, payload)


def write_claims(token: SlotToken) -> bytes:
    """Write the payload of a token: one way of writing for each token.

    Raises :class:`~wire.parsing.Refused` for a token that :func:`read_claims` would not take.
    """
    payload = _canonical({name: write(token) for name, (write, _) in CLAIMS.items()})
    read_claims(payload)
    return payload


def read_claims(payload: bytes) -> SlotToken:
    """Read the payload of a token whose signature was checked. Raises Refused: what is wrong."""
    given = parse_object(payload, "claims")
    for name in CLAIMS:
        if name not in given:
            raise Refused(f"claims.{name}", Words("nothing"), "to be present")
    for name in given:
        if name not in CLAIMS:
            raise Refused("claims", Words("a name more"), " ".join(CLAIMS))
    read: dict[str, Any] = {
        name: check(f"claims.{name}", given[name]) for name, (_, check) in CLAIMS.items()
    }
    token = SlotToken(
        token_id=read["jti"],
        agent_id=read["sub"],
        school_code=read["school"],
        group=read["group"],
        audience=read["aud"],
        purpose=read["use"],
        kinds=read["kinds"],
        flows=read["flows"],
        quota_bytes=read["bytes"],
        quota_seconds=read["seconds"],
        not_before=read["nbf"],
        expires_at=read["exp"],
    )
    if token.expires_at <= token.not_before:
        raise Refused("claims.exp", given["exp"], "a time after nbf")
    if payload != _canonical(given):
        raise Refused("claims", Words("another way of writing"), "canonical JSON")
    return token


def key_id(public: bytes) -> str:
    """Name of a public key: 16 hexadecimal digits of the SHA-256 of its 32 bytes."""
    return hashlib.sha256(public).hexdigest()[:16]


def write_key(public: bytes) -> str:
    """A public key as one line of text (PASERK ``k4.public``)."""
    return f"k4.public.{_encode(public)}"


def read_keys(text: str) -> Mapping[str, bytes]:
    """Read public keys, one a line, by their id; blank lines and ``#`` notes are passed over.

    Raises :class:`~wire.parsing.Refused` with the number of the line.
    """
    found: dict[str, bytes] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].strip()
        if not words:
            continue
        match = _KEY_LINE.fullmatch(words)
        public = b"" if match is None else _decode(f"line {number}", match[1])
        if len(public) != PUBLIC_KEY_BYTES:
            raise Refused(f"line {number}", Words("no public key"), "k4.public.KEY, one a line")
        found[key_id(public)] = public
    if not 1 <= len(found) <= MAX_KEYS:
        raise Refused("keys", Words(f"{len(found)} keys"), f"1 to {MAX_KEYS} keys")
    return found


def is_name(text: str) -> bool:
    """Whether a responder may be called so."""
    return _NAME.fullmatch(text) is not None


def _name(place: str, value: Json) -> str:
    if not isinstance(value, str) or not is_name(value):
        raise Refused(place, value, "a name of letters, digits, '.', '_' and '-' (up to 64)")
    return value


def _label(place: str, value: Json) -> str:
    if len(read_line(place, value)) > MAX_LABEL_CHARACTERS:
        raise Refused(place, value, f"at most {MAX_LABEL_CHARACTERS} characters")
    assert isinstance(value, str)
    return value


def _purpose(place: str, value: Json) -> str:
    if value not in PURPOSES:
        raise Refused(place, value, "one of " + " ".join(PURPOSES))
    return str(value)


def read_kinds(place: str, value: Json) -> tuple[str, ...]:
    """One or more of :data:`KINDS`, in their order, each once."""
    given = value if isinstance(value, list) else []
    chosen = tuple(kind for kind in KINDS if kind in given)
    if not chosen or list(chosen) != value:
        raise Refused(place, value, "some of " + " ".join(KINDS) + ", in this order")
    return chosen


def _whole(lowest: int, highest: int) -> Callable[[str, Json], int]:
    def check(place: str, value: Json) -> int:
        if not lowest <= read_whole(place, value) <= highest:
            raise Refused(place, value, f"{lowest} to {highest}")
        assert isinstance(value, int)
        return value

    return check


def _moment(place: str, value: Json) -> datetime:
    return datetime.fromtimestamp(_whole(0, MAX_EPOCH_SECONDS)(place, value), UTC)


def _epoch(moment: datetime) -> int:
    return int(moment.timestamp())


CLAIMS: Final[Mapping[str, tuple[Callable[[SlotToken], Json], Callable[[str, Json], object]]]] = {
    "aud": (lambda token: token.audience, _name),
    "bytes": (lambda token: token.quota_bytes, _whole(1, MAX_QUOTA_BYTES)),
    "exp": (lambda token: _epoch(token.expires_at), _moment),
    "flows": (lambda token: token.flows, _whole(1, MAX_FLOWS)),
    "group": (lambda token: token.group, _label),
    "jti": (lambda token: token.token_id, read_uuid),
    "kinds": (lambda token: list(token.kinds), read_kinds),
    "nbf": (lambda token: _epoch(token.not_before), _moment),
    "school": (lambda token: token.school_code, _label),
    "seconds": (lambda token: token.quota_seconds, _whole(1, MAX_QUOTA_SECONDS)),
    "sub": (lambda token: token.agent_id, read_uuid),
    "use": (lambda token: token.purpose, _purpose),
}
"""Names in the payload: how each is written, how it is read. Times are seconds since 1970, not
PASETO's texts: a token must be short enough for a line of the STAMP control channel."""


def _canonical(fields: Mapping[str, Json]) -> bytes:
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _footer(name: str) -> bytes:
    return _canonical({"kid": name})


def _pae(*pieces: bytes) -> bytes:
    """Lengths before contents, so that no two lists of pieces have the same encoding."""
    whole = [len(pieces).to_bytes(8, "little")]
    for piece in pieces:
        whole += [len(piece).to_bytes(8, "little"), piece]
    return b"".join(whole)


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decode(place: str, text: str) -> bytes:
    allowed = "base64url without padding"
    if _SEGMENT.fullmatch(text) is None:
        raise Refused(place, Words("other characters, or nothing"), allowed)
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        raise Refused(place, Words("a length that cannot be (cut off?)"), allowed) from None
    if _encode(data) != text:  # stray bits at the end: a second spelling of the same bytes
        raise Refused(place, Words("stray bits at its end"), allowed)
    return data
