"""Make the secrets and the folder of back-ups that docker-compose.yml names. As root."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy import secret_files, settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0: everything is there; 1: it could not be made; 2: .env is wrong."""
    parser = argparse.ArgumentParser(
        prog="python3 -m deploy.prepare",
        description="Make the secrets that are not there yet, each readable by the user of its "
        "service alone, and the folder of back-ups. What is there keeps what it holds.",
        epilog="Example: sudo python3 -m deploy.prepare",
    )
    parser.add_argument("--env", type=Path, default=Path(".env"), metavar="FILE", help="settings")
    options = parser.parse_args(arguments)
    if os.geteuid() != 0:
        print("the files are handed to the users of the services: run it as root", file=sys.stderr)
        return 1
    try:
        values, odd = settings.read(options.env.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        print(f"{options.env}: {error}: cp .env.example .env and edit it", file=sys.stderr)
        return 2
    wrong = [*odd, *settings.troubles(values)]
    if wrong:
        print("\n".join(f"{options.env}: {line}" for line in wrong), file=sys.stderr)
        return 2
    chosen = settings.with_defaults(values)
    folder, backups = (
        options.env.parent / chosen[name] for name in ("HAKARU_SECRETS", "HAKARU_BACKUPS")
    )
    try:
        made = secret_files.prepare(folder, own=True)
        backups.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.chown(backups, secret_files.HAKARU, secret_files.HAKARU)
    except OSError as error:
        print(f"{error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    print(f"{folder}: " + (f"made {', '.join(made)}" if made else "everything was there"))
    print(f"{backups}: back-ups go here; copy them to another machine")
    return 0


if __name__ == "__main__":
    sys.exit(main())
