"""Who may call each route: the one table. A route that is not in it stops the start.

To add a route, add its line here: ``"METHOD /path/{parameter}": Caller.X``. The gate
(:mod:`collector.api.gate`) enforces it before the route sees anything; the tests try every line
with every wrong credential.
"""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Final

from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute


class Caller(StrEnum):
    """Who may call a route."""

    PUBLIC = "public"
    """Anyone."""
    LOCAL = "local"
    """This machine, and the addresses of ``--metrics-from``."""
    AGENT = "agent"
    """An enrolled agent with its bearer token; ``require_agent(request, store)`` gives it."""
    VIEWER = "viewer"
    """An operator of any role. Where pages are public, and on this machine while there is no
    operator yet, anyone, but for reading only."""
    SIGNED_IN = "signed in"
    """An operator of any role, whoever may read pages; ``operator_of(request)`` gives them."""
    OPERATOR = "operator"
    """An operator with the role operator or administrator."""
    ADMINISTRATOR = "administrator"
    """An operator with the role administrator."""


ROUTES: Final[Mapping[str, Caller]] = {
    # -- agents
    "POST /v1/measurements": Caller.AGENT,
    "POST /v1/enrol": Caller.PUBLIC,  # the one-time code is its credential
    "POST /v1/heartbeat": Caller.AGENT,
    "POST /v1/identity/offer": Caller.AGENT,
    "POST /v1/identity/confirm": Caller.PUBLIC,  # the offered secret is its credential
    "GET /v1/time": Caller.PUBLIC,
    "POST /v1/slots": Caller.AGENT,
    "POST /v1/slots/release": Caller.AGENT,
    "GET /v1/slot-keys": Caller.PUBLIC,  # public keys: what responders check slot tokens with
    # -- what was found out
    "GET /": Caller.VIEWER,
    "GET /schools/{code}": Caller.VIEWER,
    "GET /v1/schools": Caller.VIEWER,
    "GET /v1/schools/{code}": Caller.VIEWER,
    "GET /v1/schools/{code}/causes": Caller.VIEWER,
    "GET /schools/{code}/results/{result_id}": Caller.VIEWER,
    "GET /v1/compliance": Caller.VIEWER,
    "GET /v1/weeks/{week}/revisions": Caller.VIEWER,
    "GET /v1/schools/{code}/clocks": Caller.VIEWER,
    "GET /weeks/{week}/revisions": Caller.VIEWER,
    "GET /schools/{code}/clocks": Caller.VIEWER,
    "GET /v1/fleet": Caller.VIEWER,
    "GET /v1/fleet/{agent_id}": Caller.VIEWER,
    "GET /fleet": Caller.VIEWER,
    "GET /fleet/{agent_id}": Caller.VIEWER,
    "POST /fleet/codes": Caller.OPERATOR,
    "POST /fleet/{agent_id}/revoke": Caller.OPERATOR,
    "POST /fleet/{agent_id}/replace": Caller.OPERATOR,
    "POST /fleet/{agent_id}/confirm-move": Caller.OPERATOR,
    # -- findings and desk survey
    "GET /programme/survey": Caller.VIEWER,
    "GET /programme/survey.csv": Caller.VIEWER,
    "GET /programme/findings": Caller.VIEWER,
    "GET /schools/{code}/survey": Caller.VIEWER,
    "POST /schools/{code}/survey": Caller.OPERATOR,
    # -- the network of a school
    "GET /schools/{code}/network": Caller.VIEWER,
    "POST /schools/{code}/network": Caller.OPERATOR,
    "GET /schools/{code}/network/{name}": Caller.VIEWER,
    # -- policies
    "GET /policy": Caller.VIEWER,
    "POST /policy": Caller.OPERATOR,
    "POST /policy/suppress": Caller.OPERATOR,
    "POST /policy/lift": Caller.OPERATOR,
    "GET /schools/{code}/policy": Caller.VIEWER,
    "POST /schools/{code}/measure": Caller.OPERATOR,
    "GET /v1/policies": Caller.VIEWER,
    "GET /v1/schools/{code}/policy": Caller.VIEWER,
    "GET /v1/schools/{code}/commands/{command_id}": Caller.VIEWER,
    # -- the assessment programme
    "GET /programme": Caller.VIEWER,
    "POST /programme/deadline": Caller.OPERATOR,
    "GET /schools/{code}/progress": Caller.VIEWER,
    "POST /schools/{code}/progress": Caller.OPERATOR,
    "GET /programme/spreadsheets": Caller.VIEWER,
    "POST /programme/spreadsheets": Caller.OPERATOR,
    "GET /programme/spreadsheets/{name}": Caller.VIEWER,
    "GET /schools/{code}/assessment": Caller.VIEWER,
    "POST /schools/{code}/assessment": Caller.OPERATOR,
    "POST /schools/{code}/assessment/attachments": Caller.OPERATOR,
    "POST /schools/{code}/assessment/decisions": Caller.OPERATOR,
    "GET /schools/{code}/attachments/{attachment_id}": Caller.VIEWER,
    "POST /schools/{code}/attachments/{attachment_id}/remove": Caller.OPERATOR,
    "GET /programme/sample": Caller.VIEWER,
    "POST /programme/sample": Caller.OPERATOR,
    "GET /programme/indicators": Caller.VIEWER,
    "POST /programme/indicators": Caller.OPERATOR,
    "GET /programme/demand": Caller.VIEWER,
    "GET /programme/network": Caller.VIEWER,
    "GET /programme/survey-table": Caller.VIEWER,
    "GET /programme/measures": Caller.VIEWER,
    "POST /programme/measures": Caller.OPERATOR,
    "POST /programme/measures/several": Caller.OPERATOR,
    "GET /programme/measures/{assignment_id}": Caller.VIEWER,
    "POST /programme/measures/{assignment_id}": Caller.OPERATOR,
    "GET /programme/what-if": Caller.VIEWER,
    "GET /programme/plan": Caller.VIEWER,
    # -- weekly reports
    "GET /reports": Caller.VIEWER,
    "POST /reports": Caller.OPERATOR,
    "GET /reports/{week}/{revision}": Caller.VIEWER,
    "GET /reports/{week}/{revision}/{name}": Caller.VIEWER,
    # -- operators
    "GET /sign-in": Caller.PUBLIC,
    "POST /sign-in": Caller.PUBLIC,  # name and password are its credential
    "GET /sign-in/provider": Caller.PUBLIC,
    "GET /sign-in/provider/back": Caller.PUBLIC,  # code, state and cookie are its credential
    "POST /sign-out": Caller.SIGNED_IN,
    "GET /account/password": Caller.SIGNED_IN,
    "POST /account/password": Caller.SIGNED_IN,
    "GET /operators": Caller.ADMINISTRATOR,
    "POST /operators": Caller.ADMINISTRATOR,
    "POST /operators/{operator_id}/role": Caller.ADMINISTRATOR,
    "POST /operators/{operator_id}/disable": Caller.ADMINISTRATOR,
    "POST /operators/{operator_id}/enable": Caller.ADMINISTRATOR,
    "POST /operators/{operator_id}/password": Caller.ADMINISTRATOR,
    "GET /audit": Caller.ADMINISTRATOR,
    "GET /rehearsals": Caller.VIEWER,
    "POST /rehearsals": Caller.OPERATOR,
    "POST /rehearsals/stop": Caller.OPERATOR,
    # -- those who run the collector
    "GET /healthz": Caller.PUBLIC,
    "GET /metrics": Caller.LOCAL,
    "GET /openapi.json": Caller.PUBLIC,
    "GET /static/{path}": Caller.PUBLIC,
}


