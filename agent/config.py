"""agent.toml: what to measure and when, read strictly.

A file that is wrong is refused as a whole, with every mistake at once: file, key, what was found,
what is allowed, and the nearest known name. Defaults and units stand in the dataclasses here.
"""

import difflib
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from agent import config_checks as checks
from agent.probes import REGISTRY
from agent.probes.options import OptionRefused, resolve
from agent.push import PushSettings
from agent.schedule import DAY_SECONDS, Window
from agent.spool import DEFAULT_CAP_BYTES, MIN_CAP_BYTES
from wire.measurement import Json
from wire.messages import MAX_BATCH_RECORDS

DEFAULT_ZONE: Final = "Asia/Tokyo"
MIN_RUN_SECONDS: Final = 10
"""Least time a window must have for each of its runs."""
MAX_FILE_BYTES: Final = 1024 * 1024
T = TypeVar("T")


class ConfigRefused(Exception):
    """The file cannot be used; each line of the message is one mistake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One thing to measure, and when."""

    probe: str
    target: str
    segment: str | None = None
    options: Mapping[str, Json] = field(default_factory=dict)
    deadline_seconds: float = 60.0
    """The measurement is ended after this time."""
    windows: tuple[Window, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What ``agent.toml`` says."""

    tests: tuple[Planned, ...]
    state_dir: str | None = None
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo(DEFAULT_ZONE))
    cap_bytes: int = DEFAULT_CAP_BYTES
    """Most bytes the spool may take on the disk."""
    push: PushSettings = field(default_factory=PushSettings)


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
    return parse(given, str(path))


def parse(given: Mapping[str, Any], name: str) -> Config:
    """Check what a TOML file gave. Raises :class:`ConfigRefused` with all mistakes."""
    reader = _Reader()
    top = _Table(reader, "", given, ("state_dir", "zone", "spool", "push", "tests"))
    spool = top.table("spool", ("cap_bytes",))
    push = top.table("push", ("interval_seconds", "batch_records", "ca_file", "proxy_url"))
    usual = PushSettings()
    config = Config(
        state_dir=top.take("state_dir", None, checks.text),
        zone=top.take("zone", None, checks.zone) or _default_zone(),
        cap_bytes=spool.take("cap_bytes", DEFAULT_CAP_BYTES, checks.whole(MIN_CAP_BYTES, 1 << 40)),
        push=PushSettings(
            interval_seconds=push.take(
                "interval_seconds", usual.interval_seconds, checks.seconds(1, 86_400)
            ),
            batch_records=push.take(
                "batch_records", usual.batch_records, checks.whole(1, MAX_BATCH_RECORDS)
            ),
            ca_file=push.take("ca_file", None, checks.file),
            proxy_url=push.take("proxy_url", None, checks.address),
        ),
        tests=tuple(_test(table) for table in top.tables("tests", _TEST_KEYS)),
    )
    if not config.tests and not reader.mistakes:
        reader.refuse("tests", "nothing", "at least one [[tests]]")
    if reader.mistakes:
        raise ConfigRefused("\n".join(f"{name}: {mistake}" for mistake in reader.mistakes))
    return config


class _Reader:
    """Gathers mistakes."""

    def __init__(self) -> None:
        self.mistakes: list[str] = []

    def refuse(self, place: str, found: object, allowed: str) -> None:
        self.mistakes.append(f"{place}: found {checks.short(found)}, allowed is {allowed}")


class _Table:
    """One TOML table while it is read: each key is taken with a check."""

    def __init__(
        self, reader: _Reader, place: str, given: Mapping[str, Any], known: Sequence[str]
    ) -> None:
        self.reader, self.place, self._given = reader, place, given
        for key in given:
            if key not in known:
                close = difflib.get_close_matches(key, known, n=1)
                advice = f"; did you mean {close[0]}?" if close else ""
                allowed = f"one of {' '.join(sorted(known))}{advice}"
                reader.refuse(self.at(checks.short(key)), "an unknown key", allowed)

    def at(self, key: str) -> str:
        return f"{self.place}.{key}" if self.place else key

    def take(self, key: str, default: T, check: Callable[[object], T]) -> T:
        if key not in self._given:
            return default
        try:
            return check(self._given[key])
        except checks.Wrong as wrong:
            self.reader.refuse(self.at(key), self._given[key], str(wrong))
            return default

    def need(self, key: str, default: T, check: Callable[[object], T]) -> T:
        if key not in self._given:
            self.reader.refuse(self.at(key), "nothing", "to be present")
        return self.take(key, default, check)

    def table(self, key: str, known: Sequence[str]) -> "_Table":
        given = self._given.get(key, {})
        if not isinstance(given, dict):
            self.reader.refuse(self.at(key), given, f"a table [{self.at(key)}]")
            given = {}
        return _Table(self.reader, self.at(key), given, known)

    def tables(self, key: str, known: Sequence[str]) -> list["_Table"]:
        given = self._given.get(key, [])
        if not isinstance(given, list) or not all(isinstance(item, dict) for item in given):
            self.reader.refuse(self.at(key), given, "a list of tables")
            return []
        return [
            _Table(self.reader, f"{self.at(key)}[{index}]", item, known)
            for index, item in enumerate(given)
        ]


_TEST_KEYS: Final = ("probe", "target", "segment", "options", "deadline_seconds", "windows")
_NO_DAYS: Final[frozenset[int]] = frozenset()
_NO_OPTIONS: Final[dict[str, Json]] = {}
_WINDOW_KEYS: Final = ("days", "from", "to", "runs")


def _test(table: _Table) -> Planned:
    probe = table.need("probe", "", checks.probe)
    windows = [_window(each) for each in table.tables("windows", _WINDOW_KEYS)]
    return Planned(
        probe=probe,
        target=table.need("target", "", lambda value: checks.target(probe, value)),
        segment=table.take("segment", None, checks.segment),
        options=_options(table, probe),
        deadline_seconds=table.take("deadline_seconds", 60.0, checks.seconds(1, 600)),
        windows=tuple(window for window in windows if window is not None),
    )


def _window(table: _Table) -> Window | None:
    before = len(table.reader.mistakes)
    days = table.need("days", _NO_DAYS, checks.days)
    start = table.need("from", 0, checks.time_of_day)
    end = table.need("to", 0, checks.time_of_day)
    runs = table.need("runs", 1, checks.whole(1, DAY_SECONDS // MIN_RUN_SECONDS))
    if len(table.reader.mistakes) > before:
        return None
    if end <= start:
        table.reader.refuse(
            table.at("to"), checks.clock(end), f"a time after from ({checks.clock(start)})"
        )
        return None
    most = (end - start) // MIN_RUN_SECONDS
    if runs > most:
        allowed = f"at most {most} ({MIN_RUN_SECONDS} s for each run)"
        table.reader.refuse(table.at("runs"), runs, allowed)
        return None
    return Window(days=days, from_seconds=start, to_seconds=end, runs=runs)


def _options(table: _Table, probe: str) -> Mapping[str, Json]:
    given = table.take("options", _NO_OPTIONS, checks.any_table)
    if probe:
        try:
            resolve(import_module(REGISTRY[probe]).OPTIONS, given)
        except OptionRefused as error:
            place = f"{table.at('options')}.{checks.short(error.option)}"
            table.reader.refuse(place, error.found, error.allowed)
    return given


def _default_zone() -> ZoneInfo:
    try:
        return ZoneInfo(DEFAULT_ZONE)
    except ZoneInfoNotFoundError:
        raise ConfigRefused(
            f"zone: {DEFAULT_ZONE} is not known to this machine: install tzdata "
            "(apt-get install tzdata)"
        ) from None
