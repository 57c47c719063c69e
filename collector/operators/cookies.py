"""Cookies of operators: the session, the browser that is known, the secret of a form before both.

Over TLS their names begin with ``__Host-``: a browser takes such a cookie only over TLS, for this
host and the whole of it, so nothing that reaches us by plain HTTP can plant one.
"""

from datetime import timedelta
from typing import Final, Literal

from starlette.requests import Request
from starlette.responses import Response

from collector.operators.sessions import DEVICE, LONGEST

Name = Literal["session", "device", "form", "provider"]
_AGE: Final[dict[Name, timedelta]] = {
    "session": LONGEST,
    "device": DEVICE,
    "form": LONGEST,
    "provider": timedelta(minutes=10),  # the way to the identity provider and back
}
MAX_CHARACTERS: Final = 2_000


def read(request: Request, name: Name) -> str | None:
    """Give a cookie's value; None where there is none."""
    value = request.cookies.get(_name(request, name))
    return value if value and len(value) <= MAX_CHARACTERS else None


def write(request: Request, response: Response, name: Name, value: str) -> None:
    """Have the browser keep a cookie, out of reach of scripts and of other sites' forms."""
    response.set_cookie(
        _name(request, name),
        value,
        max_age=int(_AGE[name].total_seconds()),
        path="/",
        secure=_over_tls(request),
        httponly=True,
        samesite="lax",  # strict would ask again after a link in a mail; forms have a token
    )


def remove(request: Request, response: Response, name: Name) -> None:
    """Have the browser forget a cookie."""
    response.delete_cookie(
        _name(request, name), path="/", secure=_over_tls(request), httponly=True, samesite="lax"
    )


def _name(request: Request, name: Name) -> str:
    return f"__Host-hakaru_{name}" if _over_tls(request) else f"hakaru_{name}"


def _over_tls(request: Request) -> bool:
    return request.url.scheme == "https"
