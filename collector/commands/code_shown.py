"""How commands show a one-time code: alone on the last line, and as a QR code where asked."""

import argparse
import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from collector.commands.common import OK, BadArguments
from collector.fleet import qr
from collector.fleet.enrolment import DEFAULT_LIFETIME

MAX_DAYS: Final = 90


def add_code_options(command: argparse.ArgumentParser) -> None:
    """Add ``--days``, ``--collector`` and ``--png`` to a command."""
    command.add_argument(
        "--days",
        type=_days,
        default=DEFAULT_LIFETIME.days,
        metavar="N",
        help=f"days it can be used, 1 to {MAX_DAYS} (default {DEFAULT_LIFETIME.days})",
    )
    command.add_argument(
        "--collector", metavar="URL", help="print a QR code too, for enrolment at this address"
    )
    command.add_argument(
        "--png", metavar="FILE", type=Path, help="write that QR code as a picture (--collector)"
    )


def show_code(
    options: argparse.Namespace,
    school: str,
    code: str,
    expires_at: datetime,
    more: Mapping[str, str] | None = None,
) -> int:
    """Print a code. Raises :class:`BadArguments` where the picture cannot be written."""
    until = expires_at.isoformat(timespec="seconds")
    if options.png is not None:
        try:
            qr.png(options.collector or "", code, options.png)
        except OSError as error:
            raise BadArguments(f"--png {options.png}: {error.strerror}") from None
    if options.json:
        told = {"school": school, "code": code, "expires_at": until, **(more or {})}
        print(json.dumps(told))
        return OK
    if options.collector:
        print(qr.terminal(options.collector, code))
    print(f"one-time code of school {school}, to be used until {until}:")
    print(code)
    return OK


def check_code_options(options: argparse.Namespace) -> None:
    """Refuse a picture without an address, or one no appliance takes. Raises BadArguments."""
    if options.png is not None and not options.collector:
        raise BadArguments("--png: give --collector URL too, the picture says where to enrol")
    if options.collector and not _is_address(options.collector):
        raise BadArguments(
            f"--collector: found {options.collector!r}, allowed is https://HOST[:PORT][/PATH]: "
            "no appliance could enrol with such a QR code"
        )


def _is_address(text: str) -> bool:
    """Whether an appliance would take it (http:// only in a laboratory, which it says itself)."""
    try:
        parts = urlsplit(text)
        known, port = parts.scheme in ("http", "https") and bool(parts.hostname), parts.port
    except ValueError:
        return False
    plain = text.isascii() and text.isprintable() and " " not in text
    rest = parts.username is not None or parts.query or parts.fragment
    return known and port != 0 and plain and not rest


def _days(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MAX_DAYS:
        raise argparse.ArgumentTypeError(f"found {text!r}, allowed is 1 to {MAX_DAYS}")
    return int(text)
