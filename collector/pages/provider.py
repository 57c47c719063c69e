"""Pages on the way to an identity provider and back."""

import base64
import hmac
import logging
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from collector.clock import Clock
from collector.operators import cookies
from collector.operators.provider_model import Begun, IdentityProvider, ProviderRefused
from collector.operators.sign_in import SignIn, SignInRefused
from collector.pages.account import came_of, entered, next_of
from collector.pages.answer import Answers, words_of

MAX_PARAMETER: Final = 4_000
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Remembered:
    """What the browser keeps on its way: out of reach of scripts, for ten minutes."""

    state: str
    nonce: str
    verifier: str
    following: str

    def __str__(self) -> str:
        following = base64.urlsafe_b64encode(self.following.encode()).decode()
        return f"{self.state}.{self.nonce}.{self.verifier}.{following}"

    @classmethod
    def read(cls, text: str) -> "_Remembered":
        """Raises ValueError."""
        state, nonce, verifier, following = text.split(".")
        return cls(state, nonce, verifier, next_of(base64.urlsafe_b64decode(following).decode()))


class ProviderPages:
    """The routes; without a provider they answer 404."""

    def __init__(
        self, answers: Answers, sign_in: SignIn, clock: Clock, provider: IdentityProvider | None
    ) -> None:
        self._answers = answers
        self._sign_in = sign_in
        self._clock = clock
        self._provider = provider

    def router(self) -> APIRouter:
        """Make the routes."""
        routes = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        routes.get("/sign-in/provider")(self.leave)
        routes.get("/sign-in/provider/back")(self.back)
        return routes

    def leave(self, request: Request) -> Response:
        """Send the browser to the provider."""
        if self._provider is None:
            return self._no_provider(request)
        try:
            begun: Begun = self._provider.begin()
        except ProviderRefused as refused:
            return self._said(request, refused)
        following = next_of(request.query_params.get("next", ""))
        kept = _Remembered(begun.state, begun.nonce, begun.verifier, following)
        answer = RedirectResponse(begun.url, 303)
        cookies.write(request, answer, "provider", str(kept))
        return answer

    def back(self, request: Request) -> Response:
        """Take the browser back with a code, or with the reason why there is none."""
        if self._provider is None:
            return self._no_provider(request)
        try:
            kept = _returned(request, self._provider)
            code = request.query_params.get("code", "")[:MAX_PARAMETER]
            identity = self._provider.finish(code, kept.verifier, kept.nonce, self._clock.now())
            admitted = self._sign_in.with_provider(identity, came_of(request))
        except ProviderRefused as refused:
            return self._said(request, refused)
        except SignInRefused as refused:
            return self._said(request, ProviderRefused("not_allowed", str(refused)))
        answer = entered(request, admitted, kept.following)
        cookies.remove(request, answer, "provider")
        return answer

    def _said(self, request: Request, refused: ProviderRefused) -> Response:
        log.warning("sign-in through the provider refused: %s", _plain(str(refused)))
        text = words_of(request)
        status = 502 if refused.reason == "unreachable" else 403
        values = {"message": text(f"provider.{refused.reason}")}
        answer = self._answers.page(request, "refused.html", values, status)
        cookies.remove(request, answer, "provider")
        return answer

    def _no_provider(self, request: Request) -> Response:
        return self._answers.missing(request, words_of(request)("provider.none"))


def _returned(request: Request, provider: IdentityProvider) -> _Remembered:
    """Check that it is this browser that left. Raises ProviderRefused."""
    asked = request.query_params
    try:
        kept = _Remembered.read(cookies.read(request, "provider") or "")
    except ValueError:
        raise ProviderRefused("state", "the browser brought no cookie of its leaving") from None
    if not hmac.compare_digest(asked.get("state", "").encode(), kept.state.encode()):
        raise ProviderRefused("state", "the state is not the one that was given")
    if "iss" in asked and not provider.is_issuer(asked["iss"]):
        raise ProviderRefused("state", "the answer is of another provider")
    if "error" in asked:
        raise ProviderRefused("cancelled", f"the provider says {asked['error'][:100]!r}")
    if not asked.get("code"):
        raise ProviderRefused("state", "the browser came back without a code")
    return kept


def _plain(text: str) -> str:
    """Text of others in a log: one line, nothing that steers a terminal."""
    return "".join(char if char.isprintable() else "?" for char in text)[:500]
