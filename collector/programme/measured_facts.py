"""Facts of grade agent from what agents measured in the last weeks. Pure.

A figure of fewer results than :data:`FEWEST` is left out: 'not measured' is no value. Which results
a figure is of, and which statistic, stands in the list of facts (``measured``).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from math import fsum
from statistics import median, quantiles
from typing import Final

from collector.judge.calendar import Calendar, Window
from collector.judge.week import local
from collector.programme.measured_devices import Devices, device_values
from collector.programme.model import Value
from collector.programme.plans.update_days import release_of
from wire.failure import FailureCode, Outcome

FEWEST: Final = 5
"""Results from which on a median is one."""
RELEASES: Final = 2
"""Publications of updates within the span from which on their days are compared with others."""
NOON: Final = time(12)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heavy:
    """One result of a probe that loads the line."""

    probe: str
    started_at: datetime
    outcome: str
    failure_code: str | None
    download_bps: float | None
    upload_bps: float | None
    cross_traffic_bps: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """The roll-up of one value of one probe in one hour."""

    probe: str
    name: str
    started_at: datetime
    count: int
    total: float
    median: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What is stored of one school's measurements of the last weeks."""

    quiet_bps: float | None = None
    """Median of the newest verdict that has one."""
    lesson_bps: float | None = None
    since: datetime
    """Begin of the last weeks; what is older serves the days of updates alone."""
    heavy: Sequence[Heavy] = ()
    hours: Sequence[Hour] = ()
    counts: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Of light probes: results ok and failed, by probe."""
    context: Mapping[str, object] = field(default_factory=dict)
    """Of the newest throughput result."""
    path: Mapping[str, object] = field(default_factory=dict)
    """Values of the newest path MTU result."""
    devices: Devices = field(default_factory=Devices)
    topology: Mapping[str, Value] = field(default_factory=dict)
    """What the whole of the school's network gives (collector/topology/facts.py)."""


def measured_values(of: Measured, calendar: Calendar) -> dict[str, Value]:
    """Give the values by key of the list of facts; what was not measured is not in it."""
    found: dict[str, Value | None] = {
        "line.quiet_median_bps": of.quiet_bps,
        "line.lesson_median_bps": of.lesson_bps,
        **_throughput([one for one in of.heavy if one.started_at >= of.since], calendar),
        "line.update_day_ratio": _update_days(of.heavy, calendar),
        **_delays(of.hours, calendar),
        **_services(of),
        **_failures(of),
        **_context(of.context),
        **_path(of.path),
        **of.topology,
        **device_values(of.devices),
    }
    return {key: value for key, value in found.items() if value is not None}


def _throughput(heavy: Sequence[Heavy], calendar: Calendar) -> dict[str, Value | None]:
    ok = [one for one in heavy if one.probe == "throughput" and one.outcome == Outcome.OK]
    windows = {one: calendar.classify(one.started_at) for one in ok}
    quiet = [one for one in ok if windows[one] is Window.QUIET]
    lesson = [one for one in ok if windows[one] is Window.LESSON]
    morning = [one for one in quiet if local(one.started_at).time() < NOON]
    evening = [one for one in quiet if local(one.started_at).time() >= NOON]
    quiet_bps, lesson_bps = _down(quiet), _down(lesson)
    return {
        "line.lesson_leftover_median_bps": lesson_bps,
        "line.evening_ratio": _ratio(_down(evening), _down(morning)),
        "line.lesson_ratio": _ratio(lesson_bps, quiet_bps),
        "line.lesson_use_ratio": _middle(_use(one) for one in lesson),
        "line.spread_ratio": _spread(quiet),
        "line.upload_median_bps": _middle(one.upload_bps for one in quiet),
        "router.filter_throughput_bps": _down(
            [one for one in heavy if one.probe == "http_download" and one.outcome == Outcome.OK]
        ),
    }


def _delays(hours: Sequence[Hour], calendar: Calendar) -> dict[str, Value | None]:
    windows = [(_window(one.started_at, calendar), one) for one in hours]
    quiet = [one for window, one in windows if window is Window.QUIET]
    lesson = [one for window, one in windows if window is Window.LESSON]
    morning = [one for one in quiet if local(one.started_at).time() < NOON]
    evening = [one for one in quiet if local(one.started_at).time() >= NOON]
    rtt = {
        name: _of_hours(part, ("latency", "stamp"), "rtt_median_seconds")
        for name, part in (("q", quiet), ("l", lesson), ("m", morning), ("e", evening))
    }
    loaded = _of_hours(hours, ("throughput",), "loaded_rtt_seconds")
    idle = _of_hours(hours, ("throughput",), "min_rtt_seconds")
    inflation = _of_hours(hours, ("responsiveness",), "rtt_inflation_seconds")
    return {
        "line.rtt_median_seconds": rtt["q"],
        "line.lesson_rtt_increase_seconds": _less(rtt["l"], rtt["q"]),
        "carrier.evening_rtt_increase_seconds": _less(rtt["e"], rtt["m"]),
        "line.quiet_loss_ratio": _mean(quiet, ("latency", "stamp"), "loss_ratio"),
        "line.loss_ratio": _mean(lesson, ("latency", "stamp"), "loss_ratio"),
        "line.loaded_rtt_increase_seconds": inflation
        if inflation is not None
        else _less(loaded, idle),
    }