UPLOADS: Final[Mapping[str, int]] = {
    "POST /schools/{code}/assessment/attachments": 10_000_000,
    "POST /programme/spreadsheets": 10_000_000,
}
"""The only routes that take a form with files (multipart), with the bytes of its files."""
UPLOAD_IN_SCOPE: Final = "hakaru.upload_bytes"
"""Where the gate leaves how large a body an upload may have; absent on all other routes."""
MAX_UPLOAD_FRAME_BYTES: Final = 128 * 1024
"""What fields and boundaries of an upload may take beside its files."""


class UndeclaredRoute(RuntimeError):
    """A route says of no one that they may call it."""


def routes_of(routes: Sequence[BaseRoute]) -> Iterator[tuple[str, str, str]]:
    """Give method, path and pattern of each route, in the order in which they are tried.

    HEAD is answered as GET is; of a mount only GET is reached.
    """
    for route in iter_route_contexts(routes):
        for method in sorted((route.methods or {"GET"}) - {"HEAD"}):
            yield method, route.path_format or "", route.path_regex.pattern


def policy_of(method: str, path: str) -> Caller:
    """Give who may call a route. Raises :class:`UndeclaredRoute`."""
    caller = ROUTES.get(f"{method} {path}")
    if caller is None:
        raise UndeclaredRoute(
            f"{method} {path} declares no caller: add its line to ROUTES in "
            "collector/api/policy_of_routes.py"
        )
    return caller
