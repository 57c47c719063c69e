"""How wrong the wall clock is, and when a result really began. Pure.

An :class:`Anchor` ties a moment of this boot's monotonic clock to true time, with its error. The
wall clock's offset at any moment of the boot follows from it, before and after a step alike, and
so does the true time of a result whose wall clock was wrong.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Final

from wire.codec import Refused, decode, encode, format_time, parse_object
from wire.measurement import Fields, Json, Measurement

EARLIEST: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""Before this release was made: a clock that reads earlier is wrong, whatever else is known."""
GOOD_SECONDS: Final = 1.0
"""A clock is good when it is known to be within this; then windows and charts are right."""
REDATE_ABOVE_SECONDS: Final = 60.0
"""Results are re-dated, and the schedule goes by the corrected time, above this. Below it the
offset is only noted: each result carries it."""
DRIFT_RATIO: Final = 200e-6
"""How far a monotonic clock may run away from true time, seconds each second: twice what NTP
takes for the worst crystal still disciplined (RFC 5905, PHI is 15e-6; MAXFREQ 500e-6)."""


class ClockState(StrEnum):
    """What is known of the wall clock at a result."""

    GOOD = "good"
    UNKNOWN = "unknown"
    WRONG = "wrong"
    CORRECTED = "corrected"
    """It was wrong; the result was re-dated before it was first sent."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """True time at one moment of a boot."""

    source: str
    utc_seconds: float
    """Unix time at ``monotonic_seconds``."""
    monotonic_seconds: float
    error_seconds: float

    def utc_at(self, monotonic_seconds: float) -> float:
        """Unix time at another moment of the same boot."""
        return self.utc_seconds + monotonic_seconds - self.monotonic_seconds

    def error_at(self, monotonic_seconds: float) -> float:
        """Greatest error there: the anchor's own plus drift."""
        return self.error_seconds + DRIFT_RATIO * abs(monotonic_seconds - self.monotonic_seconds)


@dataclass(frozen=True, slots=True)
class Standing:
    """The wall clock at one moment."""

    state: ClockState
    offset_seconds: float | None = None
    """True time minus wall clock."""
    error_seconds: float | None = None
    source: str = "none"

    def context(self) -> Fields:
        """For the context of a result."""
        given = {
            "clock_state": self.state.value,
            "clock_source": self.source,
            "clock_offset_seconds": self.offset_seconds,
            "clock_error_seconds": self.error_seconds,
        }
        return {name: value for name, value in given.items() if value is not None}


def anchor(
    source: str, times: tuple[float, float, float, float], error_seconds: float = 0.0
) -> Anchor:
    """Make an anchor of one exchange: T1 and T4 by our monotonic clock, T2 and T3 by the server.

    RFC 5905 section 8: delay = (T4-T1) - (T3-T2); the server's middle (T2+T3)/2 was at our middle
    (T1+T4)/2, wrong by at most half the delay, however unequal the two ways are.
    """
    asked, received, sent, back = times
    delay = max(0.0, (back - asked) - (sent - received))
    return Anchor(source, (received + sent) / 2, (asked + back) / 2, delay / 2 + error_seconds)


def best(anchors: list[Anchor], monotonic_seconds: float) -> Anchor | None:
    """The anchor with the smallest error now."""
    return min(anchors, key=lambda each: each.error_at(monotonic_seconds), default=None)


def standing(
    wall: datetime, monotonic_seconds: float, known: Anchor | None, kernel_error: float | None
) -> Standing:
    """Judge the wall clock at one moment. ``kernel_error``: a synchronised kernel's own bound."""
    if known is not None:
        offset = known.utc_at(monotonic_seconds) - wall.timestamp()
        error = known.error_at(monotonic_seconds)
        if abs(offset) - error > GOOD_SECONDS:
            state = ClockState.WRONG
        else:
            if error > GOOD_SECONDS and kernel_error is not None and kernel_error <= GOOD_SECONDS:
                return Standing(ClockState.GOOD, None, kernel_error, "kernel")
            state = ClockState.GOOD if error <= GOOD_SECONDS else ClockState.UNKNOWN
        return Standing(state, offset, error, known.source)
    if wall < EARLIEST:
        return Standing(ClockState.WRONG)
    if kernel_error is not None and kernel_error <= GOOD_SECONDS:
        return Standing(ClockState.GOOD, None, kernel_error, "kernel")
    return Standing(ClockState.UNKNOWN)


def best_time(wall: datetime, monotonic_seconds: float, known: Anchor | None) -> datetime:
    """The time to go by: the wall clock, unless it is known to be far off."""
    if known is None:
        return wall
    true = known.utc_at(monotonic_seconds)
    far = abs(true - wall.timestamp()) > REDATE_ABOVE_SECONDS + known.error_at(monotonic_seconds)
    return datetime.fromtimestamp(true, UTC) if far else wall


_UNSETTLED: Final = re.compile(rb'"clock_state":"(unknown|wrong)"')


def is_settled(record: bytes) -> bool:
    """Tell without reading it all whether the date of an encoded result is final."""
    return _UNSETTLED.search(record) is None or b'"clock_settled":' in record


def settle(record: bytes, anchors: Mapping[str, Anchor]) -> bytes:
    """Make the date of an encoded result final: re-dated, or left as measured and flagged.

    Done once, before a result is first sent, and kept in the spool: a result that is sent again
    must be the same. ``anchors``: by boot.
    """
    if is_settled(record):
        return record
    try:
        result = decode(record)
    except Refused:
        return record
    return encode(settled(result, anchors.get(result.boot_id)))


def settled(result: Measurement, known: Anchor | None) -> Measurement:
    """Re-date one result where its wall clock is known to have been far off."""
    start = result.monotonic_start_seconds
    stand = standing(result.started_at, start, known, None)
    context: dict[str, Json] = {**result.context, "clock_settled": "as_measured"}
    if known is None:
        return replace(result, context=context)
    context |= stand.context()
    if abs(stand.offset_seconds or 0.0) <= REDATE_ABOVE_SECONDS + known.error_at(start):
        return replace(result, context=context)
    true = datetime.fromtimestamp(known.utc_at(start), UTC)
    context |= {
        "clock_settled": "redated",
        "clock_state": ClockState.CORRECTED.value,
        "clock_original_started_at": format_time(result.started_at),
        "clock_correction_offset_seconds": known.utc_at(start) - result.started_at.timestamp(),
    }
    return replace(result, started_at=true, context=context)


def read_time_reply(
    body: bytes, date: str | None, asked: float, back: float, source: str
) -> Anchor | None:
    """Anchor from the reply of ``/v1/time``, or from the Date header of another JSON reply.

    The header has whole seconds: the middle of that second, half a second of error. Pages that
    are no JSON are not the collector's, and say nothing about the time.
    """
    try:
        message = parse_object(body, "time")
        received, sent = (_moment(message.get(name)) for name in ("received_at", "sent_at"))
    except (Refused, ValueError):
        return None
    if received is not None and sent is not None:
        return anchor(source, (asked, received, sent, back))
    if date is None:
        return None
    try:
        whole = parsedate_to_datetime(date)
    except (ValueError, IndexError, TypeError, OverflowError):
        return None
    if whole.tzinfo is None:
        whole = whole.replace(tzinfo=UTC)
    middle = (whole + timedelta(seconds=0.5)).timestamp()
    return anchor(f"{source} (Date header)", (asked, middle, middle, back), 0.5)


def _moment(value: Json) -> float | None:
    if not isinstance(value, str):
        return None
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError("a time without zone")
    return moment.timestamp()
