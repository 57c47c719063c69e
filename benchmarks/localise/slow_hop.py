"""A router whose own processor is slow: it answers echoes late, and forwards as fast as ever.

Runs in the router's host, where the kernel answers none. Usage: slow_hop.py HOW SECONDS SEED with
HOW one of slow, jittery, under-load.
"""

import heapq
import select
import socket
import struct
import sys
import time
from pathlib import Path
from random import Random

BUSY_BYTES_PER_SECOND = 300_000
LOOK_SECONDS = 0.05


def forwarded_bytes() -> int:
    """Received on all interfaces but loopback."""
    lines = Path("/proc/net/dev").read_text().splitlines()[2:]
    return sum(int(line.split(":")[1].split()[0]) for line in lines if "lo:" not in line)


def checksum(data: bytes) -> int:
    """RFC 1071."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def main() -> None:
    """Answer for ever."""
    how, seconds, random = sys.argv[1], float(sys.argv[2]), Random(int(sys.argv[3]))
    sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    sock.setblocking(False)
    print("ready", flush=True)
    waiting: list[tuple[float, int, bytes, str]] = []
    looked, before, busy, count = time.monotonic(), forwarded_bytes(), False, 0
    while True:
        now = time.monotonic()
        if now - looked >= LOOK_SECONDS:
            moved = forwarded_bytes()
            busy = (moved - before) / (now - looked) > BUSY_BYTES_PER_SECOND
            looked, before = now, moved
        while waiting and waiting[0][0] <= now:
            _, _, reply, peer = heapq.heappop(waiting)
            sock.sendto(reply, (peer, 0))
        left = min(LOOK_SECONDS, max(0.0, waiting[0][0] - now) if waiting else LOOK_SECONDS)
        if not select.select([sock], [], [], left)[0]:
            continue
        packet, (peer, _) = sock.recvfrom(2_048)
        body = packet[(packet[0] & 15) * 4 :]
        if len(body) < 8 or body[0] != 8:
            continue
        reply = b"\0\0\0\0" + body[4:]
        reply = reply[:2] + struct.pack("!H", checksum(reply)) + reply[4:]
        wait = {
            "slow": seconds, "jittery": random.uniform(0, seconds), "under-load": seconds * busy,
        }[how]  # fmt: skip
        count += 1
        heapq.heappush(waiting, (time.monotonic() + wait, count, reply, peer))


if __name__ == "__main__":
    main()
