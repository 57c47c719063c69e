"""The policy document: what a school's agent measures, when, towards what, with which budget.

JSON, read strictly by the same code on both sides; docs/policy.md describes it with an example.
:func:`read` takes a whole policy, as an agent goes by it. A *layer* (:func:`read_layer`) is what
the centre keeps for the city, a group or one school: any of the sections; laid over each other
they make whole policies. Switching off is no policy: that is suppression.

All mistakes are told at once, each with its path in the document and what is allowed there.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final
from zoneinfo import ZoneInfo

from wire import checks, reading
from wire.fields import PROBE_NAME
from wire.measurement import Json
from wire.parsing import Refused, Words, check_json, parse_object
from wire.planning.cost import Budget
from wire.planning.planned import Planned
from wire.planning.timetable import Blackout, Closed, Timetable, Window
from wire.policy_effect import MAX_RUNS_A_DAY, busiest_day_runs, longest_pause
from wire.probes import PROBES
from wire.table import Reader, Table

FORMAT: Final = 1
MAX_POLICY_BYTES: Final = 128 * 1024
"""Of the canonical text."""
MAX_TESTS: Final = 50
MAX_NAMES: Final = 20
MAX_WINDOWS: Final = 50
"""Under one name."""
MAX_RANGES: Final = 400
"""Entries of ``closed``, and of ``blackouts``."""
MAX_RANGE_DAYS: Final = 4_000
"""Days of all entries of ``closed`` and ``blackouts`` together."""
MAX_MISTAKES: Final = 20
"""More are not told."""
MOST_PAUSE_DAYS: Final = 100
"""Longest stretch that closed days and blackouts may leave without any run."""
DEFAULT_ZONE: Final = "Asia/Tokyo"
SWITCH_OFF: Final = "to switch off on purpose, suppress"
SECTIONS: Final = ("zone", "timetable", "tests", "budget", "line", "closed", "blackouts")
_TOP_KEYS: Final = ("format", *SECTIONS)
_LINE_KEYS: Final = ("busy_above_bps", "busy_retries")
_TEST_KEYS: Final = (*reading.TEST_KEYS, "runs")
_NOTHING: Final[dict[str, Json]] = {}


class PolicyRefused(ValueError):
    """A document that is no policy; each of ``mistakes`` is one line: place, found, allowed."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        more = len(mistakes) - MAX_MISTAKES
        told = [*mistakes[:MAX_MISTAKES], *([f"and {more} more"] if more > 0 else ())]
        self.mistakes = tuple(told)
        super().__init__("\n".join(told))


@dataclass(frozen=True, kw_only=True)
class Policy:
    """A document that was read. Of a layer, ``tests`` have no windows."""

    tests: tuple[Planned, ...] = ()
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo(DEFAULT_ZONE))
    budget: Budget = field(default_factory=Budget)
    busy_above_bps: float | None = None
    """None: as the appliance has it."""
    busy_retries: int | None = None
    closed: tuple[Closed, ...] = ()
    blackouts: tuple[Blackout, ...] = ()
    window_names: tuple[tuple[str, ...], ...] = ()
    """For each test the name that each of its windows has in ``timetable``."""

    @cached_property
    def timetable(self) -> Timetable:
        """The tests as the plan sees them."""
        return Timetable(
            tasks=tuple(planned.task() for planned in self.tests),
            zone=self.zone,
            closed=self.closed,
            blackouts=self.blackouts,
        )


