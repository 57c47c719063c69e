"""A school's policy in words for a command line, and as JSON."""

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from collector.policy.model import Effective, Layer
from wire.checks import clock
from wire.measurement import Json
from wire.planning.forecast import Forecast, forecast
from wire.planning.timetable import WEEKDAYS


def preview(effective: Effective, seed: str, first: date, days: int) -> list[Forecast]:
    """What a policy will do: exact numbers of runs, an upper bound of bytes."""
    policy = effective.policy
    return forecast(policy.tests, policy.timetable, policy.budget, seed, first, days)


def preview_lines(effective: Effective, days: Sequence[Forecast]) -> Iterator[str]:
    """The preview as a table."""
    policy = effective.policy
    yield f"policy {effective.version}: {len(policy.tests)} tests"
    for day in days:
        closed = f"  closed: {day.closed}" if day.closed else ""
        yield f"{day.day.isoformat()} {WEEKDAYS[day.day.weekday()]}{closed}"
        for dark in policy.timetable.blackouts_on(day.day):
            hours = f"{clock(dark.from_seconds)}-{clock(dark.to_seconds)}"
            yield f"  {hours}  blackout: {dark.reason or 'no reason given'}"
        for one in day.windows:
            test = policy.tests[one.test]
            window = test.windows[one.window]
            hours = f"{clock(window.from_seconds)}-{clock(window.to_seconds)}"
            name = policy.window_names[one.test][one.window]
            left = f", {one.left_out_count} without a slot ({one.reason})"
            yield (
                f"  {hours}  {name}: {test.probe} to {test.target}: {one.planned_count} tests"
                + (left if one.left_out_count else "")
            )
        yield f"  bytes: at most {day.most_bytes:,}{_of(policy.budget.day_bytes, 'day')}"
        yield f"  month: at most {day.month_most_bytes:,}{_of(policy.budget.month_bytes, 'month')}"


def preview_json(effective: Effective, days: Sequence[Forecast]) -> dict[str, Json]:
    """The preview for programs."""
    policy = effective.policy
    return {
        "version": effective.version,
        "days": [
            {
                "day": day.day.isoformat(),
                "closed": day.closed,
                "runs_count": day.runs_count,
                "heavy_count": day.heavy_count,
                "most_bytes": day.most_bytes,
                "month_most_bytes": day.month_most_bytes,
                "windows": [
                    {
                        "name": policy.window_names[one.test][one.window],
                        "from": clock(policy.tests[one.test].windows[one.window].from_seconds),
                        "to": clock(policy.tests[one.test].windows[one.window].to_seconds),
                        "probe": policy.tests[one.test].probe,
                        "target": policy.tests[one.test].target,
                        "planned_count": one.planned_count,
                        "left_out_count": one.left_out_count,
                        "reason": one.reason,
                    }
                    for one in day.windows
                ],
            }
            for day in days
        ],
    }


def pretty(document: Mapping[str, Json]) -> str:
    """A document for people: one line an entry, keys in order."""
    return json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True)


def difference(before: Layer | None, after: Mapping[str, Json], name: str) -> list[str]:
    """Lines that differ between a version and a document (unified diff); empty where none do."""
    old = pretty(before.document).splitlines() if before is not None else []
    old_name = "nothing" if before is None else f"revision {before.revision}"
    new = pretty(after).splitlines() if after else []
    return list(difflib.unified_diff(old, new, old_name, name, lineterm=""))


def _of(limit: int | None, period: str) -> str:
    return f", no budget of the {period}" if limit is None else f" of {limit:,}"
