"""``hakaru-collector demo``: a fictional city to look at, and one real measurement."""

import argparse
from pathlib import Path

from collector.clock import SystemClock
from collector.commands.common import database_url, reporting
from collector.config import DEFAULT_LISTEN, parse_listen
from collector.demo.run import Demo
from collector.demo.run import run as run_demo

DEFAULT_DIRECTORY = Path("demo-data")


def configure(command: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    command.epilog = "Example: hakaru-collector demo --once"
    command.add_argument(
        "--once",
        action="store_true",
        help="end after printing the figures; exit code 1 if anything failed",
    )
    command.add_argument(
        "--listen",
        metavar="HOST:PORT",
        type=parse_listen,
        default=DEFAULT_LISTEN,
        help=f"where to serve; a taken port is passed over (default {DEFAULT_LISTEN})",
    )
    command.add_argument(
        "--directory",
        type=Path,
        metavar="DIR",
        help=f"where database and logs go, emptied first (default {DEFAULT_DIRECTORY}; "
        "with --once a temporary one)",
    )
    command.add_argument(
        "--database",
        metavar="URL",
        help="an empty database, such as postgresql://USER@HOST:PORT/NAME "
        "(default: a SQLite file in the directory)",
    )


def run(options: argparse.Namespace) -> int:
    """Run the demonstration; exit code 0 when it worked."""
    return reporting(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    listen = options.listen
    directory = options.directory or (None if options.once else DEFAULT_DIRECTORY)
    demo = Demo(
        listen=parse_listen(listen) if isinstance(listen, str) else listen,
        directory=directory,
        once=options.once,
        database=database_url(options) if options.database else None,
    )
    return run_demo(demo, SystemClock(), _say)


def _say(line: str) -> None:
    print(line, flush=True)
