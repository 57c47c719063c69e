"""For all tests: a real PostgreSQL; and where CI is set, a skipped test is a failed one."""

import gc
import os
import signal
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from tests.fictional_city import copy_of_city
from tests.postgres import Cluster, NoPostgres

CityCopy = Callable[[Path], str]
NewDatabase = Callable[..., str]
HOMES = {
    "lab": ("tests/lab/",),
    "faults": ("tests/faults/", "tests/collector/test_slots_together.py"),
    "browser": ("tests/browser/",),
    "packaging": ("tests/packaging/",),
}
"""Where the Makefile looks for tests of a mark; elsewhere they would never run."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A marked test that no target of the Makefile would find is an error."""
    for item in items:
        for mark, homes in HOMES.items():
            if item.get_closest_marker(mark) and not item.nodeid.startswith(homes):
                raise pytest.UsageError(f"{item.nodeid} is marked {mark}: it belongs in {homes[0]}")


def pytest_collection_finish() -> None:
    """Look for garbage less often, and not among what stays: a fifth of all processor time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


@pytest.fixture(autouse=True)
def signals_stay_open() -> Iterator[None]:
    """A signal that a test leaves blocked would never reach the programs that later ones start."""
    yield
    left = signal.pthread_sigmask(signal.SIG_SETMASK, ())
    assert not left, f"left blocked: {sorted(left)}"


@pytest.fixture(scope="session")
def city_copy(tmp_path_factory: pytest.TempPathFactory) -> CityCopy:
    """Copies the fictional city into a folder and gives its address; filled once a run."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    return lambda folder: copy_of_city(shared, folder)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """A PostgreSQL of this test process, in memory: for what does not pull the plug."""
    try:
        cluster = Cluster()
    except NoPostgres as error:
        pytest.skip(str(error))
    with cluster:
        yield cluster


@pytest.fixture
def new_database(postgres: Cluster) -> Iterator[NewDatabase]:
    """Make databases with this release's schema (or ``migrated=False``); dropped afterwards."""
    made: list[str] = []

    def make(*, migrated: bool = True) -> str:
        made.append(postgres.new_database(migrated=migrated))
        return made[-1]

    yield make
    for url in made:
        postgres.drop(url)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A machine without IPv6 or ICMP may skip what needs it; CI must have seen everything."""
    report = yield
    if report.skipped and os.environ.get("CI"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not count as passed: {report.longrepr}"
    return report
