"""``hakaru-collector serve``: take results, judge schools, show pages."""

import argparse
import logging
import os
import signal
import sys
from pathlib import Path

from collector.app import create_app
from collector.clock import SystemClock
from collector.commands.common import (
    FAILED,
    OK,
    BadArguments,
    add_calendar,
    add_criteria,
    add_database,
    calendars_of,
    criteria_of,
    database_url,
    open_store,
    reporting,
)
from collector.commands.remote_write import add_remote_write, targets_of
from collector.commands.serve_access import access_of, add_access, provider_of, tell_who_reads
from collector.config import (
    DEFAULT_LISTEN,
    ServeConfig,
    parse_address,
    parse_listen,
    parse_week,
)
from collector.report.settings import load_settings
from collector.retention.policy import load_policy
from collector.server import address_of, allow_descriptors, bind, make_server
from collector.slots.keys import KeyTrouble, SlotKeys
from collector.slots.place import VARIABLE, add_slot_keys, slot_keys_directory
from collector.store.interface import Store

log = logging.getLogger(__name__)


def configure(command: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    command.epilog = (
        "Example: hakaru-collector serve --listen 0.0.0.0:8443 --tls-cert cert.pem "
        "--tls-key key.pem --database sqlite:///hakaru.db"
    )
    add_database(command)
    add_criteria(command)
    add_calendar(command)
    add_slot_keys(command)
    command.add_argument(
        "--listen",
        metavar="HOST:PORT",
        type=parse_listen,
        default=DEFAULT_LISTEN,
        help=f"where to listen; port 0: any free one (default {DEFAULT_LISTEN})",
    )
    command.add_argument(
        "--week", type=parse_week, help="week shown, such as 2026-W23; default: the last complete"
    )
    command.add_argument(
        "--retention",
        type=Path,
        metavar="FILE",
        help="how many days what is kept (TOML); default: the one that comes with the program",
    )
    command.add_argument(
        "--report",
        type=Path,
        metavar="FILE",
        help="when the weekly report is issued and to whom it goes (TOML); default: the one that "
        "comes with the program: Monday at 7, delivered to nobody",
    )
    tls = command.add_argument_group("privacy of the agents' tokens")
    tls.add_argument("--tls-cert", type=Path, metavar="FILE", help="certificate chain (PEM)")
    tls.add_argument("--tls-key", type=Path, metavar="FILE", help="its private key (PEM)")
    tls.add_argument(
        "--behind-tls-proxy",
        type=parse_address,
        metavar="ADDRESS",
        help="believe X-Forwarded-Proto and -For of the proxy at this address",
    )
    tls.add_argument(
        "--insecure-lab",
        action="store_true",
        help="take tokens over plain HTTP from other machines: for labs only",
    )
    add_remote_write(command)
    add_access(command)
    command.add_argument("--verbose", action="store_true", help="log more")


def run(options: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT; exit code 0 after a clean stop."""
    return reporting(lambda: _serve(options))


def _serve(options: argparse.Namespace) -> int:
    config = _config(options)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # both end in a clean stop
    logging.basicConfig(
        level=logging.INFO if options.verbose else logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    for name in (
        "httpx",
        "httpcore",
    ):  # their lines hold whole addresses: a webhook's may be secret
        logging.getLogger(name).setLevel(logging.WARNING)
    allow_descriptors()
    criteria, calendars = criteria_of(options), calendars_of(options)
    provider = provider_of(options, SystemClock())
    retention = load_policy(options.retention)
    reports = load_settings(options.report)
    remote_writes = targets_of(options)
    store = open_store(options)
    try:
        store.claim_service()
        tell_who_reads(options, store)
        app = create_app(
            store,
            criteria,
            calendars,
            week=config.week,
            insecure_lab=config.insecure_lab,
            access=access_of(options),
            provider=provider,
            retention=retention,
            reports=reports,
            remote_writes=remote_writes,
            slot_keys=_slot_keys(options, store),
        )
        try:
            listener = bind(config)
        except OSError as error:
            print(
                f"cannot listen on {config.listen.url_host}:{config.listen.port} "
                f"({error.strerror or error}): name another --listen HOST:PORT",
                file=sys.stderr,
            )
            return FAILED
        with listener:
            try:
                make_server(app, config, address_of(config, listener)).run(sockets=[listener])
            except KeyboardInterrupt:  # uvicorn has stopped cleanly, then raises it again
                return OK
    finally:
        store.close()
    return OK


def _slot_keys(options: argparse.Namespace, store: Store) -> SlotKeys | None:
    """The keys of slot tokens, made at the first start; None: no slots are granted."""
    directory = slot_keys_directory(options.slot_keys, database_url(options), os.environ)
    if directory is None:
        log.warning("no slot is granted: name a directory with --slot-keys or %s", VARIABLE)
        return None
    keys = SlotKeys(directory)
    try:
        keys.ensure(store, "collector", SystemClock().now())
    except KeyTrouble as error:
        log.warning("no slot is granted: %s", error)
        return None
    return keys


def _config(options: argparse.Namespace) -> ServeConfig:
    if (options.tls_cert is None) != (options.tls_key is None):
        raise BadArguments("--tls-cert and --tls-key belong together: give both or neither")
    for path in (options.tls_cert, options.tls_key):
        if path is not None and not path.is_file():
            raise BadArguments(f"{path}: no such file: name a PEM file")
    listen = options.listen
    return ServeConfig(
        listen=parse_listen(listen) if isinstance(listen, str) else listen,
        tls_cert=options.tls_cert,
        tls_key=options.tls_key,
        behind_tls_proxy=options.behind_tls_proxy,
        insecure_lab=options.insecure_lab,
        week=options.week,
    )
