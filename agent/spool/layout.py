"""What stands in the spool file, how big it may become, and what is worth most.

Size. ``cap_bytes`` bounds database and write-ahead log together at every moment::

    cap = database pages  +  log
          max_page_count     checkpoint after 64 pages, then at most one transaction (192 pages)

There is no ``-shm`` file: with ``locking_mode=EXCLUSIVE`` the index of the log is kept in memory,
and no reader can hold a checkpoint back. Transactions are kept small (:data:`SETTLE_CHUNK`).

Order. The key of a result is its class above its number in the stream, so one table without any
further index serves 'the oldest of the lowest class' and 'the newest of all' alike.
"""

import hashlib
from enum import IntEnum
from typing import Final

from wire.failure import Outcome
from wire.measurement import Measurement

PAGE_BYTES: Final = 4096
CHECKPOINT_PAGES: Final = 64
TRANSACTION_PAGES: Final = 192
LOG_FRAME_BYTES: Final = PAGE_BYTES + 24
LOG_BUDGET_BYTES: Final = 32 + (CHECKPOINT_PAGES + TRANSACTION_PAGES) * LOG_FRAME_BYTES
SETTLE_CHUNK: Final = 16
"""Delivered results moved to those kept in one transaction: each touches a few pages."""
AMEND_CHUNK: Final = 8
"""Results rewritten in one transaction."""
MIN_CAP_BYTES: Final = 4 * 1024 * 1024
DEFAULT_CAP_BYTES: Final = 64 * 1024 * 1024
SLACK_PAGES: Final = 16
"""Kept free for what one insertion or deletion needs besides its own record."""
DISK_RESERVE_BYTES: Final = 2 * LOG_BUDGET_BYTES
"""With less than this free on the disk the file stops growing and old results make room: the
log must always have space, because on a disk that is really full not even DELETE works."""
MAX_REFUSED: Final = 200
"""Results kept in local quarantine."""
MAX_REASON_CHARACTERS: Final = 300

APPLICATION_ID: Final = 0x48414B41  # 'HAKA'
FORMAT: Final = 1


class Worth(IntEnum):
    """Class of a result: what is dropped first when there is no room."""

    LIGHT = 1
    """Frequent and cheap to repeat: latency, and whatever was only deferred."""
    HEAVY = 2
    """Throughput, also when it failed: few a day, and each cost a slot of the shared line."""
    ACCOUNT = 3
    """The spool's own report of what was lost. Never dropped."""


HEAVY_PROBES: Final = frozenset(
    {
        "throughput",
        "verify",
        "responsiveness",
        "bottleneck",
        "iperf3",
        "ndt7_public",
        "ookla",
        "http_download",
    }
)
"""Those that load the line; the schedule runs them one at a time."""
CLASS_SHIFT: Final = 48
MAX_SEQ: Final = (1 << CLASS_SHIFT) - 1

PRAGMAS: Final = (
    f"PRAGMA page_size={PAGE_BYTES}",
    "PRAGMA locking_mode=EXCLUSIVE",
    "PRAGMA trusted_schema=OFF",
    "PRAGMA cell_size_check=ON",
    "PRAGMA temp_store=MEMORY",
    # Debian's library zeroes what is deleted: each deletion would write its pages into the log
    "PRAGMA secure_delete=OFF",
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}",
    f"PRAGMA journal_size_limit={CHECKPOINT_PAGES * LOG_FRAME_BYTES}",
)

SCHEMA: Final = (
    f"PRAGMA application_id={APPLICATION_ID}",
    f"PRAGMA user_version={FORMAT}",
    """CREATE TABLE head (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        stream TEXT NOT NULL,
        agent_id TEXT NOT NULL,
        next_seq INTEGER NOT NULL,
        account TEXT NOT NULL,
        digest BLOB NOT NULL
    ) STRICT""",
    """CREATE TABLE results (
        key INTEGER PRIMARY KEY,
        result_id TEXT NOT NULL,
        record BLOB NOT NULL,
        digest BLOB NOT NULL
    ) STRICT""",
    """CREATE TABLE refused (
        key INTEGER PRIMARY KEY,
        result_id TEXT NOT NULL,
        record BLOB NOT NULL,
        digest BLOB NOT NULL,
        reason TEXT NOT NULL
    ) STRICT""",
)


def worth_of(measurement: Measurement) -> Worth:
    """Class of ``measurement``; see :class:`Worth`."""
    if measurement.probe in HEAVY_PROBES and measurement.outcome is not Outcome.DEFERRED:
        return Worth.HEAVY
    return Worth.LIGHT


def key_of(worth: Worth, seq: int) -> int:
    """Place of a result in the table."""
    return (worth << CLASS_SHIFT) | seq


def seq_of(key: int) -> int:
    """Number in the stream of the result at ``key``."""
    return key & MAX_SEQ


def range_of(worth: Worth) -> tuple[int, int]:
    """First and last possible key of a class."""
    return worth << CLASS_SHIFT, (worth << CLASS_SHIFT) | MAX_SEQ


def digest(*parts: str | int | bytes) -> bytes:
    """128 bits over the parts and their lengths: tells damage, not malice."""
    total = hashlib.blake2b(digest_size=16)
    for part in parts:
        raw = part if isinstance(part, bytes) else str(part).encode("utf-8", "surrogatepass")
        total.update(len(raw).to_bytes(8, "big"))
        total.update(raw)
    return total.digest()


def max_database_pages(cap_bytes: int, page_bytes: int = PAGE_BYTES) -> int:
    """Pages the database may have so that with its log it stays within ``cap_bytes``."""
    return (cap_bytes - LOG_BUDGET_BYTES) // page_bytes


def pages_for(record_bytes: int) -> int:
    """Free pages wanted before a record of this size is stored."""
    return -(-record_bytes // (PAGE_BYTES - 64)) + SLACK_PAGES
