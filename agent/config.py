"""agent.toml: what to measure and when, read strictly.

A file that is wrong is refused as a whole, with every mistake at once: file, key, what was found,
what is allowed, and the nearest known name. Defaults and units stand in the dataclasses here.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from agent import config_checks as local
from agent.allowed import Allowed
from agent.lan.leave import MOST_PACKETS_PER_SECOND, Rule
from agent.push import PushSettings
from agent.slot import WhenUnreachable
from agent.snmp.polling import PollSettings
from agent.spool import DEFAULT_CAP_BYTES, MIN_CAP_BYTES
from wire import checks, reading
from wire.messages import MAX_BATCH_RECORDS
from wire.planning.cost import Budget
from wire.planning.planned import Planned
from wire.planning.timetable import DAY_SECONDS, Blackout, Closed, Timetable, Window
from wire.table import Reader, Table

__all__ = ["Config", "ConfigRefused", "LineSettings", "Planned", "load", "parse"]

DEFAULT_ZONE: Final = "Asia/Tokyo"
MAX_FILE_BYTES: Final = 1024 * 1024


class ConfigRefused(Exception):
    """The file cannot be used; each line of the message is one mistake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineSettings:
    """The line of the school, and when it is too busy for a heavy test."""

    wan_interface: str | None = None
    """Interface of this machine that all traffic of the school crosses. None: not known, so no
    test is put off."""
    wan_device: str | None = None
    """Address of the router whose port all traffic of the school crosses, read over SNMP. Used
    where ``wan_interface`` is not given."""
    wan_port: str | None = None
    """That port: ifName, ifDescr, ifAlias or ifIndex."""
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
    snmp: PollSettings = field(default_factory=PollSettings)
    lan: Rule = field(default_factory=Rule)
    """What approved checks of the LAN may do here."""
    ntp_server: str | None = None
    """HOST or HOST:PORT of a time server to compare the clock with, beside the collector."""
    closed: tuple[Closed, ...] = ()
    blackouts: tuple[Blackout, ...] = ()
    allow: Allowed = field(default_factory=Allowed)
    """Where the centre may point tests."""
    slots: WhenUnreachable = "defer"
    """What becomes of a test that wants a slot when the collector cannot be asked."""
    policy_source: Literal["central", "local"] = "central"
    """``local``: policies of the centre are not followed."""
    central: bool = False
    """The tests came from the centre, so :attr:`allow` is enforced on them."""

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


