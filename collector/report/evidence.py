"""What a school that is NOT MET shows its line operator: tests, hours, failures. Pure."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from statistics import median
from typing import Final

from collector.judge.calendar import Window
from collector.judge.model import SEGMENTS_BESIDE_THE_LINE, Figure
from collector.judge.week import local
from collector.report.clean import clean
from collector.report.document_schools import Evidence, HourLine, SchoolLine, Test
from collector.report.evidence_rows import Tested
from collector.report.gather import Material

MOST_TESTS: Final = 80
_WINDOWS: Final = {Window.QUIET: Figure.QUIET, Window.LESSON: Figure.LESSON}


def evidence_of(material: Material, line: SchoolLine) -> Evidence:
    """Gather the evidence of one school."""
    tested = material.tested.get(line.code, ())
    over_the_line = [one for one in tested if one.segment not in SEGMENTS_BESIDE_THE_LINE]
    inside = [
        one.download_bps
        for one in tested
        if one.segment == "lan" and one.outcome == "ok" and _usable(one.download_bps)
    ]
    tests = _tests(material, line, over_the_line)
    shown = tests[:: max(1, math.ceil(len(tests) / MOST_TESTS))]
    uploads = [one.upload_bps for one in over_the_line if _usable(one.upload_bps)]
    return Evidence(
        school_code=line.code,
        segments=tuple(sorted({clean(one.segment or "line") for one in over_the_line})),
        targets=tuple(sorted({clean(one.target) for one in over_the_line})),
        tests=tuple(shown),
        tests_left_out=len(tests) - len(shown),
        hours=_hours(tests),
        failures=dict(
            sorted(
                Counter(
                    one.failure_code or "unknown"
                    for one in over_the_line
                    if one.outcome in ("failed", "invalid")
                ).items()
            )
        ),
        upload_median_bps=_median(uploads),
        inside_median_bps=_median(inside),
        inside_runs=len(inside),
    )


def _tests(material: Material, line: SchoolLine, tested: Sequence[Tested]) -> list[Test]:
    windows = material.calendars.for_school(line.code).week_windows(material.week)
    found = []
    for one in tested:
        window = windows.classify(one.started_at)
        figure = None if window is None else _WINDOWS.get(window)
        if figure is None or one.outcome == "deferred":
            continue
        ok = one.outcome == "ok" and _usable(one.download_bps)
        download = round(one.download_bps or 0) if ok else None
        counted = one.cross_traffic_bps if _usable(one.cross_traffic_bps) else None
        found.append(
            Test(
                started_at=one.started_at.replace(microsecond=0),
                window=figure,
                download_bps=download,
                capacity_bps=None
                if download is None or counted is None
                else download + round(counted),
            )
        )
    return found


def _hours(tests: Sequence[Test]) -> tuple[HourLine, ...]:
    by_hour: dict[tuple[int, Figure], list[int]] = defaultdict(list)
    for one in tests:
        value = one.download_bps if one.capacity_bps is None else one.capacity_bps
        if value is not None:
            by_hour[local(one.started_at).hour, one.window].append(value)
    return tuple(
        HourLine(
            hour=hour,
            window=window,
            runs=len(values),
            median_bps=round(median(values)),
            least_bps=min(values),
            most_bps=max(values),
        )
        for (hour, window), values in sorted(by_hour.items())
    )


def _median(values: Sequence[float | None]) -> int | None:
    known = [value for value in values if value is not None]
    return round(median(known)) if known else None


def _usable(value: float | None) -> bool:
    return value is not None and math.isfinite(value) and value >= 0
