"""Which devices were seen on which days: hashes under a key that never leaves the appliance.

A device is HMAC-SHA256 of its link address under a key of 32 random bytes, made at first use and
made anew when the appliance goes to another school. Without the key nobody can try addresses until
one fits; the key and the table stay in files of the owner alone (0600). The table keeps, for each
device, the days it was seen on, of the last :data:`KEPT_DAYS` days.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

from agent.state import write_json
from wire.measurement import Json

KEY_FILE: Final = "lan-key.json"
TABLE_FILE: Final = "lan-devices.json"
KEY_BYTES: Final = 32
KEPT_DAYS: Final = 30
MOST_DEVICES: Final = 20_000
"""About 1.5 MB; the ones seen longest ago go first."""
MAX_FILE_BYTES: Final = 16 * 1024 * 1024
_HASH_CHARACTERS: Final = 32
_JAPAN: Final = timezone(timedelta(hours=9))

Days = Mapping[str, tuple[int, ...]]
"""Hash of a device to the days it was seen on, as ordinals, ascending."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Devices of this moment against those of the days before."""

    today_count: int
    """Different devices since midnight."""
    new_count: int
    """Of this moment: not seen on an earlier day of the table."""
    returning_count: int
    """Of this moment: seen on an earlier day."""


def day_of(now: datetime) -> int:
    """The day in Japan as an ordinal."""
    return now.astimezone(_JAPAN).date().toordinal()


def hasher(key: bytes) -> Callable[[bytes], str]:
    """Make the function that hashes link addresses."""

    def hashed(link_address: bytes) -> str:
        return hmac.new(key, link_address, hashlib.sha256).hexdigest()[:_HASH_CHARACTERS]

    return hashed


def add(days: Days, devices: Iterable[str], today: int) -> tuple[dict[str, tuple[int, ...]], Seen]:
    """Enter the devices of this moment; what is too old, or of a day to come, is left out."""
    kept = forget(days, today)
    devices = set(devices)
    returning = sum(bool(kept.get(one)) and kept[one][0] < today for one in devices)
    for one in devices:
        kept[one] = (*(day for day in kept.get(one, ()) if day != today), today)
    seen = Seen(
        today_count=sum(each[-1] == today for each in kept.values()),
        new_count=len(devices) - returning,
        returning_count=returning,
    )
    latest = sorted(kept, key=lambda one: kept[one][-1], reverse=True)[:MOST_DEVICES]
    return {one: kept[one] for one in latest}, seen


def forget(days: Days, today: int) -> dict[str, tuple[int, ...]]:
    """Leave out days that are too old or to come (a clock that was wrong), and who had no other."""
    oldest = today - KEPT_DAYS + 1
    kept = {one: tuple(day for day in seen if oldest <= day <= today) for one, seen in days.items()}
    return {one: seen for one, seen in kept.items() if seen}


def load_key(directory: Path, school: str, make: Callable[[int], bytes]) -> bytes:
    """Give this school's key; a new one, and an empty table, at another school. Raises OSError."""
    given = _load(directory / KEY_FILE)
    try:
        key = bytes.fromhex(str(given["key"]))
        if given["school"] == school and len(key) == KEY_BYTES:
            return key
    except (KeyError, ValueError):
        pass
    key = make(KEY_BYTES)
    (directory / TABLE_FILE).unlink(missing_ok=True)
    write_json(directory / KEY_FILE, {"school": school, "key": key.hex()}, durable=True)
    return key


def load_table(directory: Path) -> dict[str, tuple[int, ...]]:
    """Read the table; empty where there is none or it is damaged."""
    found: dict[str, tuple[int, ...]] = {}
    given = _load(directory / TABLE_FILE).get("days")
    for one, days in given.items() if isinstance(given, dict) else ():
        try:
            found[one] = tuple(sorted({int(day) for day in str(days).split(",")}))
        except ValueError:
            continue  # damaged: as if it had not been seen
    return found


def save_table(directory: Path, days: Days) -> None:
    """Write the table. Raises OSError."""
    told: dict[str, Json] = {one: ",".join(map(str, seen)) for one, seen in days.items()}
    write_json(directory / TABLE_FILE, {"days": told}, durable=False)


def tidy(directory: Path, now: datetime) -> None:
    """Forget what is too old, also where no check runs any more. Raises OSError."""
    if not (directory / TABLE_FILE).exists():
        return
    days = load_table(directory)
    kept = forget(days, day_of(now))
    if not kept:
        (directory / TABLE_FILE).unlink(missing_ok=True)
    elif kept != days:
        save_table(directory, kept)


def _load(path: Path) -> Mapping[str, Any]:
    try:
        with path.open("rb") as file:
            found = json.loads(file.read(MAX_FILE_BYTES))
    except (FileNotFoundError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
