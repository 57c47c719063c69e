"""What the API refuses, as one exception that knows its status, its text and its label."""

from collections.abc import Mapping

from starlette.exceptions import HTTPException


class Refusal(HTTPException):
    """A request that is refused.

    ``reason`` is a short label for /metrics (a closed set: the literals in this package);
    ``detail`` says what is wrong and what to do.
    """

    def __init__(
        self, status: int, reason: str, detail: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(status, detail, dict(headers or {}))
        self.reason = reason
