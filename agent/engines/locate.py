"""M-Lab's Locate API, version 2: which ndt7 servers are near, with permission to use them.

``GET /v2/nearest/ndt/ndt7`` gives up to four servers, nearest first, each with complete URLs that
hold an access token. The token is a secret of that one test: it stands in no log, text or
record. A server may refuse although it was named; then the next one is asked.

Sources: Locate API usage and ndt7 protocol specification, both of Measurement Lab.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from agent import __version__
from agent.clock import Clock
from agent.engines.web import Trust, follow, is_global, read_body
from agent.failure import MeasurementFailed
from agent.target import parse_host_port
from agent.target_url import Url
from agent.web.blocked import Rules
from wire.failure import FailureCode, Operation

LOCATE_SECONDS: Final = 10.0
MAX_SERVERS: Final = 4
MAX_BYTES: Final = 60_000
MAX_QUERY_CHARACTERS: Final = 4_000
"""ndt7: a query string is at most 4096 bytes."""
CLIENT: Final = f"client_name=hakaru&client_version={__version__}"
TESTS: Final = ("download", "upload")


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One ndt7 server that may be used."""

    machine: str
    host: str
    port: int
    queries: Mapping[str, str] = field(repr=False)
    """Query of the upgrade by test; holds the access token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """What Locate answered."""

    servers: Sequence[Server]
    public: bool
    """The answer came from an address of the internet: servers must be there, too."""


def locate(url: Url, trusted: Trust, clock: Clock) -> Located:
    """Ask for servers. Raises :class:`MeasurementFailed`, for every answer but the right one."""
    until = clock.monotonic_seconds() + LOCATE_SECONDS
    joined = "&" if "?" in url.path else "?"
    asked = Url(url.scheme, url.host, url.port, f"{url.path}{joined}{CLIENT}")
    opened, _ = follow(asked, Rules(), trusted, until, clock, http_allowed=False)
    body = read_body(opened, until, clock, MAX_BYTES)
    status = opened.exchange.status or 0
    check_status(status, opened.exchange.headers.get("retry-after", ""))
    kind = opened.exchange.headers.get("content-type", "").lower()
    if "html" in kind or body.lstrip()[:1] == b"<":
        text = "a page of HTML instead of a list of servers: a filter or a login page"
        raise MeasurementFailed(FailureCode.INTERCEPTED, Operation.HANDSHAKE, text)
    return Located(servers=read_servers(body), public=is_global(opened.address))


def check_status(status: int, retry_after: str) -> None:
    """Raise :class:`MeasurementFailed` for every status but 200, which alone means success."""
    if status == 200:
        return
    if status == 204:
        raise _full("Locate answered 204")
    words = {429: "asked too often: run fewer tests, further apart"}
    text = words.get(status, "Locate cannot help now" if status >= 500 else "Locate refused")
    wait = f" (again after {retry_after} s)" if retry_after.isdigit() else ""
    raise MeasurementFailed(
        FailureCode.HTTP_STATUS, Operation.HANDSHAKE, f"{status} from Locate: {text}{wait}"
    )


def read_servers(body: bytes) -> list[Server]:
    """Read the list. Raises :class:`MeasurementFailed`; entries without ndt7 over TLS are left."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _odd("no JSON") from error
    if not isinstance(answer, dict):
        raise _odd("no JSON object")
    results, complaint = answer.get("results", []), answer.get("error")
    if isinstance(complaint, dict):
        raise _odd(f"an error: {_shown(complaint.get('title'))}")
    if not isinstance(results, list):
        raise _odd("no list of results")
    if not results:
        raise _full("Locate answered without a server")
    servers = [server for item in results[:MAX_SERVERS] if (server := _server(item)) is not None]
    if not servers:
        raise _odd("no server with ndt7 over TLS")
    return servers


def parse_wss(text: str) -> tuple[str, int, str, str]:
    """Split ``wss://HOST[:PORT]/PATH?QUERY``. Raises :class:`MeasurementFailed`, without query."""
    scheme, mark, rest = text.partition("://")
    place, _, query = rest.partition("?")
    authority, slash, path = place.partition("/")
    if scheme != "wss" or not mark or not _plain(query) or not _plain(path):
        raise MeasurementFailed(
            FailureCode.TARGET_INVALID,
            Operation.PREPARE,
            "allowed is wss://HOST[:PORT] or the https:// URL of a Locate service",
        )
    host, port = parse_host_port(authority, 443)
    return host, port, slash + path, query


def _server(item: object) -> Server | None:
    if not isinstance(item, dict) or not isinstance(urls := item.get("urls"), dict):
        return None
    found: dict[str, str] = {}
    place: tuple[str, int] | None = None
    for test in TESTS:
        url = urls.get(f"wss:///ndt/v7/{test}")
        if not isinstance(url, str):
            return None
        try:
            host, port, path, query = parse_wss(url)
        except MeasurementFailed:
            return None
        if path != f"/ndt/v7/{test}" or (place is not None and place != (host, port)):
            return None
        place, found[test] = (host, port), with_client(query)
    assert place is not None
    return Server(machine=_machine(item, place[0]), host=place[0], port=place[1], queries=found)


def with_client(query: str) -> str:
    """Add who we are (ndt7: clients should say so) where nobody else said it already."""
    return query if "client_name=" in query else "&".join(filter(None, (query, CLIENT)))


def _machine(item: Mapping[str, Any], host: str) -> str:
    machine = item.get("machine")
    usable = isinstance(machine, str) and _plain(machine) and 0 < len(machine) <= 100
    return str(machine) if usable else host[:100]


def _shown(text: object) -> str:
    return "".join(char if char.isprintable() else "?" for char in str(text))[:80]


def _plain(text: str) -> bool:
    return (
        text.isascii() and text.isprintable() and " " not in text and "#" not in text
        and len(text) <= MAX_QUERY_CHARACTERS
    )  # fmt: skip


def _full(text: str) -> MeasurementFailed:
    return MeasurementFailed(
        FailureCode.NOT_ADMITTED, Operation.HANDSHAKE, f"{text}: no server has room now; try later"
    )


def _odd(text: str) -> MeasurementFailed:
    return MeasurementFailed(
        FailureCode.PROTOCOL_ERROR, Operation.HANDSHAKE, f"Locate's answer holds {text}"
    )
