"""What commands of the collector share: where the database, the table and the calendar are."""

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from collector import resources
from collector.judge.calendar import Calendars
from collector.judge.calendar_file import load_calendars
from collector.judge.criteria import Criteria
from collector.judge.criteria_file import load_criteria
from collector.judge.reading import ConfigRefused
from collector.store import create_store, has_password
from collector.store.interface import Store, StoreError

OK, FAILED, REFUSED = 0, 1, 2
"""Exit codes: done; could not be done; bad arguments or a refused file."""
DATABASE_VARIABLE = "HAKARU_DATABASE"


class BadArguments(Exception):
    """Arguments that cannot be used; the text says what to do. Exit code 2."""


def add_database(parser: argparse.ArgumentParser) -> None:
    """Add ``--database URL`` to a command."""
    parser.add_argument(
        "--database",
        metavar="URL",
        help="sqlite:///PATH (relative), sqlite:////PATH or postgresql://USER@HOST:PORT/NAME; "
        f"default: ${DATABASE_VARIABLE}. A password belongs into ~/.pgpass or PGPASSFILE",
    )


def add_criteria(parser: argparse.ArgumentParser) -> None:
    """Add ``--criteria FILE`` to a command."""
    parser.add_argument(
        "--criteria",
        metavar="FILE",
        type=Path,
        help="table of required speeds (TOML); default: the one that comes with the program",
    )


def add_calendar(parser: argparse.ArgumentParser) -> None:
    """Add ``--calendar FILE`` to a command."""
    parser.add_argument(
        "--calendar",
        metavar="FILE",
        type=Path,
        help="school days and hours (TOML); default: the one that comes with the program",
    )


def database_url(options: argparse.Namespace, environment: Mapping[str, str] | None = None) -> str:
    """Give the database to use. Raises :class:`BadArguments` when none is named."""
    named: str | None = options.database
    if named and has_password(named):
        raise BadArguments(
            "a password on the command line is seen by every user of this machine: put it into "
            f"~/.pgpass or the file that PGPASSFILE names, or set {DATABASE_VARIABLE}"
        )
    url = named or (os.environ if environment is None else environment).get(DATABASE_VARIABLE)
    if not url:
        raise BadArguments(
            "no database is named: give --database sqlite:///PATH or "
            f"postgresql://USER@HOST:PORT/NAME, or set {DATABASE_VARIABLE}"
        )
    return url


def open_store(options: argparse.Namespace) -> Store:
    """Open the database of ``--database`` or HAKARU_DATABASE. The caller closes it."""
    return create_store(database_url(options))


def criteria_of(options: argparse.Namespace) -> Criteria:
    """Load the table of ``--criteria`` or the packaged one. Raises ConfigRefused."""
    return load_criteria(options.criteria or resources.default_criteria())


def calendars_of(options: argparse.Namespace) -> Calendars:
    """Load the calendar of ``--calendar`` or the packaged one. Raises ConfigRefused."""
    return load_calendars(options.calendar or resources.default_calendar())


def reporting(action: Callable[[], int]) -> int:
    """Run a command; say on standard error what was refused or failed, and give the exit code."""
    try:
        return action()
    except (BadArguments, ConfigRefused) as error:
        print(error, file=sys.stderr)
        return REFUSED
    except StoreError as error:
        print(error, file=sys.stderr)
        return FAILED
