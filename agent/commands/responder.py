"""hakaru-agent responder: the far end of throughput and STAMP measurements."""

import argparse
import logging
import random
import signal
import sys
import threading
from pathlib import Path

from agent.clock import SystemClock
from agent.failure import MeasurementFailed
from agent.responder import stun
from agent.responder.admission import Admission
from agent.responder.server import Responder, listen
from agent.responder.stamp import Reflector, bind
from agent.responder.tokens import Tokens
from agent.responder.uses import CannotNote, UsedTokens
from agent.target import parse_host_port
from wire.parsing import Refused
from wire.slot_token import is_name


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = (
        "Example: hakaru-agent responder --listen 192.0.2.10:4443 --collector-key "
        "/etc/hakaru/collector.keys --name centre (lab: --listen 127.0.0.1:4443 --open)"
    )
    parser.add_argument(
        "--listen", required=True, metavar="HOST:PORT", help="address to listen on; port 0: any"
    )
    parser.add_argument(
        "--open",
        action="store_true",
        help="admit everybody, without token: for labs and closed networks only",
    )
    parser.add_argument(
        "--collector-key",
        type=Path,
        metavar="FILE",
        help="admit holders of slot tokens: public keys of the collector, one a line, as "
        "'hakaru-collector slot key list --public' writes them; read anew when it changes",
    )
    parser.add_argument(
        "--name",
        default="centre",
        metavar="NAME",
        help="name of this responder in the collector; tokens for others are refused "
        "(default centre)",
    )
    parser.add_argument(
        "--used",
        type=Path,
        metavar="FILE",
        help="where used tokens are kept, so that a restart does not make them good again "
        "(default: the key file with .used behind its name)",
    )
    parser.add_argument(
        "--max-flows", type=int, default=64, metavar="N", help="flows at once (default 64)"
    )
    parser.add_argument(
        "--stamp-listen",
        metavar="HOST:PORT",
        help="reflect STAMP packets too, on this UDP port; its sessions are opened on the TCP port "
        "of the same number (usual: 862; port 0: any)",
    )
    parser.add_argument(
        "--stun-listen",
        metavar="HOST:PORT",
        help="tell whoever asks what address it has, on this UDP port (usual: 3478; port 0: any)",
    )
    parser.add_argument("--verbose", action="store_true", help="log every flow")


def run(options: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C."""
    logging.basicConfig(
        level=logging.INFO if options.verbose else logging.WARNING,
        format="%(levelname)s %(message)s",
        stream=sys.stderr,
    )
    if options.max_flows < 1:
        print(f"--max-flows: found {options.max_flows}, allowed is 1 or more", file=sys.stderr)
        return 2
    if not is_name(options.name):
        print(
            f"--name: found {options.name!r}, allowed are letters, digits, '.', '_' and '-'",
            file=sys.stderr,
        )
        return 2
    try:
        tokens = _tokens(options)
    except (OSError, Refused) as error:
        print(
            f"--collector-key {options.collector_key}: {error}; at the collector, "
            "'hakaru-collector slot key list --public' prints what belongs into that file",
            file=sys.stderr,
        )
        return 2
    except CannotNote as error:
        print(error, file=sys.stderr)
        return 1
    try:
        host, port = _listen_address(options.listen)
    except MeasurementFailed as error:
        print(f"--listen: {error.failure.text}", file=sys.stderr)
        return 2
    try:
        listener = listen(host, port)
    except OSError as error:
        print(f"cannot listen on {options.listen}: {error}. Choose another port.", file=sys.stderr)
        return 1
    admission = Admission(open_to_all=options.open, maximum_flows=options.max_flows, tokens=tokens)
    if options.stamp_listen and not _reflect(options.stamp_listen, admission):
        listener.close()
        return 1
    if options.stun_listen and not _answer_stun(options.stun_listen):
        listener.close()
        return 1
    responder = Responder(listener, admission, SystemClock())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: responder.stop())
    bound = listener.getsockname()
    who = _who(options, tokens)
    print(
        f"responder: ndt7 on {bound[0]} port {bound[1]}, admits {who}", file=sys.stderr, flush=True
    )
    responder.serve()
    return 0


def _tokens(options: argparse.Namespace) -> Tokens | None:
    """What checks tokens, where there is a key file. Raises OSError, Refused, CannotNote."""
    path: Path | None = options.collector_key
    if path is None:
        return None
    path.stat()  # before a file of used tokens is made beside it
    used = UsedTokens(options.used or path.with_name(path.name + ".used"))
    return Tokens(path, options.name, used, SystemClock())


def _who(options: argparse.Namespace, tokens: Tokens | None) -> str:
    holders = (
        f"holders of tokens for {options.name}, keys {' '.join(tokens.key_ids)}" if tokens else ""
    )
    if options.open:
        return f"everybody ({holders} with bounds)" if holders else "everybody"
    return holders or "nobody (no key to check tokens with, and no --open)"


def _reflect(address: str, admission: Admission) -> bool:
    """Start a STAMP reflector in a thread that ends with the process; say so, or why not."""
    try:
        udp, listener = bind(*_listen_address(address))
    except MeasurementFailed as error:
        print(f"--stamp-listen: {error.failure.text}", file=sys.stderr)
        return False
    except OSError as error:
        print(f"cannot reflect on {address}: {error}. Choose another port.", file=sys.stderr)
        return False
    bound = udp.getsockname()
    reflector = Reflector(udp, listener, admission, SystemClock(), random.SystemRandom())
    threading.Thread(target=reflector.serve, name="stamp", daemon=True).start()
    print(f"responder: STAMP on {bound[0]} port {bound[1]}", file=sys.stderr, flush=True)
    return True


def _answer_stun(address: str) -> bool:
    """Start a STUN server in a thread that ends with the process; say so, or why not."""
    try:
        udp = stun.bind(*_listen_address(address))
    except MeasurementFailed as error:
        print(f"--stun-listen: {error.failure.text}", file=sys.stderr)
        return False
    except OSError as error:
        print(f"cannot listen on {address}: {error}. Choose another port.", file=sys.stderr)
        return False
    bound = udp.getsockname()
    threading.Thread(target=stun.StunServer(udp).serve, name="stun", daemon=True).start()
    print(f"responder: STUN on {bound[0]} port {bound[1]}", file=sys.stderr, flush=True)
    return True


def _listen_address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if colon and port == "0":
        return parse_host_port(f"{host}:1")[0], 0
    if host in ("0.0.0.0", "[::]"):  # noqa: S104 - the operator asked for all addresses
        return host.strip("[]"), parse_host_port(f"127.0.0.1:{port}")[1]
    return parse_host_port(text)