def canonical(document: Mapping[str, Json]) -> str:
    """Write a document in its one form: keys in order, no blanks. Hash and size are of this."""
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def sha256_of(text: str) -> str:
    """SHA-256 of the UTF-8 of a canonical text, hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def parse(text: str) -> dict[str, Json]:
    """Read JSON into a document that is not checked yet. Raises :class:`PolicyRefused`."""
    try:
        raw = text.encode()
        if len(raw) > MAX_POLICY_BYTES:
            allowed = f"at most {MAX_POLICY_BYTES} bytes"
            raise PolicyRefused([f"policy: found {len(raw)} bytes, allowed is {allowed}"])
        document = parse_object(raw, "policy")
        _check_strings(document)
    except UnicodeEncodeError:
        raise PolicyRefused(["policy: found a lone surrogate, allowed is UTF-8 text"]) from None
    except Refused as error:
        raise PolicyRefused([str(error)]) from None
    return document


def read(document: Mapping[str, Any]) -> Policy:
    """Read a whole policy. Raises :class:`PolicyRefused`, also for one that measures nothing."""
    reader = Reader()
    policy = _read(reader, document, whole=True)
    if not reader.mistakes:
        _refuse_nothing(reader, policy)
    if not reader.mistakes:
        reading.refuse_small_budget(reader, policy.tests, policy.budget)
    if reader.mistakes:
        raise PolicyRefused(reader.mistakes)
    return policy


def read_layer(document: Mapping[str, Any]) -> Policy:
    """Check the sections of a layer, each for itself. Raises :class:`PolicyRefused`."""
    reader = Reader()
    policy = _read(reader, document, whole=False)
    if reader.mistakes:
        raise PolicyRefused(reader.mistakes)
    return policy


def read_command(details: Mapping[str, Any]) -> Planned:
    """Read one test that is to be run once, now. Raises :class:`PolicyRefused`."""
    reader = Reader()
    known = [key for key in reading.TEST_KEYS if key not in ("calibrate", "when_busy")]
    table = Table(reader, "", details, known)
    planned = reading.read_test(table, lambda _seconds: ())
    _refuse_local(table, planned)
    if reader.mistakes:
        raise PolicyRefused(reader.mistakes)
    return planned


def _check_strings(document: Mapping[str, Any]) -> None:
    for name, value in document.items():
        check_json(name if name.isprintable() else "policy", value, 2)
        if len(name) > 1_000:
            raise Refused("policy", Words("a long key"), "names of sections")


def _read(reader: Reader, document: Mapping[str, Any], *, whole: bool) -> Policy:
    top = Table(reader, "", document, _TOP_KEYS)
    top.need("format", FORMAT, checks.whole(FORMAT, FORMAT))
    names = _timetable(top)
    tests, windows = _tests(top, names, whole=whole)
    line = top.table("line", _LINE_KEYS)
    policy = Policy(
        zone=top.take("zone", None, checks.zone) or ZoneInfo(DEFAULT_ZONE),
        tests=tests,
        window_names=windows,
        budget=reading.read_budget(top.table("budget", reading.BUDGET_KEYS)),
        busy_above_bps=line.take("busy_above_bps", None, reading.busy_above_bps),
        busy_retries=line.take("busy_retries", None, reading.busy_retries),
        closed=tuple(
            reading.read_closed(each)
            for each in _few(top.tables("closed", reading.CLOSED_KEYS), top, "closed", MAX_RANGES)
        ),
        blackouts=tuple(
            reading.read_blackout(each)
            for each in _few(
                top.tables("blackouts", reading.BLACKOUT_KEYS), top, "blackouts", MAX_RANGES
            )
        ),
    )
    ranges: tuple[Closed | Blackout, ...] = (*policy.closed, *policy.blackouts)
    days = sum((each.last - each.first).days + 1 for each in ranges)
    if days > MAX_RANGE_DAYS:
        reader.refuse(
            "closed", f"{days} days with blackouts", f"at most {MAX_RANGE_DAYS} days together"
        )
    return policy


def _few(tables: list[Table], top: Table, key: str, most: int) -> list[Table]:
    if len(tables) > most:
        top.reader.refuse(top.at(key), f"{len(tables)} entries", f"at most {most}")
    return tables[:most]


def _timetable(top: Table) -> dict[str, list[Window]]:
    given = top.take("timetable", _NOTHING, checks.any_table)
    found: dict[str, list[Window]] = {}
    if len(given) > MAX_NAMES:
        top.reader.refuse("timetable", f"{len(given)} names", f"at most {MAX_NAMES}")
        return found
    table = Table(top.reader, "timetable", given, list(given))
    for name in given:
        if PROBE_NAME.fullmatch(name) is None:
            place = f"timetable.{checks.short(name)}"
            top.reader.refuse(place, "this name", "a name of a-z, 0-9 and _, such as lesson quiet")
            continue
        each = _few(table.tables(name, reading.WINDOW_KEYS), table, name, MAX_WINDOWS)
        windows = [reading.read_hours(one) for one in each]
        found[name] = [window for window in windows if window is not None]
    return found


def _tests(
    top: Table, names: Mapping[str, list[Window]], *, whole: bool
) -> tuple[tuple[Planned, ...], tuple[tuple[str, ...], ...]]:
    tests: list[Planned] = []
    named: list[tuple[str, ...]] = []
    for table in _few(top.tables("tests", _TEST_KEYS), top, "tests", MAX_TESTS):
        chosen: list[tuple[str, Window]] = []

        def windows(
            each_seconds: float, table: Table = table, chosen: list[tuple[str, Window]] = chosen
        ) -> list[Window]:
            chosen += _runs(table, names, each_seconds, whole=whole)
            return [window for _, window in chosen]

        planned = reading.read_test(table, windows)
        _refuse_local(table, planned)
        tests.append(planned)
        named.append(tuple(name for name, _ in chosen))
    return tuple(tests), tuple(named)


def _runs(
    table: Table, names: Mapping[str, list[Window]], each_seconds: float, *, whole: bool
) -> list[tuple[str, Window]]:
    """The windows of a test by ``runs``: a name of the timetable to runs in each such window."""
    given = table.need("runs", _NOTHING, checks.any_table)
    inner = Table(table.reader, table.at("runs"), given, list(given))
    chosen = []
    for name in given:
        runs = inner.take(name, 0, checks.whole(0, 8_640))
        if name not in names:
            if whole:
                known = " ".join(sorted(names)) or "nothing: there is no timetable"
                table.reader.refuse(inner.at(checks.short(name)), "this name", f"one of {known}")
            continue
        for window in names[name] if runs and whole else ():
            most = reading.most_runs(window, each_seconds)
            if runs > most:
                allowed = reading.too_many(most, each_seconds)
                hours = f"{checks.clock(window.from_seconds)}-{checks.clock(window.to_seconds)}"
                table.reader.refuse(inner.at(name), runs, f"{allowed} in {hours}")
                break
            chosen.append((name, replace(window, runs=runs)))
    return chosen


def _refuse_local(table: Table, planned: Planned) -> None:
    """What names a file of the appliance is the appliance's own."""
    if not planned.probe:
        return
    for name, option in PROBES[planned.probe].options.items():
        if option.form == "file" and planned.options.get(name) is not None:
            place = f"{table.at('options')}.{name}"
            table.reader.refuse(place, "a file", "nothing: only agent.toml names files")


def _refuse_nothing(reader: Reader, policy: Policy) -> None:
    """A policy that measures nothing is a mistake, or suppression under another name."""
    if busiest_day_runs(policy.timetable) == 0:
        reader.refuse("tests", "no run in any week", f"at least one; {SWITCH_OFF}")
        return
    if (runs := busiest_day_runs(policy.timetable)) > MAX_RUNS_A_DAY:
        reader.refuse("tests", f"{runs} runs a day", f"at most {MAX_RUNS_A_DAY}")
        return
    pause = longest_pause(policy.timetable)
    if pause.days > MOST_PAUSE_DAYS:
        reader.refuse(
            "closed and blackouts",
            f"no run for {pause.days} days from {pause.first.isoformat()}",
            f"at most {MOST_PAUSE_DAYS} days without a run; {SWITCH_OFF}",
        )
