"""agent.toml: what to measure and when, read strictly.

A file that is wrong is refused as a whole, with every mistake at once: file, key, what was found,
what is allowed, and the nearest known name. Defaults and units stand in the dataclasses here.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from agent import config_checks as checks
from agent.budget import Budget
from agent.config_table import Reader, Table
from agent.planned import CHILD_SECONDS, Planned, bound_of, calibrated
from agent.probes import REGISTRY
from agent.probes.options import OptionRefused, resolve
from agent.push import PushSettings
from agent.spool import DEFAULT_CAP_BYTES, MIN_CAP_BYTES
from agent.timetable import DAY_SECONDS, Blackout, Closed, Timetable, Window
from wire.measurement import Json
from wire.messages import MAX_BATCH_RECORDS

__all__ = ["Config", "ConfigRefused", "LineSettings", "Planned", "load", "parse"]

DEFAULT_ZONE: Final = "Asia/Tokyo"
MIN_RUN_SECONDS: Final = 10
"""Least time a window must have for each of its runs."""
MAX_FILE_BYTES: Final = 1024 * 1024


class ConfigRefused(Exception):
    """The file cannot be used; each line of the message is one mistake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineSettings:
    """The line of the school, and when it is too busy for a heavy test."""

    wan_interface: str | None = None
    """Interface of this machine that all traffic of the school crosses. None: not known, so no
    test is put off."""
    busy_above_bps: float = 20e6
    """Traffic of others, the larger direction, above which a heavy test is put off."""
    busy_retries: int = 3
    """How often a test is put off within its window."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """What ``agent.toml`` says."""

    tests: tuple[Planned, ...]
    state_dir: str | None = None
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo(DEFAULT_ZONE))
    cap_bytes: int = DEFAULT_CAP_BYTES
    """Most bytes the spool may take on the disk."""
    push: PushSettings = field(default_factory=PushSettings)
    budget: Budget = field(default_factory=Budget)
    line: LineSettings = field(default_factory=LineSettings)
    ntp_server: str | None = None
    """HOST or HOST:PORT of a time server to compare the clock with, beside the collector."""
    closed: tuple[Closed, ...] = ()
    blackouts: tuple[Blackout, ...] = ()

    @cached_property
    def timetable(self) -> Timetable:
        """The tests as the plan sees them."""
        return Timetable(
            tasks=tuple(planned.task() for planned in self.tests),
            zone=self.zone,
            closed=self.closed,
            blackouts=self.blackouts,
        )


def load(path: Path) -> Config:
    """Read and check a file. Raises :class:`ConfigRefused`."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
        if len(raw) > MAX_FILE_BYTES:
            raise ConfigRefused(f"{path}: larger than {MAX_FILE_BYTES} bytes")
        given = tomllib.loads(raw.decode("utf-8"))
    except OSError as error:
        raise ConfigRefused(
            f"{path}: {error.strerror}; see configs/examples/agent.toml for a beginning"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigRefused(f"{path}: byte {error.start} is not UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigRefused(f"{path}: not TOML: {error}") from error
    except RecursionError:
        raise ConfigRefused(f"{path}: too deeply nested") from None
    except ValueError as error:  # a date that does not exist, a number of thousands of digits
        raise ConfigRefused(f"{path}: not TOML: {error}") from None
    return parse(given, str(path))


_TOP_KEYS: Final = (
    "state_dir",
    "zone",
    "spool",
    "push",
    "budget",
    "line",
    "clock",
    "closed",
    "blackouts",
    "tests",
)


def parse(given: Mapping[str, Any], name: str) -> Config:
    """Check what a TOML file gave. Raises :class:`ConfigRefused` with all mistakes."""
    reader = Reader()
    top = Table(reader, "", given, _TOP_KEYS)
    spool = top.table("spool", ("cap_bytes",))
    clock = top.table("clock", ("ntp_server",))
    config = Config(
        state_dir=top.take("state_dir", None, checks.text),
        zone=top.take("zone", None, checks.zone) or _default_zone(),
        cap_bytes=spool.take("cap_bytes", DEFAULT_CAP_BYTES, checks.whole(MIN_CAP_BYTES, 1 << 40)),
        push=_push(
            top.table("push", ("interval_seconds", "batch_records", "ca_file", "proxy_url"))
        ),
        budget=_budget(top.table("budget", ("day_bytes", "month_bytes", "fastest_bps"))),
        line=_line(top.table("line", ("wan_interface", "busy_above_bps", "busy_retries"))),
        ntp_server=clock.take("ntp_server", None, checks.ntp_server),
        closed=tuple(_closed(each) for each in top.tables("closed", _CLOSED_KEYS)),
        blackouts=tuple(_blackout(each) for each in top.tables("blackouts", _BLACKOUT_KEYS)),
        tests=tuple(_test(table) for table in top.tables("tests", _TEST_KEYS)),
    )
    if not config.tests and not reader.mistakes:
        reader.refuse("tests", "nothing", "at least one [[tests]]")
    if not reader.mistakes:
        _refuse_small_budget(reader, config)
    if reader.mistakes:
        raise ConfigRefused("\n".join(f"{name}: {mistake}" for mistake in reader.mistakes))
    return config


def _push(table: Table) -> PushSettings:
    usual = PushSettings()
    return PushSettings(
        interval_seconds=table.take(
            "interval_seconds", usual.interval_seconds, checks.seconds(1, 86_400)
        ),
        batch_records=table.take(
            "batch_records", usual.batch_records, checks.whole(1, MAX_BATCH_RECORDS)
        ),
        ca_file=table.take("ca_file", None, checks.file),
        proxy_url=table.take("proxy_url", None, checks.address),
    )


def _budget(table: Table) -> Budget:
    usual = Budget()
    return Budget(
        day_bytes=table.take("day_bytes", None, checks.whole(1_000_000, 1 << 50)),
        month_bytes=table.take("month_bytes", None, checks.whole(1_000_000, 1 << 50)),
        fastest_bps=table.take("fastest_bps", usual.fastest_bps, checks.number(1e6, 1e12)),
    )


def _line(table: Table) -> LineSettings:
    usual = LineSettings()
    return LineSettings(
        wan_interface=table.take("wan_interface", None, checks.text),
        busy_above_bps=table.take("busy_above_bps", usual.busy_above_bps, checks.number(1e3, 1e12)),
        busy_retries=table.take("busy_retries", usual.busy_retries, checks.whole(0, 20)),
    )


_CLOSED_KEYS: Final = ("first", "last", "reason")
_BLACKOUT_KEYS: Final = (*_CLOSED_KEYS, "from", "to")


def _closed(table: Table) -> Closed:
    first = table.need("first", checks.NO_DATE, checks.date)
    last = table.take("last", first, checks.date)
    if last < first:
        table.reader.refuse(table.at("last"), last.isoformat(), f"{first.isoformat()} or later")
    return Closed(first=first, last=last, reason=table.take("reason", "", checks.text))


def _blackout(table: Table) -> Blackout:
    days = _closed(table)
    start = table.take("from", 0, checks.time_of_day)
    end = table.take("to", DAY_SECONDS, checks.time_of_day)
    if end <= start:
        table.reader.refuse(
            table.at("to"), checks.clock(end), f"a time after from ({checks.clock(start)})"
        )
    return Blackout(
        first=days.first, last=days.last, reason=days.reason, from_seconds=start, to_seconds=end
    )


_TEST_KEYS: Final = (
    "probe",
    "target",
    "segment",
    "options",
    "deadline_seconds",
    "windows",
    "calibrate",
    "when_busy",
)
_NO_DAYS: Final[frozenset[int]] = frozenset()
_NO_OPTIONS: Final[dict[str, Json]] = {}
_WINDOW_KEYS: Final = ("days", "from", "to", "runs", "on_closed_days")


def _test(table: Table) -> Planned:
    probe = table.need("probe", "", checks.probe)
    deadline_seconds = table.take("deadline_seconds", 60.0, checks.seconds(1, 600))
    planned = Planned(
        probe=probe,
        target=table.need("target", "", lambda value: checks.target(probe, value)),
        segment=table.take("segment", None, checks.segment),
        options=_options(table, probe),
        deadline_seconds=deadline_seconds,
        calibrate=table.take("calibrate", "never", checks.one_of("weekly", "never")) == "weekly",
        when_busy="defer"
        if table.take("when_busy", "measure", checks.one_of("measure", "defer")) == "defer"
        else "measure",
    )
    if planned.calibrate and not (
        planned.heavy and "seconds" in import_module(REGISTRY[probe]).OPTIONS
    ):
        table.reader.refuse(table.at("calibrate"), "weekly", "never: only throughput has a length")
    each_seconds = deadline_seconds + CHILD_SECONDS if planned.heavy else MIN_RUN_SECONDS
    windows = [_window(each, each_seconds) for each in table.tables("windows", _WINDOW_KEYS)]
    return replace(planned, windows=tuple(window for window in windows if window is not None))


def _window(table: Table, each_seconds: float) -> Window | None:
    before = len(table.reader.mistakes)
    days = table.need("days", _NO_DAYS, checks.days)
    start = table.need("from", 0, checks.time_of_day)
    end = table.need("to", 0, checks.time_of_day)
    runs = table.need("runs", 1, checks.whole(1, DAY_SECONDS // MIN_RUN_SECONDS))
    closed = table.take("on_closed_days", False, checks.flag)
    if len(table.reader.mistakes) > before:
        return None
    if end <= start:
        table.reader.refuse(
            table.at("to"), checks.clock(end), f"a time after from ({checks.clock(start)})"
        )
        return None
    most = int((end - start) // each_seconds)
    if runs > most:
        allowed = f"at most {most} ({each_seconds:g} s for each run)"
        table.reader.refuse(table.at("runs"), runs, allowed)
        return None
    return Window(days=days, from_seconds=start, to_seconds=end, runs=runs, on_closed_days=closed)


def _options(table: Table, probe: str) -> Mapping[str, Json]:
    given = table.take("options", _NO_OPTIONS, checks.any_table)
    if probe:
        try:
            resolve(import_module(REGISTRY[probe]).OPTIONS, given)
        except OptionRefused as error:
            place = f"{table.at('options')}.{checks.short(error.option)}"
            table.reader.refuse(place, error.found, error.allowed)
    return given


def _refuse_small_budget(reader: Reader, config: Config) -> None:
    """A budget below one run would never let it run."""
    for number, planned in enumerate(config.tests):
        if not planned.heavy:
            continue
        longest = calibrated(planned) if planned.calibrate else planned
        needed = bound_of(longest, config.budget.fastest_bps)
        for key in ("day_bytes", "month_bytes"):
            limit = getattr(config.budget, key)
            if limit is not None and limit < needed:
                reader.refuse(
                    f"budget.{key}",
                    limit,
                    f"at least {needed}, one run of tests[{number}] at fastest_bps "
                    f"{config.budget.fastest_bps:g}: raise it, shorten options.seconds, or set "
                    "fastest_bps to what the line can carry at most",
                )
                return


def _default_zone() -> ZoneInfo:
    try:
        return ZoneInfo(DEFAULT_ZONE)
    except ZoneInfoNotFoundError:
        raise ConfigRefused(
            f"zone: {DEFAULT_ZONE} is not known to this machine: install tzdata "
            "(apt-get install tzdata)"
        ) from None
