"""The other engines against a known rate and against far ends that are not there.

iperf3 is Debian's; ndt7 over TLS, the web servers and the Speedtest are stand-ins of the tests.
"""

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from tests.agent.engine_ends import TERMINATOR, Authority
from tests.lab.netns import GOODPUT_RATIO, Host, Link, Rate, chain
from wire.codec import decode
from wire.failure import FailureCode, Outcome
from wire.measurement import Measurement

pytestmark = pytest.mark.lab

AGENT = (sys.executable, "-m", "agent.cli")
RATE_BPS = 108_000_000
PORT = 4443
Serve = Callable[[Host, Path], contextlib.AbstractContextManager[list[str]]]
"""Starts a far end; gives the words that measure to it."""


@contextlib.contextmanager
def running(host: Host, *command: str) -> Iterator["subprocess.Popen[str]"]:
    """Run a server inside ``host``."""
    with subprocess.Popen(
        host.command(*command), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()
            process.wait(20)


def line(process: "subprocess.Popen[str]") -> str:
    """Give the first line a server says."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


@contextlib.contextmanager
def iperf3(host: Host, _folder: Path) -> Iterator[list[str]]:
    """The program from Debian."""
    with running(host, "iperf3", "--server", "--forceflush") as process:
        while "listening" not in line(process):
            pass
        yield ["iperf3", "--target", host.address, "--seconds", "3"]


@contextlib.contextmanager
def ndt7_tls(host: Host, folder: Path) -> Iterator[list[str]]:
    """Our responder behind a process that takes TLS off."""
    authority = Authority(folder)
    chain_file = folder / "server.pem"
    authority._ca.issue_cert(host.address).private_key_and_cert_chain_pem.write_to_path(
        str(chain_file)
    )
    place = f"{host.address}:{PORT}"
    with (
        running(host, *AGENT, "responder", "--listen", place, "--open"),
        running(
            host, sys.executable, "-c", TERMINATOR, str(chain_file), str(PORT), host.address
        ) as process,
    ):
        port = line(process)
        time.sleep(1)  # the responder listens by then
        yield ["ndt7_public", "--target", f"wss://{host.address}:{port}", "--ca-file",
               authority.file, "--seconds", "3"]  # fmt: skip


def served(kind: str, *words: str) -> Serve:
    """Make a far end of engine_servers."""

    @contextlib.contextmanager
    def serve(host: Host, folder: Path) -> Iterator[list[str]]:
        command = (sys.executable, "-m", "tests.lab.engine_servers", kind, host.address)
        with running(host, *command, str(folder)) as process:
            target = line(process)
            given = [str(folder / "ca.pem") if word == "CA" else word for word in words]
            yield [given[0], "--target", target, *given[1:]]

    return serve


ENGINES: dict[str, tuple[Serve, float]] = {
    "iperf3": (iperf3, 0.02),
    "ndt7 over TLS": (ndt7_tls, 0.03),
    "http": (served("http", "http_download", "--allow-http", "--seconds", "3"), 0.02),
    "https": (served("https", "http_download", "--ca-file", "CA", "--seconds", "3",
                     "--flows", "4"), 0.03),
    "speedtest": (served("speedtest", "ookla", "--accept-terms", "ookla", "--seconds", "4"), 0.06),
}  # fmt: skip


def measure(client: Host, words: list[str]) -> Measurement:
    """Measure from ``client``."""
    ran = client.run(*AGENT, "measure", *words, "--json", check=False)
    return decode(ran.stdout.encode())


@pytest.mark.parametrize(("serve", "bound"), ENGINES.values(), ids=ENGINES.keys())
def test_known_rate(serve: Serve, bound: float, tmp_path: Path) -> None:
    """Each engine's figures are near the TCP goodput of the shaped rate, in both directions.

    TLS takes 0.2 % of it (22 bytes a record of 16 KiB, and frames), HTTP and speedtest-cli's
    short requests a little more.
    """
    rate = Rate(RATE_BPS, burst_bytes=RATE_BPS // 4000)
    shown: dict[str, float] = {}
    with (
        chain([Link(), Link(down=rate, up=rate)]) as (client, _, server),
        serve(server, tmp_path) as words,
    ):
        for _ in range(4):  # again where a busy machine disturbed it
            found = measure(client, words)
            assert found.outcome is Outcome.OK, found.failure
            shown = {
                name: value / (RATE_BPS * GOODPUT_RATIO) - 1
                for name, value in found.values.items()
                if name in ("download_bps", "upload_bps") and isinstance(value, float)
            }
            if all(abs(error) < bound for error in shown.values()):
                break
    print(words[0], *(f"{name} {error:+.2%}" for name, error in shown.items()))
    assert shown
    assert all(abs(error) < bound for error in shown.values()), shown


TARGETS: dict[str, list[str]] = {
    "iperf3": ["iperf3", "--target", "ADDRESS"],
    "ndt7_public": ["ndt7_public", "--target", "wss://ADDRESS"],
    "Locate": ["ndt7_public", "--target", "https://ADDRESS/v2/x", "--accept-terms", "mlab"],
    "http_download": ["http_download", "--target", "https://ADDRESS/x"],
    "ookla": ["ookla", "--target", "http://ADDRESS", "--accept-terms", "ookla"],
}


@pytest.mark.beside
def test_black_hole() -> None:
    """A path that drops everything is a connect time-out, in bounded time; all of them at once."""
    with chain([Link(), Link()]) as (client, router, server):
        router.run("iptables", "-A", "FORWARD", "-j", "DROP")
        started = time.monotonic()
        with ThreadPoolExecutor(len(TARGETS)) as pool:
            asked = [
                [word.replace("ADDRESS", server.address) for word in words]
                for words in TARGETS.values()
            ]
            results = dict(zip(TARGETS, pool.map(partial(measure, client), asked), strict=True))
        assert time.monotonic() - started < 60
    for engine, found in results.items():
        assert found.failure is not None, engine
        assert found.failure.code is FailureCode.CONNECT_TIMEOUT, (engine, found.failure)
        assert not found.values, engine


@pytest.mark.beside
@pytest.mark.parametrize("serve", [serve for serve, _ in ENGINES.values()], ids=ENGINES.keys())
def test_path_that_goes_silent(serve: Serve, tmp_path: Path) -> None:
    """When the path drops everything in the middle: stalled, in bounded time, bytes kept."""
    rate = Rate(20_000_000)
    with (
        chain([Link(), Link(down=rate, up=rate)]) as (client, router, server),
        serve(server, tmp_path) as words,
    ):
        command = client.command(*AGENT, "measure", *words, "--seconds", "8", "--json")
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            time.sleep(3)
            router.run("iptables", "-A", "FORWARD", "-j", "DROP")
            assert process.stdout is not None
            found = decode(process.stdout.read())
    assert found.failure is not None
    assert found.failure.code is FailureCode.STALLED, found.failure
    assert "download_bps" not in found.values
    kept = found.values["download_bytes"]
    assert isinstance(kept, int)
    assert kept > 100_000


@pytest.mark.beside
def test_iperf3_is_busy() -> None:
    """A server that runs another test says so, and that is the failure's name."""
    with chain([Link(), Link()]) as (client, _, server), iperf3(server, Path()) as words:
        other = subprocess.Popen(
            server.command("iperf3", "--client", server.address, "--time", "20"),
            stdout=subprocess.DEVNULL,
        )
        try:
            time.sleep(1)
            found = measure(client, words)
        finally:
            other.kill()
            other.wait(20)
    assert found.failure is not None
    assert found.failure.code is FailureCode.NOT_ADMITTED
