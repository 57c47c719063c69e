"""Where a collector keeps its private slot keys."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Final

VARIABLE: Final = "HAKARU_SLOT_KEYS"
_SQLITE: Final = "sqlite:///"


def add_slot_keys(parser: argparse.ArgumentParser) -> None:
    """Add ``--slot-keys DIRECTORY`` to a command."""
    parser.add_argument(
        "--slot-keys",
        type=Path,
        metavar="DIRECTORY",
        help="private keys that slot tokens are signed with; default: "
        f"${VARIABLE}, or beside an SQLite database (FILE.slot-keys)",
    )


def slot_keys_directory(
    named: Path | None, url: str, environment: Mapping[str, str]
) -> Path | None:
    """The directory; None where it has to be named: a PostgreSQL server has no place beside it."""
    if named is not None:
        return named
    if environment.get(VARIABLE):
        return Path(environment[VARIABLE])
    return Path(url.removeprefix(_SQLITE) + ".slot-keys") if url.startswith(_SQLITE) else None
