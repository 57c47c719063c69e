"""hakaru-agent enrol: bind this appliance to a school with a one-time code."""

import argparse
import json
import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path

from agent.enrol import Asked, EnrolFailed, enrol, new_client, read_code
from agent.identity import TOKEN_BYTES, TransportRefused
from agent.state import StateTrouble, prepare, state_directory
from wire.enrolment_code import SCANNED, read_scanned
from wire.parsing import Refused


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = (
        "Without arguments it asks for the QR code, or address and code. "
        "Example: hakaru-agent enrol --collector https://collector.example --code -"
    )
    parser.add_argument("--collector", metavar="URL", help="https://HOST[:PORT]")
    parser.add_argument("--code", help="the one-time code; - reads it from standard input")
    parser.add_argument(
        "--scanned",
        metavar="TEXT",
        help="what the QR code says, instead of both; - reads it from standard input",
    )
    parser.add_argument(
        "--insecure-lab",
        action="store_true",
        help="let the token travel over plain http (a lab without TLS only)",
    )
    parser.add_argument("--ca-file", metavar="FILE", help="trust these certificates (PEM) only")
    parser.add_argument("--state", metavar="DIR", help="state directory (or HAKARU_STATE)")


def run(options: argparse.Namespace) -> int:
    """Enrol; exit 0 when enrolled, 1 when not, 2 on bad arguments."""
    if options.ca_file is not None and not Path(options.ca_file).is_file():
        print(f"--ca-file {options.ca_file}: no such file", file=sys.stderr)
        return 2
    directory = state_directory(options.state, os.environ, Path.home())
    try:
        collector, code = _where_and_code(options)
        with new_client(options.ca_file) as client:
            identity = enrol(
                prepare(directory),
                Asked(collector, code, options.insecure_lab),
                client,
                lambda: secrets.token_urlsafe(TOKEN_BYTES),
            )
    except (BadArguments, TransportRefused) as error:
        print(error, file=sys.stderr)
        return 2
    except (EnrolFailed, StateTrouble) as error:
        print(f"not enrolled: {error}", file=sys.stderr)
        return 1
    active = identity.active
    assert active is not None
    print(
        f"enrolled for school {active.school_code} {active.school_name}".rstrip()
        + f" as agent {identity.agent_id} (state in {directory})"
    )
    if options.ca_file is not None:
        trusted = json.dumps(str(Path(options.ca_file).absolute()), ensure_ascii=False)
        print(f"deliveries need the same: put ca_file = {trusted} into [push] of agent.toml")
    return 0


class BadArguments(Exception):
    """Arguments that cannot be used; the text says what to do."""


def _where_and_code(options: argparse.Namespace) -> tuple[str, str]:
    """Collector and code as given or as scanned. Raises BadArguments and EnrolFailed."""
    if options.scanned is None:
        if options.collector is None and options.code is None:
            return ask(_say, sys.stdin.readline)
        if options.collector is None or options.code is None:
            raise BadArguments("give --collector URL and --code CODE, or --scanned TEXT")
        return options.collector, read_code(options.code, sys.stdin.readline)
    if options.collector is not None or options.code is not None:
        raise BadArguments("--scanned: it names collector and code, give neither beside it")
    text = sys.stdin.readline() if options.scanned == "-" else options.scanned
    try:
        return read_scanned(text)
    except Refused as refused:
        raise BadArguments(f"--scanned: {refused}") from None


def ask(say: Callable[[str], None], read_line: Callable[[], str]) -> tuple[str, str]:
    """Ask a person, or a scanner that types; the code is in no argument. Raises BadArguments."""
    say("Scan the QR code, or type the address of the collector: ")
    first = read_line().strip()
    if first.startswith(SCANNED):
        try:
            return read_scanned(first)
        except Refused as refused:
            raise BadArguments(f"scanned: {refused}") from None
    if not first:
        raise BadArguments("nothing was given: scan the QR code, or type address and code")
    say("Code of the school, such as K7QM-3XTA-9H26: ")
    return first, read_code("-", read_line)


def _say(text: str) -> None:
    print(text, end="", file=sys.stderr, flush=True)
