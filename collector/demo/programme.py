"""The assessment programme of the fictional city, as it would stand after its sample was assessed.

What is wrong at each school follows the cause behind its simulated measurements; what no agent
measures (access points, loops, addresses) is planted. Papers of all schools, visits to the nine
sample schools and their decisions are simulated and say so; measured facts are made from the
simulated results by the same code as those of a real city.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from random import Random
from typing import Final

from collector.demo.profiles import Path, Plan
from collector.judge.calendar import Calendars
from collector.judge.criteria import Criteria
from collector.operators.audit import audit
from collector.programme import decision_rows, fact_rows, progress_rows
from collector.programme.facts_catalogue import load_facts
from collector.programme.findings_catalogue import load_findings
from collector.programme.measured_refresh import refresh
from collector.programme.model import Decided, Fact, Progress, State
from collector.programme.planted.city import NOTED_BY, NOTED_ON, decided, known
from collector.programme.planted.plant import plant
from collector.programme.planted.site import Site
from collector.programme.survey_change import Author, confirm_school
from collector.programme.survey_state import Catalogues, city_survey
from collector.rollup.keeper import roll_all
from collector.schools.model import School
from collector.shown import Shown
from collector.store.interface import Store
from collector.store.sql import Sql

SEED: Final = 75
CAUSES: Final[Mapping[str, str]] = {
    "port_100m": "port_100m",
    "router_limit": "router_limit",
    "pppoe_congested": "pppoe_congested",
    "pppoe_evening": "pppoe_congested",
    "thin_aggregation": "aggregation_thin",
    "appliance": "appliance_limit",
    "filter": "interception",
}
"""What the simulated measurements' causes are called in the catalogue of findings."""
SHARED_LINE: Final = "shared_line_saturated"
USED_UP: Final = 0.8
"""Share of the line that lessons use, from which on it is used up."""
LITTLE: Final = 0.35
"""Share of the contract below which a line carries little."""
NOT_SIMULATED: Final = frozenset(
    {
        *("ap_overload", "channel_interference", "radar_channel", "loop", "address_pool"),
        *("nat_sessions", "port_errors"),
    }
)
"""Faults that show in no simulated measurement: planted beside the causes."""
CONFIRMED: Final = 24
"""Desk surveys that are confirmed already; as many again, halved, are begun."""
ASSESSOR: Final = "模擬 / simulated"


def add_programme(
    store: Store,
    criteria: Criteria,
    calendars: Calendars,
    plans: Mapping[str, Plan],
    shown: Shown,
    now: datetime,
) -> None:
    """Put facts, decisions and progress into a store that holds the city's judged results."""
    roll_all(store, now)
    refresh(store, calendars, shown, NOTED_BY, now)
    catalogues = Catalogues(facts=load_facts(), findings=load_findings())
    random = Random(SEED)  # noqa: S311 - a simulation, no secret
    schools = store.schools()
    planted = sites(schools, criteria, plans, random)  # as planted_sites
    samples = [school.code for school in schools if school.sample]
    facts = list(known(planted, samples, random))
    told = list(decided(planted, samples, list(catalogues.findings), random))
    store.write(lambda sql: _keep(sql, facts, told, samples, shown.now()))
    author = Author(NOTED_BY, shown.now())
    others = list(city_survey(store, criteria, catalogues, shown).others)
    random.shuffle(others)
    for one in others[:CONFIRMED]:
        confirm_school(store, one.judgements, 0, author, ASSESSOR)
    begun = [one.school.code for one in others[CONFIRMED : CONFIRMED * 3 // 2]]
    store.write(lambda sql: _begin(sql, begun, shown.now()))


def planted_sites(
    schools: Sequence[School], criteria: Criteria, plans: Mapping[str, Plan]
) -> list[Site]:
    """Make the sites of this city: the same for its devices as for its papers and visits."""
    random = Random(SEED)  # noqa: S311 - a simulation, no secret
    return sites(schools, criteria, plans, random)


def sites(
    schools: Sequence[School], criteria: Criteria, plans: Mapping[str, Plan], random: Random
) -> list[Site]:
    """Make what each school has, with faults and equipment that fit its measurements."""
    planted = plant(schools, lambda pupils: criteria.requirement(pupils).required_bps, random)
    return [_fitting(site, plans[site.school.code][-1]) for site in planted]


def _fitting(site: Site, path: Path) -> Site:
    """What its simulated path shows: a shared line is used up, or carries little at any hour."""
    faults = site.faults & NOT_SIMULATED
    fault = CAUSES.get(path.cause)
    if path.cause == SHARED_LINE:
        used_up = path.lesson_use_ratio >= USED_UP
        faults |= {"line_saturated"} if used_up else set()
        faults |= (
            {"line_below_contract"} if path.capacity_bps < LITTLE * site.contract_bps else set()
        )
    elif fault is not None:
        faults |= {fault}
    needed = site.required_bps
    router, switch = site.router, site.switch
    if fault == "router_limit":
        router = replace(router, rated_bps=needed * 0.7, told_bps=needed * 0.9)
    elif router.rated_bps < needed * 1.3:
        router = replace(router, rated_bps=needed * 1.6, told_bps=needed * 1.8)
    if fault == "port_100m":
        switch = replace(switch, category="cat5")
    return replace(
        site,
        faults=frozenset(faults),
        router=router,
        switch=switch,
        share_bps=needed * 0.6,
    )


def _keep(
    sql: Sql, facts: Sequence[Fact], told: Sequence[Decided], samples: Sequence[str], now: datetime
) -> None:
    for fact in facts:
        fact_rows.put_fact(sql, fact)
    for one in told:
        decision_rows.decide(sql, one, now)
    for code in samples:
        progress_rows.put_progress(sql, _state(code, State.IDENTIFIED, NOTED_ON), NOTED_BY, now)
    detail = {"facts": len(facts), "decisions": len(told), "simulated": True}
    audit(sql, NOTED_BY, "demo.programme", "city", detail, now)


def _begin(sql: Sql, codes: Sequence[str], now: datetime) -> None:
    for code in codes:
        begun = _state(code, State.INVESTIGATING, now.date())
        progress_rows.put_progress(sql, begun, NOTED_BY, now)


def _state(code: str, state: State, day: date) -> Progress:
    return Progress(
        school_code=code,
        state=state,
        since_on=day,
        planned_on=None,
        assessor=ASSESSOR,
        note="",
        version=0,
    )
