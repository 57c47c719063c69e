"""What really went over the wire while speedtest-cli ran, and what that is worth. Pure.

speedtest-cli counts what it wrote and swallows errors: with every request answered 403 it still
names a rate. So each of its requests leaves a record here, written where bytes and statuses
pass (:mod:`agent.engines.ookla_watch`), and only records that are good count.

One bad answer makes the direction a failure: what was to be carried was not carried, and a rate
over the rest would be too low by an unknown amount.
"""

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from agent.failure import MeasurementFailed, translate
from agent.target_url import parse_url
from agent.web.blocked import find_marker, same_service
from agent.web.http import REDIRECTS
from wire.failure import FailureCode, Operation

Kind = Literal["config", "servers", "latency", "download", "upload"]
KEPT_BYTES: Final = 512
_WHAT: Final = {
    "config": "the configuration",
    "servers": "the list of servers",
    "latency": "the latency test",
    "download": "a download",
    "upload": "an upload",
}
_CONFIRMED: Final = re.compile(rb"size=[0-9]+\s*")
_PORTAL: Final = (407, 511)


@dataclass(slots=True)
class Record:
    """One request and what became of it."""

    kind: Kind
    host: str
    status: int | None = None
    content_type: str = ""
    location: str = ""
    body_bytes: int = 0
    beginning: bytes = b""
    missing_bytes: int = 0
    """Promised by Content-Length but never sent."""
    header_bytes: int | None = None
    """Of the request."""
    body_sent_bytes: int = 0
    """Of the request; written, not arrived."""
    acked_bytes: int = 0
    """Of the request's body, acknowledged by the far end's kernel."""
    trouble: Exception | None = None
    stage: Operation = Operation.CONNECT
    ended: bool = False

    @property
    def confirmed(self) -> bool:
        """Whether an upload was answered as a server of this service does."""
        return self.status == 200 and _CONFIRMED.fullmatch(self.beginning) is not None

    @property
    def good_bytes(self) -> int:
        """Bytes of this record that a rate may count."""
        if self.kind == "upload":
            return self.body_sent_bytes if self.confirmed else self.acked_bytes
        return self.body_bytes if self.status == 200 else 0


@dataclass(slots=True)
class Ledger:
    """All records of a run; several threads write."""

    records: list[Record] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def open(self, kind: Kind, host: str) -> Record:
        """Begin a record."""
        record = Record(kind, host)
        with self._lock:
            self.records.append(record)
        return record

    def of(self, kind: Kind) -> Sequence[Record]:
        """Give the records of one kind so far."""
        with self._lock:
            return [record for record in self.records if record.kind == kind]


def fault(record: Record) -> MeasurementFailed | None:
    """Say what is wrong with a record; None: nothing, or not yet known."""
    what = _WHAT[record.kind]
    if record.trouble is not None:
        failure = translate(record.trouble, record.stage)
        code = failure.code
        if code is FailureCode.PROBE_CRASHED:  # http.client's own exceptions
            code = FailureCode.PROTOCOL_ERROR
        text = f"{what} from {record.host[:80]}: {failure.text[:200]}"
        return MeasurementFailed(code, record.stage, text)
    if record.status is None:
        return None
    found, text = _judge(record, what)
    return None if found is None else MeasurementFailed(found, _operation(record), text)


def first_fault(records: Sequence[Record]) -> MeasurementFailed | None:
    """Give the first fault among records."""
    return next((found for record in records if (found := fault(record)) is not None), None)


def _judge(record: Record, what: str) -> tuple[FailureCode | None, str]:
    status = record.status
    if (who := _somebody_else(record)) is not None:
        return FailureCode.INTERCEPTED, f"{what} was answered by somebody else: {status}, {who}"
    if status in REDIRECTS:
        return None, ""
    if status != 200:
        return FailureCode.HTTP_STATUS, f"{status} for {what}"
    if record.missing_bytes:
        text = f"{what} ended {record.missing_bytes} bytes short, after {record.body_bytes}"
        return FailureCode.EARLY_CLOSE, text
    if record.kind == "upload" and record.ended and not record.confirmed:
        return FailureCode.PROTOCOL_ERROR, f"{what} was answered with 200 but not confirmed"
    return None, ""


def _somebody_else(record: Record) -> str | None:
    if record.status in _PORTAL:
        return "a network that wants a login"
    page = record.beginning.lstrip()[:15].lower()
    if "html" in record.content_type.lower() or page.startswith((b"<html", b"<!doctype html")):
        return "a page of HTML"
    if (marker := find_marker(record.beginning)) is not None:
        return f"with the words of a block page, {marker!r}"
    text = record.content_type.lower().startswith("text/")
    if record.kind == "download" and record.status == 200 and text:
        return "text instead of a picture"
    if record.status in REDIRECTS and (host := _leads_elsewhere(record)) is not None:
        return f"sent on to {host[:80]}"
    return None


def _leads_elsewhere(record: Record) -> str | None:
    if "://" not in record.location:
        return None
    try:
        host = parse_url(record.location, http_allowed=True, limit=2048).host
    except MeasurementFailed:
        return "something that is no usable URL"
    return None if same_service(record.host, host, ()) else host


def _operation(record: Record) -> Operation:
    if record.kind == "download":
        return Operation.DOWNLOAD
    return Operation.UPLOAD if record.kind == "upload" else Operation.HANDSHAKE
