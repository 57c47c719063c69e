"""The fictional city, served by the real command to a real browser."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from collector import resources
from collector.demo.fill import fill
from collector.judge.calendar_file import load_calendars
from collector.judge.criteria_file import load_criteria
from collector.store import create_store
from collector.store.interface import Store


@dataclass(frozen=True)
class City:
    """A collector that serves the fictional city, and its database."""

    url: str
    store: Store


@contextmanager
def served_city(folder: Path) -> Iterator[City]:
    """Fill a database in ``folder`` and serve it; nobody has an account yet."""
    database = f"sqlite:///{folder / 'city.db'}"
    store = create_store(database)
    chance = Random(1)
    fill(
        store,
        load_criteria(resources.default_criteria()),
        load_calendars(resources.default_calendar()),
        resources.configs_folder() / "demo",
        now=datetime.now(UTC),
        new_secret=lambda: str(chance.getrandbits(128)),
    )
    log = folder / "serve.log"
    command = [sys.executable, "-m", "collector.cli", "serve", "--listen", "127.0.0.1:0"]
    with log.open("wb") as output:
        process = subprocess.Popen([*command, "--database", database], stderr=output)
    try:
        deadline = time.monotonic() + 240
        while not (match := re.search(r"listening on (\S+)", log.read_text("utf-8"))):
            assert process.poll() is None, log.read_text("utf-8")
            assert time.monotonic() < deadline, log.read_text("utf-8")
            time.sleep(0.1)
        yield City(match[1], store)
    finally:
        process.terminate()
        process.wait(30)
        store.close()