TESTS_NEEDED: Final = (
    'at least one [[tests]], or [policy] source = "central" to wait for those of the centre'
)
_TOP_KEYS: Final = (
    "state_dir",
    "zone",
    "spool",
    "push",
    "budget",
    "line",
    "clock",
    "policy",
    "allow",
    "slots",
    "snmp",
    "lan",
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
    source = top.table("policy", ("source",)).take("source", None, local.policy_source)
    config = Config(
        state_dir=top.take("state_dir", None, checks.text),
        zone=top.take("zone", None, checks.zone) or _default_zone(),
        cap_bytes=spool.take("cap_bytes", DEFAULT_CAP_BYTES, checks.whole(MIN_CAP_BYTES, 1 << 40)),
        push=_push(
            top.table("push", ("interval_seconds", "batch_records", "ca_file", "proxy_url"))
        ),
        budget=reading.read_budget(top.table("budget", reading.BUDGET_KEYS)),
        line=_line(top.table("line", _LINE_KEYS)),
        snmp=_snmp(top.table("snmp", ("access_file", "poll_seconds", "report_seconds"))),
        lan=_lan(top.table("lan", ("checks", "networks", "packets_per_second"))),
        allow=top.table("allow", ("targets",)).take("targets", Allowed(), local.allowed),
        policy_source=source or "central",
        slots=_slots(top.table("slots", ("when_unreachable",))),
        ntp_server=clock.take("ntp_server", None, local.ntp_server),
        closed=tuple(reading.read_closed(one) for one in top.tables("closed", reading.CLOSED_KEYS)),
        blackouts=tuple(
            reading.read_blackout(one) for one in top.tables("blackouts", reading.BLACKOUT_KEYS)
        ),
        tests=tuple(_test(table) for table in top.tables("tests", _TEST_KEYS)),
    )
    if not config.tests and source != "central" and not reader.mistakes:
        reader.refuse("tests", "nothing", TESTS_NEEDED)
    if not reader.mistakes:
        reading.refuse_small_budget(reader, config.tests, config.budget)
    if reader.mistakes:
        raise ConfigRefused("\n".join(f"{name}: {mistake}" for mistake in reader.mistakes))
    return config


def _slots(table: Table) -> WhenUnreachable:
    chosen = table.take("when_unreachable", "defer", checks.one_of("defer", "measure"))
    return "measure" if chosen == "measure" else "defer"


def _push(table: Table) -> PushSettings:
    usual = PushSettings()
    return PushSettings(
        interval_seconds=table.take(
            "interval_seconds", usual.interval_seconds, checks.seconds(1, 86_400)
        ),
        batch_records=table.take(
            "batch_records", usual.batch_records, checks.whole(1, MAX_BATCH_RECORDS)
        ),
        ca_file=table.take("ca_file", None, local.file),
        proxy_url=table.take("proxy_url", None, local.address),
    )


_LINE_KEYS: Final = ("wan_interface", "wan_device", "wan_port", "busy_above_bps", "busy_retries")


def _line(table: Table) -> LineSettings:
    usual = LineSettings()
    device = table.take("wan_device", None, local.ip_address)
    port = table.take("wan_port", None, checks.text)
    if (device is None) != (port is None):
        table.reader.refuse(
            table.at("wan_port"), "one without the other", "wan_device and wan_port"
        )
    return LineSettings(
        wan_interface=table.take("wan_interface", None, checks.text),
        wan_device=device,
        wan_port=port,
        busy_above_bps=table.take("busy_above_bps", usual.busy_above_bps, reading.busy_above_bps),
        busy_retries=table.take("busy_retries", usual.busy_retries, reading.busy_retries),
    )


def _snmp(table: Table) -> PollSettings:
    usual = PollSettings()
    return PollSettings(
        access_file=table.take("access_file", None, checks.text),
        poll_seconds=table.take("poll_seconds", usual.poll_seconds, checks.seconds(10, 3_600)),
        report_seconds=table.take(
            "report_seconds", usual.report_seconds, checks.seconds(60, 86_400)
        ),
    )


def _lan(table: Table) -> Rule:
    usual = Rule()
    return Rule(
        checks=table.take("checks", usual.checks, local.lan_checks),
        networks=table.take("networks", usual.networks, local.networks),
        packets_per_second=table.take(
            "packets_per_second", usual.packets_per_second, checks.whole(1, MOST_PACKETS_PER_SECOND)
        ),
    )


def _test(table: Table) -> Planned:
    def windows(each_seconds: float) -> list[Window]:
        given = (_window(each, each_seconds) for each in table.tables("windows", _WINDOW_KEYS))
        return [window for window in given if window is not None]

    return reading.read_test(table, windows)


def _window(table: Table, each_seconds: float) -> Window | None:
    most = DAY_SECONDS // reading.MIN_RUN_SECONDS
    runs = table.need("runs", 0, checks.whole(1, most))
    window = reading.read_hours(table)
    if window is None or runs == 0:
        return None
    most = reading.most_runs(window, each_seconds)
    if runs > most:
        table.reader.refuse(table.at("runs"), runs, reading.too_many(most, each_seconds))
        return None
    return replace(window, runs=runs)


_TEST_KEYS: Final = (*reading.TEST_KEYS, "windows")
_WINDOW_KEYS: Final = (*reading.WINDOW_KEYS, "runs")


def _default_zone() -> ZoneInfo:
    try:
        return ZoneInfo(DEFAULT_ZONE)
    except ZoneInfoNotFoundError:
        raise ConfigRefused(
            f"zone: {DEFAULT_ZONE} is not known to this machine: install tzdata "
            "(apt-get install tzdata)"
        ) from None
