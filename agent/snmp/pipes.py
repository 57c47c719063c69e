"""The pipes of a child that reads devices: an order in, JSON lines out, the end with its parent."""

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any, BinaryIO, NoReturn


def own_output() -> BinaryIO:
    """Take standard output for oneself: what a library prints must not be taken for a report."""
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return out


def read_order() -> dict[str, Any]:
    """Read the first line of standard input; when that ends, so does this process."""
    order: dict[str, Any] = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    return order


def say(out: BinaryIO, told: dict[str, Any]) -> None:
    """Write one line."""
    out.write(json.dumps(told).encode() + b"\n")


def leave(main: Callable[[], int]) -> NoReturn:
    """Run and end with its code at once, whatever threads still do."""
    code = main()
    sys.stderr.flush()
    os._exit(code)


def _end_with_parent() -> None:
    while os.read(0, 1024):
        pass
    os.killpg(0, signal.SIGKILL)
