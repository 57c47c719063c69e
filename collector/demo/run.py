"""Run the demonstration: fill a fresh database, serve it, measure once for real, tell.

The agent and the responder are processes of their own, started by command line: the collector
never imports agent code, and what is shown here is what an operator would type.
"""

import secrets
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Final

import httpx

from collector import resources
from collector.clock import Clock
from collector.config import Listen
from collector.demo import processes, show
from collector.demo.city import CITY_NAME_JA, PUPILS
from collector.demo.fill import DemoFailed, fill
from collector.demo.processes import Children
from collector.judge.calendar_file import load_calendars
from collector.judge.criteria_file import load_criteria
from collector.store import create_store
from collector.store.interface import StoreError

READY_SECONDS: Final = 60.0
COMMAND_SECONDS: Final = 60.0
MEASURE_SECONDS: Final = 120.0
TEST_SECONDS: Final = 2.0
RUNS_A_DAY: Final = 144
MARKER: Final = ".hakaru-demo"
"""A folder with this file was made by the demo and may be emptied by it."""
AGENT_CONFIG: Final = """\
# The one real agent of the demonstration.
[push]
interval_seconds = 5

[[tests]]
probe = "throughput"
target = "127.0.0.1:{port}"
segment = "loopback"
deadline_seconds = 60
options = {{ flows = 4, seconds = {seconds} }}
windows = [{{ days = "mon-sun", from = "00:00", to = "23:59", runs = {runs} }}]

[[tests]]
probe = "latency"
target = "127.0.0.1"
segment = "loopback"
options = {{ count = 10 }}
windows = [{{ days = "mon-sun", from = "00:00", to = "23:59", runs = {runs} }}]
"""

Say = Callable[[str], None]


