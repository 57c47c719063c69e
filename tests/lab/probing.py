"""Running the agent's commands and small servers inside the hosts of a laboratory."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.lab.netns import Host

START_SECONDS = 20
ROOT = Path(__file__).parents[2]


def need(tool: str, package: str) -> None:
    """Fail where a tool of this test is missing."""
    if shutil.which(tool) is None:
        pytest.fail(f"{tool} is missing: scripts/system-packages {package}", pytrace=False)


def measured(
    host: Host, probe: str, target: str, *options: str, environment: Mapping[str, str] | None = None
) -> Any:
    """Run ``hakaru-agent measure`` in ``host`` and give its Measurement as JSON."""
    words = (sys.executable, "-m", "agent.cli", "measure", probe, "--target", target, "--json")
    ended = subprocess.run(
        host.command(*words, *options),
        check=False, capture_output=True, text=True, timeout=120,
        env={**os.environ, **(environment or {})}, cwd=ROOT,
    )  # fmt: skip
    assert ended.stdout, ended.stderr
    return json.loads(ended.stdout)


def code_of(result: Any) -> str:
    """The failure's code."""
    assert result["outcome"] == "failed", result["values"]
    return str(result["failure"]["code"])


@contextlib.contextmanager
def running(host: Host, ready: str, *words: str) -> Iterator["subprocess.Popen[str]"]:
    """Run Python with ``words`` in ``host`` until the end; waits for ``ready`` in what it says."""
    with subprocess.Popen(
        host.command(sys.executable, "-u", *words), stderr=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        try:
            assert process.stderr is not None
            ends_at = time.monotonic() + START_SECONDS
            while ready not in (line := process.stderr.readline()):
                assert line, f"{words} ended before it said {ready!r}"
                assert time.monotonic() < ends_at
            yield process
        finally:
            process.kill()


def without_filters(*hosts: Host) -> None:
    """Remove what tests before have filtered."""
    for host in hosts:
        for tool in ("iptables", "ip6tables"):
            host.run(tool, "-F")
            host.run(tool, "-t", "mangle", "-F")
