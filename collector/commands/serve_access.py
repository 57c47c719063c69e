"""Options of ``serve`` that say who reads what without signing in."""

import argparse
import ipaddress

from collector.operators.access import Access, Network


def add_access(command: argparse.ArgumentParser) -> None:
    """Add the options to the command."""
    group = command.add_argument_group("who may read")
    group.add_argument(
        "--public-pages",
        action="store_true",
        help="anyone may read the pages and /v1/schools, /v1/compliance without signing in; "
        "changing anything still needs an operator",
    )
    group.add_argument(
        "--metrics-from",
        metavar="ADDRESS",
        type=_network,
        action="append",
        default=[],
        help="a machine or network beside this one that may read /metrics; may be repeated",
    )


def access_of(options: argparse.Namespace) -> Access:
    """Give what was asked for."""
    return Access(public_pages=options.public_pages, metrics_from=tuple(options.metrics_from))


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"found {text!r}, allowed is an address or network, such as 10.0.0.5 or 10.0.0.0/28"
        ) from None
