"""F4: days of a whole city, and never too many tests at once."""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from statistics import fmean

import pytest

from collector.demo.city import schools as demo_schools
from collector.schools.model import School
from collector.slots import grant
from collector.store import create_store
from tests.faults.conftest import Case
from tests.faults.slot_city import CENTRE, City

DAYS = int(os.environ.get("SLOT_DAYS", "30"))
SCHOOLS = 84
GROUPS = 4


def city_schools(count: int) -> tuple[School, ...]:
    """Schools behind four shared upstreams."""
    return tuple(
        replace(school, aggregation_group=f"upstream-{number % GROUPS}", contracted_mbps=None)
        for number, school in enumerate(demo_schools()[:count])
    )


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """A place in memory where there is one: tens of thousands of transactions."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as made:
        yield Path(made)


def lived(directory: Path, days: int, count: int = SCHOOLS) -> City:
    """The city after its days."""
    store = create_store(f"sqlite:///{directory}/slots.db")
    try:
        store.import_schools(city_schools(count))
        city = City(store, city_schools(count), directory, days)
        city.run()
    finally:
        store.close()
    return city


def check(city: City) -> None:
    """The property itself."""
    assert city.most_at_once() == 1, "two tests at once on one upstream"
    assert city.most_at_once(CENTRE.name) <= CENTRE.capacity_tests, "too many at the responder"
    assert city.in_blackouts() == 0, "a test in an exam"
    assert city.over_budget() == 0, "more bytes than the budget"


def note(case: Case, city: City, days: int) -> None:
    """The figures, for the table."""
    time = city.time
    mean = fmean(time.waits) if time.waits else 0.0
    deferred = ", ".join(f"{count} {code}" for code, count in sorted(time.deferred.items()))
    case(
        "F4",
        f"slots: {days} days of {len(city.agents)} agents, {GROUPS} upstreams, 1 responder",
        runs=len(time.ran),
        other=(
            f"at once: {city.most_at_once()} an upstream, {city.most_at_once(CENTRE.name)} of "
            f"{CENTRE.capacity_tests} at the responder; in exams {city.in_blackouts()}; over "
            f"budget {city.over_budget()}; planned {time.planned}, granted "
            f"{time.asked['granted']}, told to wait {time.asked['wait']}, deferred {deferred}; "
            f"mean wait {mean:.1f} s, longest {max(time.waits, default=0.0):.0f} s"
        ),
    )


@pytest.mark.faults
@pytest.mark.timeout(900)
def test_thirty_days(directory: Path, case: Case) -> None:
    """Over SLOT_DAYS days every test had its upstream for itself, and all kept their bounds.

    Some slots are never given back, some tests hang until the responder ends them, and the
    responder's clock is late by nearly all that is tolerated.
    """
    city = lived(directory, DAYS)
    note(case, city, DAYS)
    check(city)
    # it was no empty city: contention, budget and exams were all met
    assert city.time.refused == 0
    assert len(city.time.ran) > 50 * DAYS
    assert city.time.asked["wait"] > 0
    assert city.time.deferred["budget_spent"] > 0
    assert city.time.planned >= len(city.time.ran) + sum(city.time.deferred.values())


@pytest.mark.timeout(300)
def test_two_days(directory: Path, case: Case) -> None:
    """The same over two days of half the city, in every run of the tests."""
    city = lived(directory, 2, SCHOOLS // 2)
    note(case, city, 2)
    check(city)
    assert len(city.time.ran) > 200


@pytest.mark.faults
@pytest.mark.timeout(300)
@pytest.mark.parametrize("broken", ["always", "upstream", "holding"])
def test_a_broken_grant_is_noticed(
    broken: str, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Granting that forgets a rule, or holds a slot too short, does not pass this proof."""
    if broken == "always":
        monkeypatch.setattr(grant, "decide", lambda *_: None)
    elif broken == "upstream":
        monkeypatch.setattr("collector.slots.decide._upstream", lambda *_: None)
    else:
        monkeypatch.setattr(
            grant, "holds_until", lambda expires_at, _: expires_at - timedelta(seconds=15)
        )
    city = lived(directory, 1, SCHOOLS // 2)
    with pytest.raises(AssertionError, match=r"at once|too many"):
        check(city)
