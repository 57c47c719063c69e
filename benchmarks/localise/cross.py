"""Traffic of others: UDP to a host at a mean rate, which comes and goes. Ends when it is killed.

It takes in what its fellow at the other end sends, since a host that answers "unreachable" tells
one peer no more than one error a second, and these would use up what it tells a traceroute.

Usage: python cross.py HOST BPS SEED
"""

import socket
import sys
import time
from random import Random

PAYLOAD_BYTES = 1_400
FRAME_BITS = 8 * (PAYLOAD_BYTES + 42)
UDP_SEGMENT = 103
MOST_AT_ONCE = 10
BURST_SECONDS = 0.002


def main() -> None:
    """Send for ever: for 0.2 to 0.6 s at 0.6 to 1.4 times the mean, then at another rate."""
    host, mean, random = sys.argv[1], float(sys.argv[2]), Random(int(sys.argv[3]))
    sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sink.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sink.bind(("", 9))  # never read: what comes is dropped when the buffer is full
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, PAYLOAD_BYTES)
    sock.connect((host, 9))
    at_once = max(1, min(MOST_AT_ONCE, int(mean * BURST_SECONDS / FRAME_BITS)))
    due = until = time.monotonic()
    rate = mean
    while True:
        if due >= until:
            until, rate = due + random.uniform(0.2, 0.6), mean * random.uniform(0.6, 1.4)
        time.sleep(max(0.0, due - time.monotonic()))
        try:
            sock.send(bytes(at_once * PAYLOAD_BYTES))
        except OSError:  # nobody listens there, or the queue is full: that is what it is for
            time.sleep(0.001)
        due = max(due, time.monotonic() - 0.05) + at_once * FRAME_BITS / rate


if __name__ == "__main__":
    main()
