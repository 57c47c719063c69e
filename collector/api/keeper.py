"""The doorkeeper: which credential each kind of caller has to show."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from collector.api.auth import AGENT_OF_SCOPE, is_local, require_agent, require_private
from collector.api.ingest import store_refusal
from collector.api.policy_of_routes import Caller
from collector.api.refusal import Refusal
from collector.metrics import Metrics
from collector.store.interface import Store, StoreError


class Keeper:
    """Decides about each request by the credential it shows."""

    def __init__(self, store: Store, metrics: Metrics, *, insecure_lab: bool) -> None:
        self._store = store
        self._metrics = metrics
        self._insecure_lab = insecure_lab

    async def admit(self, caller: Caller, request: Request) -> Response | None:
        """Give None to let it through, or the answer that turns it away."""
        try:
            self._check(caller, request)
        except Refusal as refusal:
            self._metrics.refused.labels(refusal.reason).inc()
            return _said(refusal)
        except StoreError as error:
            return _said(store_refusal(error))
        return None

    def _check(self, caller: Caller, request: Request) -> None:
        match caller:
            case Caller.PUBLIC | Caller.VIEWER:
                return
            case Caller.AGENT:
                require_private(request, insecure_lab=self._insecure_lab)
                request.scope[AGENT_OF_SCOPE] = require_agent(request, self._store)
            case Caller.LOCAL:
                if not is_local(request):
                    raise Refusal(403, "not_local", "this is answered on this machine only")
            case Caller.SIGNED_IN | Caller.OPERATOR | Caller.ADMINISTRATOR:
                raise Refusal(401, "no_session", "sign in first")


def _said(refusal: Refusal) -> Response:
    return JSONResponse({"detail": refusal.detail}, refusal.status_code, refusal.headers)
