"""Commands of several actions: a parser for each, and running one with the database open."""

import argparse
import sys
from collections.abc import Callable
from typing import Final

from collector.commands.common import FAILED, add_database, open_store
from collector.store.interface import Store

_DATABASE: Final = "--database sqlite:///hakaru.db"


class Actions:
    """The parsers of a command's actions, each with an example and ``--database``."""

    def __init__(self, command: argparse.ArgumentParser, name: str, example: str) -> None:
        self._example = f"Example: hakaru-collector {name}"
        command.epilog = f"{self._example} {example} {_DATABASE}"
        self._parsers = command.add_subparsers(dest="action", metavar="ACTION", required=True)

    def add(
        self, name: str, summary: str, example: str = "", *, more: str = ""
    ) -> argparse.ArgumentParser:
        """Give a new parser. ``example``: what follows its name; ``more``: follows the summary."""
        parser = self._parsers.add_parser(
            name,
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}. {more}".rstrip(),
            epilog=" ".join(filter(None, (self._example, name, example, _DATABASE))),
        )
        add_database(parser)
        return parser

    def add_without_database(
        self, name: str, summary: str, description: str
    ) -> argparse.ArgumentParser:
        """Give a new parser of what needs no database."""
        return self._parsers.add_parser(
            name, help=summary, description=description, epilog=f"{self._example} {name}"
        )


def on_store(
    options: argparse.Namespace, action: Callable[[Store], int], *refusals: type[Exception]
) -> int:
    """Run ``action`` on the database; a refusal is told on standard error, exit code 1."""
    store = open_store(options)
    try:
        return action(store)
    except refusals as refused:
        print(refused, file=sys.stderr)
        return FAILED
    finally:
        store.close()
