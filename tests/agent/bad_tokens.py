"""Slot tokens that a responder must refuse, each with what it says."""

import base64
from dataclasses import replace
from datetime import timedelta

from tests.agent.slot_tokens import NOW, TOKEN, Signer
from wire.slot_token import write_claims

SIGNER = Signer()


def bearer(token: str) -> str:
    """A header."""
    return f"Bearer {token}"


def _flipped(text: str, place: int) -> str:
    other = "A" if text[place] != "A" else "B"
    return text[:place] + other + text[place + 1 :]


GOOD = SIGNER.sign(TOKEN)
JWT_NONE = ".".join(
    base64.urlsafe_b64encode(part).decode().rstrip("=")
    for part in (b'{"alg":"none"}', write_claims(TOKEN), b"")
)
JWT_HMAC = ".".join(
    base64.urlsafe_b64encode(part).decode().rstrip("=")
    for part in (b'{"alg":"HS256"}', write_claims(TOKEN), SIGNER.public)
)
BAD: dict[str, tuple[str | None, str]] = {
    "none": (None, "a slot token is wanted"),
    "empty": ("Bearer ", "a slot token is wanted"),
    "basic": ("Basic dXNlcjpwYXNz", "a slot token is wanted"),
    "garbage": (bearer("x" * 3000), "token not understood"),
    "alg none": (bearer(JWT_NONE), "token not understood: token: found another kind"),
    "alg confused": (bearer(JWT_HMAC), "token not understood: token: found another kind"),
    "cut": (bearer(GOOD[:-40]), "token not understood"),
    "cut signature": (bearer(GOOD[:200]), "token not understood"),
    "claims changed": (bearer(_flipped(GOOD, 40)), "its signature is wrong"),
    "signature changed": (bearer(_flipped(GOOD, GOOD.rindex(".") - 20)), "its signature is wrong"),
    "other key": (bearer(Signer(2).sign(TOKEN)), "is not known here"),
    "other audience": (
        bearer(SIGNER.sign(replace(TOKEN, audience="elsewhere"))),
        "token is for the responder elsewhere, this is centre",
    ),
    "not yet": (
        bearer(
            SIGNER.sign(
                replace(
                    TOKEN,
                    not_before=NOW + timedelta(seconds=31),
                    expires_at=NOW + timedelta(seconds=90),
                )
            )
        ),
        "token not valid yet: by this clock it begins in 31 s",
    ),
    "expired": (
        bearer(
            SIGNER.sign(
                replace(
                    TOKEN,
                    not_before=NOW - timedelta(seconds=90),
                    expires_at=NOW - timedelta(seconds=30),
                )
            )
        ),
        "token expired 30 s ago",
    ),
    "signed nonsense": (bearer(SIGNER.seal(b"{}")), "token not understood: claims.aud"),
    "other kind": (bearer(SIGNER.sign(replace(TOKEN, kinds=("stamp",)))), "not for download"),
}
