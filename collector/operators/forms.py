"""Forms: read once by the gate, checked against requests that another site made."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request

from collector.api.refusal import Refusal

IN_SCOPE: Final = "hakaru.form"
MAX_FORM_BYTES: Final = 512 * 1024
MAX_FIELDS: Final = 1_000
TOKEN_FIELD: Final = "csrf"  # noqa: S105 - the name of a field
TOKEN_HEADER: Final = "x-csrf-token"  # noqa: S105 - the name of a header
FORM_TYPE: Final = "application/x-www-form-urlencoded"
_CHANGES_NOTHING: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class Form(Mapping[str, str]):
    """The fields of a form; of one that occurs often the first."""

    def __init__(self, fields: Mapping[str, Sequence[str]]) -> None:
        self._fields = fields

    def __getitem__(self, name: str) -> str:
        return self._fields[name][0]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def every(self, name: str) -> Sequence[str]:
        """All values of a field, as of check boxes."""
        return self._fields.get(name, ())


def form_of(request: Request) -> Form:
    """Give the form that came with a request; empty where none did."""
    found = request.scope.get(IN_SCOPE)
    return found if isinstance(found, Form) else Form({})


def parse(body: bytes, content_type: str) -> Form:
    """Read the fields. Raises :class:`Refusal` (400, 413)."""
    if content_type.partition(";")[0].strip().lower() != FORM_TYPE:
        return Form({})
    try:
        fields = parse_qs(
            body.decode("utf-8", "strict"), keep_blank_values=True, max_num_fields=MAX_FIELDS
        )
    except ValueError:  # not UTF-8, or more fields than any form of ours has
        raise Refusal(400, "form", "the form cannot be read: send it again from the page") from None
    return Form(fields)


def changes_something(request: Request) -> bool:
    """Say whether a request's method may change anything (RFC 9110, 9.2.1)."""
    return request.method not in _CHANGES_NOTHING


def from_elsewhere(request: Request) -> bool:
    """Say whether a browser tells that another site made it (Fetch Metadata, else Origin)."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site not in {"same-origin", "none"}
    origin = request.headers.get("origin")
    if origin is None:
        return False
    try:
        return urlsplit(origin).netloc != request.headers.get("host", "")
    except ValueError:  # no origin of any browser
        return True
