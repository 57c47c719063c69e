"""Options of ``serve`` that say who reads what without signing in."""

import argparse
import ipaddress
import logging
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from collector.clock import Clock
from collector.judge.reading import ConfigRefused
from collector.operators import accounts
from collector.operators.access import Access, Network
from collector.operators.provider_file import load_provider
from collector.operators.provider_model import IdentityProvider
from collector.store.interface import Store

if TYPE_CHECKING:
    from collector.operators.provider import Provider  # its libraries load where they are used

log = logging.getLogger(__name__)


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
    group.add_argument(
        "--oidc",
        metavar="FILE",
        type=Path,
        help="identity provider through which operators sign in too (TOML)",
    )


def provider_of(options: argparse.Namespace, clock: Clock) -> IdentityProvider | None:
    """Give the provider of ``--oidc``. Raises ConfigRefused."""
    if options.oidc is None:
        return None
    config = load_provider(options.oidc)
    provider: type[Provider] = import_module("collector.operators.provider").Provider
    try:
        return provider(config, clock)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigRefused([f"{options.oidc}: provider.ca_file: {error}"]) from None


def tell_who_reads(options: argparse.Namespace, store: Store) -> None:
    """Warn where pages are read here only because nobody can sign in yet."""
    if not options.public_pages and options.oidc is None and not store.read(accounts.any_at_all):
        log.warning(
            "no operator yet: pages can be read on this machine only, nothing can be changed; "
            "make one: hakaru-collector operator add NAME --role administrator"
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
