"""The spool: a durable, bounded queue of results between measuring and delivery.

``database`` is the small surface of SQLite that is used, ``layout`` what stands in the file,
``store`` one open file, ``account`` what was lost and how it is reported, ``aside`` what becomes
of a damaged file, and ``spool`` what the rest of the agent calls.
"""

from agent.spool.account import SPOOL_PROBE
from agent.spool.database import (
    SpoolCorrupt,
    SpoolError,
    SpoolFull,
    SpoolUnavailable,
)
from agent.spool.layout import DEFAULT_CAP_BYTES, MIN_CAP_BYTES
from agent.spool.spool import Spool
from agent.spool.store import Counts, Waiting

__all__ = [
    "DEFAULT_CAP_BYTES",
    "MIN_CAP_BYTES",
    "SPOOL_PROBE",
    "Counts",
    "Spool",
    "SpoolCorrupt",
    "SpoolError",
    "SpoolFull",
    "SpoolUnavailable",
    "Waiting",
]
