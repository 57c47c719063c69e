"""Which values of each probe go into roll-ups, and which results are expensive.

Values not listed stay in the raw results. A probe that is not listed is counted by outcome.
"""

from collections.abc import Mapping
from typing import Final

_RATE: Final = ("download_bps", "upload_bps")

FIGURES: Final[Mapping[str, tuple[str, ...]]] = {
    "throughput": (*_RATE, "min_rtt_seconds", "loaded_rtt_seconds", "retransmit_ratio"),
    "iperf3": _RATE,
    "ndt7_public": _RATE,
    "ookla": _RATE,
    "http_download": ("download_bps",),
    "verify": ("verify_rate_bps",),
    "responsiveness": ("responsiveness_rpm", "idle_rtt_median_seconds", "rtt_inflation_seconds"),
    "latency": ("rtt_median_seconds", "loss_ratio"),
    "stamp": ("rtt_median_seconds", "loss_ratio"),
    "tcp_connect": ("connect_median_seconds", "failure_ratio"),
    "dns": ("cached_median_seconds", "uncached_median_seconds"),
    "https": ("total_seconds", "first_byte_seconds"),
    "snmp": (
        "cpu_max_ratio",
        "sessions_max_ratio",
        "clients_max_count",
        "port_error_max_ratio",
        "port_discard_max_ratio",
        "broadcast_max_per_second",
    ),
}
IN_COLUMNS: Final = frozenset(_RATE)
"""Values that the table of results has as columns."""

HEAVY: Final = frozenset(
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
"""Probes that load the line: few a day, and what verdicts rest on. The rest is light."""
