"""``hakaru-collector backup``: copy the database while it serves, and verify the copy."""

import argparse
import sys
from pathlib import Path

from collector.backup.make import backup
from collector.backup.manifest import BackupRefused
from collector.clock import SystemClock
from collector.commands.common import FAILED, OK, add_database, database_url, reporting


def configure(command: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    command.epilog = "Example: hakaru-collector backup /var/backups/hakaru/2026-05-11"
    command.add_argument("out", type=Path, metavar="OUT", help="folder to make")
    add_database(command)


def run(options: argparse.Namespace) -> int:
    """Exit code 0 with a verified copy, 1 where there is none."""
    return reporting(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    try:
        made = backup(database_url(options), options.out, SystemClock().now())
    except BackupRefused as error:
        print(error, file=sys.stderr)
        return FAILED
    print(
        f"{options.out}: {made.bytes} bytes, {made.counts.get('result', 0)} results, "
        f"all acknowledged before {made.taken_at}"
    )
    return OK
