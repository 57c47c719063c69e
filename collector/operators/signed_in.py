"""Who signed in for a request: what the gate leaves for the routes."""

import hashlib
import hmac
from dataclasses import dataclass
from secrets import token_bytes
from typing import Final

from starlette.requests import Request

from collector.operators.model import Operator, Role

IN_SCOPE: Final = "hakaru.signed_in"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """An operator and the secret of the session that the request came in."""

    operator: Operator
    token: str

    def __repr__(self) -> str:
        return f"SignedIn({self.operator.name!r})"


def signed_in(request: Request) -> SignedIn | None:
    """Give who signed in; None on pages that are open to all."""
    found = request.scope.get(IN_SCOPE)
    return found if isinstance(found, SignedIn) else None


def operator_of(request: Request) -> Operator:
    """Give the operator. For routes that the table gives to operators only."""
    found = signed_in(request)
    if found is None:
        raise RuntimeError("this route is open to callers without a session: see policy_of_routes")
    return found.operator


def may(request: Request, role: Role) -> bool:
    """Say whether the one who asks has a role: for showing or leaving out a form."""
    found = signed_in(request)
    return found is not None and found.operator.role.covers(role)


def actor_of(request: Request) -> str:
    """Give the actor for :func:`collector.operators.audit.audit`."""
    return f"operator:{operator_of(request).name}"


def form_token(secret: str) -> str:
    """Give the hidden field ``csrf`` of a form: bound to a cookie that other sites cannot read.

    It differs each time: pages are compressed, and the length of one that has the same secret again
    and again beside words of a query tells it letter by letter (BREACH).
    """
    right = _form_proof(secret)
    mask = token_bytes(len(right))
    return (mask + _xor(mask, right)).hex()


def is_form_token(secret: str, shown: str) -> bool:
    """Say whether :func:`form_token` made a token for this secret."""
    right = _form_proof(secret)
    try:
        given = bytes.fromhex(shown)
    except ValueError:
        return False
    mask, masked = given[: len(right)], given[len(right) :]
    return len(masked) == len(right) and hmac.compare_digest(_xor(mask, masked), right)


def _form_proof(secret: str) -> bytes:
    return hmac.digest(secret.encode(), b"hakaru form", hashlib.sha256)


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def csrf_of(request: Request) -> str:
    """Give the value of the hidden field ``csrf`` of every form; empty where nobody signed in."""
    found = signed_in(request)
    return "" if found is None else form_token(found.token)