def _update_days(heavy: Sequence[Heavy], calendar: Calendar) -> float | None:
    lesson = [
        (release_of(local(one.started_at).date()), one)
        for one in heavy
        if one.probe == "throughput"
        and one.outcome == Outcome.OK
        and calendar.classify(one.started_at) is Window.LESSON
    ]
    if len({release for release, _ in lesson if release}) < RELEASES:
        return None
    update = _down(one for release, one in lesson if release)
    return _ratio(update, _down(one for release, one in lesson if not release))


def _window(hour: datetime, calendar: Calendar) -> Window:
    """QUIET for an hour that is quiet throughout, LESSON for one that is mostly lessons."""
    here = local(hour)
    if not calendar.is_school_day(here.date()):
        return Window.CLOSED
    windows = [calendar.window_of(time(here.hour, minute)) for minute in range(5, 60, 10)]
    for window, least in ((Window.QUIET, len(windows)), (Window.LESSON, len(windows) / 2)):
        if windows.count(window) >= least:
            return window
    return Window.BETWEEN


def _services(of: Measured) -> dict[str, Value | None]:
    dns_ok, dns_failed = of.counts.get("dns", (0, 0))
    recent = [one for one in of.heavy if one.started_at >= of.since]
    unresolved = sum(one.failure_code == FailureCode.DNS_FAILED for one in recent)
    asked = dns_ok + dns_failed + _tried(recent)
    https_ok, https_failed = of.counts.get("https", (0, 0))
    return {
        "internet.dns_median_seconds": _of_hours(of.hours, ("dns",), "uncached_median_seconds"),
        "internet.dns_failure_ratio": _share(dns_failed + unresolved, asked),
        "cloud.response_median_seconds": _of_hours(of.hours, ("https",), "total_seconds"),
        "cloud.failure_ratio": _share(https_failed, https_ok + https_failed),
    }


def _failures(of: Measured) -> dict[str, Value | None]:
    recent = [one for one in of.heavy if one.started_at >= of.since]
    tried = _tried(recent)
    failed = sum(one.outcome == Outcome.FAILED for one in recent)
    stopped = sum(one.failure_code == FailureCode.INTERCEPTED for one in recent)
    light_ok = sum(ok for ok, _ in of.counts.values())
    light_failed = sum(lost for _, lost in of.counts.values())
    return {
        "line.failure_ratio": _share(failed + light_failed, tried + light_ok + light_failed),
        "router.intercepted_ratio": _share(stopped, tried),
    }


def _context(context: Mapping[str, object]) -> dict[str, Value | None]:
    duplex = context.get("link_duplex")
    return {
        "appliance.ceiling_bps": _number(context.get("appliance_ceiling_bps")),
        "appliance.link_speed_bps": _number(context.get("link_speed_bps")),
        "appliance.link_duplex": duplex if duplex in ("full", "half") else None,
    }


def _path(values: Mapping[str, object]) -> dict[str, Value | None]:
    names = ("black_hole", "mss_upload_black_hole", "mss_download_black_hole")
    holes = [bool(values[name]) for name in names if isinstance(values.get(name), bool)]
    return {
        "line.path_mtu_bytes": _number(values.get("path_mtu_bytes")),
        "line.mtu_black_hole": any(holes) if holes else None,
    }


def _use(one: Heavy) -> float | None:
    if one.cross_traffic_bps is None or one.download_bps is None:
        return None
    whole = one.cross_traffic_bps + one.download_bps
    return min(1.0, max(0.0, one.cross_traffic_bps / whole)) if whole > 0 else None


def _down(results: Iterable[Heavy]) -> float | None:
    return _middle(one.download_bps for one in results)


def _middle(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if len(known) >= FEWEST else None


def _spread(results: Iterable[Heavy]) -> float | None:
    known = [one.download_bps for one in results if one.download_bps is not None]
    if len(known) < FEWEST or median(known) <= 0:
        return None
    first, _, third = quantiles(known, n=4)
    return (third - first) / median(known)


def _of_hours(hours: Iterable[Hour], probes: tuple[str, ...], name: str) -> float | None:
    """Median of the hours' medians, each as often as it has results."""
    kept = sorted(
        (one.median, one.count) for one in hours if one.probe in probes and one.name == name
    )
    total = sum(count for _, count in kept)
    if total < FEWEST:
        return None
    passed = 0
    for value, count in kept:
        passed += count
        if 2 * passed >= total:
            return value
    return None


def _mean(hours: Iterable[Hour], probes: tuple[str, ...], name: str) -> float | None:
    kept = [one for one in hours if one.probe in probes and one.name == name]
    count = sum(one.count for one in kept)
    return fsum(one.total for one in kept) / count if count >= FEWEST else None


def _tried(heavy: Iterable[Heavy]) -> int:
    return sum(one.outcome != Outcome.DEFERRED for one in heavy)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole >= FEWEST else None


def _ratio(above: float | None, below: float | None) -> float | None:
    return None if above is None or below is None or below <= 0 else min(10.0, above / below)


def _less(left: float | None, right: float | None) -> float | None:
    return None if left is None or right is None else left - right


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
