"""The programs that are compared: how each is run, and what its figure counts."""

import contextlib
import functools
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.throughput.places import Place
from benchmarks.throughput.process import ROOT, RunFailed, Usage, run, serving

AGENT = (sys.executable, "-m", "agent.cli")
_HERE = "benchmarks.throughput"
_PORT = 5998
_BIG_BYTES = 1 << 40
_CURL_TIME_IS_OVER = 28
NGINX = """
daemon off; worker_processes 2; pid {folder}/pid; error_log /dev/null;
events {{ worker_connections 64; }}
http {{
  access_log off; sendfile on; sendfile_max_chunk 2m; tcp_nopush on;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{ listen {address}:{port} reuseport; root {folder}; }}
}}
"""


@dataclass(frozen=True)
class Run:
    """One test of one program in one direction."""

    rate_bps: float
    total_bytes: float
    client: Usage
    server: Usage

    def per_gigabyte(self) -> tuple[float, float]:
        """CPU seconds per 1e9 bytes: client, server."""
        size = self.total_bytes / 1e9
        return self.client.cpu_seconds / size, self.server.cpu_seconds / size


Tester = Callable[[Place, str, float, int], Run]
"""Place, direction, seconds, flows."""


@dataclass(frozen=True)
class Engine:
    """A program."""

    name: str
    test: Tester
    counts: str
    """What its figure is made of."""


def _pair(
    server: Sequence[str], client: Sequence[str], place: Place, *, allowed: Sequence[int] = (0,)
) -> tuple[bytes, Usage, Usage]:
    with serving([*place.server, *server], _PORT) as far:
        output, near = run([*place.client, *client], allowed=allowed)
    return output, near, far.usage


def ours(place: Place, way: str, seconds: float, flows: int) -> Run:
    """Measure with this project's agent and responder."""
    target = f"{place.address}:{_PORT}"
    output, near, far = _pair(
        [*AGENT, "responder", "--listen", target, "--open"],
        [*AGENT, "measure", "throughput", "--target", target, "--seconds", f"{seconds:g}",
         "--flows", str(flows), "--direction", way, "--json"],
        place,
    )  # fmt: skip
    values = json.loads(output)["values"]
    return Run(values[f"{way}_bps"], values[f"{way}_bytes"], near, far)


def iperf3(place: Place, way: str, seconds: float, flows: int, *, omit: int = 0) -> Run:
    """Measure with iperf3; the receiver's sum counts."""
    words = ["iperf3", "-c", place.address, "-p", str(_PORT), "-t", f"{seconds:g}", "-J",
             "-P", str(flows), "-O", str(omit), *(["-R"] if way == "download" else [])]  # fmt: skip
    server = ["iperf3", "-s", "-B", place.address, "-p", str(_PORT)]
    output, near, far = _pair(server, words, place)
    end = json.loads(output)["end"]
    share = (seconds + omit) / seconds  # what was omitted cost processor time too
    received = end["sum_received"]
    return Run(received["bits_per_second"], received["bytes"] * share, near, far)


@contextlib.contextmanager
def _files() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with (folder / "big").open("wb") as file:
            file.truncate(_BIG_BYTES)
        yield folder


def _web(place: Place, way: str, folder: Path) -> list[str]:
    """Downloads come from nginx (sendfile), uploads go to a sink that discards in the kernel."""
    if way == "upload":
        return [sys.executable, "-m", f"{_HERE}.web_end", place.address, str(_PORT)]
    text = NGINX.format(folder=folder, address=place.address, port=_PORT)
    (folder / "conf").write_text(text)
    return ["nginx", "-c", str(folder / "conf"), "-p", str(folder), "-e", "/dev/null"]


def curl(place: Place, way: str, seconds: float, flows: int) -> Run:
    """Measure with curl; ``flows`` transfers in parallel are not offered."""
    if flows != 1:
        raise RunFailed("curl: one flow only")
    url = f"http://{place.address}:{_PORT}/big"
    with _files() as folder:
        what = ["-T", str(folder / "big")] if way == "upload" else ["-o", "/dev/null"]
        told = "%{size_" + way + "} %{time_total} %{time_starttransfer}"
        words = ["curl", "-s", "--max-time", f"{seconds:g}", "-H", "Expect:", "-w", told]
        output, near, far = _pair(
            _web(place, way, folder), [*words, *what, url], place, allowed=(_CURL_TIME_IS_OVER,)
        )
    size, total, _ = (float(word) for word in output.split())
    return Run(8 * size / total, size, near, far)


def httpx(place: Place, way: str, seconds: float, flows: int) -> Run:
    """Measure with httpx, one client and thread a flow."""
    url = f"http://{place.address}:{_PORT}/big"
    words = [sys.executable, "-m", f"{_HERE}.httpx_client", url, way, f"{seconds:g}", str(flows)]
    with _files() as folder:
        output, near, far = _pair(_web(place, way, folder), words, place)
    told = json.loads(output)
    return Run(8 * told["bytes"] / told["seconds"], told["bytes"], near, far)


def speedtest(place: Place, way: str, seconds: float, flows: int) -> Run:
    """Measure with speedtest-cli's library against a stand-in of its service."""
    server = [sys.executable, "-m", f"{_HERE}.web_end", place.address, str(_PORT),
              f"{seconds:g}", str(flows)]  # fmt: skip
    words = [sys.executable, "-m", f"{_HERE}.speedtest_client", f"{place.address}:{_PORT}", way]
    output, near, far = _pair(server, words, place)
    told = json.loads(output)
    return Run(told["bps"], told["bytes"], near, far)


def ndt7_js(place: Place, way: str, seconds: float, flows: int) -> Run:
    """Measure with Measurement Lab's JavaScript client in Node.js: ten seconds, one flow."""
    del seconds, flows
    if not (ROOT / "tests/browser/node_modules/@m-lab/ndt7").is_dir():
        raise RunFailed("@m-lab/ndt7 is not installed: cd tests/browser && npm ci")
    target = f"{place.address}:{_PORT}"
    server = [*AGENT, "responder", "--listen", target, "--open"]
    words = ["node", str(Path(__file__).with_name("ndt7_client.js")), target, way]
    output, near, far = _pair(server, words, place)
    told = json.loads(output)
    return Run(told["bps"], told["bytes"], near, far)


OURS = Engine("hakaru", ours, "bytes the receiver's kernel has or has acknowledged, by slope")
IPERF3 = Engine("iperf3", iperf3, "bytes the receiver's program read, start included")
IPERF3_OMIT = Engine(
    "iperf3 -O 1",
    functools.partial(iperf3, omit=1),
    "the same, first second left out, 5 s counted",
)
CURL = Engine("curl", curl, "bytes of the body read; upload: written to the kernel")
HTTPX = Engine("httpx", httpx, "bytes of the body read; upload: written to the kernel")
SPEEDTEST = Engine("speedtest-cli", speedtest, "bytes read; upload: written, of finished requests")
NDT7_JS = Engine(
    "ndt7 (npm)", ndt7_js, "client's mean of 10 s; upload: the responder's last BytesReceived"
)
OTHERS = (CURL, HTTPX, SPEEDTEST, NDT7_JS)
