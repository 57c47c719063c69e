"""Targets that are URLs: one strict reading, before any socket or resolver.

Parsers of URLs disagree about user information, backslashes, control characters and what an
authority is; whoever checks a target against a list of allowed hosts must see the host that
will be used. So only the plain form is taken: ``https://HOST[:PORT][/path][?query]`` in ASCII,
with the host as :mod:`wire.target` reads it. User information is refused: a measurement sends
no credentials.
"""

import re
from dataclasses import dataclass
from typing import Final

from wire.target import TargetRefused, parse_host_port

DEFAULT_PORTS: Final = {"https": 443, "http": 80}
MAX_URL_CHARACTERS: Final = 255
"""What ``target`` of a record holds."""
_FORM: Final = re.compile(r"(?P<scheme>[A-Za-z]+)://(?P<authority>[^/?#\\@]*)(?P<path>[/?].*)?")
_PATH: Final = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?\[\]-]|%[0-9A-Fa-f]{2})*")


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
    """Read a URL. Raises :class:`TargetRefused`."""
    if len(text) > limit:
        raise TargetRefused(text, f"a URL of at most {limit} characters")
    found = _FORM.fullmatch(text) if text.isascii() else None
    if found is None:
        raise TargetRefused(
            text, "https://HOST[:PORT][/path][?query] without user, password, fragment"
        )
    scheme = found["scheme"].lower()
    if scheme not in DEFAULT_PORTS or (scheme == "http" and not http_allowed):
        allowed = (
            "https:// or http://" if http_allowed else "https:// (http:// only with allow_http)"
        )
        raise TargetRefused(text, allowed)
    path = found["path"] or "/"
    if _PATH.fullmatch(path) is None:
        raise TargetRefused(text, "a path and query of ASCII letters, digits, their marks and %XX")
    host, port = parse_host_port(found["authority"], DEFAULT_PORTS[scheme])
    return Url(scheme, host, port, path if path.startswith("/") else "/" + path)
