"""``hakaru-collector restore``: put a copy back; agents then send again what it lacks."""

import argparse
import sys
from pathlib import Path

from collector.backup.make import declare_restored, restore
from collector.backup.manifest import BackupRefused
from collector.clock import SystemClock
from collector.commands.common import (
    FAILED,
    OK,
    BadArguments,
    add_database,
    database_url,
    reporting,
)


def configure(command: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    command.epilog = "Example: hakaru-collector restore /var/backups/hakaru/2026-05-11"
    command.add_argument(
        "folder", type=Path, nargs="?", metavar="IN", help="folder that backup made"
    )
    command.add_argument(
        "--declare",
        action="store_true",
        help="the database was put back by other means (a file copy, pg_basebackup): only say so",
    )
    add_database(command)


def run(options: argparse.Namespace) -> int:
    """Exit code 0 done, 1 the copy or the database is refused, 2 bad arguments."""
    return reporting(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    if options.declare == (options.folder is not None):
        raise BadArguments("name the folder of a backup, or give --declare without one")
    url, now = database_url(options), SystemClock().now()
    try:
        if options.declare:
            name = declare_restored(url, now, "unknown: declared by hand")
        else:
            found, name, aside = restore(options.folder, url, now)
            for file in aside:
                print(f"the former {file.name} was set aside: {file}")
            print(f"{found.counts.get('result', 0)} results are back, as of {found.taken_at}")
    except BackupRefused as error:
        print(error, file=sys.stderr)
        return FAILED
    print(f"the database is now {name}: agents send again what they delivered since and still keep")
    return OK
