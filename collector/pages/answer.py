"""How every page is answered: language, frame, headers, and who is signed in."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request

from collector.operators.model import Role
from collector.operators.signed_in import csrf_of, may, signed_in
from collector.pages.format import moment
from collector.pages.i18n import LANGUAGES, Words, phrases, words
from collector.pages.programme_tabs import tabs
from collector.pages.sources import CITY_NAME, PageSources

HERE: Final = Path(__file__).resolve().parent
COOKIE: Final = "hakaru_language"
YEAR_SECONDS: Final = 365 * 86_400
MAX_QUERY_CHARACTERS: Final = 60
MAX_ADDRESS_CHARACTERS: Final = 200
HEADERS: Final = {
    # nothing from elsewhere, nothing inline: a school's name can never become a script
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
    "Vary": "Cookie",
}
_LANGUAGE_NAMES: Final = {"ja": "site.japanese", "en": "site.english"}


class Answers:
    """Fills templates into the frame that all pages share.

    Beside its own values a template has ``t`` (words), ``root`` (what each link begins with),
    ``csrf`` (hidden field of every form that changes something), ``operator`` (who is signed in,
    or None), ``may(role)``, and for paper ``printed_at`` and ``source``.
    """

    def __init__(self, sources: PageSources) -> None:
        self._sources = sources
        self._templates = environment()

    def page(
        self, request: Request, template: str, values: Mapping[str, object], status: int = 200
    ) -> HTMLResponse:
        """Answer with a page."""
        text = words_of(request)
        signed = signed_in(request)
        frame: dict[str, object] = {
            "t": text,
            "languages": [(code, words(code)(_LANGUAGE_NAMES[code])) for code in LANGUAGES],
            "language_url": lambda code: _with_language(request, code),
            "root": root_of(request),
            "simulated_city": self._sources.shown.simulated(),
            "city_name": self._sources.store.setting(CITY_NAME.format(language=text.language))
            or text("site.default_city"),
            "operator": None if signed is None else signed.operator,
            "csrf": csrf_of(request),
            "printed_at": moment(text, self._sources.clock.now()),
            "source": cut_address(request),
            "may": lambda role: may(request, Role(role)),
        }
        body = self._templates.get_template(template).render(frame | dict(values))
        response = HTMLResponse(body, status_code=status, headers=HEADERS)
        response.headers["Content-Language"] = text.language
        if request.query_params.get("lang") in LANGUAGES:
            response.set_cookie(
                COOKIE, text.language, max_age=YEAR_SECONDS, httponly=True, samesite="lax"
            )
        return response

    def missing(self, request: Request, message: str) -> HTMLResponse:
        """Answer 404 with a sentence."""
        return self.page(request, "error.html", {"message": message}, status=404)


def environment() -> Environment:
    """Make the template environment: everything is escaped, an unknown name is an error."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["phrases"] = phrases
    made.globals["programme_tabs"] = tabs
    return made


def words_of(request: Request) -> Words:
    """The words of the language that is asked for: by ``lang``, by cookie, or the default."""
    asked = request.query_params.get("lang")
    return words(asked if asked in LANGUAGES else request.cookies.get(COOKIE, LANGUAGES[0]))


def root_of(request: Request) -> str:
    """What each link begins with: the path a proxy serves us under, without a slash at its end."""
    root: str = request.scope.get("root_path", "")
    return root.rstrip("/")


def cut_address(request: Request) -> str:
    """Where a printed page came from; without its query, which may hold a secret of a sign-in."""
    return str(request.url.replace(query="", fragment=""))[:MAX_ADDRESS_CHARACTERS]


def cut(text: str) -> str:
    """Text from a query, bounded."""
    return text[:MAX_QUERY_CHARACTERS]


def _with_language(request: Request, code: str) -> str:
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "lang"]
    return "?" + urlencode([*kept, ("lang", code)])
