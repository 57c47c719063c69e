"""The state of each piece of a school's path, from device to cloud. Pure.

What decides, in this order: a cause that is named makes trouble, one that is suspected or a figure
beyond its bound makes a suspicion. A piece is good where something speaks for it and nothing
against; where nothing was measured it is not known, which is never good. A symptom of a cause
elsewhere makes no trouble of its own. Bounds are those of the findings' rules
(configs/programme/findings.toml); between good and bad a figure says nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from collector.causes.model import Cause, Causes, Certainty
from collector.programme.model import Value
from collector.programme.words import Segment


class PieceState(StrEnum):
    """How a piece of the path is."""

    GOOD = "good"  # 良好
    TROUBLE = "trouble"  # 問題あり
    SUSPECTED = "suspected"  # 疑い
    UNKNOWN = "unknown"  # 不明


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """From where on a fact speaks for or against its piece. Text and flags: which value does."""

    fact: str
    good: float | str | bool | None = None
    """Up to here (from here on, where less is worse) it speaks for the piece. None: never."""
    bad: float | str | bool | None = None
    """From here on (down to here, where less is worse) it speaks against it. None: never."""
    less_is_worse: bool = False
    times: str | None = None
    """Fact that ``good`` and ``bad`` are multiples of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A fact that justifies a state."""

    fact: str
    speaks_for: bool | None
    """None: it lies between, or has no bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One piece of the path."""

    segment: Segment
    state: PieceState
    figures: tuple[Shown, ...]
    """Those that are known, what speaks against it first."""
    causes: tuple[Cause, ...]
    explained: Mapping[str, str]
    """Findings here that are symptoms: the finding that explains each."""


_MORE: Final = "school.required_upper_bps"
BOUNDS: Final[Mapping[Segment, tuple[Bound, ...]]] = MappingProxyType(
    {
        Segment.DEVICE: (
            Bound(fact="device.join_failure_ratio", good=0.02, bad=0.1),
            Bound(fact="line.update_day_ratio", good=0.9, bad=0.8, less_is_worse=True),
            Bound(fact="device.wifi_median_bps"),
        ),
        Segment.ACCESS_POINT: (
            Bound(fact="access_point.clients_max", good=40, bad=60),
            Bound(fact="device.pupils_per_ap", good=28, bad=50),
            Bound(fact="access_point.channel_busy_ratio", good=0.35, bad=0.6),
            Bound(fact="access_point.same_channel_count", bad=4),
            Bound(fact="access_point.radar_per_day", bad=1),
        ),
        Segment.FLOOR_SWITCH: (
            Bound(fact="floor_switch.uplink_speed_bps", good=1e9, bad=100e6, less_is_worse=True),
            Bound(fact="core_switch.broadcast_per_second", good=100, bad=1000),
        ),
        Segment.CORE_SWITCH: (
            Bound(fact="core_switch.port_speed_bps", good=1e9, bad=100e6, less_is_worse=True),
            Bound(fact="core_switch.duplex", good="full", bad="half"),
            Bound(fact="core_switch.error_ratio", good=1e-5, bad=1e-4),
            Bound(fact="core_switch.discard_ratio", good=1e-4, bad=1e-3),
            Bound(fact="appliance.link_speed_bps", good=1e9, bad=100e6, less_is_worse=True),
            Bound(fact="appliance.link_duplex", good="full", bad="half"),
        ),
        Segment.ROUTER: (
            Bound(fact="router.cpu_max_ratio", good=0.7, bad=0.9),
            Bound(fact="router.sessions_max_ratio", good=0.7, bad=0.9),
            Bound(fact="router.wan_port_speed_bps", good=1e9, bad=100e6, less_is_worse=True),
            Bound(fact="router.intercepted_ratio", good=0.0, bad=0.05),
            Bound(fact="router.dhcp_used_max_ratio", good=0.8, bad=0.95),
            Bound(fact="line.mtu_black_hole", good=False, bad=True),
        ),
        Segment.LINE: (
            Bound(fact="line.quiet_median_bps", good=1.0, times=_MORE, less_is_worse=True),
            Bound(fact="line.lesson_use_ratio", good=0.6, bad=0.85),
            Bound(fact="line.lesson_rtt_increase_seconds", good=0.006, bad=0.015),
            Bound(fact="school.required_bps"),
            Bound(fact="line.rtt_median_seconds"),
        ),
        Segment.CARRIER: (
            Bound(fact="line.evening_ratio", good=0.9, bad=0.75, less_is_worse=True),
            Bound(fact="carrier.evening_rtt_increase_seconds", good=0.002, bad=0.008),
        ),
        Segment.AGGREGATION: (
            Bound(fact="aggregation.use_max_ratio", good=0.7, bad=0.9),
            Bound(fact="aggregation.share_bps", good=0.8, bad=0.3, times="school.required_bps",
                  less_is_worse=True),
        ),
        Segment.INTERNET: (
            Bound(fact="internet.dns_median_seconds", good=0.1, bad=0.15),
            Bound(fact="internet.dns_failure_ratio", good=0.01, bad=0.03),
        ),
        Segment.CLOUD: (
            Bound(fact="cloud.response_median_seconds", good=0.6, bad=0.8),
            Bound(fact="cloud.failure_ratio", good=0.02, bad=0.05),
        ),
    }
)  # fmt: skip
"""What is shown of each piece; a fact may stand at another piece than it is listed under."""
_THROUGH_A_CENTRE: Final = ("centre_aggregated", "other")


def pieces(
    facts: Mapping[str, Value], causes: Causes, segment_of: Mapping[str, str]
) -> tuple[Piece, ...]:
    """Give the pieces in their order; the centre only where the line may lead through one.

    ``facts``: the strongest of each, with ``school.required_bps`` where known. ``segment_of``: of
    each finding.
    """
    kind = facts.get("line.kind")
    return tuple(
        _piece(segment, facts, causes, segment_of)
        for segment in Segment
        if segment is not Segment.AGGREGATION or kind is None or kind in _THROUGH_A_CENTRE
    )


def _piece(
    segment: Segment, facts: Mapping[str, Value], causes: Causes, segment_of: Mapping[str, str]
) -> Piece:
    present = [one for one in causes.causes if one.certainty is not Certainty.PAST]
    here = tuple(one for one in present if one.segment == segment)
    explained = {
        symptom: one.finding_id
        for one in present
        for symptom in one.explains
        if segment_of.get(symptom) == segment
    }
    figures = [
        Shown(fact=bound.fact, speaks_for=_speaks(bound, facts))
        for bound in BOUNDS[segment]
        if bound.fact in facts
    ]
    figures.sort(key=lambda one: one.speaks_for is not False)
    told = {one.speaks_for for one in figures}
    own = [one for one, place in segment_of.items() if place == segment]
    cleared = bool(own) and all(causes.looked_at.get(one, False) for one in own)
    return Piece(
        segment=segment,
        state=_state(here, told, cleared=cleared, explained=bool(explained)),
        figures=tuple(figures),
        causes=here,
        explained=explained,
    )


def _state(
    here: tuple[Cause, ...], told: set[bool | None], *, cleared: bool, explained: bool
) -> PieceState:
    if any(one.certainty is Certainty.NAMED for one in here):
        return PieceState.TROUBLE
    if here:
        return PieceState.SUSPECTED
    if explained:
        return PieceState.UNKNOWN  # what it shows comes from elsewhere: it tells nothing of itself
    if False in told:
        return PieceState.SUSPECTED
    return PieceState.GOOD if True in told or cleared else PieceState.UNKNOWN


def _speaks(bound: Bound, facts: Mapping[str, Value]) -> bool | None:
    value = facts[bound.fact]
    if isinstance(value, bool | str):
        for told, speaks_for in ((bound.bad, False), (bound.good, True)):
            if told is not None and type(told) is type(value) and told == value:
                return speaks_for
        return None
    measure = 1.0
    if bound.times is not None:
        other = facts.get(bound.times)
        if isinstance(other, bool | str) or other is None or other <= 0:
            return None
        measure = float(other)
    sign = -1.0 if bound.less_is_worse else 1.0
    good, bad = _number(bound.good), _number(bound.bad)
    if bad is not None and sign * value >= sign * bad * measure:
        return False
    return True if good is not None and sign * value <= sign * good * measure else None


def _number(value: float | str | bool | None) -> float | None:
    return None if value is None or isinstance(value, bool | str) else float(value)
