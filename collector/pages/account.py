"""Pages of one's own account: sign in, sign out, change the password."""

from typing import Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from collector.api.keeper import read_form
from collector.api.refusal import Refusal
from collector.operators import accounts, cookies
from collector.operators.access import truly_local
from collector.operators.forms import Form, form_of, from_elsewhere
from collector.operators.passwords import (
    MAX_CHARACTERS,
    MIN_CHARACTERS,
    Crowded,
    WeakPassword,
)
from collector.operators.sign_in import (
    Admitted,
    Came,
    MustWait,
    SignIn,
    SignInRefused,
    make_secret,
)
from collector.operators.signed_in import form_token, operator_of, signed_in
from collector.pages.answer import Answers, root_of, words_of
from collector.store.interface import Store

MAX_NEXT_CHARACTERS: Final = 500
_FOR_PROGRAMS: Final = ("/v1/", "/metrics", "/healthz", "/openapi.json", "/static/")


class AccountPages:
    """The routes. ``provider_name``: what the link to the identity provider says."""

    def __init__(
        self,
        store: Store,
        answers: Answers,
        sign_in: SignIn,
        *,
        insecure_lab: bool,
        provider_name: str | None = None,
    ) -> None:
        self._store = store
        self._answers = answers
        self._sign_in = sign_in
        self._insecure_lab = insecure_lab
        self._provider_name = provider_name

    def router(self) -> APIRouter:
        """Make the routes."""
        routes = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        routes.get("/sign-in")(self.form)
        routes.post("/sign-in")(self.enter)
        routes.post("/sign-out")(self.leave)
        routes.get("/account/password")(self.password_form)
        routes.post("/account/password")(self.change)
        return routes

    def form(self, request: Request) -> Response:
        """Show the form."""
        return self._shown(request, next_of(request.query_params.get("next", "")))

    async def enter(self, request: Request) -> Response:
        """Sign in by name and password."""
        try:
            given = await _form_before_session(request, insecure_lab=self._insecure_lab)
        except Refusal as refusal:
            return refused(self._answers, request, refusal)
        return await run_in_threadpool(self._tried, request, given)

    def _tried(self, request: Request, given: Form) -> Response:
        following, text = next_of(given.get("next", "")), words_of(request)
        try:
            admitted = self._sign_in.with_password(
                given.get("name", ""), given.get("password", ""), came_of(request)
            )
        except MustWait as wait:
            seconds = max(1, round(wait.seconds))
            answer = self._shown(request, following, text("account.wait", seconds=seconds), 429)
            answer.headers["Retry-After"] = str(seconds)
            return answer
        except Crowded:
            return self._shown(request, following, text("account.crowded"), 503)
        except SignInRefused:
            return self._shown(request, following, text("account.wrong"), 403)
        return entered(request, admitted, following)

    def leave(self, request: Request) -> Response:
        """End this session."""
        signed = signed_in(request)
        if signed is not None:
            self._sign_in.out(signed.operator, signed.token)
        answer = RedirectResponse(root_of(request) + "/sign-in", 303)
        cookies.remove(request, answer, "session")
        return answer

    def password_form(self, request: Request) -> Response:
        """Show the form that changes one's password."""
        return self._password_page(request, "", 200)

    def change(self, request: Request) -> Response:
        """Change one's password; other sessions end."""
        given, text = form_of(request), words_of(request)
        operator, new = operator_of(request), given.get("new", "")
        if new != given.get("again", ""):
            return self._password_page(request, text("account.differ"), 422)
        try:
            admitted = self._sign_in.change_password(
                operator, given.get("old", ""), new, came_of(request)
            )
        except WeakPassword as weak:
            return self._password_page(request, weakness(request, weak), 422)
        except MustWait as wait:
            seconds = max(1, round(wait.seconds))
            return self._password_page(request, text("account.wait", seconds=seconds), 429)
        except Crowded:
            return self._password_page(request, text("account.crowded"), 503)
        except SignInRefused:
            return self._password_page(request, text("account.old_wrong"), 403)
        return entered(request, admitted, "/")

    def _password_page(self, request: Request, problem: str, status: int) -> HTMLResponse:
        values = {
            "problem": problem,
            "min_characters": MIN_CHARACTERS,
            "must_change": operator_of(request).must_change,
        }
        return self._answers.page(request, "password.html", values, status)

    def _shown(
        self, request: Request, following: str, problem: str = "", status: int = 200
    ) -> Response:
        secret = cookies.read(request, "form") or make_secret()
        values = {
            "problem": problem,
            "following": following,
            "form_csrf": form_token(secret),
            "private": is_private(request, insecure_lab=self._insecure_lab),
            "no_operator": not self._store.read(accounts.any_at_all),
            "provider_name": self._provider_name,
            "max_characters": MAX_CHARACTERS,
        }
        answer = self._answers.page(request, "sign_in.html", values, status)
        cookies.write(request, answer, "form", secret)
        return answer


