"""The list of schools on the city page: one line a school, filtered and sorted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from collector.judge.bands import Band
from collector.judge.model import Reason, Status, Verdict
from collector.pages import format as fmt
from collector.pages.i18n import Words
from collector.views import SchoolRow

Key = str | float | None
STATUS_ORDER: Final = {Status.MET: 0, Status.UNDETERMINED: 1, Status.NOT_MET: 2}
HEALTH_ORDER: Final = {"fresh": 0, "late": 1, "silent": 2, "never_enrolled": 3}
COLUMNS: Final = {
    "school": False,
    "pupils": True,
    "verdict": False,
    "required": True,
    "measured": True,
    "margin": True,
    "lesson": False,
    "age": False,
    "agent": False,
    "baseline": False,
}
"""Name, and whether it holds numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What the reader asked for; empty means everything."""

    q: str = ""
    status: str = ""
    region: str = ""
    band: str = ""
    sample: bool = False
    sort: str = "school"
    descending: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One school; texts are ready, ``key`` holds what each column is sorted by."""

    code: str
    name: str
    url: str
    region: str
    band: str
    sample: bool
    search: str
    pupils: str
    quiet: Status
    required: str
    measured: str
    interval: str
    margin: str
    margin_percent: str
    lesson: Status
    lesson_measured: str
    age: str
    agent: str
    agent_title: str
    baseline: str
    key: Mapping[str, Key]


def line(words: Words, row: SchoolRow, now: datetime, url: str) -> Line:
    """Tell one school."""
    school, required_bps = row.school, row.requirement.required_bps
    most_bps, least_bps = row.margin_bps, row.least_margin_bps
    upper_bps = row.requirement.upper_bps
    met = None if row.baseline is None else row.baseline.met
    health = row.agent_health.value
    seen = row.agent_seen_at
    return Line(
        code=school.code,
        name=school.name,
        url=url,
        region=school.region,
        band=row.band.label,
        sample=school.sample,
        search=f"{school.name} {school.code}".casefold(),
        pupils=words("value.pupils", number=f"{school.pupils:,}"),
        quiet=row.quiet.status,
        required=fmt.required(words, required_bps, upper_bps),
        measured=_measured(words, row.quiet),
        interval=fmt.mbps_range(words, row.quiet.low_bps, row.quiet.high_bps),
        margin=words("site.none")
        if most_bps is None or least_bps is None
        else fmt.margin(words, least_bps, most_bps),
        margin_percent=""
        if most_bps is None or least_bps is None
        else fmt.margin_percent(words, least_bps / upper_bps, most_bps / required_bps),
        lesson=row.lesson.status,
        lesson_measured=_measured(words, row.lesson),
        age=fmt.age(words, row.newest_result_at, now),
        agent=health,
        agent_title=words("agent.never_seen")
        if seen is None
        else words("agent.last_seen", time=fmt.moment(words, seen)),
        baseline="none" if met is None else "met" if met else "not_met",
        key={
            "school": school.code,
            "pupils": school.pupils,
            "verdict": STATUS_ORDER[row.quiet.status],
            "required": required_bps,
            "measured": row.measured_bps,
            "margin": None if least_bps is None else least_bps / upper_bps,
            "lesson": STATUS_ORDER[row.lesson.status],
            "age": row.newest_result_age_seconds,
            "agent": HEALTH_ORDER[health],
            "baseline": None if met is None else int(not met),
        },
    )


def choose(lines: Sequence[Line], wanted: Filter) -> list[Line]:
    """Keep the lines that match, in the wanted order; what has no value comes last."""
    kept = [item for item in lines if _matches(item, wanted)]
    column = wanted.sort if wanted.sort in COLUMNS else "school"
    known = [item for item in kept if item.key[column] is not None]
    unknown = [item for item in kept if item.key[column] is None]
    known.sort(key=lambda item: _sortable(item.key[column]), reverse=wanted.descending)
    return known + unknown


def columns(words: Words, wanted: Filter, week: str, base: str) -> list[dict[str, object]]:
    """Heads of the table, each with the address that sorts by it."""
    result = []
    for name, number in COLUMNS.items():
        current = wanted.sort == name
        descending = current and not wanted.descending
        asked = {
            "week": week,
            "q": wanted.q,
            "status": wanted.status,
            "region": wanted.region,
            "band": wanted.band,
            "sample": "1" if wanted.sample else "",
            "sort": name,
            "order": "desc" if descending else "",
        }
        order = ("descending" if wanted.descending else "ascending") if current else ""
        result.append(
            {
                "name": name,
                "label": words(f"column.{name}"),
                "number": number,
                "order": order,
                "url": f"{base}?{urlencode({key: text for key, text in asked.items() if text})}",
            }
        )
    return result


def band_words(words: Words, band: Band) -> str:
    """60 人以下, 61〜120 人, 841 人以上."""
    if band.last is None:
        return words("city.band_last", first=band.first)
    if band.first <= 1:
        return words("city.band_first", last=band.last)
    return words("city.band_middle", first=band.first, last=band.last)


def _measured(words: Words, verdict: Verdict) -> str:
    """The median, or a dash with the reason why there is none."""
    if verdict.median_bps is not None:
        return fmt.mbps(words, verdict.median_bps)
    failed = Reason.ALL_FAILED in verdict.reasons
    why = words("value.all_failed") if failed else words("value.not_measured")
    return f"{words('site.none')} {why}"


def _matches(item: Line, wanted: Filter) -> bool:
    return (
        wanted.q.casefold() in item.search
        and wanted.status in ("", item.quiet.value)
        and wanted.region in ("", item.region)
        and wanted.band in ("", item.band)
        and (item.sample or not wanted.sample)
    )


def _sortable(key: Key) -> tuple[float, str]:
    return (0.0, key) if isinstance(key, str) else (float(key or 0.0), "")
