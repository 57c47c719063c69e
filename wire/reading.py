"""What to measure and when, read from a table: the parts that agent.toml and policies share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from wire import checks
from wire.measurement import Json
from wire.options import OptionRefused, resolve
from wire.planning.cost import Budget
from wire.planning.planned import CHILD_SECONDS, Planned, bound_of, calibrated
from wire.planning.timetable import DAY_SECONDS, Blackout, Closed, Window
from wire.probes import PROBES
from wire.table import Reader, Table
from wire.target_forms import hosts_of_options

MIN_RUN_SECONDS: Final = 10
"""Least time a window must have for each of its runs."""
BUDGET_KEYS: Final = ("day_bytes", "month_bytes", "fastest_bps")
CLOSED_KEYS: Final = ("first", "last", "reason")
BLACKOUT_KEYS: Final = (*CLOSED_KEYS, "from", "to")
TEST_KEYS: Final = (
    "probe",
    "target",
    "segment",
    "options",
    "deadline_seconds",
    "calibrate",
    "when_busy",
)
WINDOW_KEYS: Final = ("days", "from", "to", "on_closed_days")
busy_above_bps: Final = checks.number(1e3, 1e12)
busy_retries: Final = checks.whole(0, 20)
_NO_DAYS: Final[frozenset[int]] = frozenset()
_NO_OPTIONS: Final[dict[str, Json]] = {}

Windows = Callable[[float], Sequence[Window]]
"""Gives the windows of a test, told how many seconds each of its runs needs."""


def read_budget(table: Table) -> Budget:
    """Bytes that heavy tests may take."""
    usual = Budget()
    return Budget(
        day_bytes=table.take("day_bytes", None, checks.whole(1_000_000, 1 << 50)),
        month_bytes=table.take("month_bytes", None, checks.whole(1_000_000, 1 << 50)),
        fastest_bps=table.take("fastest_bps", usual.fastest_bps, checks.number(1e6, 1e12)),
    )


def read_closed(table: Table) -> Closed:
    """Days without lessons."""
    first = table.need("first", checks.NO_DATE, checks.date)
    last = table.take("last", first, checks.date)
    if last < first:
        table.reader.refuse(table.at("last"), last.isoformat(), f"{first.isoformat()} or later")
    return Closed(first=first, last=last, reason=table.take("reason", "", checks.text))


def read_blackout(table: Table) -> Blackout:
    """Hours in which nothing is measured."""
    days = read_closed(table)
    start = table.take("from", 0, checks.time_of_day)
    end = table.take("to", DAY_SECONDS, checks.time_of_day)
    _refuse_backwards(table, start, end)
    return Blackout(
        first=days.first, last=days.last, reason=days.reason, from_seconds=start, to_seconds=end
    )


def read_hours(table: Table) -> Window | None:
    """Days and hours of a window, without its runs (0); None where they are wrong."""
    before = len(table.reader.mistakes)
    days = table.need("days", _NO_DAYS, checks.days)
    start = table.need("from", 0, checks.time_of_day)
    end = table.need("to", 0, checks.time_of_day)
    closed = table.take("on_closed_days", False, checks.flag)
    if len(table.reader.mistakes) == before:
        _refuse_backwards(table, start, end)
    if len(table.reader.mistakes) > before:
        return None
    return Window(days=days, from_seconds=start, to_seconds=end, runs=0, on_closed_days=closed)


def most_runs(window: Window, each_seconds: float) -> int:
    """How many runs of ``each_seconds`` a window holds."""
    return int((window.to_seconds - window.from_seconds) // each_seconds)


def too_many(most: int, each_seconds: float) -> str:
    """Say what is allowed where a window holds too many runs."""
    return f"at most {most} ({each_seconds:g} s for each run)"


def read_test(table: Table, windows: Windows) -> Planned:
    """One thing to measure."""
    probe = table.need("probe", "", checks.probe)
    deadline_seconds = table.take("deadline_seconds", 60.0, checks.seconds(1, 600))
    options = _options(table, probe)
    planned = Planned(
        probe=probe,
        target=table.need("target", "", lambda value: checks.target(probe, value, options)),
        segment=table.take("segment", None, checks.segment),
        options=options,
        deadline_seconds=deadline_seconds,
        calibrate=table.take("calibrate", "never", checks.one_of("weekly", "never")) == "weekly",
        when_busy="defer"
        if table.take("when_busy", "measure", checks.one_of("measure", "defer")) == "defer"
        else "measure",
    )
    heavy = probe != "" and planned.heavy
    if planned.calibrate and not (heavy and "seconds" in PROBES[probe].options):
        table.reader.refuse(table.at("calibrate"), "weekly", "never: only throughput has a length")
    each_seconds = deadline_seconds + CHILD_SECONDS if heavy else MIN_RUN_SECONDS
    return replace(planned, windows=tuple(windows(each_seconds)))


def refuse_small_budget(reader: Reader, tests: Sequence[Planned], budget: Budget) -> None:
    """A budget below one run would never let it run."""
    for number, planned in enumerate(tests):
        if not planned.heavy:
            continue
        longest = calibrated(planned) if planned.calibrate else planned
        needed = bound_of(longest, budget.fastest_bps)
        for key in ("day_bytes", "month_bytes"):
            limit = getattr(budget, key)
            if limit is not None and limit < needed:
                reader.refuse(
                    f"budget.{key}",
                    limit,
                    f"at least {needed}, one run of tests[{number}] at fastest_bps "
                    f"{budget.fastest_bps:g}: raise it, shorten options.seconds, or set "
                    "fastest_bps to what the line can carry at most",
                )
                return


def _options(table: Table, probe: str) -> Mapping[str, Json]:
    given = table.take("options", _NO_OPTIONS, checks.any_table)
    if probe:
        try:
            resolve(PROBES[probe].options, given)
            hosts_of_options(PROBES[probe], given)
        except OptionRefused as error:
            place = f"{table.at('options')}.{checks.short(error.option)}"
            table.reader.refuse(place, error.found, error.allowed)
            return _NO_OPTIONS
    return given


def _refuse_backwards(table: Table, start: int, end: int) -> None:
    if end <= start:
        table.reader.refuse(
            table.at("to"), checks.clock(end), f"a time after from ({checks.clock(start)})"
        )
