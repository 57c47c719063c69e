"""Remote write into real time-series stores: late results, odd clocks, kills, absent stores."""

import gzip
import hashlib
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from collector.store import create_store
from tests.collector.conftest import a_school
from tests.faults.time_series import Points, Prometheus, TimeSeriesStore, VictoriaMetrics
from wire.codec import encode
from wire.failure import Outcome
from wire.ids import uuid4, uuid7
from wire.measurement import Measurement
from wire.messages import decode_acknowledgement, encode_batch

pytestmark = pytest.mark.faults
SCHOOLS = ("A1", "B1", "C1")
MINUTE = timedelta(minutes=1)


class City:
    """A collector with one agent a school; remembers what was measured when."""

    def __init__(self, folder: Path, stores: list[TimeSeriesStore]) -> None:
        self.url = f"sqlite:///{folder}/hakaru.db"
        self.stores = stores
        self.chance = random.Random(5)
        self.expected: dict[str, Points] = {code: {} for code in SCHOOLS}
        self.port = 0
        self.process: subprocess.Popen[str] | None = None
        store = create_store(self.url)
        store.import_schools([a_school(code) for code in SCHOOLS])
        for number, code in enumerate(SCHOOLS):
            store.add_enrolment_code(code, f"code of {code}", datetime.now(UTC) + MINUTE)
            store.enrol(
                code_sha256=f"code of {code}",
                agent_id=uuid4(number + 1),
                token_sha256=hashlib.sha256(self.token(code).encode()).hexdigest(),
                now=datetime.now(UTC),
            )
        store.close()

    @staticmethod
    def token(code: str) -> str:
        """The token of a school's agent."""
        return f"the-token-of-the-agent-of-{code}"

    def start(self) -> None:
        """Start the collector."""
        command = [sys.executable, "-m", "collector.cli", "serve", "--database", self.url]
        command += ["--listen", f"127.0.0.1:{self.port}"]
        for one in self.stores:
            command += ["--remote-write", one.write_url]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if line.startswith("listening on http://"):
                self.port = int(line.rsplit(":", 1)[1])
                return
        raise AssertionError("the collector did not start")

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it, if it runs."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(60)
            assert self.process.stderr is not None
            self.process.stderr.close()
            self.process = None

    def deliver(self, code: str, moments: list[datetime], *, is_odd: bool = False) -> None:
        """Deliver a school's results in one batch; odd ones are expected in no store."""
        records = []
        for moment in moments:
            value = float(self.chance.randrange(10**8, 10**9))
            if not is_odd:
                self.expected[code][int(moment.timestamp() * 1000)] = value
            records.append(encode(measurement(code, moment, value, self.chance)))
        reply = httpx.post(
            f"http://127.0.0.1:{self.port}/v1/measurements",
            content=gzip.compress(encode_batch(records)),
            headers={"Authorization": f"Bearer {self.token(code)}", "Content-Encoding": "gzip"},
            timeout=60,
            trust_env=False,
        )
        assert reply.status_code == 200, reply.text
        assert len(decode_acknowledgement(reply.content).committed) == len(moments)

    def wait_until_written(self) -> dict[str, dict[str, Points]]:
        """Wait until both stores hold what is expected; give what they hold."""
        ends = time.monotonic() + 120
        while True:
            held = {
                one.name: {
                    code: one.points(f'hakaru_throughput_download_bps{{school="{code}"}}')
                    for code in SCHOOLS
                }
                for one in self.stores
            }
            if all(held[one.name] == self.expected for one in self.stores):
                return held
            if time.monotonic() > ends:
                return held
            time.sleep(0.5)


def measurement(code: str, moment: datetime, value: float, chance: random.Random) -> Measurement:
    """One throughput result."""
    return Measurement(
        result_id=uuid7(int(moment.timestamp() * 1000), chance.getrandbits(74)),
        agent_id=uuid4(SCHOOLS.index(code) + 1),
        stream=uuid4(1000),
        seq=1,
        probe="throughput",
        target="centre.example:4443",
        started_at=moment,
        boot_id=uuid4(2000),
        monotonic_start_seconds=1.0,
        duration_seconds=10.0,
        outcome=Outcome.OK,
        values={"download_bps": value},
    )


