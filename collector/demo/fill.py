"""Put the fictional city into an empty store, by the ways every real city takes.

Schools and baseline go through the CSV import, agents through enrolment, measurements through
the validation of the ingest route and the store's writer, verdicts through the judge.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import groupby
from pathlib import Path
from random import Random
from typing import Final

from collector import resources
from collector.api.ingest import sort_out
from collector.clock import SystemClock
from collector.compliance import ensure_week, judge_dirty
from collector.demo.city import CITY_NAME_EN, CITY_NAME_JA
from collector.demo.devices import device_reports
from collector.demo.measures import add_measures
from collector.demo.profiles import WEEKS, plans
from collector.demo.programme import add_programme, planted_sites
from collector.demo.simulator import SEED, SimulatedAgent, moment_of, simulate
from collector.judge.calendar import Calendars
from collector.judge.criteria import Criteria
from collector.judge.week import Week
from collector.pages.sources import CITY_NAME
from collector.programme.plans.adopted import adopt
from collector.programme.plans.file import load_plans
from collector.schools.csv_import import parse_baseline, parse_schools
from collector.shown import SHOWN_WEEK, SIMULATED_CITY, SIMULATED_NOW, Shown
from collector.store.interface import Agent, Batch, Store
from collector.topology.weekly import keep_weeks
from wire.codec import encode, format_time
from wire.messages import encode_batch

DELIVERED_AT: Final = time(19, 30)
"""Friday evening: every simulated agent delivers what it measured that week."""
LOOKED_AT: Final = time(20, 0)
"""The moment of the last Friday at which the city is looked at."""
FRIDAY: Final = 4
TIMEOUT_SECONDS: Final = 120.0


class DemoFailed(Exception):
    """The demonstration cannot go on; the text says why."""


@dataclass(frozen=True, slots=True)
class Filled:
    """What was put into the store."""

    schools: int
    measurements: int
    verdicts: int


def fill(
    store: Store,
    criteria: Criteria,
    calendars: Calendars,
    folder: Path,
    *,
    now: datetime,
    new_secret: Callable[[], str],
) -> Filled:
    """Import the city from ``folder`` (schools.csv, baseline.csv), its four weeks, and judge."""
    path = folder / "schools.csv"
    store.import_schools(parse_schools(path.read_bytes(), str(path)))
    city = store.schools()
    path = folder / "baseline.csv"
    codes = frozenset(school.code for school in city)
    store.import_baseline(parse_baseline(path.read_bytes(), str(path), codes))

    def required_bps(pupils: int) -> tuple[float, float]:
        requirement = criteria.requirement(pupils)
        return requirement.required_bps, requirement.upper_bps

    random = Random(SEED)  # noqa: S311 - a simulation, no secret
    paths = plans(city, store.baseline(), required_bps, random)
    measurements = 0
    pending: list[Future[None]] = []
    equipped = {one.school.code: one for one in planted_sites(city, criteria, paths)}
    for simulated in simulate(city, paths):
        agent = _enrol(store, simulated, new_secret)
        code = simulated.school.code
        devices = device_reports(
            simulated, equipped[code], paths[code][-1], SEED, before=paths[code][-2]
        )
        for batch in (*_batches(simulated, agent), *_batches(devices, agent)):
            measurements += len(batch.rows)
            pending.append(store.submit(batch))
    for future in pending:
        future.result(TIMEOUT_SECONDS)
    verdicts = 2 * judge_dirty(store, criteria, calendars, now=now)
    for week in WEEKS:
        parsed = Week.parse(week)
        verdicts += len(
            ensure_week(store, criteria, calendars, week=parsed, simulated=True, now=now)
        )
    for name, value in settings().items():
        store.set_setting(name, value)
    add_measures(store, paths, SystemClock())
    file = resources.configs_folder() / "plans" / "takasaki.toml"
    adopt(store, load_plans(file), "collector", now)  # its figures are those of this city
    shown = Shown(store, SystemClock())
    add_programme(store, criteria, calendars, paths, shown, now)
    compared = [Week.parse(week) for week in WEEKS[-2:]]
    keep_weeks(store, compared, shown.now(), simulated=True)
    return Filled(len(city), measurements, verdicts)


def settings() -> Mapping[str, str]:
    """What tells the pages that this city is simulated, and which moment to show."""
    return {
        SIMULATED_CITY: "1",
        SHOWN_WEEK: WEEKS[-1],
        SIMULATED_NOW: format_time(moment_of(WEEKS[-1], FRIDAY, LOOKED_AT)),
        CITY_NAME.format(language="ja"): CITY_NAME_JA,
        CITY_NAME.format(language="en"): CITY_NAME_EN,
    }


def _enrol(store: Store, simulated: SimulatedAgent, new_secret: Callable[[], str]) -> Agent:
    """Enrol a simulated agent with a code and a token that nobody keeps."""
    code, token = _sha256(new_secret()), _sha256(new_secret())
    enrolled_at = moment_of(WEEKS[0], 0, time(5, 0))
    school = simulated.school.code
    store.add_enrolment_code(school, code, enrolled_at + timedelta(minutes=1))
    store.enrol(code_sha256=code, agent_id=simulated.agent_id, token_sha256=token, now=enrolled_at)
    agent = store.agent_by_token(token)
    if agent is None:
        raise DemoFailed(f"the simulated agent of {school} was not enrolled")
    return agent


def _batches(simulated: SimulatedAgent, agent: Agent) -> Sequence[Batch]:
    """One batch a week, read and checked by the ingest route's own code."""
    batches = []
    for week, items in groupby(
        simulated.measurements, key=lambda item: str(Week.containing(item.started_at))
    ):
        text = encode_batch(encode(item) for item in items)
        found = sort_out(text, "", agent)
        if found.quarantine:
            raise DemoFailed(f"a simulated record was refused: {found.quarantine[0].reason}")
        received_at = moment_of(week, FRIDAY, DELIVERED_AT)
        batches.append(Batch(agent.agent_id, received_at, found.rows))
    return batches


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
