"""Causes seen by the checks inside the school and of the path's MTU. Pure."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from collector.causes.candidate import Answer, Candidate, clear, found, observed, unseen
from collector.causes.model import Strength
from collector.causes.seen import (
    Part,
    Result,
    Seen,
    days,
    host_of,
    middle,
    number,
    parts,
    rows,
)

_HOLES: Final = ("mss_upload_black_hole", "mss_download_black_hole")
RADAR_MOVES: Final = 2
POOL_USED: Final = 0.95


def address_pool(seen: Seen) -> Answer:
    """The DHCP server has no address left to give."""
    name = "address_pool"
    asked = seen.tried("dhcp")
    empty = [one for one in asked if one.made.values.get("no_offer_reason") == "pool_exhausted"]
    used = number(seen.school.facts.get("router.dhcp_used_max_ratio"))
    if empty:
        return found(
            Candidate(
                finding_id=name,
                strength=Strength.TOLD if len(empty) > 1 else Strength.POINTED,
                observed=(observed("pool_is_empty", empty, times_count=len(empty)),),
                hours=parts(empty),
                confirm=("read_dhcp_leases",),
            )
        )
    if used is not None and used >= POOL_USED:
        return found(
            Candidate(
                finding_id=name,
                strength=Strength.INFERRED,
                observed=(observed("pool_is_full_by_record", (), used_ratio=used),),
                confirm=("read_dhcp_leases",),
            )
        )
    return clear(name) if asked or used is not None else unseen(name)


def channel_interference(seen: Seen) -> Answer:
    """The channel of the school's own network is hardly ever free."""
    name, limit = "channel_interference", seen.number
    scans = seen.good("wifi_scan")
    told = [one for one in scans if one.number("busy_ratio") is not None or _same(one) is not None]
    if len(told) < limit.fewest_reports:
        return unseen(name)
    busy = [one for one in told if (one.number("busy_ratio") or 0.0) >= limit.channel_busy_ratio]
    crowded = [
        one
        for one in told
        if (_same(one) or 0) >= limit.same_channel_count
        and (one.number("busy_ratio") is None or one in busy or _half_busy(seen, one))
    ]
    bad = [one for one in told if one in busy or one in crowded]
    in_lessons = [one for one in told if one.part is Part.LESSON]
    base = in_lessons or told
    in_base = [one for one in bad if one in base]
    if len(in_base) < limit.fewest_reports or 2 * len(in_base) <= len(base):
        return clear(name)
    if days(bad) < limit.fewest_days or not crowded:
        return clear(name)
    evidence = observed(
        "channel_is_busy",
        bad,
        busy_ratio=middle((one.number("busy_ratio") for one in bad), 1) or 0.0,
        networks_count=middle((_same(one) for one in bad), 1) or 0.0,
    )
    return found(
        Candidate(
            finding_id=name,
            strength=Strength.INFERRED,
            observed=(evidence,),
            hours=parts(bad),
            confirm=("survey_channels",),
        )
    )


def _same(one: Result) -> float | None:
    """Networks on the channel of the strongest own one."""
    return one.number("same_channel_networks_count")


def _half_busy(seen: Seen, one: Result) -> bool:
    return (one.number("busy_ratio") or 0.0) >= seen.number.same_channel_busy_ratio


def radar_channel(seen: Seen) -> Answer:
    """The own network leaves channels that radar has the first right to, again and again."""
    name = "radar_channel"
    per_day = number(seen.school.facts.get("access_point.radar_per_day"))
    scans = [one for one in seen.good("wifi_scan") if _own_channel(one) is not None]
    moves = [(before, after) for before, after in pairwise(scans) if _left_dfs(before, after)]
    if len(moves) >= RADAR_MOVES and days(after for _, after in moves) >= seen.number.fewest_days:
        after = [one for _, one in moves]
        return found(
            Candidate(
                finding_id=name,
                strength=Strength.INFERRED,
                observed=(observed("left_radar_channel", after, moves_count=len(moves)),),
                confirm=("read_radar_log",),
            )
        )
    if per_day is not None and per_day >= 1:
        return found(
            Candidate(
                finding_id=name,
                strength=Strength.INFERRED,
                observed=(observed("radar_by_record", (), times_count=per_day),),
                confirm=("read_radar_log",),
            )
        )
    looked = len(scans) >= seen.number.fewest_reports or per_day is not None
    return clear(name) if looked else unseen(name)


def _own_channel(one: Result) -> tuple[float, bool] | None:
    """Channel of the strongest own network at 5 GHz, and whether radar goes first there."""
    own = [
        row
        for row in rows(one.made, "channels")
        if (number(row.get("own_networks_count")) or 0) > 0 and str(row.get("band", "")) == "5 GHz"
    ]
    if not own:
        return None
    best = max(own, key=_strength)
    channel = number(best.get("channel"))
    return None if channel is None else (channel, best.get("dfs") is True)


def _strength(row: Mapping[str, Any]) -> float:
    told = number(row.get("strongest_dbm"))
    return -200.0 if told is None else told


def _left_dfs(before: Result, after: Result) -> bool:
    old, new = _own_channel(before), _own_channel(after)
    return old is not None and new is not None and old[1] and old[0] != new[0]


def mtu_black_hole(seen: Seen) -> Answer:
    """Large packets vanish in silence, so connections stand still."""
    name = "mtu_black_hole"
    asked = seen.good("path_mtu", beside=False)
    if not asked:
        return unseen(name)
    stuck = [one for one in asked if any(one.made.values.get(key) is True for key in _HOLES)]
    silent = [one for one in asked if one.made.values.get("black_hole") is True]
    sound = [
        one
        for one in asked
        if one not in stuck and any(one.made.values.get(key) is False for key in _HOLES)
    ]
    unclear = [one for one in silent if one not in stuck and one not in sound]
    if stuck and 2 * len(stuck) > len(stuck) + len(sound):
        return found(_hole(stuck, "segments_vanish", Strength.TOLD))
    if len(unclear) > 1 and 2 * len(unclear) > len(asked):
        return found(_hole(unclear, "packets_vanish", Strength.INFERRED))
    if unclear and unclear[-1] is asked[-1]:
        return found(_hole(unclear, "packets_vanish", Strength.POINTED))
    return clear(name)


def _hole(of: Sequence[Result], what: str, strength: Strength) -> Candidate:
    size = middle((one.number("path_mtu_bytes") for one in of), 1)
    figures = {} if size is None else {"path_mtu_bytes": size}
    return Candidate(
        finding_id="mtu_black_hole",
        strength=strength,
        observed=(observed(what, of, targets=host_of(of[-1].made.target), **figures),),
        hours=frozenset(Part),
        confirm=("set_mss_clamp",),
    )
