"""A real Prometheus and a real VictoriaMetrics on loopback, and what they hold."""

import socket
import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path

import httpx

WINDOW_DAYS = 7
"""How far back Prometheus takes samples that come late."""
Points = dict[int, float]
"""Value by time in milliseconds."""


def free_port() -> int:
    """A port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


class TimeSeriesStore(ABC):
    """One server with its own folder; ``start`` it again after ``stop`` to keep the data."""

    name: str
    ready_path: str
    write_path = "/api/v1/write"

    def __init__(self, folder: Path) -> None:
        self.folder = folder / self.name
        self.folder.mkdir()
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.client = httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}", timeout=60, trust_env=False
        )

    @property
    def write_url(self) -> str:
        """Where to write to."""
        return f"http://127.0.0.1:{self.port}{self.write_path}"

    @abstractmethod
    def command(self) -> list[str]:
        """How it is started."""

    @abstractmethod
    def points(self, selector: str) -> Points:
        """Everything of one series, as it was written."""

    def start(self) -> None:
        """Start and wait until it answers."""
        log = (self.folder / "log").open("ab")
        self.process = subprocess.Popen(self.command(), stdout=log, stderr=log)
        log.close()
        ends = time.monotonic() + 120
        while time.monotonic() < ends:
            try:
                if self.client.get(self.ready_path).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            assert self.process.poll() is None, (self.folder / "log").read_text()
            time.sleep(0.1)
        raise AssertionError(f"{self.name} is not ready: {(self.folder / 'log').read_text()}")

    def stop(self) -> None:
        """End it, if it runs."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(60)
            self.process = None

    def close(self) -> None:
        """Leave nothing behind."""
        self.stop()
        self.client.close()


class Prometheus(TimeSeriesStore):
    """With an out-of-order window, as configs/prometheus/prometheus.yml has it."""

    name = "prometheus"
    ready_path = "/-/ready"

    def command(self) -> list[str]:
        """No target is scraped."""
        config = self.folder / "prometheus.yml"
        config.write_text(f"storage:\n  tsdb:\n    out_of_order_time_window: {WINDOW_DAYS}d\n")
        return [
            "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={self.folder}/data",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--web.enable-remote-write-receiver",
        ]

    def points(self, selector: str) -> Points:
        """A range selector gives samples as they are, not at steps."""
        reply = self.client.get("/api/v1/query", params={"query": f"{selector}[{WINDOW_DAYS}d]"})
        series = reply.json()["data"]["result"]
        assert len(series) <= 1
        return {round(at * 1000): float(value) for one in series for at, value in one["values"]}


class VictoriaMetrics(TimeSeriesStore):
    """With its deduplication, as docs/operations.md advises."""

    name = "victoria-metrics"
    ready_path = "/health"

    def command(self) -> list[str]:
        """Nothing is scraped."""
        return [
            "victoria-metrics",
            f"-storageDataPath={self.folder}/data",
            f"-httpListenAddr=127.0.0.1:{self.port}",
            "-retentionPeriod=5y",
            "-dedup.minScrapeInterval=1ms",
        ]

    def points(self, selector: str) -> Points:
        """The raw samples, after what is in memory has become visible."""
        self.client.get("/internal/force_flush")
        reply = self.client.get(
            "/api/v1/export", params={"match[]": selector, "reduce_mem_usage": 0}
        )
        lines = [line for line in reply.text.splitlines() if line]
        assert len(lines) <= 1
        found: Points = {}
        for line in lines:
            one = httpx.Response(200, text=line).json()
            found |= dict(zip(one["timestamps"], map(float, one["values"]), strict=True))
        return found
