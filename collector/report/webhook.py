"""The report told to another system: POST of a JSON summary, signed. No redirect is followed.

``X-Hakaru-Signature: sha256=HEX`` is HMAC-SHA256 (RFC 2104) with the secret over the value of
``X-Hakaru-Timestamp``, a full stop and the body. Who checks it also refuses old timestamps.
``Idempotency-Key`` is the same for one revision however often it is sent.
"""

import hashlib
import hmac
import json
import ssl
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

import httpx

from collector import __version__
from collector.report.document import Report
from collector.report.mail import NotDelivered, secret_in
from collector.report.settings import Webhook
from wire.codec import format_time

TIMEOUT_SECONDS: Final = 30.0
MAX_SAID_BYTES: Final = 200


def summary(report: Report, sha256: str) -> dict[str, object]:
    """What is told: counts, not schools' names."""
    city = report.city
    return {
        "event": "report.issued",
        "week": report.week,
        "revision": report.revision,
        "simulated": report.simulated,
        "stated_at": format_time(report.stated_at),
        "sha256": sha256,
        "schools": city.schools,
        "met": city.met,
        "not_met": city.not_met,
        "undetermined": city.undetermined,
        "lesson_met": city.lesson_met,
        "met_week_before": None if report.before is None else report.before.met,
        "met_in_survey": None if report.baseline is None else report.baseline.met,
        "differences": len(report.differences),
        "schools_changed": sorted({one.school_code for one in report.differences} - {""}),
    }


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Sign a request."""
    signed = timestamp.encode() + b"." + body
    return f"sha256={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


def send(report: Report, sha256: str, webhook: Webhook, now: datetime) -> None:
    """Tell it. Raises :class:`NotDelivered`."""
    body = json.dumps(summary(report, sha256), ensure_ascii=False, sort_keys=True).encode()
    timestamp = str(int(now.timestamp()))
    host = urlsplit(webhook.url).hostname
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"hakaru-collector/{__version__}",
        "Idempotency-Key": f"{report.week}-{report.revision}-{sha256[:16]}",
        "X-Hakaru-Timestamp": timestamp,
        "X-Hakaru-Signature": signature(secret_in(webhook.secret_file), timestamp, body),
    }
    try:
        context = ssl.create_default_context(cafile=webhook.ca_file)
        with (
            httpx.Client(
                timeout=TIMEOUT_SECONDS, trust_env=False, follow_redirects=False, verify=context
            ) as client,
            client.stream("POST", webhook.url, content=body, headers=headers) as reply,
        ):
            said = next(reply.iter_bytes(MAX_SAID_BYTES), b"")[:MAX_SAID_BYTES]
            if not reply.is_success:
                text = said.decode("utf-8", "replace")
                raise NotDelivered(f"{host}: answered {reply.status_code} {text}".strip())
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise NotDelivered(f"{host}: {type(error).__name__}: {error}") from None
