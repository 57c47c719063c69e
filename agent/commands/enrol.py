"""hakaru-agent enrol: bind this appliance to a school with a one-time code."""

import argparse
import json
import os
import secrets
import sys
from pathlib import Path

from agent.enrol import Asked, EnrolFailed, enrol, new_client, read_code
from agent.identity import TOKEN_BYTES, TransportRefused
from agent.state import StateTrouble, prepare, state_directory


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = (
        "Example: hakaru-agent enrol --collector https://collector.example --code K7QM-3XTA"
    )
    parser.add_argument("--collector", required=True, metavar="URL", help="https://HOST[:PORT]")
    parser.add_argument(
        "--code", required=True, help="the one-time code; - reads it from standard input"
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
        code = read_code(options.code, sys.stdin.readline)
        with new_client(options.ca_file) as client:
            identity = enrol(
                prepare(directory),
                Asked(options.collector, code, options.insecure_lab),
                client,
                lambda: secrets.token_urlsafe(TOKEN_BYTES),
            )
    except TransportRefused as error:
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