class Interrupted(Exception):
    """SIGTERM or Ctrl-C."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """What the demonstration was asked for."""

    listen: Listen
    directory: Path | None
    """None: a temporary one, removed afterwards."""
    once: bool
    database: str | None = None
    """URL of an empty database; None: a SQLite file in the directory."""


def run(demo: Demo, clock: Clock, say: Say) -> int:
    """Run it; exit code 0 when everything worked (with ``once``) or it was interrupted."""
    try:
        with (
            _interruptible(),
            _folder(demo.directory) as folder,
            Children(folder, demo.database or f"sqlite:///{folder / 'demo.db'}") as children,
        ):
            url = _set_up(demo, children, clock, say)
            _tell(folder, children, url, clock, say)
            if demo.once:
                return 0
            _serve_on(children, url, folder, say)
    except Interrupted:
        say("stopped")
        return 1 if demo.once else 0
    except (DemoFailed, StoreError, httpx.HTTPError, OSError) as error:
        say(f"the demonstration failed: {error}")
        return 1
    return 0


def _set_up(demo: Demo, children: Children, clock: Clock, say: Say) -> str:
    """Fill the database and start the collector; give its address."""
    say(f"{CITY_NAME_JA}: 84 schools, {PUPILS:,} pupils, none of them real")
    store = create_store(children.database)
    try:
        if store.schools():
            raise DemoFailed("the database holds schools already: name an empty one")
        filled = fill(
            store,
            load_criteria(resources.default_criteria()),
            load_calendars(resources.default_calendar()),
            resources.configs_folder() / "demo",
            now=clock.now(),
            new_secret=secrets.token_urlsafe,
        )
    finally:
        store.close()
    say(f"  imported {filled.schools} schools and the survey baseline")
    say(f"  stored {filled.measurements:,} simulated results, judged {filled.verdicts} verdicts")
    host, wanted = demo.listen.host, demo.listen.port
    port = processes.free_port(host, wanted)
    if wanted not in (0, port):
        say(f"  port {wanted} is taken: using {port}")
    address = f"{demo.listen.url_host}:{port}"
    serving = children.start(
        "collector",
        "collector.cli",
        ["serve", "--listen", address, "--public-pages"],
    )
    url = serving.wait_for(r"listening on (\S+)", clock, READY_SECONDS)
    httpx.get(f"{url}/healthz", trust_env=False).raise_for_status()
    say(f"  collector serves {url}/ (public pages: to be read without signing in, not changed)")
    return url


def _tell(folder: Path, children: Children, url: str, clock: Clock, say: Say) -> None:
    """Measure once for real and print what the collector knows. Raises DemoFailed."""
    with httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
        school = _real_school(client)
        _measure(folder, children, url, school["code"], clock, say)
        result = _real_result(client, school["code"])
        compliance = _get(client, "/v1/compliance")
    say("")
    say(f"Address           {url}/")
    say(show.city_text(compliance))
    say("")
    say(show.real_text(school, result))


def _measure(folder: Path, children: Children, url: str, code: str, clock: Clock, say: Say) -> None:
    responder = children.start(
        "responder", "agent.cli", ["responder", "--listen", "127.0.0.1:0", "--open"]
    )
    port = int(responder.wait_for(r"port (\d+)", clock, READY_SECONDS))
    printed = children.finish(
        "enrol-code",
        "collector.cli",
        ["school", "enrol-code", code],
        COMMAND_SECONDS,
    )
    one_time_code = printed.strip().splitlines()[-1]
    (folder / "enrol-code.log").unlink()
    state = str(folder / "agent")
    children.finish(
        "enrol",
        "agent.cli",
        ["enrol", "--collector", url, "--code", one_time_code, "--state", state],
        COMMAND_SECONDS,
    )
    config = folder / "agent.toml"
    config.write_text(
        AGENT_CONFIG.format(port=port, seconds=TEST_SECONDS, runs=RUNS_A_DAY), encoding="utf-8"
    )
    say(f"  a real agent of school {code} measures against 127.0.0.1:{port}")
    children.finish(
        "agent-once",
        "agent.cli",
        ["run", "--config", str(config), "--state", state, "--once"],
        MEASURE_SECONDS,
    )


def _serve_on(children: Children, url: str, folder: Path, say: Say) -> None:
    """Keep serving, with the real agent measuring now and then, until interrupted."""
    children.start(
        "agent",
        "agent.cli",
        ["run", "--config", str(folder / "agent.toml"), "--state", str(folder / "agent")],
    )
    of_database = " and database" if children.database.startswith("sqlite") else ""
    say("")
    say(f"serving {url}/ until Ctrl-C (logs{of_database}: {folder})")
    while (ended := children.ended()) is None:
        processes.pause(0.5)
    raise DemoFailed(f"{ended.name} ended with {ended.process.returncode}:\n{ended.tail()}")


def _real_school(client: httpx.Client) -> dict[str, Any]:
    schools = _get(client, "/v1/schools")["schools"]
    sample = next((school for school in schools if school["sample"]), None)
    if sample is None:
        raise DemoFailed("the fictional city has no sample school")
    chosen: dict[str, Any] = sample
    return chosen


def _real_result(client: httpx.Client, code: str) -> dict[str, Any]:
    latest = _get(client, f"/v1/schools/{code}")["latest"]
    for result in latest:
        if not result["simulated"] and result["probe"] == "throughput":
            if result["outcome"] != "ok":
                why = f"{result['failure_code']} {result['failure_text']}"
                raise DemoFailed(f"the real measurement failed: {why}")
            found: dict[str, Any] = result
            return found
    raise DemoFailed("the real measurement did not arrive at the collector")


def _get(client: httpx.Client, path: str) -> dict[str, Any]:
    response = client.get(path)
    response.raise_for_status()
    answer: dict[str, Any] = response.json()
    return answer


@contextmanager
def _interruptible() -> Iterator[None]:
    """Turn SIGTERM and SIGINT into :class:`Interrupted`, once: clean-up is not interrupted."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        for number in processes.INTERRUPTS:
            signal.signal(number, signal.SIG_IGN)
        raise Interrupted

    kept = {number: signal.signal(number, interrupt) for number in processes.INTERRUPTS}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


@contextmanager
def _folder(directory: Path | None) -> Iterator[Path]:
    """Give an empty folder. Raises DemoFailed for one that holds something else."""
    if directory is None:
        with tempfile.TemporaryDirectory(prefix="hakaru-demo-", ignore_cleanup_errors=True) as name:
            yield Path(name)
        return
    folder = directory.absolute()
    if folder.exists() and any(folder.iterdir()) and not (folder / MARKER).exists():
        raise DemoFailed(f"{folder} holds something else: name an empty --directory")
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / MARKER).touch()
    yield folder
