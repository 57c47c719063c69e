"""How much a device may take of this appliance."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one reading of one device."""

    pdu_seconds: float = 1.5
    """Wait for one answer."""
    tries: int = 2
    """As often each question is sent; the wait doubles."""
    device_seconds: float = 25.0
    """All questions to a device; what is known by then is the result."""
    values_per_answer: int = 50
    """So answers stay in one packet: fragments of UDP are often filtered."""
    table_rows: int = 4_096
    """Rows of one table, each column."""
    device_bytes: int = 4_000_000
    """All answers of one reading, strings at their whole length."""
    text_bytes: int = 1_024
    """Kept of one string."""
    devices_at_once: int = 4
    """Over all."""


class Trouble(StrEnum):
    """What was wrong with a device's answers though there are values. Closed vocabulary."""

    NOT_INCREASING = "not_increasing"
    """A walk came back to what it had passed; the column ends there."""
    TOO_BIG = "too_big"
    """Smaller questions had to be asked."""
    GENERAL_ERROR = "general_error"
    """The device failed to tell some values."""
    ROWS_CUT = "rows_cut"
    BYTES_CUT = "bytes_cut"
    TIME_CUT = "time_cut"
    """A limit ended the reading: what was read until then stands."""
    TEXT_CUT = "text_cut"
    WRONG_TYPE = "wrong_type"
    """Values of another type than the MIB gives; not used."""
    NO_PROGRESS = "no_progress"
    """Empty answers without an error."""
    ENGINE_CHANGED = "engine_changed"
    TABLES_DIFFER = "tables_differ"
    """ifTable and ifXTable list different interfaces."""
