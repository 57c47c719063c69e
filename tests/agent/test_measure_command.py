"""hakaru-agent measure, as a person and as a program call it."""

import contextlib
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module

import pytest

from agent.commands.measure import EXAMPLES, probe_parser
from agent.probes import REGISTRY
from wire.codec import decode
from wire.failure import FailureCode, Outcome

AGENT = (sys.executable, "-m", "agent.cli")


def agent(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [*AGENT, *words], capture_output=True, text=True, check=False, timeout=100
    )


@pytest.fixture(scope="module")
def responder() -> Iterator[str]:
    """HOST:PORT of an open responder in its own process."""
    with subprocess.Popen(
        [*AGENT, "responder", "--listen", "127.0.0.1:0", "--open"],
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stderr is not None
            line = process.stderr.readline()
            yield f"127.0.0.1:{int(line.split(' port ')[1].split(',')[0])}"
        finally:
            process.terminate()
            process.wait(20)


def test_for_machines(responder: str) -> None:
    """--json prints one object on standard output, nothing else anywhere, and exits 0."""
    ran = agent("measure", "throughput", "--target", responder, "--seconds", "2", "--json")
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout
    assert ran.stdout.endswith("\n")
    assert ran.stdout.count("\n") == 1
    found = decode(ran.stdout.encode())
    assert found.outcome is Outcome.OK
    assert found.target == responder
    for name in ("download_bps", "upload_bps"):
        value = found.values[name]
        assert isinstance(value, float)
        assert value > 1e6
    assert found.context["flows_count"] == 4
    assert found.confidence
    print(f"loopback: {json.dumps(dict(found.values))}")


def test_for_people(responder: str) -> None:
    """Without --json: figures with units, how they were obtained, progress on stderr only."""
    ran = agent(
        *("measure", "throughput", "--target", responder),
        *("--seconds", "2", "--direction", "upload", "--flows", "1"),
    )
    assert ran.returncode == 0
    assert "upload ..." in ran.stderr
    assert "upload_bps" in ran.stdout
    assert "Mbit/s" in ran.stdout
    assert "how: TCP goodput" in ran.stdout
    assert "download_bps" not in ran.stdout
    assert "..." not in ran.stdout


def test_live_progress_on_a_terminal(responder: str) -> None:
    """On a terminal one line is written over, with time, length and the rate so far."""
    main, side = pty.openpty()
    words = ("measure", "throughput", "--target", responder, "--seconds", "1", "--json")
    ran = subprocess.run(
        [*AGENT, *words], stdout=subprocess.PIPE, stderr=side, check=False, timeout=100
    )
    os.close(side)
    shown = b""
    with contextlib.suppress(OSError):  # the terminal is gone with its last user
        while piece := os.read(main, 65536):
            shown += piece
    os.close(main)
    assert ran.returncode == 0
    assert shown.count(b"\r") > 4
    assert b"\n" not in shown
    assert b"download" in shown
    assert b"/1.0 s" in shown
    assert b"Mbit/s" in shown
    assert json.loads(ran.stdout)["outcome"] == "ok"


def test_a_failure_for_people() -> None:
    """A failed measurement exits 1 and says why; there is no number."""
    ran = agent("measure", "throughput", "--target", "127.0.0.1:1", "--seconds", "1")
    assert ran.returncode == 1
    assert "failed: connection_refused during connect" in ran.stdout
    assert "bps" not in ran.stdout


def test_a_failure_for_machines() -> None:
    """With --json a failure is a whole Measurement too."""
    ran = agent("measure", "throughput", "--target", "127.0.0.1:1", "--json")
    assert ran.returncode == 1
    found = decode(ran.stdout.encode())
    assert found.failure is not None
    assert found.failure.code is FailureCode.CONNECTION_REFUSED


BAD = {
    "no target": (["throughput"], "--target"),
    "unknown probe": (["thruput", "--target", "a:1"], "invalid choice: 'thruput'"),
    "unknown option": (["throughput", "--target", "a:1", "--speed", "9"], "--speed"),
    "no number": (["throughput", "--target", "a:1", "--flows", "many"], "invalid int value"),
    "too many flows": (["throughput", "--target", "a:1", "--flows", "99"], "--flows: found 99"),
    "too long": (["throughput", "--target", "a:1", "--seconds", "60"], "from 1 to 10"),
    "not finite": (["throughput", "--target", "a:1", "--seconds", "nan"], "--seconds: found nan"),
    "direction": (["throughput", "--target", "a:1", "--direction", "up"], "one of download"),
}


@pytest.mark.parametrize(("words", "text"), BAD.values(), ids=BAD.keys())
def test_bad_arguments(words: list[str], text: str) -> None:
    """Bad arguments exit 2, say what is allowed, and measure nothing."""
    ran = agent("measure", *words, "--json")
    assert ran.returncode == 2
    assert text in ran.stderr
    assert ran.stdout == ""


@pytest.mark.parametrize("name", [*REGISTRY, None])
def test_help_has_an_example(name: str | None) -> None:
    """Each help text shows a command that could be typed."""
    ran = agent("measure", *([name] if name else []), "--help")
    assert ran.returncode == 0
    assert f"Example: {EXAMPLES[name or 'throughput'].split(' --')[0]}" in " ".join(
        ran.stdout.split()
    )
    if name is None:
        assert all(probe in ran.stdout for probe in REGISTRY)


@pytest.mark.parametrize("name", REGISTRY)
def test_help_says_what_the_target_of_this_probe_is(name: str) -> None:
    """A host, a host and port, or a URL: each probe says which it takes, in its own words."""
    target = import_module(REGISTRY[name]).TARGET
    shown = " ".join(probe_parser(name).format_help().split())
    assert f"the far end: {target}" in shown
    example = EXAMPLES[name].split("--target ")[1].split()[0]
    if target.startswith("HOST: "):
        assert ":" not in example
    if target.startswith("HOST:PORT"):
        assert re.fullmatch(r"[^:]+:[0-9]+", example)


@pytest.mark.parametrize(
    ("words", "absent"),
    [
        (["measure", "--help"], {"agent.throughput", "agent.latency", "h11", "httpx"}),
        (["measure", "throughput", "--help"], {"agent.latency", "httpx", "sqlite3"}),
        (["measure", "latency", "--help"], {"agent.throughput", "h11", "httpx"}),
    ],
)
def test_only_what_is_used_is_imported(words: list[str], absent: set[str]) -> None:
    """A command imports the probe it runs and not the others: a small box starts fast."""
    program = (
        "import sys, agent.cli\n"
        "try: agent.cli.main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "print(*sorted(sys.modules), sep='\\n', file=sys.stderr)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, *words],
        capture_output=True, text=True, check=True, timeout=100,
    )  # fmt: skip
    loaded = set(ran.stderr.split())
    assert "agent.commands.measure" in loaded
    assert loaded & absent == set()
