"""What iperf3 says with ``-J``, read strictly. Pure.

The figure is the receiver's side (``sum_received``): in a download this machine counted it, in an
upload the server counted it and reported it over the control connection. Seconds omitted at the
beginning (``-O``) are in neither.
"""

import json
import math
from dataclasses import dataclass
from typing import Any, Final

from agent.failure import MeasurementFailed
from wire.failure import FailureCode, Operation
from wire.measurement import Json

_ERRORS: Final = (
    # beginnings of what iperf3 says after 'error - ' or in "error"; the first match wins
    ("server is busy", FailureCode.NOT_ADMITTED, Operation.HANDSHAKE),
    ("connection refused", FailureCode.CONNECTION_REFUSED, Operation.CONNECT),
    ("connection reset", FailureCode.CONNECTION_RESET, None),
    ("broken pipe", FailureCode.CONNECTION_RESET, None),
    ("no route to host", FailureCode.HOST_UNREACHABLE, Operation.CONNECT),
    ("network is unreachable", FailureCode.NETWORK_UNREACHABLE, Operation.CONNECT),
    ("unable to connect to server: connection timed out", FailureCode.CONNECT_TIMEOUT,
     Operation.CONNECT),
    ("operation now in progress", FailureCode.CONNECT_TIMEOUT, Operation.CONNECT),
    ("timed out", FailureCode.STALLED, None),
    ("control socket has closed", FailureCode.EARLY_CLOSE, None),
    ("the server has terminated", FailureCode.EARLY_CLOSE, None),
    ("unknown control message", FailureCode.PROTOCOL_ERROR, None),
    ("cannot assign requested address", FailureCode.ADDRESS_UNAVAILABLE, Operation.CONNECT),
    ("authoriz", FailureCode.NOT_ADMITTED, Operation.HANDSHAKE),
)  # fmt: skip
INTERRUPTED: Final = "the client has terminated"
MAX_TEXT: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One direction, from the receiver's side; None where iperf3 did not say."""

    received_bytes: int
    window_seconds: float
    retransmits_count: int | None
    min_rtt_seconds: float | None
    loaded_rtt_seconds: float | None
    version: str

    @property
    def rate_bps(self) -> float:
        """Goodput."""
        return 8 * self.received_bytes / self.window_seconds


def read(output: bytes, operation: Operation) -> Report:
    """Read a whole report. Raises :class:`MeasurementFailed` for an error or for nonsense."""
    whole = _whole(output, operation)
    if (error := whole.get("error")) is not None:
        raise name_error(str(error), whole, operation)
    end = _table(whole, "end")
    received = _table(end, "sum_received")
    count, seconds = _number(received, "bytes"), _number(received, "seconds")
    if count is None or not seconds or count != int(count):
        raise _nonsense("no bytes and seconds of the receiver", operation)
    if count == 0:
        text = "the receiver got no byte after the omitted seconds"
        raise MeasurementFailed(FailureCode.STALLED, operation, text, partial(whole, operation))
    streams = end.get("streams")
    senders = [_table(item, "sender") for item in streams] if isinstance(streams, list) else []
    rtts = [value for sender in senders if (value := _number(sender, "min_rtt"))]
    means = [value for sender in senders if (value := _number(sender, "mean_rtt"))]
    retransmits = _number(_table(end, "sum_sent"), "retransmits")
    return Report(
        received_bytes=int(count),
        window_seconds=seconds,
        retransmits_count=None if retransmits is None else int(retransmits),
        min_rtt_seconds=min(rtts) / 1e6 if rtts else None,
        loaded_rtt_seconds=sum(means) / len(means) / 1e6 if means else None,
        version=str(_table(whole, "start").get("version", ""))[:40],
    )


def name_error(error: str, whole: dict[str, Any], operation: Operation) -> MeasurementFailed:
    """Give what iperf3 complained of its name in our vocabulary."""
    before = partial(whole, operation)
    during = operation if _connected(whole) else Operation.HANDSHAKE
    text = "".join(char if char.isprintable() else "?" for char in error)[:MAX_TEXT]
    lower = error.lower()
    if INTERRUPTED in lower:
        if before:
            return MeasurementFailed(
                FailureCode.STALLED, operation, "iperf3 did not end in its time", before
            )
        text = "connected, but no iperf3 server answered: is it one?"
        return MeasurementFailed(FailureCode.HANDSHAKE_TIMEOUT, Operation.HANDSHAKE, text)
    for words, code, where in _ERRORS:
        if words in lower:
            return MeasurementFailed(code, where or during, f"iperf3: {text}", before)
    return MeasurementFailed(FailureCode.PROTOCOL_ERROR, during, f"iperf3: {text}", before)


def partial(whole: dict[str, Any], operation: Operation) -> dict[str, Json]:
    """Give what this side saw in the intervals before it ended; never a rate."""
    intervals = whole.get("intervals")
    sums = [_table(item, "sum") for item in intervals] if isinstance(intervals, list) else []
    moved = sum(_number(item, "bytes") or 0 for item in sums)
    took = sum(_number(item, "seconds") or 0 for item in sums)
    if not moved:
        return {}
    name = "bytes" if operation is Operation.DOWNLOAD else "sent_bytes"
    return {
        f"{operation.value}_{name}": int(moved),
        f"{operation.value}_elapsed_seconds": took,
    }


def _whole(output: bytes, operation: Operation) -> dict[str, Any]:
    try:
        whole = json.loads(output, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise _nonsense("its output is no JSON", operation) from error
    if not isinstance(whole, dict):
        raise _nonsense("its output is no object", operation)
    return whole


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no number")


def _connected(whole: dict[str, Any]) -> bool:
    return bool(_table(whole, "start").get("connected"))


def _table(value: object, name: str) -> dict[str, Any]:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def _number(table: dict[str, Any], name: str) -> float | None:
    value = table.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if 0 <= value < 1 << 63 and math.isfinite(value) else None


def _nonsense(text: str, operation: Operation) -> MeasurementFailed:
    return MeasurementFailed(FailureCode.PROTOCOL_ERROR, operation, f"iperf3: {text}")
