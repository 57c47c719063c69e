"""A city in PostgreSQL with its collector, a fleet that delivers, and the series in real stores."""

import asyncio
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import httpx

from collector import resources
from collector.clock import SystemClock
from collector.demo.fill import fill
from collector.export.request import Connection, target_of
from collector.export.standing import Rules, now
from collector.judge.calendar_file import load_calendars
from collector.judge.criteria_file import load_criteria
from collector.simulate.agent import Delivery
from collector.simulate.enrolling import make_codes
from collector.simulate.fleet import Fleet, Plan
from collector.store import create_store
from collector.store.interface import Agent, Store
from collector.store.times import to_micros
from tests.dashboards import engines, planted
from tests.faults.time_series import Prometheus, TimeSeriesStore, VictoriaMetrics
from tests.postgres import Cluster

CONFIGS = resources.configs_folder()
RULES = Rules(
    load_criteria(CONFIGS / "criteria" / "recommended-2024-04.toml"),
    load_calendars(CONFIGS / "calendar" / "default.toml"),
)
AGENTS = 24
MINUTES = 15
EVERY_MINUTES = 5
"""How often the standing is written."""
WAIT_SECONDS = 60.0
LISTENING = re.compile(r"^listening on http://\S+:(\d+)$", re.MULTILINE)
WRITTEN = (
    "count(hakaru_fleet_spool_results)",
    "count(last_over_time(hakaru_snmp_cpu_max_ratio[1h]))",
    "count(rate(hakaru_export_samples_total[1m]))",
    "increase(hakaru_judge_seconds_count[5m]) > 0",
    "increase(hakaru_ingest_commit_seconds_count[5m]) > 0",
)
"""Results and devices are written, two scrapes are made, and counters rose between them."""


class ScrapingPrometheus(Prometheus):
    """With the collector as its target."""

    collector = 0

    def command(self) -> list[str]:
        """As the other, and one target."""
        found = super().command()
        config = self.folder / "prometheus.yml"
        config.write_text(
            config.read_text() + "scrape_configs:\n- job_name: hakaru-collector\n"
            "  scrape_interval: 1s\n  static_configs:\n"
            f"  - targets: ['127.0.0.1:{self.collector}']\n"
        )
        return found


class ScrapingVictoriaMetrics(VictoriaMetrics):
    """With the collector as its target."""

    collector = 0

    def command(self) -> list[str]:
        """As the other, and one target."""
        config = self.folder / "scrape.yml"
        config.write_text(
            "scrape_configs:\n- job_name: hakaru-collector\n  scrape_interval: 1s\n"
            f"  static_configs:\n  - targets: ['127.0.0.1:{self.collector}']\n"
        )
        return [*super().command(), f"-promscrape.config={config}", "-search.latencyOffset=0s"]


@dataclass(frozen=True, slots=True)
class City:
    """Where everything can be asked, and what a person has chosen."""

    grafana: str
    """URL of the database for the role grafana."""
    owner: str
    stores: list[TimeSeriesStore]
    chosen: engines.Chosen
    school: str
    port: int
    """Of the collector."""


@contextmanager
def filled(folder: Path, minutes: int = MINUTES, *, hostile: bool = True) -> Iterator[City]:
    """Make all of it. ``minutes`` agents measure; ``hostile``: names try to do harm."""
    with ExitStack() as stack:
        cluster = stack.enter_context(Cluster())
        url = cluster.new_database()
        store = create_store(url)
        stack.callback(store.close)
        school, agent = _city(store, hostile=hostile)
        grafana = engines.prepare(cluster, url)
        stores: list[TimeSeriesStore] = [ScrapingPrometheus(folder)]
        if shutil.which("victoria-metrics"):
            stores.append(ScrapingVictoriaMetrics(folder))
        since = datetime.now(UTC) - timedelta(minutes=max(120, minutes + 30))
        store.write(lambda sql: _begin_export(sql, stores, since))
        for one in stores:
            stack.callback(one.close)
        port = stack.enter_context(_collector(url, stores, folder / "collector.log"))
        for one in stores:
            one.collector = port  # type: ignore[attr-defined] # both have it
            one.start()
        for one in stores:  # counters are seen before they rise
            _until_there(one, ("hakaru_ingest_commit_seconds_count", "hakaru_judge_seconds_count"))
        planted.deliver(store, agent, datetime.now(UTC))
        _simulate(store, port, minutes)
        for one in stores:  # the collector does so each minute; nobody waits for it
            connection = Connection(target_of(one.write_url))
            for before in reversed(range(0, minutes, EVERY_MINUTES)):
                moment = datetime.now(UTC) - timedelta(minutes=before)
                reply = connection.write(now(store, RULES, moment))
                assert reply.status in (200, 204), reply
            connection.close()
        for one in stores:
            _until_there(one, WRITTEN)
        chosen = engines.choices(grafana, since, school)
        yield City(grafana, url, stores, chosen, school, port)


