"""Raw packets with scapy in a process of its own: commands on standard input, events on output.

Started by :mod:`agent.path.packet_engine` as ``python -m agent.path.child``; every line either
way is one JSON object. The first one in says what to trace::

    {"source": "192.0.2.7", "destination": ["198.51.100.1", 0], "protocol": "udp",
     "port": 33434, "run": 7}

and is answered by ``{"ready": true}`` or ``{"missing": WHY}``. Then ``{"tag": 1, "hops": 3,
"flow": 0}`` sends a probe; out come ``{"sent": TAG, "at_seconds": ..}``, ``{"not_sent": TAG,
"errno": ..}`` and ``{"reply": TAG, "at_seconds": .., "address": .., "kind": .., "icmp": ..,
"mpls": ..}``. Moments are of CLOCK_MONOTONIC, which all processes share. The process ends with
its standard input.
"""

import ctypes
import errno
import json
import os
import select
import socket
import struct
import sys
from types import ModuleType
from typing import Any, BinaryIO, Final

from agent import guard
from agent.clock import Clock, SystemClock
from agent.kernel_time import SO_TIMESTAMPNS_NEW, arrival
from agent.path.bpf import INSTRUCTION, program
from agent.path.flows import Query

ETHERTYPES: Final = {4: 0x0800, 6: 0x86DD}
SO_ATTACH_FILTER: Final = 26
SNAP_BYTES: Final = 2_048
RECEIVE_BYTES: Final = 1 << 20
MOST_AT_ONCE: Final = 200
MOST_COMMAND_BYTES: Final = 65_536


def main() -> int:
    """Serve one trace."""
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what a library prints must not be taken for an event
    guard.inherit()
    asked = json.loads(sys.stdin.buffer.readline())
    try:
        from agent.path import packets  # noqa: PLC0415 - scapy may be missing: it is said so
    except ImportError as error:
        _say(out, {"missing": f"scapy cannot be loaded ({error})"})
        return 0
    query = Query(
        source=asked["source"],
        destination=asked["destination"][0],
        protocol=asked["protocol"],
        port=asked["port"],
        run=asked["run"],
    )
    try:
        sender, listener = _sender(query.version), _listener(query.version, query.destination)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EACCES):
            raise
        _say(out, {"missing": "this program may not open raw sockets"})
        return 0
    _say(out, {"ready": True})
    target = (query.destination, 0, *asked["destination"][2:])
    _serve(out, packets, query, sender, listener, target)
    return 0


def _serve(
    out: BinaryIO,
    packets: ModuleType,
    query: Query,
    sender: socket.socket,
    listener: socket.socket,
    target: tuple[str | int, ...],
) -> None:
    clock = SystemClock()
    commands = bytearray()
    while True:
        ready, _, _ = select.select([0, listener.fileno()], [], [])
        if listener.fileno() in ready:
            for packet, at_seconds in _arrived(listener, clock):
                reply = packets.read(query, packet, at_seconds)
                if reply is not None:
                    _say(
                        out,
                        {
                            "reply": reply.tag,
                            "at_seconds": reply.at_seconds,
                            "address": reply.address,
                            "kind": reply.kind,
                            "icmp": reply.icmp,
                            "mpls": reply.mpls,
                        },
                    )
        if 0 in ready:
            came = os.read(0, MOST_COMMAND_BYTES)
            if not came:
                return
            commands += came
            *whole, rest = commands.split(b"\n")
            commands = bytearray(rest)
            for line in whole:
                order = json.loads(line)
                packet = packets.build(query, order["hops"], order["flow"], order["tag"])
                at_seconds = clock.monotonic_seconds()
                try:
                    sender.sendto(packet, target)
                except OSError as error:
                    _say(out, {"not_sent": order["tag"], "errno": error.errno})
                else:
                    _say(out, {"sent": order["tag"], "at_seconds": at_seconds})


def _say(out: BinaryIO, event: dict[str, Any]) -> None:
    out.write(json.dumps(event).encode() + b"\n")


def _sender(version: int) -> socket.socket:
    family = socket.AF_INET6 if version == 6 else socket.AF_INET
    return socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW)


def _listener(version: int, destination: str) -> socket.socket:
    """Open a packet socket for all interfaces. What came before the filter is not taken for ours:
    :func:`agent.path.packets.read` looks at every packet once more.
    """  # noqa: D205 - one sentence and its consequence
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETHERTYPES[version]))
    code = program(destination)
    buffer = ctypes.create_string_buffer(code)
    length = len(code) // INSTRUCTION.size
    filter_program = struct.pack("@HP", length, ctypes.addressof(buffer))
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, filter_program)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS_NEW, 1)
    sock.setblocking(False)
    return sock


def _arrived(listener: socket.socket, clock: Clock) -> list[tuple[bytes, float]]:
    """Packets that came in, each with the moment the kernel got it."""
    found = []
    for _ in range(MOST_AT_ONCE):
        try:
            packet, ancillary, _, address = listener.recvmsg(SNAP_BYTES, 64)
        except BlockingIOError:
            break
        if address[2] == socket.PACKET_OUTGOING:
            continue
        now, age = arrival(ancillary, clock)
        found.append((packet, now - age))
    return found


if __name__ == "__main__":
    sys.exit(main())
