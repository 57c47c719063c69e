"""The fictional city, served by the real command to a real browser."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from collector.store import create_store
from collector.store.interface import Store
from tests.conftest import CityCopy


@dataclass(frozen=True)
class City:
    """A collector that serves the fictional city, and its database."""

    url: str
    store: Store


@contextmanager
def served_city(copy: CityCopy, folder: Path) -> Iterator[City]:
    """Serve a copy in ``folder``; nobody has an account yet."""
    database = copy(folder)
    store = create_store(database)
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
