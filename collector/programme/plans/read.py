"""Everything that indicators need, read from the store: the thin shell around pure functions."""

from datetime import date, datetime

from collector.compliance import city_view
from collector.judge.calendar import Calendars
from collector.judge.criteria import Criteria
from collector.judge.week import Week, local
from collector.programme import assignment_rows, fact_rows, progress_rows
from collector.programme.plans.actuals import actuals
from collector.programme.plans.automatic import Known, compute
from collector.programme.plans.cloud import Cloud, cloud_of, cloud_tests
from collector.programme.plans.model import CityPlans
from collector.programme.plans.tracking import Tracked, track
from collector.programme.standing import DEADLINE, deadline_of, standing
from collector.store.interface import Store
from collector.store.sql import Sql
from collector.views import CityView


def tracked(
    store: Store,
    plans: CityPlans,
    criteria: Criteria,
    calendars: Calendars,
    *,
    week: Week,
    simulated: bool,
    now: datetime,
) -> list[Tracked]:
    """Give every indicator as it stands at ``now``, by the verdicts of ``week``."""
    city = city_view(store, criteria, calendars, week=week, simulated=simulated, now=now)
    known = known_of(store, plans, city, local(now).date())
    computed = {name: compute(one, known) for name, one in plans.indicators.items()}
    return track(
        plans,
        {name: one for name, one in computed.items() if one is not None},
        store.read(actuals),
        local(now).date(),
    )


def known_of(store: Store, plans: CityPlans, city: CityView, today: date) -> Known:
    """Read what indicators are computed from."""
    return Known(
        city=city,
        standing=standing(
            [row.school for row in city.rows],
            store.read(progress_rows.progress),
            today,
            deadline_of(store.setting(DEADLINE), today),
        ),
        assignments=store.read(assignment_rows.assignments),
        facts=store.read(fact_rows.facts),
        clouds=clouds_of(store, plans, city),
    )


def clouds_of(store: Store, plans: CityPlans, city: CityView) -> dict[str, Cloud]:
    """Ask of each cloud service of the plans, in the week of ``city``."""
    targets = {one.https_target for one in plans.indicators.values() if one.https_target}

    def ask(sql: Sql) -> dict[str, Cloud]:
        return {
            target: cloud_of(
                target,
                cloud_tests(sql, target, city.start, city.end, simulated=city.simulated),
            )
            for target in sorted(targets)
        }

    return store.read(ask)
