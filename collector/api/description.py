"""The OpenAPI description, with the lean ingest route that FastAPI does not see."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from wire.messages import MAX_BATCH_RECORDS
from wire.schema import schema

_REFUSALS = {
    "400": "The body is no batch.",
    "401": "No token, or not a known one: enrol.",
    "403": "The agent was revoked.",
    "408": "The body came too slowly.",
    "413": "Too large: split the batch.",
    "415": "A Content-Encoding other than gzip.",
    "426": "The token came over plain HTTP: use https. Keep the results.",
    "503": "Busy: keep the results, try again after Retry-After.",
    "507": "The collector's disk is full: keep the results.",
}


def describe(app: FastAPI) -> dict[str, Any]:
    """Make the description once and keep it."""
    if app.openapi_schema is None:
        found = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
        )
        found["paths"]["/v1/measurements"] = {"post": _ingest()}
        found.setdefault("components", {})["securitySchemes"] = {
            "agent": {"type": "http", "scheme": "bearer", "description": "Token of an agent"}
        }
        app.openapi_schema = found
    return app.openapi_schema


def _ingest() -> dict[str, Any]:
    record: dict[str, Any] = dict(schema())
    record.pop("$schema", None)
    record.pop("$id", None)
    return {
        "tags": ["agents"],
        "summary": "Deliver measurements",
        "operationId": "deliver_measurements",
        "description": "The reply leaves after COMMIT and names every result: stored, or kept "
        "apart with a reason. Delete only what is named. gzip is allowed.",
        "security": [{"agent": []}],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "required": ["measurements"],
                        "properties": {
                            "measurements": {
                                "type": "array",
                                "maxItems": MAX_BATCH_RECORDS,
                                "items": record,
                            }
                        },
                    }
                }
            },
        },
        "responses": {
            "200": {
                "description": "What became of each result.",
                "content": {"application/json": {"schema": _ACKNOWLEDGEMENT}},
            },
            **{
                status: {"description": text, "content": {"application/json": {"schema": _ERROR}}}
                for status, text in _REFUSALS.items()
            },
        },
    }


_ERROR = {
    "type": "object",
    "required": ["detail"],
    "properties": {"detail": {"type": "string"}},
}
_ACKNOWLEDGEMENT = {
    "type": "object",
    "required": ["committed", "quarantined"],
    "properties": {
        "store_id": {"type": "string", "format": "uuid"},
        "committed": {"type": "array", "items": {"type": "string", "format": "uuid"}},
        "quarantined": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["result_id", "reason"],
                "properties": {
                    "result_id": {"type": ["string", "null"]},
                    "reason": {"type": "string"},
                },
            },
        },
    },
}
