"""hakaru-collector: the command line. Each command is a module of :mod:`collector.commands`."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final

from collector import __version__

COMMANDS: Final = {
    "serve": "take results, judge schools, show pages",
    "school": "import schools and the survey baseline, make enrolment codes",
    "criteria": "show the required speed for a number of pupils",
    "demo": "serve a fictional city of 84 schools with one real measurement",
    "simulate": "have agents that do not exist speak with a collector",
    "rollup": "make roll-ups anew, or compare them with the raw results",
    "retention": "how long what is kept, and deleting what is older",
    "agent": "how agents are; revoke, replace or confirm the move of one",
    "operator": "accounts of those who sign in to the pages",
    "audit": "who changed what, and whether that log is still what was written",
    "policy": "what agents measure when, by city, group, list and school",
    "suppress": "have a school, a group or everybody measure nothing",
    "approval": "who approved which check of a school's network",
    "slot": "keys of slot tokens, responders and what they take at once",
    "backup": "copy the database while it serves",
    "restore": "put a copy back; agents send again what it lacks",
    "report": "the weekly report: issue, list, compare, deliver",
    "survey": "desk survey: measured facts, what is likely where, confirming schools",
    "cause": "what is wrong at a school, with evidence and who mends it",
    "finding": "the catalogue of findings, and deciding one at a school",
    "rehearsal": "all schools of a group at once, for a few minutes",
    "plans": "the four plans: figures, indicators, what lessons ask of the lines",
    "progress": "how far each school is; the deadline; spreadsheets out and in",
    "assessment": "what was seen at a school, files, decisions on findings",
    "sample": "propose, judge and adopt the schools assessed on site",
    "measure": "measures of schools: assign, what if, plan, before and after",
    "topology": "a school's network: show, edit, export, what changed",
    "migrate": "bring the database to this release's schema",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code (0 ok, 1 failed, 2 bad arguments)."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(
        prog="hakaru-collector",
        description="Judges whether each school of a city has the network speed it needs.",
        epilog="Example: hakaru-collector serve --database sqlite:///hakaru.db",
    )
    parser.add_argument("--version", action="version", version=f"hakaru-collector {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    wanted = next((word for word in arguments if not word.startswith("-")), None)
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary.capitalize() + ".")
        if name == wanted:
            import_module(f"collector.commands.{name}").configure(command)
    options = parser.parse_args(arguments)
    try:
        code: int = import_module(f"collector.commands.{options.command}").run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader (head, less) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


if __name__ == "__main__":
    sys.exit(main())
