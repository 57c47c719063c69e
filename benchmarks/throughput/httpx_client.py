"""Transfer with httpx for some seconds: URL download|upload SECONDS FLOWS."""

import json
import sys
import threading
import time
from collections.abc import Iterator

import httpx

_PIECE = bytes(1 << 16)


class _Transfer(threading.Thread):
    """One flow."""

    def __init__(self, url: str, way: str, until: float) -> None:
        super().__init__()
        self._url, self._way, self._until = url, way, until
        self.moved = 0

    def run(self) -> None:
        with httpx.Client(timeout=30, trust_env=False) as client:
            if self._way == "download":
                with client.stream("GET", self._url) as answer:
                    for piece in answer.iter_raw():
                        self.moved += len(piece)
                        if time.monotonic() >= self._until:
                            return
            else:
                try:
                    client.put(self._url, content=self._body())
                except (httpx.TransportError, _TimeIsOver):
                    return

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
    begin = time.monotonic()
    transfers = [_Transfer(url, way, begin + seconds) for _ in range(flows)]
    for transfer in transfers:
        transfer.start()
    for transfer in transfers:
        transfer.join()
    moved = sum(transfer.moved for transfer in transfers)
    print(json.dumps({"bytes": moved, "seconds": time.monotonic() - begin}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
