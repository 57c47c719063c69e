"""hakaru-agent: the command line. Each command is a module of :mod:`agent.commands`."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final

from agent import __version__

COMMANDS: Final = {
    "enrol": "bind this appliance to a school with a one-time code",
    "run": "measure on schedule, keep results, deliver them",
    "measure": "measure once, now",
    "schedule": "show what the coming days will measure, and what it will cost",
    "status": "show what waits, what was delivered, what is wrong",
    "doctor": "say what this appliance can and cannot measure, and what to do about it",
    "responder": "be the far end of throughput measurements",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code (0 ok, 1 failed, 2 bad arguments)."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(
        prog="hakaru-agent",
        description="Measures the network of a school and delivers the results.",
        epilog="Example: hakaru-agent measure throughput --target centre.example:4443",
    )
    parser.add_argument("--version", action="version", version=f"hakaru-agent {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    wanted = next((word for word in arguments if not word.startswith("-")), None)
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary.capitalize() + ".")
        if name == wanted:  # only the command in use is imported: a small box starts fast
            import_module(f"agent.commands.{name}").configure(command)
    options = parser.parse_args(arguments)
    try:
        code: int = import_module(f"agent.commands.{options.command}").run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader (head, less) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


if __name__ == "__main__":
    sys.exit(main())
