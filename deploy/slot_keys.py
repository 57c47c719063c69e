"""Bring the collector's public slot keys to a responder that shares no network with it.

The responder reads the file anew when it changes. Where the collector is away, or answers anything
else than keys, the file stays as it is.
"""

import argparse
import http.client
import os
import re
import signal
import sys
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Final

TIMEOUT_SECONDS: Final = 10.0
MOST_BYTES: Final = 64 * 1024
RETRY_SECONDS: Final = 3.0
_LINE: Final = re.compile(r"k4\.public\.[A-Za-z0-9_-]{43}\s*(#.*)?")
SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class NoKeys(Exception):
    """The collector gave no keys; the text says why."""


def looks_right(text: str) -> bool:
    """Whether this is a list of public keys (PASERK k4.public, one a line): at least one."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return bool(lines) and all(_LINE.fullmatch(line) for line in lines)


def ask(collector: str) -> str:
    """Give the keys as the collector says them. Raises :class:`NoKeys`."""
    try:
        with urllib.request.urlopen(  # noqa: S310 - http or https, checked in main
            f"{collector}/v1/slot-keys", timeout=TIMEOUT_SECONDS
        ) as reply:
            text = reply.read(MOST_BYTES).decode("ascii")
    except (OSError, http.client.HTTPException, UnicodeDecodeError) as error:
        raise NoKeys(f"{collector}: {error}") from error
    if not looks_right(text):
        raise NoKeys(f"{collector}: the answer is no list of keys")
    return str(text)


def keep(text: str, out: Path) -> bool:
    """Put the keys into the file at once, where they differ; whether they did. Raises OSError."""
    if out.is_file() and out.read_text("ascii", "replace") == text:
        return False
    beside = out.with_name(out.name + ".new")
    beside.write_text(text, encoding="ascii")
    beside.chmod(0o644)
    os.replace(beside, out)  # noqa: PTH105 - Path.replace is the same call
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0: ended by a signal, or with --once the keys are there; 1: they are not."""
    parser = argparse.ArgumentParser(
        description="Keep a file with the collector's public slot keys up to date.",
        epilog="Example: slot_keys.py --collector http://127.0.0.1:8080 --out /keys/collector.keys",
    )
    parser.add_argument("--collector", required=True, metavar="URL")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE")
    parser.add_argument("--seconds", type=float, default=300.0, help="between two looks")
    parser.add_argument("--once", action="store_true", help="look once, then end")
    options = parser.parse_args(arguments)
    if not options.collector.startswith(("http://", "https://")):
        parser.error(f"--collector: found {options.collector!r}, allowed is an http or https URL")
    if not options.once:
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # they end a pause
    while True:
        pause = options.seconds
        try:
            if keep(ask(options.collector.rstrip("/")), options.out):
                print(f"{options.out}: new keys", flush=True)
        except NoKeys as error:
            print(error, file=sys.stderr, flush=True)
            pause = min(RETRY_SECONDS, pause) if not options.out.exists() else pause
            if options.once:
                return 1
        if options.once:
            return 0
        if signal.sigtimedwait(SIGNALS, pause) is not None:
            return 0


if __name__ == "__main__":
    sys.exit(main())