def entered(request: Request, admitted: Admitted, following: str) -> Response:
    """Answer someone who has just signed in."""
    answer = RedirectResponse(root_of(request) + following, 303)
    cookies.write(request, answer, "session", admitted.session)
    cookies.write(request, answer, "device", admitted.device)
    cookies.remove(request, answer, "form")
    return answer


def came_of(request: Request) -> Came:
    """Where a sign-in comes from."""
    return Came(
        address=request.client.host if request.client else "local",
        device=cookies.read(request, "device"),
        session=cookies.read(request, "session"),
    )


def is_private(request: Request, *, insecure_lab: bool) -> bool:
    """Say whether a password may come this way: TLS, or this very machine."""
    return insecure_lab or request.url.scheme == "https" or truly_local(request)


def next_of(text: str) -> str:
    """A path of ours to go on to after signing in; the first page for anything else."""
    wrong = (
        len(text) > MAX_NEXT_CHARACTERS
        or not text.startswith("/")
        or text.startswith(("//", "/\\", "/sign-"))
        or not text.isascii()
        or not text.isprintable()
        or "\\" in text
    )
    return "/" if wrong else text


def show(answers: Answers, request: Request, refusal: Refusal) -> Response | None:
    """Say a refusal of the gate to a person; None where a program asks."""
    path = request.url.path.removeprefix(root_of(request))
    if path.startswith(_FOR_PROGRAMS):
        return None
    if refusal.reason == "no_session" and request.method == "GET":
        asked = path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"{root_of(request)}/sign-in?next={quote(asked, safe='/')}", 303)
    if refusal.reason == "must_change" and request.method == "GET":
        return RedirectResponse(f"{root_of(request)}/account/password", 303)
    return refused(answers, request, refusal)


def refused(answers: Answers, request: Request, refusal: Refusal) -> HTMLResponse:
    """Say a refusal in the reader's language."""
    text = words_of(request)
    message = text.either(f"refused.{refusal.reason}", "refused.other")
    return answers.page(request, "refused.html", {"message": message}, refusal.status_code)


def weakness(request: Request, weak: WeakPassword) -> str:
    """Say why a new password is not accepted."""
    return words_of(request)(f"weak.{weak.weakness}").format(
        at_least=MIN_CHARACTERS, at_most=MAX_CHARACTERS
    )


async def _form_before_session(request: Request, *, insecure_lab: bool) -> Form:
    """Read a form of someone who has no session yet. Raises :class:`Refusal`."""
    if not is_private(request, insecure_lab=insecure_lab):
        raise Refusal(426, "plain_http", "passwords are taken over TLS only: use https")
    secret = cookies.read(request, "form")
    if secret is None or from_elsewhere(request):
        raise Refusal(403, "form", "load the page again, then send it (cookies are needed)")
    await read_form(request, secret)
    return form_of(request)
