"""The fictional city of the demonstration, filled once for all processes of a test run.

Filling it is work for many seconds. Whoever comes first does it, the others wait for the file and
copy it: each test file has a database of its own.
"""

import fcntl
import itertools
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from collector import resources
from collector.demo.fill import fill
from collector.judge.calendar_file import load_calendars
from collector.judge.criteria_file import load_criteria
from collector.store import create_store

FILLED_AT: Final = datetime(2026, 6, 8, 1, 0, tzinfo=UTC)
"""Ten in the morning of the Monday after its last week, in Japan."""


def copy_of_city(shared: Path, folder: Path) -> str:
    """Give the address of a new copy in ``folder``; ``shared`` is the same for all processes."""
    whole = shared / "fictional-city.db"
    with (shared / "fictional-city.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not whole.exists():
            begun = shared / "fictional-city-begun.db"
            _fill(f"sqlite:///{begun}")
            begun.rename(whole)
    shutil.copyfile(whole, folder / "city.db")
    return f"sqlite:///{folder / 'city.db'}"


def _fill(url: str) -> None:
    secrets = itertools.count()
    store = create_store(url)
    fill(
        store,
        load_criteria(resources.default_criteria()),
        load_calendars(resources.default_calendar()),
        resources.configs_folder() / "demo",
        now=FILLED_AT,
        new_secret=lambda: f"secret {next(secrets)}",
    )
    store.close()
