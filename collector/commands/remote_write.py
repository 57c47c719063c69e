"""The options of ``serve`` that name time-series stores to write results to."""

import argparse
from pathlib import Path

from collector.commands.common import BadArguments
from collector.export.request import Target, TargetRefused, target_of


def add_remote_write(command: argparse.ArgumentParser) -> None:
    """Add ``--remote-write`` and what belongs to it."""
    group = command.add_argument_group("results to time-series stores, with their own times")
    group.add_argument(
        "--remote-write",
        action="append",
        default=[],
        metavar="URL",
        help="Prometheus (URL/api/v1/write, with an out-of-order window), VictoriaMetrics or "
        "another that speaks remote write; may be repeated",
    )
    group.add_argument(
        "--remote-write-token",
        type=Path,
        metavar="FILE",
        help="file with the bearer token of that one store",
    )
    group.add_argument(
        "--remote-write-ca",
        type=Path,
        metavar="FILE",
        help="certificates to trust for these stores instead of the public ones (PEM)",
    )


def targets_of(options: argparse.Namespace) -> list[Target]:
    """Give the stores that were named. Raises :class:`BadArguments`."""
    token: Path | None = options.remote_write_token
    if token is not None and len(options.remote_write) != 1:
        raise BadArguments(
            "--remote-write-token belongs to exactly one --remote-write: where several stores "
            "want tokens of their own, put a proxy that adds them (such as vmauth) in between"
        )
    try:
        found = [target_of(url, token, options.remote_write_ca) for url in options.remote_write]
    except TargetRefused as error:
        raise BadArguments(f"--remote-write: {error}") from error
    names = [target.name for target in found]
    for name in names:
        if names.count(name) > 1:
            raise BadArguments(f"--remote-write: {name} is named twice: name each store once")
    return found
