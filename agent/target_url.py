"""URLs as :mod:`wire.target_url` reads them, and where redirects lead, as failed measurements."""

import re
from typing import Final
from urllib.parse import quote, urldefrag, urljoin

from agent.failure import MeasurementFailed
from agent.target import invalid
from wire import target_url
from wire.failure import FailureCode, Operation
from wire.target import TargetRefused
from wire.target_url import MAX_URL_CHARACTERS, Url

__all__ = ["MAX_URL_CHARACTERS", "Url", "parse_location", "parse_url"]

MAX_LOCATION_CHARACTERS: Final = 2_048
_KEPT: Final = "!#$%&'()*+,/:;=?@[]~\\"
_UNPRINTABLE: Final = re.compile(r"[^\x20-\x7e]")


def parse_url(text: str, *, http_allowed: bool = False, limit: int = MAX_URL_CHARACTERS) -> Url:
    """Read a URL, see :func:`wire.target_url.parse_url`.

    Raises :class:`~agent.failure.MeasurementFailed` with TARGET_INVALID.
    """
    try:
        return target_url.parse_url(text, http_allowed=http_allowed, limit=limit)
    except TargetRefused as error:
        raise invalid(error) from None


def parse_location(base: Url, location: str) -> Url:
    """Read where a redirect leads (RFC 9110 section 10.2.2), relative to ``base``.

    ``http`` is read too; whether it is followed is the caller's decision. Raises
    :class:`~agent.failure.MeasurementFailed` with PROTOCOL_ERROR for what is no such URL.
    """
    try:
        whole = urldefrag(urljoin(str(base), quote(location.strip(), safe=_KEPT))).url
        return target_url.parse_url(whole, http_allowed=True, limit=MAX_LOCATION_CHARACTERS)
    except ValueError as error:
        shown = _UNPRINTABLE.sub("?", location)[:100]
        raise MeasurementFailed(
            FailureCode.PROTOCOL_ERROR,
            Operation.HANDSHAKE,
            f"redirected to something that is no usable URL: {shown}",
        ) from error
