"""``GET /healthz`` and ``/metrics``: for those who run the collector."""

from fastapi import APIRouter
from starlette.responses import Response

from collector import metrics
from collector.api.context import Context
from collector.api.models import ErrorOut


def router(context: Context) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(tags=["operations"])

    @routes.get("/healthz", responses={503: {"model": ErrorOut}})
    def healthz() -> dict[str, str]:
        """Say whether the database answers; 503 where it does not."""
        context.store.ping()
        return {"status": "ok"}

    @routes.get("/metrics", response_class=Response)
    def exposition() -> Response:
        """Give the collector's own health and city totals to Prometheus."""
        return Response(context.metrics.text(), media_type=metrics.CONTENT_TYPE)

    return routes
