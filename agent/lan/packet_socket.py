"""A packet socket (packet(7)) that sees only what a filter in the kernel passes."""

import ctypes
import errno
import select
import socket
import struct
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

from agent.failure import MeasurementFailed
from agent.path.bpf import INSTRUCTION, Step, assemble
from wire.failure import FailureCode, Operation

BROADCAST: Final = b"\xff" * 6
ETHERTYPE_IPV4: Final = 0x0800
ETHERTYPE_ARP: Final = 0x0806
ETHERTYPE_IPV6: Final = 0x86DD
EVERY_ETHERTYPE: Final = 0x0003
RECEIVE_BYTES: Final = 1 << 20
MOST_FRAME_BYTES: Final = 2_048
_SO_ATTACH_FILTER: Final = 26
_SOL_PACKET: Final = 263
_PACKET_ADD_MEMBERSHIP: Final = 1
_PACKET_STATISTICS: Final = 6
_PACKET_IGNORE_OUTGOING: Final = 23
_PACKET_MR_ALLMULTI: Final = 2
_PACKET_MR_UNICAST: Final = 3
_WHAT_TO_DO: Final = (
    "packets of the LAN are not permitted to this program: give it CAP_NET_RAW "
    "(systemd: AmbientCapabilities=CAP_NET_RAW)"
)


class PacketSocket:
    """Whole Ethernet frames of one interface, from the moment of opening on, filtered."""

    def __init__(self, interface: str, ethertype: int, steps: Sequence[Step]) -> None:
        self.interface = interface
        try:
            # of no protocol until the filter is in place: nothing unfiltered is ever received
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        except OSError as error:
            if error.errno in (errno.EPERM, errno.EACCES):
                raise MeasurementFailed(
                    FailureCode.PERMISSION_DENIED, Operation.PREPARE, _WHAT_TO_DO
                ) from None
            raise
        try:
            self._attach(assemble(steps))
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
            self._socket.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
            self._socket.setblocking(False)
            self._socket.bind((interface, ethertype))
        except OSError:
            self._socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._socket.close()

    def send(self, frame: bytes) -> None:
        """Send a whole frame. Raises OSError."""
        self._socket.send(frame)

    def hear(self, link_address: bytes) -> None:
        """Have the card take frames for one more address, as long as this is open."""
        self._join(_PACKET_MR_UNICAST, link_address)

    def hear_all_groups(self) -> None:
        """Have the card take the frames of every multicast group, as long as this is open."""
        self._join(_PACKET_MR_ALLMULTI, b"")

    def _join(self, kind: int, link_address: bytes) -> None:
        index = socket.if_nametoindex(self.interface)
        request = struct.pack("=iHH8s", index, kind, len(link_address), link_address)
        self._socket.setsockopt(_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, request)

    def poll(self, timeout_seconds: float, most: int = 200) -> list[bytes]:
        """Wait up to ``timeout_seconds``; give at most ``most`` frames that came in.

        What this machine sent itself is not among them (PACKET_IGNORE_OUTGOING).
        """
        if not select.select([self._socket], [], [], max(0.0, timeout_seconds))[0]:
            return []
        found: list[bytes] = []
        for _ in range(most):
            try:
                found.append(self._socket.recv(MOST_FRAME_BYTES))
            except BlockingIOError:
                break
        return found

    def counts(self) -> tuple[int, int]:
        """Frames that passed the filter since the last call, and how many of them were dropped.

        The first counts all, also the dropped ones (packet(7)).
        """
        raw = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8)
        whole, dropped = struct.unpack("=II", raw)
        return whole, dropped

    def _attach(self, code: bytes) -> None:
        buffer = ctypes.create_string_buffer(code)
        length = len(code) // INSTRUCTION.size
        program = struct.pack("@HP", length, ctypes.addressof(buffer))
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
