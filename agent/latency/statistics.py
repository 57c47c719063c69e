"""Round trips to figures. Every definition names where it comes from."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Figures of one train of echoes, in seconds. ``jitter_seconds`` is None where no two
    neighbouring packets both came back.
    """  # noqa: D205 - the summary is one sentence and a condition

    rtt_min_seconds: float
    rtt_median_seconds: float
    rtt_mean_seconds: float
    rtt_p95_seconds: float
    rtt_max_seconds: float
    jitter_seconds: float | None


def summarise(rtts_seconds: Mapping[int, float]) -> Summary:
    """Summarise round trips by sequence number. Raises ValueError where there are none."""
    ordered = sorted(rtts_seconds.values())
    if not ordered:
        raise ValueError("no round trip to summarise: report a failure instead")
    return Summary(
        rtt_min_seconds=ordered[0],
        rtt_median_seconds=median(ordered),
        rtt_mean_seconds=math.fsum(ordered) / len(ordered),
        rtt_p95_seconds=percentile(ordered, 95),
        rtt_max_seconds=ordered[-1],
        jitter_seconds=jitter(rtts_seconds),
    )


def percentile(ordered: Sequence[float], percent: int) -> float:
    """Smallest value that at least ``percent`` per cent of the values do not exceed.

    The empirical percentile of RFC 2330 section 11.3 (nearest rank): always a value that was
    measured, never an interpolation. ``percent`` is 1 to 100, ``ordered`` ascends.
    """
    rank = -(-percent * len(ordered) // 100)  # ceiling in whole numbers: no rounding error
    return ordered[max(rank, 1) - 1]


def median(ordered: Sequence[float]) -> float:
    """Middle value, or the mean of the two in the middle (RFC 2330 section 11.3)."""
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2


def jitter(rtts_seconds: Mapping[int, float]) -> float | None:
    """Mean absolute difference of the round trips of neighbouring packets.

    The packet delay variation ddT of RFC 3393 section 2.4 with consecutive packets as the
    selection function, on round-trip instead of one-way delay; its mean magnitude is what
    RFC 5481 section 4.1 calls IPDV. Where one of two neighbours is lost, the pair is left out
    (RFC 3393: undefined), never bridged.
    """
    differences = [
        abs(rtts_seconds[sequence + 1] - rtt)
        for sequence, rtt in rtts_seconds.items()
        if sequence + 1 in rtts_seconds
    ]
    return math.fsum(differences) / len(differences) if differences else None
