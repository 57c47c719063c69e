"""Measures of the fictional city agree with its simulated measurements."""

from random import Random

import pytest

from collector import resources
from collector.demo import city
from collector.demo.fill import settings
from collector.demo.measures import PLANNED, add_measures
from collector.demo.profiles import MET_BY_WEEK, WEEKS, plans
from collector.demo.simulator import SEED
from collector.judge.criteria_file import load_criteria
from collector.judge.week import Week
from collector.programme import assignment_rows
from collector.programme.model import MeasureState
from collector.store import create_store
from tests.collector.conftest import SpringClock


@pytest.fixture
def url(sqlite_url: str) -> str:
    """The database does not matter here."""
    return sqlite_url


def test_each_school_that_became_fast_had_its_measure_just_before(url: str) -> None:
    """As many done as schools met the requirement anew, each in the days before that week."""
    criteria = load_criteria(resources.default_criteria())
    schools = city.schools()
    baseline = {one.school_code: one for one in city.baseline(schools)}

    def required_bps(pupils: int) -> tuple[float, float]:
        requirement = criteria.requirement(pupils)
        return requirement.required_bps, requirement.upper_bps

    paths = plans(schools, baseline, required_bps, Random(SEED))
    store = create_store(url)
    store.import_schools(schools)
    for name, value in settings().items():
        store.set_setting(name, value)
    assert add_measures(store, paths, SpringClock()) == MET_BY_WEEK[-1] - MET_BY_WEEK[0] + PLANNED
    found = store.read(assignment_rows.assignments)
    done = [one for one in found if one.state is MeasureState.DONE]
    assert len(done) == MET_BY_WEEK[-1] - MET_BY_WEEK[0]
    for one in done:
        assert one.done_on is not None
        week = str(Week.of_day(one.done_on).plus(1))
        fine = [path.cause for path in paths[one.school_code]].index("fine")
        assert week == WEEKS[fine]
    planned = [one for one in found if one.state is MeasureState.PLANNED]
    assert all(paths[one.school_code][-1].cause != "fine" for one in planned)
    store.close()