def to_milliseconds(moment: datetime) -> datetime:
    """Whole milliseconds: what stores keep."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


@pytest.fixture
def city(tmp_path: Path) -> Iterator[City]:
    """A city with both stores; none of the three runs yet."""
    made = City(tmp_path, [Prometheus(tmp_path), VictoriaMetrics(tmp_path)])
    yield made
    made.end()
    for one in made.stores:
        one.close()


def every_minute(start: datetime, end: datetime) -> list[datetime]:
    """A moment for each minute."""
    return [start + n * MINUTE for n in range(int((end - start) / MINUTE))]


def test_a_backfilled_outage_stands_at_its_hours_in_both_stores(city: City, case: Any) -> None:
    """A1 reports all the time; B1 is silent for four hours, whose results come afterwards."""
    now = to_milliseconds(datetime.now(UTC))
    for one in city.stores:
        one.start()
    city.start()
    city.deliver("A1", every_minute(now - timedelta(hours=6), now))
    city.deliver("B1", every_minute(now - timedelta(hours=6), now - timedelta(hours=5)))
    city.deliver("B1", every_minute(now - timedelta(hours=1), now))
    assert city.wait_until_written() == {one.name: city.expected for one in city.stores}
    city.deliver("B1", every_minute(now - timedelta(hours=5), now - timedelta(hours=1)))
    held = city.wait_until_written()
    late = {
        name: sum(
            now.timestamp() - 5 * 3600 <= at / 1000 < now.timestamp() - 3600 for at in found["B1"]
        )
        for name, found in held.items()
    }
    case(
        "D",
        "an outage of 4 h, delivered late, in Prometheus and VictoriaMetrics",
        runs=1,
        lost=sum(len(city.expected["B1"]) - len(found["B1"]) for found in held.values()),
        duplicates=0,
        other=", ".join(f"{name}: {count} of 240 late samples" for name, count in late.items()),
    )
    assert held == {one.name: city.expected for one in city.stores}
    assert set(late.values()) == {240}


def test_odd_clocks_harm_nobody_and_stop_nothing(city: City, case: Any) -> None:
    """2100, three hours ahead, 1970, older than Prometheus takes: others' results go on."""
    now = to_milliseconds(datetime.now(UTC))
    for one in city.stores:
        one.start()
    city.start()
    city.deliver("A1", every_minute(now - timedelta(hours=1), now - 30 * MINUTE))
    city.wait_until_written()
    odd = [
        datetime(2100, 1, 1, tzinfo=UTC),
        now + timedelta(hours=3),
        now + timedelta(hours=20),
        datetime(1970, 1, 1, 0, 5, tzinfo=UTC),
    ]
    city.deliver("C1", odd, is_odd=True)
    old = [now - timedelta(days=200) + n * MINUTE for n in range(500)]
    city.deliver("C1", old, is_odd=True)
    city.deliver("A1", every_minute(now - 30 * MINUTE, now))
    city.deliver("B1", every_minute(now - timedelta(hours=2), now))
    ends = time.monotonic() + 120
    prometheus, victoria = city.stores
    selector = 'hakaru_throughput_download_bps{school="C1"}'
    while len(victoria.points(selector)) < len(old) and time.monotonic() < ends:
        time.sleep(0.5)
    city.expected["C1"] = {}
    held = {code: prometheus.points(selector.replace("C1", code)) for code in SCHOOLS}
    while held != city.expected and time.monotonic() < ends:
        time.sleep(0.5)
        held = {code: prometheus.points(selector.replace("C1", code)) for code in SCHOOLS}
    assert held == city.expected
    assert sorted(victoria.points(selector)) == [int(one.timestamp() * 1000) for one in old]
    metrics = httpx.get(f"http://127.0.0.1:{city.port}/metrics", trust_env=False).text
    skipped = [line for line in metrics.splitlines() if line.startswith("hakaru_export_skipped")]
    case(
        "D2",
        "years 2100 and 1970, 3 h ahead, 200 days old beside others' results",
        runs=len(odd) + len(old),
        lost=0,
        duplicates=0,
        other=f"left out and counted: {len(skipped)} reasons",
    )
    assert any('reason="dated in the future"' in line for line in skipped)
    too_old = [line for line in skipped if 'reason="too old for the store"' in line]
    assert [float(line.split()[-1]) for line in too_old if f":{prometheus.port}" in line] == [1500]


def test_kills_and_absent_stores_lose_and_double_nothing(city: City, case: Any) -> None:
    """Stores that start later, a collector killed while it writes: each sample once."""
    now = to_milliseconds(datetime.now(UTC))
    city.start()
    city.deliver("A1", every_minute(now - timedelta(hours=3), now - timedelta(hours=2)))
    time.sleep(1)
    for one in city.stores:
        one.start()
    kills = 0
    for hour in range(4):
        start = now - timedelta(hours=2) + hour * 30 * MINUTE
        for code in SCHOOLS:
            city.deliver(code, every_minute(start, start + 30 * MINUTE))
        time.sleep(city.chance.uniform(0, 1.5))
        city.end(signal.SIGKILL)
        kills += 1
        city.start()
    city.end()  # a hold of a killed life ends after two minutes; that of one that stopped at once
    release(city.url)
    city.start()
    held = city.wait_until_written()
    missing = sum(
        len(city.expected[code]) - len(found[code]) for found in held.values() for code in SCHOOLS
    )
    case(
        "C1",
        "collector killed while it writes to time-series stores",
        runs=kills,
        lost=missing,
        duplicates=0,
        other=f"{sum(map(len, city.expected.values()))} samples in each store",
    )
    assert held == {one.name: city.expected for one in city.stores}


def release(url: str) -> None:
    """End the holds of killed lives now, so that the test need not wait for them."""
    store = create_store(url)
    store.write(lambda sql: sql.execute("UPDATE export_cursor SET held_until = 0"))
    store.close()
