"""Servers that take results over HTTP, each with what it says and does before it answers 2xx."""

import http.client
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

import cramjam

from benchmarks.ingest import body, measurement
from collector.export.protobuf import write_request
from collector.export.series import Arrived, by_series, samples_of
from collector.store.times import to_micros
from tests.enrolled import prepare, token
from tests.postgres import Cluster
from wire.codec import encode
from wire.measurement import Measurement


class Peer(ABC):
    """One server. ``start`` it in a folder on a disk, ``stop`` it."""

    name: str
    durability: str
    """What survives a power cut after the 2xx, by its documentation."""
    path: str

    def __init__(self) -> None:
        self.port = 0
        self.process: subprocess.Popen[str] | None = None

    @abstractmethod
    def start(self, folder: Path, clients: int) -> None:
        """Start and wait until it takes results."""

    @abstractmethod
    def body_of(self, results: Sequence[Measurement]) -> bytes:
        """The same results in its own form."""

    def headers(self, client: int) -> dict[str, str]:
        """Headers of a request."""
        del client
        return {}

    def pids(self) -> list[int]:
        """The processes that work for it."""
        assert self.process is not None
        return [self.process.pid]

    def cpu_seconds(self) -> float:
        """User and system time of its processes, those that have ended included."""
        return sum(_cpu_seconds(pid) for pid in self.pids())

    def memory_bytes(self) -> int:
        """Resident, of its main process."""
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) * 1024

    def stop(self) -> None:
        """End it."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)
            self.process = None

    def run(self, folder: Path, command: Sequence[str], ready: str) -> None:
        """Start a command and ask until it answers."""
        with (folder / "log").open("w") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, text=True)
        ends = time.monotonic() + 60
        while time.monotonic() < ends:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            try:
                connection.request("GET", ready)
                if connection.getresponse().status < 300:
                    return
            except OSError:
                time.sleep(0.1)
            finally:
                connection.close()
        raise SystemExit(f"{self.name} does not start: {(folder / 'log').read_text()[-2000:]}")


class Ours(Peer):
    """The collector: token, every record checked, reply after COMMIT; judging runs beside."""

    path = "/v1/measurements"

    def __init__(self, database: str) -> None:
        super().__init__()
        self.name = f"hakaru on {database}"
        self.durability = "everything: replies after a synced COMMIT"
        self._database = database
        self._cluster: Cluster | None = None

    def start(self, folder: Path, clients: int) -> None:
        """A database of its own; PostgreSQL with fsync and synchronous_commit on."""
        url = f"sqlite:///{folder}/hakaru.db"
        if self._database == "PostgreSQL":
            self._cluster = Cluster(durable=True, parent=folder)
            self._cluster.__enter__()
            url = self._cluster.new_database()
        prepare(url, clients)
        command = [sys.executable, "-m", "collector.cli", "serve", "--database", url]
        self.port = free_port()
        self.run(folder, [*command, "--listen", f"127.0.0.1:{self.port}"], "/healthz")

    def body_of(self, results: Sequence[Measurement]) -> bytes:
        """As an agent sends it."""
        raise NotImplementedError("made by benchmarks.ingest.body from the same results")

    def headers(self, client: int) -> dict[str, str]:
        """The agent's token."""
        return {
            "Authorization": f"Bearer {token(client)}",
            "Content-Encoding": "gzip",
        }

    def cpu_seconds(self) -> float:
        """With the database's."""
        database = self._cluster.cpu_seconds() if self._cluster else 0.0
        return super().cpu_seconds() + database

    def stop(self) -> None:
        """End the collector, then the database."""
        super().stop()
        if self._cluster is not None:
            self._cluster.__exit__(None, None, None)


class InfluxDb(Peer):
    """InfluxDB 1.x, line protocol."""

    name = "InfluxDB 1.x"
    durability = "everything: its write-ahead log is synced before the reply (wal-fsync-delay 0s)"
    path = "/write?db=hakaru&precision=ms"

    def start(self, folder: Path, clients: int) -> None:
        """With the defaults that its documentation gives for safety."""
        del clients
        self.port, rpc = free_port(), free_port()
        config = folder / "influxdb.conf"
        config.write_text(
            f'reporting-disabled = true\nbind-address = "127.0.0.1:{rpc}"\n'
            f'[meta]\ndir = "{folder}/meta"\n'
            f'[data]\ndir = "{folder}/data"\nwal-dir = "{folder}/wal"\nwal-fsync-delay = "0s"\n'
            "query-log-enabled = false\n[monitor]\nstore-enabled = false\n"
            f'[http]\nbind-address = "127.0.0.1:{self.port}"\nlog-enabled = false\n'
            "[logging]\nlevel = 'error'\n".replace("'", '"')
        )
        self.run(folder, ["influxd", "run", "-config", str(config)], "/ping")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("POST", "/query?q=CREATE+DATABASE+hakaru")
        assert connection.getresponse().status == 200
        connection.close()

    def headers(self, client: int) -> dict[str, str]:
        """Compressed, as ours is."""
        del client
        return {"Content-Encoding": "gzip"}

    def body_of(self, results: Sequence[Measurement]) -> bytes:
        """One line a result, the numbers as fields."""
        lines = []
        for one in results:
            fields = ",".join(f"{name}={float(value)}" for name, value in numbers(one).items())
            moment = int(one.started_at.timestamp() * 1000)
            lines.append(
                f"{one.probe},agent={one.agent_id},school=A1,target={one.target} {fields} {moment}"
            )
        return bytes(cramjam.gzip.compress("\n".join(lines).encode(), 6))


