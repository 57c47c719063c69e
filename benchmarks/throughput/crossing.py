"""Traffic of others on the line under test: iperf3 at a known share of its rate."""

import contextlib
import subprocess
import time
from collections.abc import Iterator

from benchmarks.throughput.places import Place
from benchmarks.throughput.process import serving

SHARE_RATIO = 0.4
PAYLOAD_BYTES = 1400
FRAME_BYTES = PAYLOAD_BYTES + 8 + 20 + 14
"""UDP, IPv4 and Ethernet as the token bucket counts them."""
KINDS = ("none", "udp", "tcp")
_PORT = 5997


@contextlib.contextmanager
def crossing(place: Place, kind: str, way: str, rate_bps: int, seconds: int) -> Iterator[None]:
    """Fill :data:`SHARE_RATIO` of the line with UDP, or offer as much by one paced TCP flow."""
    if kind == "none":
        yield
        return
    payload_bps = rate_bps * SHARE_RATIO * PAYLOAD_BYTES / FRAME_BYTES
    words = ["iperf3", "-c", place.address, "-p", str(_PORT), "-t", str(seconds),
             "-b", f"{payload_bps:.0f}"]  # fmt: skip
    words += ["-u", "-l", str(PAYLOAD_BYTES)] if kind == "udp" else []
    words += ["-R"] if way == "download" else []
    server = [*place.server, "iperf3", "-s", "-p", str(_PORT), "-B", place.address]
    with serving(server, _PORT):
        process = subprocess.Popen(
            [*place.client, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            time.sleep(1.0)  # until it flows evenly
            yield
        finally:
            process.terminate()
            process.wait()
