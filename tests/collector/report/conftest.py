"""Fixtures of the report's tests: the fictional city, read once, and the document made of it."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from collector import resources
from collector.judge.calendar_file import load_calendars
from collector.judge.criteria_file import load_criteria
from collector.judge.week import Week
from collector.report.build import build
from collector.report.document import Report
from collector.report.gather import Inputs, Material, gather
from collector.store import create_store
from tests.conftest import CityCopy

CRITERIA = load_criteria(resources.default_criteria())
CALENDARS = load_calendars(resources.default_calendar())
DEMO_WEEK = Week.parse("2026-W23")
STATED = datetime(2026, 6, 8, tzinfo=UTC)
"""Nine in the morning of the Monday after, in Japan."""


@pytest.fixture(scope="session")
def city_database(city_copy: CityCopy, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Address of a database with the fictional city."""
    return city_copy(tmp_path_factory.mktemp("city"))


@pytest.fixture(scope="session")
def material(city_database: str) -> Iterator[Material]:
    """What a report of that city is made of."""
    store = create_store(city_database)
    inputs = Inputs(store=store, criteria=CRITERIA, calendars=CALENDARS)
    yield gather(inputs, DEMO_WEEK, simulated=True, now=STATED, wall=STATED)
    store.close()


@pytest.fixture(scope="session")
def report(material: Material) -> Report:
    """The report of its last week."""
    return build(material, stated_at=STATED)
