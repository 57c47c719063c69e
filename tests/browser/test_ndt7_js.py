"""Measurement Lab's own JavaScript client, unchanged, against our responder."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.lab.netns import GOODPUT_RATIO, Link, Rate, chain
from wire.codec import decode

pytestmark = [pytest.mark.browser, pytest.mark.alone]

HERE = Path(__file__).parent
AGENT = (sys.executable, "-m", "agent.cli")
CLIENTS = {
    "node": ("node", str(HERE / "ndt7_node.js")),
    "chromium": (sys.executable, str(HERE / "ndt7_page.py")),
}
TESTS = ("download", "upload")
LINE = re.compile(r"INFO (download|upload) .*: (\d+) bytes in ([\d.]+) s")


@pytest.fixture(scope="module", autouse=True)
def _installed() -> None:
    """Fail, rather than skip, where a program or package is missing."""
    missing = [name for name in ("node", "chromium") if shutil.which(name) is None]
    if not (HERE / "node_modules" / "@m-lab" / "ndt7").is_dir():
        missing.append("@m-lab/ndt7")
    if missing:
        pytest.fail(f"missing: {' '.join(missing)}. Run: make test-browser", pytrace=False)


class Far:
    """A running responder and what it logs of each flow."""

    def __init__(self, process: "subprocess.Popen[str]", place: str) -> None:
        self._process = process
        self.place = place

    def counted(self) -> dict[str, float]:
        """End it; give the rate in bit/s of the last flow of each direction by its own count."""
        self._process.terminate()
        _, log = self._process.communicate(timeout=20)
        found = (LINE.fullmatch(line) for line in log.splitlines())
        return {item[1]: 8 * int(item[2]) / float(item[3]) for item in found if item is not None}


@contextlib.contextmanager
def responder(place: str, before: Sequence[str] = ()) -> Iterator[Far]:
    """An open responder at HOST:PORT (port 0: any)."""
    with subprocess.Popen(
        [*before, *AGENT, "responder", "--listen", place, "--open", "--verbose"],
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stderr is not None
            port = int(process.stderr.readline().split(" port ")[1].split(",")[0])
            yield Far(process, f"{place.partition(':')[0]}:{port}")
        finally:
            process.kill()


def run(client: str, server: str, before: Sequence[str] = ()) -> dict[str, Any]:
    """Run one of the clients to its end, about 20 s; give what it saw."""
    ran = subprocess.run(
        [*before, *CLIENTS[client], server],
        capture_output=True,
        text=True,
        check=False,
        timeout=150,
        cwd=HERE,
    )
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert isinstance(found, dict)
    return found


def check(found: dict[str, Any]) -> None:
    """Both tests completed, measured by both sides, closed cleanly, without any error."""
    assert (found["code"], found["errors"]) == (0, [])
    for test in TESTS:
        assert found[test]["complete"], test
        assert found[test]["client"] >= 10
        assert found[test]["server"] >= 10
        server = found[test]["complete"]["LastServerMeasurement"]
        assert (server["Origin"], server["Test"]) == ("server", test)
        assert server["AppInfo"]["NumBytes"] > 100_000
        assert server["TCPInfo"]["MinRTT"] >= 0
        assert server["TCPInfo"]["ElapsedTime"] > 5_000_000
        assert server["ConnectionInfo"]["Client"]
    # The download is ours to end: with a close frame, not with a reset. (Of an upload the client
    # may not wait for the end.)
    assert found["closed"][0] == {"MsgType": "closed", "clean": True, "code": 1000}


@pytest.mark.parametrize("client", CLIENTS)
def test_over_loopback(client: str) -> None:
    """Unshaped, in Node.js and in Chromium, download and upload complete without an error."""
    with responder("127.0.0.1:0") as far:
        check(run(client, far.place))


@pytest.mark.parametrize("client", CLIENTS)
def test_on_a_known_line(client: str) -> None:
    """On a line of 108 Mbit/s the responder's count of their bytes agrees with our figures.

    Within 10 % of our client's figures; a mean over the whole test, slow start and last buffer
    included, can be no closer.
    """
    if os.geteuid() != 0:
        pytest.fail("network namespaces need root: run `sudo make test-browser`", pytrace=False)
    rate = Rate(108_000_000, burst_bytes=27_000)
    with chain([Link(), Link(down=rate, up=rate)]) as (near, _, server):
        with responder(f"{server.address}:4443", server.command()) as far:
            theirs = run(client, far.place, near.command())
            counted = far.counted()
        check(theirs)
        with responder(f"{server.address}:4443", server.command()) as far:
            words = ("measure", "throughput", "--target", far.place, "--json")
            ours = decode(near.run(*AGENT, *words, check=False).stdout.encode()).values
    for test in TESTS:
        mean = theirs[test]["complete"]["LastClientMeasurement"]["MeanClientMbps"]
        own = ours[f"{test}_bps"]
        assert isinstance(own, float)
        print(
            f"{client} {test}: responder counted {counted[test] / 1e6:.2f}, it says {mean:.2f}, "
            f"our client {own / 1e6:.2f}, line {108 * GOODPUT_RATIO:.2f} Mbit/s"
        )
        assert abs(counted[test] / own - 1) < 0.10
