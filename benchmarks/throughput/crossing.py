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
TCP_RATIO = 1448 / 1514
KINDS = ("none", "udp", "tcp")
_PORT = 5997


@contextlib.contextmanager
def crossing(place: Place, kind: str, way: str, rate_bps: int, seconds: int) -> Iterator[None]:
    """Fill :data:`SHARE_RATIO` of the line with UDP, or offer as much by one paced TCP flow.

    TCP is paced by the kernel: iperf3's own pacing makes up for what it could not send before, so
    it would take more than its share after it had yielded.
    """
    if kind == "none":
        yield
        return
    share_bps = rate_bps * SHARE_RATIO
    if way == "download":  # whoever sends is the client: only that one paces
        sender, receiver, address = place.server, place.client, place.client_address
    else:
        sender, receiver, address = place.client, place.server, place.address
    words = [*sender, "iperf3", "-c", address, "-p", str(_PORT), "-t", str(seconds)]
    if kind == "udp":
        pace = f"{share_bps * PAYLOAD_BYTES / FRAME_BYTES:.0f}"
        words += ["-u", "-l", str(PAYLOAD_BYTES), "-b", pace]
    else:
        words += ["--fq-rate", f"{share_bps * TCP_RATIO:.0f}"]
    with serving([*receiver, "iperf3", "-s", "-p", str(_PORT), "-B", address], _PORT):
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            time.sleep(1.0)  # until it flows evenly
            yield
        finally:
            process.terminate()
            process.wait()
