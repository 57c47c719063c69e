"""Small boxes: what the agent loads, and the memory it takes while it waits."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent.identity import Enrolment, Identity, save
from agent.state import STATUS_FILE, prepare
from tests.agent.stub import Collector, Stub

AGENT = "6f1d3c52-90ab-4c6e-8a51-2f0f5b0c7d11"
MOST_KIB = 60 * 1024
HEAVY_PACKAGES = {"httpx", "scapy", "dns", "h11", "asyncio", "sqlite3", "ssl", "ctypes", "email"}
CONFIG = """
[[tests]]
probe = "throughput"
target = "127.0.0.1:9"
windows = [{ days = "mon-sun", from = "00:00", to = "00:10", runs = 1 }]

[[tests]]
probe = "latency"
target = "127.0.0.1"
windows = [{ days = "mon-sun", from = "00:00", to = "00:10", runs = 1 }]

[[tests]]
probe = "dns"
target = "127.0.0.1"
options = { names = "www.example.com" }
windows = [{ days = "mon-sun", from = "00:00", to = "00:10", runs = 1 }]

[[tests]]
probe = "https"
target = "https://127.0.0.1/"
windows = [{ days = "mon-sun", from = "00:00", to = "00:10", runs = 1 }]
"""


def loaded_by(*words: str) -> set[str]:
    """Top-level modules that a command has imported at its end."""
    code = (
        "import sys\nfrom agent import cli\n"
        f"try:\n    cli.main({list(words)!r})\nexcept SystemExit:\n    pass\n"
        "sys.stderr.write('\\nMODULES ' + ' '.join({name.split('.')[0] for name in sys.modules}))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return set(ran.stderr.rpartition("MODULES ")[2].split())


def test_help_loads_nothing_heavy() -> None:
    """No library, no database, no TLS, no event loop for a page of text."""
    assert loaded_by("--help") & HEAVY_PACKAGES == set()


@pytest.mark.parametrize(
    ("words", "absent"),
    [
        (("status", "--help"), {"httpx", "scapy", "dns"}),
        (("measure", "latency", "--help"), {"httpx", "scapy", "dns", "sqlite3", "asyncio"}),
        (("run", "--help"), {"scapy", "dns"}),
        (("schedule", "--help"), {"scapy", "dns"}),
    ],
)
def test_commands_load_only_what_they_use(words: tuple[str, ...], absent: set[str]) -> None:
    """Libraries of probes that are not in use stay on the disk."""
    assert loaded_by(*words) & absent == set()


def rss_kib(pid: int) -> int:
    """Resident memory of a process (proc(5), VmRSS)."""
    found = re.search(r"VmRSS:\s+([0-9]+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1])


def test_an_idle_agent_takes_less_than_60_mib(tmp_path: Path) -> None:
    """With four kinds of tests configured, after the self-test and a first delivery try."""
    path = tmp_path / "agent.toml"
    path.write_text(CONFIG)
    with Stub(Collector()) as stub:
        state = prepare(tmp_path / "state")
        save(state, Identity(agent_id=AGENT, active=Enrolment(collector=stub.url, token="t" * 40)))
        process = subprocess.Popen(
            [sys.executable, "-m", "agent.cli", "run", "--config", str(path), "--state",
             str(state)],
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )  # fmt: skip
        try:
            ends = time.monotonic() + 60
            while not (state / "appliance.json").exists() and time.monotonic() < ends:
                time.sleep(0.1)
            assert (state / STATUS_FILE).exists()
            taken = rss_kib(process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            _, said = process.communicate(timeout=30)
    print(f"\nidle agent: {taken / 1024:.1f} MiB resident")
    assert process.returncode == 0, said.decode()
    assert taken < MOST_KIB
