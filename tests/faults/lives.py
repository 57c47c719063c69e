"""Agent and collector as real processes that a test starts, kills and starts again."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import psycopg

SCRIPT = Path(__file__).parent / "agent_process.py"


class Agent:
    """One life of the agent."""

    def __init__(self, state: Path, *more: str) -> None:
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        }
        self.process = subprocess.Popen(
            [sys.executable, SCRIPT, state, *more],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
        )
        self.accepted: list[str] = []
        self.errors = b""
        self._readers = [
            threading.Thread(target=self._read_output),
            threading.Thread(target=self._read_errors),
        ]
        for reader in self._readers:
            reader.start()

    def _read_output(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.endswith(b"\n"):
                self.accepted.append(line.decode().strip())

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        self.errors = self.process.stderr.read()

    def wait_for(self, count: int, seconds: float = 60.0) -> None:
        """Wait until it has accepted some results."""
        ends = time.monotonic() + seconds
        while len(self.accepted) < count and time.monotonic() < ends:
            time.sleep(0.02)
        assert len(self.accepted) >= count, self.errors

    def end(self, number: int) -> int:
        """Send a signal and give the exit code."""
        self.process.send_signal(number)
        code = self.process.wait(timeout=60)
        for reader in self._readers:
            reader.join(timeout=60)
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.process.stdout.close()
        self.process.stderr.close()
        return code


class Collector:
    """A ``serve`` process on one port, started again after each kill."""

    def __init__(self, url: str, port: int = 0) -> None:
        self.url, self.port = url, port
        self.process: subprocess.Popen[str] | None = None
        self.drain: threading.Thread | None = None

    def start(self) -> float:
        """Start, wait until it listens; give the seconds it took."""
        started = time.monotonic()
        command = [sys.executable, "-m", "collector.cli", "serve", "--database", self.url]
        self.process = subprocess.Popen(
            [*command, "--listen", f"127.0.0.1:{self.port}"], stderr=subprocess.PIPE, text=True
        )
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        while line and " WARNING " in line:  # a PostgreSQL of tests does not sync, and is told so
            line = self.process.stderr.readline()
        assert line.startswith("listening on http://"), line
        self.port = int(line.rsplit(":", 1)[1])
        self.drain = threading.Thread(target=self.process.stderr.read, daemon=True)
        self.drain.start()
        return time.monotonic() - started

    def end(self, how: signal.Signals) -> int:
        """Send a signal and wait."""
        assert self.process is not None
        self.process.send_signal(how)
        code = self.process.wait(30)
        self._close()
        return code

    def clean_up(self) -> None:
        """Leave nothing behind, whatever happened."""
        if self.process is not None:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait(30)
            self._close()

    def _close(self) -> None:
        assert self.process is not None
        assert self.process.stderr is not None
        if self.drain is not None:
            self.drain.join(30)
        self.process.stderr.close()


def stored_ids(url: str) -> list[str]:
    """Ids in the database, with repetitions if there were any."""
    if url.startswith("postgresql"):
        with psycopg.connect(url) as connected:
            return [row[0] for row in connected.execute("SELECT result_id FROM result")]
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    found = [row[0] for row in connection.execute("SELECT result_id FROM result")]
    connection.close()
    return found
