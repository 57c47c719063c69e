"""The closed vocabulary of failures. A failed measurement is a result with a reason.

A failure is a code from :class:`FailureCode`, the operation that failed, and one line of
text for people. Codes are never renamed; a new one is a new line here. Adding a code that
older collectors do not know is a change of format (see :mod:`wire.version`).
"""

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What became of a measurement."""

    OK = "ok"
    FAILED = "failed"
    """It was tried and did not come to a value."""
    DEFERRED = "deferred"
    """It was not tried: the line was busy, a blackout was in force, a slot was not to be had."""
    INVALID = "invalid"
    """It came to a value that must not be used; the failure says why."""


class FailureCode(StrEnum):
    """Why a measurement gave no usable value."""

    # names and addresses
    DNS_FAILED = "dns_failed"
    TARGET_INVALID = "target_invalid"
    ADDRESS_UNAVAILABLE = "address_unavailable"
    # reaching the far end
    CONNECTION_REFUSED = "connection_refused"
    CONNECTION_RESET = "connection_reset"
    HOST_UNREACHABLE = "host_unreachable"
    NETWORK_UNREACHABLE = "network_unreachable"
    CONNECT_TIMEOUT = "connect_timeout"
    TLS_FAILED = "tls_failed"
    # speaking with it
    HANDSHAKE_TIMEOUT = "handshake_timeout"
    HTTP_STATUS = "http_status"
    INTERCEPTED = "intercepted"
    """Somebody else answered: a block page, a login page, a proxy."""
    WRONG_SUBPROTOCOL = "wrong_subprotocol"
    PROTOCOL_ERROR = "protocol_error"
    NOT_ADMITTED = "not_admitted"
    """The far end is ours and refused: no token, or no capacity."""
    # while measuring
    EARLY_CLOSE = "early_close"
    STALLED = "stalled"
    """Connected, then no data came or went."""
    TOO_SLOW = "too_slow"
    """Too little data in the time given to name a rate."""
    NO_REPLY = "no_reply"
    """Nothing of what was sent came back (100 % loss is this failure, not a value)."""
    TIMEOUT = "timeout"
    """The whole measurement passed its deadline and was ended."""
    # on this side
    PERMISSION_DENIED = "permission_denied"
    NOT_APPROVED = "not_approved"
    """Nobody approved this check here, or the appliance forbids it. No packet left."""
    UNSUPPORTED = "unsupported"
    """This machine or this network has not what the measurement needs: no radio, no IPv4."""
    RESOURCE_EXHAUSTED = "resource_exhausted"
    PROBE_CRASHED = "probe_crashed"
    CANCELLED = "cancelled"
    # not tried
    LINE_BUSY = "line_busy"
    SUPPRESSED = "suppressed"
    BUDGET_SPENT = "budget_spent"
    NO_SLOT = "no_slot"
    """The collector gave no leave to load the shared line, or was not reached to ask."""


class Operation(StrEnum):
    """What was being done when it failed."""

    PREPARE = "prepare"
    RESOLVE = "resolve"
    CONNECT = "connect"
    TLS = "tls"
    HANDSHAKE = "handshake"
    DOWNLOAD = "download"
    UPLOAD = "upload"
    SEND = "send"
    RECEIVE = "receive"
    RUN = "run"


MAX_TEXT_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class Failure:
    """A code, the operation that failed and one line for people.

    ``text`` never holds a secret or a pupil's device; it is cut at 500 characters.
    """

    code: FailureCode
    operation: Operation
    text: str = ""

    def __str__(self) -> str:
        detail = f": {self.text}" if self.text else ""
        return f"{self.code} during {self.operation}{detail}"