class VictoriaMetrics(Peer):
    """VictoriaMetrics, remote write."""

    name = "VictoriaMetrics"
    durability = "not the last seconds: samples stay in memory until they are flushed"
    path = "/api/v1/write"

    def start(self, folder: Path, clients: int) -> None:
        """As it comes."""
        del clients
        self.port = free_port()
        command = ["victoria-metrics", f"-storageDataPath={folder}/data", "-retentionPeriod=5y"]
        self.run(folder, [*command, f"-httpListenAddr=127.0.0.1:{self.port}"], "/health")

    def headers(self, client: int) -> dict[str, str]:
        """Of the protocol."""
        del client
        return {"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf"}

    def body_of(self, results: Sequence[Measurement]) -> bytes:
        """The bytes that our own export would write."""
        arrived = [
            Arrived(
                to_micros(one.started_at) + 1,
                one.agent_id,
                one.result_id,
                "A1",
                to_micros(one.started_at),
                one.outcome.value,
                encode(one),
            )
            for one in results
        ]
        request = write_request(by_series(samples_of(arrived).samples))
        return bytes(cramjam.snappy.compress_raw(request))


class Pushgateway(Peer):
    """Pushgateway: keeps the last push of a group, without times."""

    name = "Pushgateway"
    durability = "nothing of the last minutes: kept in memory, written to a file now and then"
    path = "/metrics/job/hakaru/agent/{client}"

    def start(self, folder: Path, clients: int) -> None:
        """With a file, written as often as it does by default (5 minutes)."""
        del clients
        self.port = free_port()
        command = ["prometheus-pushgateway", f"--web.listen-address=127.0.0.1:{self.port}"]
        self.run(folder, [*command, f"--persistence.file={folder}/state"], "/-/ready")

    def body_of(self, results: Sequence[Measurement]) -> bytes:
        """Text; results told apart by a label, since one push may name a series once."""
        lines: dict[str, list[str]] = {}
        for place, one in enumerate(results):
            for name, value in numbers(one).items():
                series = f'hakaru_{one.probe}_{name}{{school="A1",result="{place}"}} {value}'
                lines.setdefault(name, []).append(series)
        text = "\n".join(line for group in lines.values() for line in group)
        return text.encode() + b"\n"


def numbers(one: Measurement) -> dict[str, float]:
    """The numbers of a result."""
    return {name: value for name, value in one.values.items() if isinstance(value, int | float)}


def results_of(client: int, number: int, size: int) -> list[Measurement]:
    """The results of one batch: the same as ``benchmarks.ingest.body`` makes."""
    chance = random.Random(client * 10_000_000 + number)
    return [measurement(client, number * size + n, chance) for n in range(size)]


def batch_for(peer: Peer, client: int, number: int, size: int) -> bytes:
    """One batch in the form of a peer."""
    if isinstance(peer, Ours):
        return body(client, number, size)
    return peer.body_of(results_of(client, number, size))


def free_port() -> int:
    """A port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(fields[place]) for place in (11, 12, 13, 14)) / os.sysconf("SC_CLK_TCK")


def missing_programs() -> list[str]:
    """Programs of the packages that are not installed."""
    wanted = ("influxd", "victoria-metrics", "prometheus-pushgateway", "strace")
    return [name for name in wanted if shutil.which(name) is None]


def count_syncs(pids: Sequence[int], work: Sequence[bytes], send: "Sender") -> int:
    """Calls of fsync and its kin by these processes while ``work`` is sent, one by one."""
    with tempfile.NamedTemporaryFile("r") as log:
        words = [word for pid in pids for word in ("-p", str(pid))]
        calls = "trace=fsync,fdatasync,msync,sync_file_range"
        tracer = subprocess.Popen(
            ["strace", "-f", "-q", "-e", calls, "-o", log.name, *words], stderr=subprocess.DEVNULL
        )
        time.sleep(1.0)
        for one in work:
            send(one)
        tracer.terminate()
        tracer.wait(30)
        text = Path(log.name).read_text()
    return sum(f"{call}(" in line for line in text.splitlines() for call in ("fsync", "fdatasync"))


class Sender:
    """One client: batches one after the other over one connection."""

    def __init__(self, peer: Peer, client: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", peer.port, timeout=120)
        self._path = peer.path.format(client=client)
        self._headers = peer.headers(client)

    def __call__(self, batch: bytes) -> None:
        """Send one; anything but 2xx ends the benchmark."""
        self._connection.request("POST", self._path, batch, self._headers)
        reply = self._connection.getresponse()
        said = reply.read()
        assert 200 <= reply.status < 300, (reply.status, said[:500])

    def close(self) -> None:
        """End the connection."""
        self._connection.close()
