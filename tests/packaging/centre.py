"""A collector with one school in the network of a container, and how an appliance comes to it."""

import contextlib
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.packaging.clean_debian import Machine

ROOT = Path(__file__).parents[2]
ADDRESS = "127.0.0.1:8080"
SCHOOL = "E001"
COMMAND = (sys.executable, "-m", "collector.cli")


class Centre:
    """One that serves; its files are in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = folder / "city.db"
        self.environment = {**os.environ, "HAKARU_DATABASE": f"sqlite:///{self.database}"}

    def run(self, *words: str) -> str:
        """Run a command of the collector; give what it says. Raises CalledProcessError."""
        ran = subprocess.run(
            [*COMMAND, *words],
            env=self.environment, cwd=self.folder, check=True, timeout=60, capture_output=True,
            text=True,
        )  # fmt: skip
        return ran.stdout

    def code(self) -> str:
        """A new one-time code for the school."""
        return self.run("school", "enrol-code", SCHOOL).split()[-1]

    def delivered(self) -> set[str]:
        """Result ids that the collector has."""
        store = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)
        found = {row[0] for row in store.execute("SELECT result_id FROM result")}
        store.close()
        return found


@contextlib.contextmanager
def serving(box: Machine, folder: Path) -> Iterator[Centre]:
    """Start a collector in the container's network; it ends with the block."""
    centre = Centre(folder)
    (folder / "schools.csv").write_bytes((ROOT / "configs/examples/schools.csv").read_bytes())
    centre.run("school", "import", str(folder / "schools.csv"))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            box.outside(*COMMAND, "serve", "--listen", ADDRESS),
            env=centre.environment, cwd=folder, stderr=log,
        )  # fmt: skip
    try:
        yield centre
    finally:
        process.terminate()
        process.wait(30)


def enrol(box: Machine, centre: Centre) -> str:
    """Enrol the appliance as a person does, tried until the collector is up; gives the code.

    Raises AssertionError.
    """
    code = centre.code()
    ends = time.monotonic() + 60
    while True:
        given = f"http://{ADDRESS}\n{code}\n"
        ran = box.run("hakaru-agent", "enrol", given=given, check=False)
        if ran.returncode == 0 or time.monotonic() > ends:
            break
        time.sleep(0.5)
    assert f"enrolled for school {SCHOOL}" in ran.stdout, ran.stderr
    return code
