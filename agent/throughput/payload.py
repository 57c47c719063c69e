"""Prebuilt binary frames of random bytes, sent over and over from memory.

A masked frame needs no masking work: random bytes under a random key are random bytes.
sendfile(2) from an anonymous file was tried instead of send(2): it copies nothing but walks the
file page by page, and cost up to 1.5 times the processor time a byte (benchmarks/throughput).
"""

import os
import socket
from dataclasses import dataclass
from typing import Final

from agent.throughput.framing import Opcode, build_header

SMALLEST_BYTES: Final = 1 << 13
"""Message size that ndt7 says to begin with."""
LARGEST_BYTES: Final = 1 << 20
_SCALE: Final = 16
"""A message is doubled while it is smaller than 1/16 of what was sent (ndt7, appendix)."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Where one prebuilt frame lies in the store."""

    start: int
    size: int
    payload_bytes: int


class FrameStore:
    """Frames of 8 KiB to 1 MiB, each with header and payload in one piece."""

    def __init__(self, *, masked: bool) -> None:
        random_bytes = os.urandom(LARGEST_BYTES)
        pieces: list[bytes] = []
        self.frames: list[Frame] = []
        start, payload = 0, SMALLEST_BYTES
        while payload <= LARGEST_BYTES:
            mask = os.urandom(4) if masked else b""
            piece = build_header(Opcode.BINARY, payload, mask) + random_bytes[:payload]
            self.frames.append(Frame(start, len(piece), payload))
            pieces.append(piece)
            start += len(piece)
            payload *= 2
        self._view = memoryview(b"".join(pieces))

    def frame_for(self, sent_bytes: int, about_bytes: int | None = None) -> Frame:
        """The frame to send after ``sent_bytes`` were sent.

        With ``about_bytes``, messages stop growing once they are of that size.
        """
        if about_bytes is not None:
            sent_bytes = min(sent_bytes, about_bytes * _SCALE)
        for frame in self.frames:
            if frame.payload_bytes * _SCALE >= sent_bytes:
                return frame
        return self.frames[-1]

    def send(self, sock: socket.socket, frame: Frame, offset: int) -> int:
        """Send from ``offset`` of ``frame`` on; return the bytes taken by the kernel.

        Raises BlockingIOError when it takes none now.
        """
        return sock.send(self._view[frame.start + offset : frame.start + frame.size])
