"""Was it the service that answered, or a filter, a login page, a portal? Pure rules, in order.

1. Status 511 (RFC 6585 section 6): made for portals.
2. A redirect, by header or by HTML refresh, to a host that is not the service's. The same host,
   its parents and children (``example.jp`` and ``www.example.jp``) and hosts that were allowed by
   name are the service's.
3. HTML that carries the words of a known filter or of its Japanese block pages.
4. A body without the text that was expected, where one was.

A filter that answers in its own words with a plain status goes unrecognised: name an expected
text where it matters.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agent.failure import MeasurementFailed
from agent.target_url import Url, parse_location
from agent.web.http import REDIRECTS, Exchange

LOOKED_AT_BYTES: Final = 16_384
MARKERS: Final = (
    # what block pages say of themselves; kept to phrases that ordinary pages do not hold
    "fortiguard intrusion prevention - access blocked",
    "fortinet secure web gateway",
    "web page blocked!",
    "<title>web page blocked",
    "<title>web filter block override",
    "<title>application blocked",
    "this site has been blocked by the network administrator",
    "blocked by the network security policy",
    "access to this site is blocked by your organization",
    "your organization has selected zscaler",
    "sophos web protection",
    "i-filter による",
    "i-filter for",
    "intersafe webfilter",
    "intersafe gatewayconnection",
    "このページは表示できません。アクセス制限",
    "このページへのアクセスは制限されています",
    "このサイトへのアクセスは制限されています",
    "このサイトは閲覧が制限されています",
    "アクセスがブロックされました",
    "閲覧が禁止されています",
    "フィルタリングによりアクセスが制限",
)
_ENCODINGS: Final = ("utf-8", "cp932", "euc_jp")
_REFRESH: Final = re.compile(
    rb"<meta[^>]{0,200}http-equiv\s*=\s*[\"']?refresh[^>]{0,200}?url\s*=\s*[\"']?([^\"'>\s]{1,500})",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Rules:
    """What belongs to the service."""

    allowed_hosts: Sequence[str] = ()
    expected_text: str | None = None


def why_blocked(asked: Url, answer: Exchange, rules: Rules) -> str | None:
    """Say why it was not the service that answered; None where nothing speaks against it."""
    if answer.status == 511:
        return "status 511: the network wants a login"
    if (elsewhere := _leads_elsewhere(asked, answer, rules)) is not None:
        return (
            f"sent on to another host, {elsewhere}: a block or login page; if the service does "
            "this itself, name that host in allowed_hosts"
        )
    html = _is_html(answer)
    if html and (marker := find_marker(answer.beginning)) is not None:
        return f"status {answer.status} with the words of a block page: {marker!r}"
    missing = rules.expected_text and rules.expected_text.encode() not in answer.beginning
    if missing and answer.status == 200:
        return "status 200 without the text that the service's page holds (expected_text)"
    return None


def same_service(asked: str, host: str, allowed_hosts: Sequence[str]) -> bool:
    """Tell whether ``host`` belongs to the service that was asked at ``asked``."""
    return (
        host == asked
        or host.endswith("." + asked)
        or (asked.endswith("." + host) and "." in host)
        or host in allowed_hosts
    )


def find_marker(page: bytes) -> str | None:
    """Find the words of a block page in the beginning of ``page``, in any usual encoding."""
    beginning = page[:LOOKED_AT_BYTES].lower()
    for marker in MARKERS:
        # lower() on both: in CP932 the second byte of a character may look like a capital letter
        if any(marker.encode(encoding).lower() in beginning for encoding in _ENCODINGS):
            return marker
    return None


def _leads_elsewhere(asked: Url, answer: Exchange, rules: Rules) -> str | None:
    location = answer.headers.get("location") if answer.status in REDIRECTS else None
    if location is None and _is_html(answer):
        refresh = _REFRESH.search(answer.beginning[:LOOKED_AT_BYTES])
        location = refresh[1].decode("latin-1") if refresh else None
    if location is None:
        return None
    try:
        host = parse_location(asked, location).host
    except MeasurementFailed:
        return None  # leads nowhere; whoever follows it says so
    return None if same_service(asked.host, host, rules.allowed_hosts) else host


def _is_html(answer: Exchange) -> bool:
    kind = answer.headers.get("content-type", "").lower()
    return "html" in kind or (not kind and answer.beginning[:200].lstrip()[:1] == b"<")
