"""Transfer with httpx for some seconds: URL download|upload SECONDS FLOWS."""

import contextlib
import json
import sys
import threading
import time
from collections.abc import Iterator

import httpx

_PIECE = bytes(1 << 16)


class _Transfer(threading.Thread):
    """One flow; its client is made before the clock runs: reading certificates takes 0.1 s."""

    def __init__(self, url: str, way: str, seconds: float) -> None:
        super().__init__()
        self._url, self._way, self._seconds = url, way, seconds
        self._client = httpx.Client(timeout=30, trust_env=False)
        self._until = 0.0
        self.moved = 0

    def run(self) -> None:
        self._until = time.monotonic() + self._seconds
        if self._way == "download":
            with self._client.stream("GET", self._url) as answer:
                for piece in answer.iter_raw():
                    self.moved += len(piece)
                    if time.monotonic() >= self._until:
                        return
        else:
            with contextlib.suppress(httpx.TransportError, _TimeIsOver):
                self._client.put(self._url, content=self._body())

    def _body(self) -> Iterator[bytes]:
        while time.monotonic() < self._until:
            yield _PIECE
            self.moved += len(_PIECE)
        raise _TimeIsOver


class _TimeIsOver(Exception):
    """Ends an upload where it is."""


def main() -> int:
    """Transfer; print bytes and seconds as JSON."""
    url, way, seconds, flows = sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4])
    transfers = [_Transfer(url, way, seconds) for _ in range(flows)]
    begin = time.monotonic()
    for transfer in transfers:
        transfer.start()
    for transfer in transfers:
        transfer.join()
    moved = sum(transfer.moved for transfer in transfers)
    print(json.dumps({"bytes": moved, "seconds": time.monotonic() - begin}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