def _city(store: Store, *, hostile: bool) -> tuple[str, Agent]:
    """The demonstration's four weeks, and what is planted. Gives the school that is looked at."""
    chance = Random(5)
    moment = datetime.now(UTC)
    fill(
        store,
        RULES.criteria,
        RULES.calendars,
        CONFIGS / "demo",
        now=moment,
        new_secret=lambda: str(chance.getrandbits(128)),
    )
    # one of which a person decided a finding and where a measure was done
    school, agent_id = store.read(
        lambda sql: sql.execute(
            "SELECT a.school_code, a.agent_id FROM agent a"
            " JOIN school_measure m ON m.school_code = a.school_code AND m.state = 'done'"
            " JOIN school_finding f ON f.school_code = a.school_code ORDER BY 1 LIMIT 1"
        ).fetchone()
    )
    agent = Agent(
        agent_id=agent_id,
        school_code=school,
        enrolled_at=moment,
        last_seen_at=None,
        agent_version=None,
    )
    if hostile:
        store.write(lambda sql: planted.rename(sql, school))
    store.write(lambda sql: planted.standing(sql, agent, moment))
    return school, agent


def _begin_export(sql: object, stores: list[TimeSeriesStore], since: datetime) -> None:
    """The four weeks are long past: a store of today would refuse them."""
    for one in stores:
        sql.execute(  # type: ignore[attr-defined] # the store's own type
            "INSERT INTO export_cursor VALUES (?, ?, '', 0)",
            (target_of(one.write_url).name, to_micros(since)),
        )


@contextmanager
def _collector(url: str, stores: list[TimeSeriesStore], log: Path) -> Iterator[int]:
    """Its log goes to a file: a pipe that nobody reads would stop it when it is full."""
    command = [sys.executable, "-m", "collector.cli", "serve", "--database", url]
    command += ["--listen", "127.0.0.1:0"]
    for one in stores:
        command += ["--remote-write", one.write_url]
    with log.open("wb") as errors:
        process = subprocess.Popen(command, stderr=errors)
    try:
        ends = time.monotonic() + WAIT_SECONDS
        while (said := LISTENING.search(log.read_text("utf-8"))) is None:
            assert process.poll() is None, log.read_text("utf-8")
            assert time.monotonic() < ends, log.read_text("utf-8")
            time.sleep(0.1)
        yield int(said[1])
    finally:
        process.terminate()
        process.wait(timeout=60)


def _simulate(store: Store, port: int, minutes: int) -> None:
    plan = Plan(
        url=f"http://127.0.0.1:{port}",
        agents=AGENTS,
        length_seconds=60.0 * minutes,
        skip_idle=True,
        delivery=Delivery(interval_seconds=600.0),
    )
    clock = SystemClock()
    codes = make_codes(store, AGENTS, clock.now(), Random(7))
    summary = asyncio.run(Fleet(plan, clock).run(codes))
    assert summary.acknowledged == summary.made > AGENTS


def _until_there(series: TimeSeriesStore, wanted: Sequence[str]) -> None:
    """Until each query has a result."""
    ends = time.monotonic() + WAIT_SECONDS
    missing = list(wanted)
    while missing and time.monotonic() < ends:
        time.sleep(1)
        missing = [
            query
            for query in missing
            if not httpx.get(
                f"http://127.0.0.1:{series.port}/api/v1/query",
                params={"query": query},
                trust_env=False,
            ).json()["data"]["result"]
        ]
    assert missing == []
