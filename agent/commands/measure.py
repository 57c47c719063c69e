"""hakaru-agent measure PROBE: measure once, now, and show what was found and how."""

import argparse
import ast
import os
import random
import shutil
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from agent.clock import SystemClock
from agent.commands.token import NoToken, add_token, token_for
from agent.describe import describe
from agent.measure import measure
from agent.probes import REGISTRY, Progress, Request, load
from agent.slot_request import KINDS
from wire.codec import encode
from wire.failure import FailureCode, Operation
from wire.measurement import Json, Measurement
from wire.options import Option, OptionRefused, resolve

EXAMPLES = {
    "throughput": "hakaru-agent measure throughput --target centre.example:4443 --seconds 5",
    "verify": "hakaru-agent measure verify --target centre.example:4443 --required-mbps 108",
    "responsiveness": "hakaru-agent measure responsiveness --target centre.example:4443",
    "bottleneck": "hakaru-agent measure bottleneck --target centre.example:4443",
    "latency": "hakaru-agent measure latency --target centre.example --count 20",
    "tcp_connect": "hakaru-agent measure tcp_connect --target centre.example:443 --count 10",
    "dns": "hakaru-agent measure dns --target 192.0.2.53 --names www.example.com",
    "stamp": "hakaru-agent measure stamp --target centre.example:8620 --count 200",
    "https": "hakaru-agent measure https --target https://www.example.com/",
    "iperf3": "hakaru-agent measure iperf3 --target iperf.example:5201 --seconds 5",
    "ndt7_public": "hakaru-agent measure ndt7_public --target wss://ndt.example --seconds 5",
    "ookla": "hakaru-agent measure ookla --target www.speedtest.net --accept-terms ookla",
    "http_download": "hakaru-agent measure http_download --target https://files.example/100MB.bin",
    "traceroute": "hakaru-agent measure traceroute --target www.example.com --protocol tcp",
    "path_mtu": "hakaru-agent measure path_mtu --target centre.example --tcp-port 4443",
    "public_address": "hakaru-agent measure public_address --target centre.example:3478",
    "gateway": "hakaru-agent measure gateway --target lan --count 20",
    "dhcp": "hakaru-agent measure dhcp --target lan --expected-servers 192.0.2.1",
    "lan_devices": "hakaru-agent measure lan_devices --target lan",
    "lan_listen": "hakaru-agent measure lan_listen --target lan --seconds 20",
    "wifi_scan": "hakaru-agent measure wifi_scan --target lan --own-names school-wifi",
    "snmp": "hakaru-agent measure snmp --target 192.0.2.1 --seconds 30",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the probe; what follows its name is read by :func:`probe_parser` of that probe."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    width = max(len(name) for name in REGISTRY)
    probes = [f"  {name:{width}}  {_summary(module)}" for name, module in REGISTRY.items()]
    parser.epilog = "\n".join(
        [
            "probes (hakaru-agent measure PROBE --help shows the options of each):",
            *probes,
            "",
            f"Example: {EXAMPLES['throughput']}",
        ]
    )
    parser.add_argument("probe", metavar="PROBE", choices=REGISTRY, help="what to measure")
    parser.add_argument(
        "words", metavar="...", nargs=argparse.REMAINDER, help="--target and options of the probe"
    )


def probe_parser(name: str) -> argparse.ArgumentParser:
    """Read the words after the name of a probe; its options come from the probe's own table.

    Only the probe in use is imported: a small box starts fast.
    """
    module = import_module(REGISTRY[name])
    parser = argparse.ArgumentParser(
        prog=f"hakaru-agent measure {name}",
        description=(module.__doc__ or "").partition("\n")[0],
        epilog=f"Example: {EXAMPLES.get(name, '')}",
    )
    parser.add_argument(
        "--target", required=True, metavar="TARGET", help=f"the far end: {module.TARGET}"
    )
    parser.add_argument(
        "--json", action="store_true", help="print the Measurement as one JSON object"
    )
    for option, meaning in module.OPTIONS.items():
        _add(parser, option, meaning)
    if name in KINDS:
        add_token(parser)
    return parser


def run(options: argparse.Namespace) -> int:
    """Measure; exit 0 when ok, 1 when the measurement failed, 2 on bad arguments."""
    name: str = options.probe
    chosen = probe_parser(name).parse_args(options.words)
    table: Mapping[str, Option] = import_module(REGISTRY[name]).OPTIONS
    given: dict[str, Json] = {
        option: getattr(chosen, option) for option in table if getattr(chosen, option) is not None
    }
    try:
        resolve(table, given)
    except OptionRefused as error:
        print(
            f"--{error.option.replace('_', '-')}: found {error.found}, allowed is {error.allowed}",
            file=sys.stderr,
        )
        return 2
    line = _Line(enabled=sys.stderr.isatty() or not chosen.json)
    try:
        with _token(chosen, name, given) as token:
            request = Request(
                target=chosen.target,
                options=given,
                clock=SystemClock(),
                random=random.Random(),  # noqa: S311 - identifiers, not secrets
                token=token,
            )
            result = measure(name, load(name), request, line.show)
    except NoToken as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        line.clear()
        print("interrupted: nothing was measured", file=sys.stderr)
        return 1
    line.clear()
    if chosen.json:
        sys.stdout.write(encode(result).decode() + "\n")
    else:
        sys.stdout.write(describe(result) + "\n")
    return exit_code(result)


def _token(
    chosen: argparse.Namespace, name: str, given: Mapping[str, Json]
) -> AbstractContextManager[str | None]:
    """The token of a test towards a responder of ours; nothing for other probes."""
    if name not in KINDS:
        return nullcontext()
    return token_for(chosen, name, given, os.environ)


def exit_code(result: Measurement) -> int:
    """0 ok, 1 failed, 2 where what was asked for made no sense (a target that is none)."""
    if result.failure is None:
        return 0
    nonsense = result.failure.code is FailureCode.TARGET_INVALID
    return 2 if nonsense and result.failure.operation is Operation.PREPARE else 1


def _summary(module: str) -> str:
    """Give the first line of a module's docstring without importing the module."""
    spec = find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    source = Path(spec.origin).read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]


class _Line:
    """One line on standard error that is written over; plain lines where it is no terminal."""

    def __init__(self, *, enabled: bool) -> None:
        self._enabled = enabled
        self._terminal = sys.stderr.isatty()
        self._phase = ""

    def show(self, progress: Progress) -> None:
        """Show how far the measurement is."""
        if not self._enabled:
            return
        text = (
            f"{progress.phase} {progress.elapsed_seconds:4.1f}/{progress.total_seconds:.1f} s  "
            f"{progress.text}"
        )
        if self._terminal:
            width = shutil.get_terminal_size().columns - 1
            sys.stderr.write("\r" + text[:width].ljust(width))
            sys.stderr.flush()
        elif progress.phase != self._phase:
            self._phase = progress.phase
            sys.stderr.write(f"{progress.phase} ...\n")

    def clear(self) -> None:
        """Leave a clean line behind."""
        if self._enabled and self._terminal:
            sys.stderr.write("\r" + " " * (shutil.get_terminal_size().columns - 1) + "\r")
            sys.stderr.flush()


def _add(command: argparse.ArgumentParser, name: str, option: Option) -> None:
    flag = "--" + name.replace("_", "-")
    words = f"{option.help}; {option.allowed()}; default {option.default}".replace("%", "%%")
    if option.type is bool:
        command.add_argument(flag, dest=name, action=argparse.BooleanOptionalAction, help=words)
    else:
        command.add_argument(
            flag, dest=name, type=option.type, metavar=name.upper(), default=None, help=words
        )
