"""Prebuilt binary frames of random bytes, sent over and over.

Frames stand ready in an anonymous file (memfd_create(2)) and go out with sendfile(2), so the
sender copies nothing; where the kernel lacks either, they go out from memory. A masked frame
needs no masking work: random bytes under a random key are random bytes.
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

    def __init__(self, *, masked: bool, zero_copy: bool = True) -> None:
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
        whole = b"".join(pieces)
        self._file: int | None = None
        self._view = memoryview(whole)
        if zero_copy and hasattr(os, "memfd_create") and hasattr(os, "sendfile"):
            self._file = os.memfd_create("frames", os.MFD_CLOEXEC)
            os.truncate(self._file, len(whole))
            os.pwrite(self._file, whole, 0)
            self._view = memoryview(b"")

    def frame_for(self, sent_bytes: int) -> Frame:
        """The frame to send after ``sent_bytes`` were sent."""
        for frame in self.frames:
            if frame.payload_bytes * _SCALE >= sent_bytes:
                return frame
        return self.frames[-1]

    def send(self, sock: socket.socket, frame: Frame, offset: int) -> int:
        """Send from ``offset`` of ``frame`` on; return the bytes taken by the kernel.

        Raises BlockingIOError when it takes none now.
        """
        start, size = frame.start + offset, frame.size - offset
        if self._file is None:
            return sock.send(self._view[start : start + size])
        return os.sendfile(sock.fileno(), self._file, start, size)

    def close(self) -> None:
        """Give the memory back."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
