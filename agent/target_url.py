"""Targets that are URLs: one strict reading, before any socket or resolver.

Parsers of URLs disagree about user information, backslashes, control characters and what an
authority is; whoever checks a target against a list of allowed hosts must see the host that
will be used. So only the plain form is taken: ``https://HOST[:PORT][/path][?query]`` in ASCII,
with the host as :mod:`agent.target` reads it. User information is refused: a measurement sends
no credentials.
"""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urldefrag, urljoin

from agent.failure import MeasurementFailed
from agent.target import parse_host_port
from wire.failure import FailureCode, Operation

DEFAULT_PORTS: Final = {"https": 443, "http": 80}
MAX_URL_CHARACTERS: Final = 255
"""What ``target`` of a record holds."""
MAX_LOCATION_CHARACTERS: Final = 2_048
_FORM: Final = re.compile(r"(?P<scheme>[A-Za-z]+)://(?P<authority>[^/?#\\@]*)(?P<path>[/?].*)?")
_PATH: Final = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?\[\]-]|%[0-9A-Fa-f]{2})*")
_UNPRINTABLE: Final = re.compile(r"[^\x20-\x7e]")


@dataclass(frozen=True, slots=True)
class Url:
    """A URL that was read; ``path`` begins with / and holds the query too."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The Host header (RFC 9110 section 7.2): without the port where it is the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"


def parse_url(text: str, *, http_allowed: bool = False, limit: int = MAX_URL_CHARACTERS) -> Url:
    """Read a URL. Raises :class:`~agent.failure.MeasurementFailed` with TARGET_INVALID."""
    if len(text) > limit:
        raise _refused(text, f"a URL of at most {limit} characters")
    found = _FORM.fullmatch(text) if text.isascii() else None
    if found is None:
        raise _refused(text, "https://HOST[:PORT][/path][?query] without user, password, fragment")
    scheme = found["scheme"].lower()
    if scheme not in DEFAULT_PORTS or (scheme == "http" and not http_allowed):
        allowed = (
            "https:// or http://" if http_allowed else "https:// (http:// only with allow_http)"
        )
        raise _refused(text, allowed)
    path = found["path"] or "/"
    if _PATH.fullmatch(path) is None:
        raise _refused(text, "a path and query of ASCII letters, digits, their marks and %XX")
    host, port = parse_host_port(found["authority"], DEFAULT_PORTS[scheme])
    return Url(scheme, host, port, path if path.startswith("/") else "/" + path)


def parse_location(base: Url, location: str) -> Url:
    """Read where a redirect leads (RFC 9110 section 10.2.2), relative to ``base``.

    ``http`` is read too; whether it is followed is the caller's decision. Raises
    :class:`~agent.failure.MeasurementFailed` with PROTOCOL_ERROR for what is no such URL.
    """
    try:
        whole = urldefrag(urljoin(str(base), quote(location.strip(), safe=_KEPT))).url
        return parse_url(whole, http_allowed=True, limit=MAX_LOCATION_CHARACTERS)
    except (MeasurementFailed, ValueError) as error:
        shown = _UNPRINTABLE.sub("?", location)[:100]
        raise MeasurementFailed(
            FailureCode.PROTOCOL_ERROR,
            Operation.HANDSHAKE,
            f"redirected to something that is no usable URL: {shown}",
        ) from error


_KEPT: Final = "!#$%&'()*+,/:;=?@[]~\\"


def _refused(text: str, allowed: str) -> MeasurementFailed:
    # what stands before an @ may be a password: it is not repeated
    shown = _UNPRINTABLE.sub("?", re.sub(r"//.*@", "//...@", text))
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    return MeasurementFailed(
        FailureCode.TARGET_INVALID,
        Operation.PREPARE,
        f"target: found {shown or 'nothing'}, allowed is {allowed}",
    )
