"""The policy of retention: read from TOML, refused with every mistake at once. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final

from collector import resources
from collector.judge.reading import Reading, parse_toml, read_bytes
from collector.judge.week import local

NEVER: Final = "never"
MOST_DAYS: Final = 36_500


class Kind(StrEnum):
    """A class of data with a term of its own."""

    HEAVY_RESULTS = "heavy_results"
    LIGHT_RESULTS = "light_results"
    HOUR_ROLLUPS = "hour_rollups"
    DAY_ROLLUPS = "day_rollups"
    HEARTBEATS = "heartbeats"
    QUARANTINE = "quarantine"


ALWAYS_KEPT: Final = ("verdicts", "revisions", "audit_log")
LEAST_DAYS: Final[Mapping[Kind, int]] = {
    Kind.HEAVY_RESULTS: 60,
    Kind.LIGHT_RESULTS: 60,
    Kind.HOUR_ROLLUPS: 60,
    Kind.DAY_ROLLUPS: 60,
    Kind.HEARTBEATS: 7,
    Kind.QUARANTINE: 7,
}
_OUTLIVES: Final = (
    (Kind.HOUR_ROLLUPS, Kind.HEAVY_RESULTS),
    (Kind.HOUR_ROLLUPS, Kind.LIGHT_RESULTS),
    (Kind.DAY_ROLLUPS, Kind.HOUR_ROLLUPS),
)


@dataclass(frozen=True, slots=True)
class Policy:
    """Days that each class is kept; None: for ever."""

    keep_days: Mapping[Kind, int | None]

    def cut(self, kind: Kind, now: datetime) -> datetime | None:
        """What of a class is older than this goes: the beginning of a day of Japan, or None."""
        days = self.keep_days[kind]
        if days is None:
            return None
        today = local(now).replace(hour=0, minute=0, second=0, microsecond=0)
        return today - timedelta(days=days)


def load_policy(path: Path | None) -> Policy:
    """Read a file, or the packaged one. Raises :class:`collector.judge.reading.ConfigRefused`."""
    path = path or resources.configs_folder() / "retention" / "default.toml"
    return parse_policy(read_bytes(path), str(path))


def parse_policy(raw: bytes, file: str) -> Policy:
    """Read a policy; ``file`` names it in messages. Raises ConfigRefused with all mistakes."""
    document = parse_toml(raw, file)
    reading = Reading(file)
    reading.only(document, "", ("keep_days",))
    table = reading.table(document, "", "keep_days")
    reading.only(table, "keep_days", [kind.value for kind in Kind])
    keep: dict[Kind, int | None] = {}
    for kind in Kind:
        if table.get(kind.value) == NEVER:
            keep[kind] = None
        else:
            first = LEAST_DAYS[kind]
            keep[kind] = reading.whole(table, "keep_days", kind.value, first, MOST_DAYS)
            if keep[kind] is None and kind.value in table:
                reading.mistakes[-1] += f', or "{NEVER}"'
    reading.refuse_if_wrong()
    for longer, shorter in _OUTLIVES:
        long, short = keep[longer], keep[shorter]
        if long is not None and (short is None or long < short):
            at_least = NEVER if short is None else str(short)
            reading.wrong(f"keep_days.{longer}", long, f"{at_least} or longer, as {shorter} has")
    reading.refuse_if_wrong()
    return Policy(keep)
