"""Running the agent's commands and small servers inside the hosts of a laboratory."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.lab.netns import Chain, Host

START_SECONDS = 20
ROOT = Path(__file__).parents[2]
NO_PRIVILEGE = ("setpriv", "--inh-caps=-all", "--ambient-caps=-all", "--bounding-set=-all")
"""What runs a command without any capability of root's."""


def need(tool: str, package: str) -> None:
    """Fail where a tool of this test is missing."""
    if shutil.which(tool) is None:
        pytest.fail(f"{tool} is missing: scripts/system-packages {package}", pytrace=False)


def measured(
    host: Host,
    probe: str,
    target: str,
    *options: str,
    environment: Mapping[str, str] | None = None,
    prefix: Sequence[str] = (),
) -> Any:
    """Run ``hakaru-agent measure`` in ``host``; give its Measurement as JSON: its exit code fits.

    ``prefix``: the command that runs it.
    """
    words = (sys.executable, "-m", "agent.cli", "measure", probe, "--target", target, "--json")
    ended = subprocess.run(
        host.command(*prefix, *words, *options),
        check=False, capture_output=True, text=True, timeout=120,
        env={**os.environ, **(environment or {})}, cwd=ROOT,
    )  # fmt: skip
    assert ended.stdout, ended.stderr
    result = json.loads(ended.stdout)
    assert (ended.returncode == 0) is (result["outcome"] == "ok"), ended.returncode
    return result


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


def narrow(hosts: Chain, mtu_bytes: int) -> None:
    """Set the MTU of the link between two routers, and let every host forget what it knew."""
    hosts[1].run("ip", "link", "set", "far1", "mtu", str(mtu_bytes))
    hosts[2].run("ip", "link", "set", "near1", "mtu", str(mtu_bytes))
    for host in hosts:
        for family in ("-4", "-6"):
            host.run("ip", family, "route", "flush", "cache")


def without_filters(*hosts: Host) -> None:
    """Remove what tests before have filtered."""
    for host in hosts:
        for tool in ("iptables", "ip6tables"):
            host.run(tool, "-F")
            host.run(tool, "-t", "mangle", "-F")
