"""Where ``hakaru-agent measure`` takes a slot token from: never from its arguments.

A file, standard input, the environment, or, on an enrolled appliance, the collector itself.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from agent import identity
from agent.identity import Identity
from agent.slot_request import wants_slot
from agent.state import StateTrouble, state_directory
from wire.measurement import Json
from wire.parsing import Refused
from wire.planning.planned import Planned
from wire.slot_token import MAX_TOKEN_CHARACTERS, open_envelope

VARIABLE: Final = "HAKARU_SLOT_TOKEN"


class NoToken(Exception):
    """A token that was named cannot be used, or none was granted; the text says why."""


def add_token(parser: argparse.ArgumentParser) -> None:
    """Add ``--token`` and what fetches one to the parser of a probe."""
    parser.add_argument(
        "--token",
        metavar="FILE",
        help="file with a slot token for a responder that wants one; - reads it from standard "
        f"input; also in ${VARIABLE}. Without it an enrolled appliance asks its collector",
    )
    parser.add_argument(
        "--no-slot", action="store_true", help="do not ask the collector for a slot"
    )
    parser.add_argument(
        "--state", metavar="DIR", help="state directory of the appliance (or HAKARU_STATE)"
    )
    parser.add_argument(
        "--ca-file", metavar="FILE", help="certificates to trust for the collector (PEM)"
    )


@contextmanager
def token_for(
    chosen: argparse.Namespace,
    probe: str,
    options: Mapping[str, Json],
    environment: Mapping[str, str],
) -> Iterator[str | None]:
    """Give the token for a test and its slot back afterwards. Raises :class:`NoToken`."""
    planned = Planned(probe=probe, target=chosen.target, options=options)
    if chosen.token is not None or environment.get(VARIABLE):
        yield _named(chosen.token, environment)
        return
    who = None if chosen.no_slot or not wants_slot(planned) else _identity(chosen, environment)
    if who is None:
        yield None
        return
    from agent.commands.token_asked import asked, released  # noqa: PLC0415 - httpx, only here

    leave = asked(who, planned, chosen.ca_file)
    try:
        yield leave.token
    finally:
        released(who, leave, chosen.ca_file)


def _named(source: str | None, environment: Mapping[str, str]) -> str:
    where = VARIABLE if source is None else "standard input" if source == "-" else source
    try:
        if source is None:
            text = environment[VARIABLE]
        elif source == "-":
            text = sys.stdin.read(MAX_TOKEN_CHARACTERS + 2)
        else:
            with Path(source).open(encoding="ascii") as file:
                text = file.read(MAX_TOKEN_CHARACTERS + 2)
        open_envelope(text.strip())
    except OSError as error:
        raise NoToken(f"--token {where}: {error.strerror}") from error
    except (Refused, UnicodeDecodeError) as error:
        said = str(error) if isinstance(error, Refused) else "it is not ASCII"
        raise NoToken(f"--token {where}: {said}") from None
    return text.strip()


def _identity(chosen: argparse.Namespace, environment: Mapping[str, str]) -> Identity | None:
    """The enrolment of this appliance; None where there is none that we may read."""
    directory = state_directory(chosen.state, environment, Path.home())
    try:
        who = identity.load(directory)
    except StateTrouble as error:
        if chosen.state is not None:
            raise NoToken(str(error)) from error
        return None
    return who if who is not None and who.active is not None else None
