"""``hakaru-collector migrate``: bring the database to this release's schema."""

import argparse

from collector.commands.common import OK, add_database, open_store, reporting


def configure(command: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    command.epilog = (
        "Every command does this first. Stop the collector and back up the database before an "
        "upgrade. Example: hakaru-collector migrate --database sqlite:///hakaru.db"
    )
    add_database(command)


def run(options: argparse.Namespace) -> int:
    """Migrate; exit code 1 where the database cannot be used."""
    return reporting(lambda: _migrate(options))


def _migrate(options: argparse.Namespace) -> int:
    store = open_store(options)
    try:
        applied, version = store.migrations_applied(), store.schema_version()
    finally:
        store.close()
    for name in applied:
        print(f"applied: {name}")
    print(f"the database has schema {version}, which is this release's")
    return OK
