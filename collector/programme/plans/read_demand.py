"""What demand and update days need, read from the store."""

from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction

from collector.compliance import city_view
from collector.judge.calendar import Calendars, Window
from collector.judge.criteria import Criteria
from collector.judge.model import SEGMENTS_BESIDE_THE_LINE, Figure
from collector.judge.statistics import median_interval
from collector.judge.week import Week
from collector.programme import fact_rows
from collector.programme.plans.automatic import devices_by_school
from collector.programme.plans.demand import (
    Capacity,
    Demand,
    DevicesFrom,
    Lesson,
    capacity_of_upload,
    demand,
)
from collector.programme.plans.update_days import UpdateDays, compare, weeks_before
from collector.store.interface import Store
from collector.store.sql import Sql
from collector.store.times import clock_suspect, from_micros, to_micros
from collector.views import SchoolRow


def demands(  # noqa: PLR0913 - which city, which lesson, by which rules
    store: Store,
    criteria: Criteria,
    calendars: Calendars,
    lesson: Lesson,
    *,
    concurrency: Fraction,
    figure: Figure,
    week: Week,
    simulated: bool,
    now: datetime,
) -> list[tuple[SchoolRow, Demand]]:
    """Give what every school would need for a lesson, by code."""
    city = city_view(store, criteria, calendars, week=week, simulated=simulated, now=now)
    devices = devices_by_school(store.read(fact_rows.facts))
    uploads: dict[str, Capacity] = {}
    if lesson.up_mbps is not None:
        uploads = store.read(
            lambda sql: _uploads(sql, calendars, figure, week, simulated=simulated)
        )
    found: list[tuple[SchoolRow, Demand]] = []
    for row in city.rows:
        code = row.school.code
        known = code in devices
        found.append(
            (
                row,
                demand(
                    row.verdict(figure),
                    devices[code] if known else row.school.pupils,
                    DevicesFrom.FACT if known else DevicesFrom.PUPILS,
                    lesson,
                    concurrency,
                    uploads.get(code),
                ),
            )
        )
    return found


def update_days(
    store: Store, calendars: Calendars, *, until: datetime, weeks: int, simulated: bool
) -> UpdateDays:
    """Compare lesson hours on update days with others, over some weeks that end at ``until``."""
    start = weeks_before(until, weeks)
    return compare(store.observations_between(start, until, simulated=simulated), calendars)


def _uploads(
    sql: Sql, calendars: Calendars, figure: Figure, week: Week, *, simulated: bool
) -> dict[str, Capacity]:
    """Uploads of a week in the hours of one figure. Traffic of others is not counted in them."""
    beside = ", ".join("?" * len(SEGMENTS_BESIDE_THE_LINE))
    rows = sql.execute(
        "SELECT school_code, started_at, received_at, upload_bps FROM result "  # noqa: S608 - constants
        "WHERE school_code IN (SELECT code FROM school) AND started_at >= ? AND started_at < ? "
        "AND probe = 'throughput' AND outcome = 'ok' AND simulated = ? "
        f"AND upload_bps IS NOT NULL AND (segment IS NULL OR segment NOT IN ({beside})) "
        "ORDER BY school_code, started_at",
        (to_micros(week.start), to_micros(week.end), simulated, *SEGMENTS_BESIDE_THE_LINE),
    )
    wanted = Window.QUIET if figure is Figure.QUIET else Window.LESSON
    values: dict[str, list[float]] = {}
    for code, started, received, upload_bps in rows:
        moment = from_micros(started)
        if clock_suspect(moment, from_micros(received)):
            continue
        if calendars.for_school(code).classify(moment) is wanted:
            values.setdefault(code, []).append(upload_bps)
    return {code: _capacity(of_school, figure) for code, of_school in values.items()}


def _capacity(values: Sequence[float], figure: Figure) -> Capacity:
    return capacity_of_upload(median_interval(values), high_open=figure is Figure.LESSON)
