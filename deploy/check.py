"""Name what is wrong with settings, secrets and files before anything starts.

Everything is looked at and everything wrong is said at once, one line each: which file or setting,
what was found, what to do. Python 3.11 alone; where docker, promtool, amtool or caddy are
installed, their own checks run too.
"""

import argparse
import errno
import ipaddress
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from deploy import certificate, secret_files, settings

ROOT: Final = Path(__file__).parents[1]
FILES: Final = (
    "docker-compose.yml",
    "deploy/images/Dockerfile",
    "deploy/caddy/Caddyfile",
    "deploy/postgres/hakaru.conf",
    "deploy/postgres/init.sql",
    "deploy/postgres/grafana.sql",
    "deploy/prometheus/targets/collector.yml",
    "deploy/prometheus/targets/alertmanager.yml",
    "configs/prometheus/prometheus.yml",
    "configs/alertmanager/alertmanager.yml",
)
"""What Compose mounts or builds from. It makes a folder where a file is missing."""
TOOLS: Final[Mapping[str, Sequence[str]]] = {
    "promtool": ("check", "config", "configs/prometheus/prometheus.yml"),
    "amtool": ("check-config", "configs/alertmanager/alertmanager.yml"),
    "docker": ("compose", "--env-file", "{env}", "config", "--quiet"),
}
MARKED: Final = ("configs/alertmanager/alertmanager.yml", "configs/prometheus/prometheus.yml")
ROUTES: Final = Path("/proc/net/route")
OF_ENGINES: Final = ("br-", "docker", "veth")
"""How interfaces begin that a container engine made: perhaps for these very networks."""
TOOL_SECONDS: Final = 60.0
TELL_CHARACTERS: Final = 600


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0: nothing is wrong; 1: something is, and was said."""
    parser = argparse.ArgumentParser(
        prog="python3 -m deploy.check",
        description="Name what is wrong with settings, secrets and files before anything starts.",
        epilog="Example: sudo python3 -m deploy.check && docker compose up --detach --build",
    )
    parser.add_argument("--env", type=Path, default=Path(".env"), metavar="FILE", help="settings")
    parser.add_argument(
        "--running", action="store_true", help="the services run: their ports are taken by them"
    )
    options = parser.parse_args(arguments)
    wrong = list(troubles(options.env, running=options.running))
    for line in [*wrong, *(() if wrong else notes())]:
        print(line, file=sys.stderr)
    used = ", ".join(name for name in TOOLS if shutil.which(name)) or "no tool of others"
    print(f"{len(wrong) or 'nothing'} wrong (asked too: {used})")
    return 1 if wrong else 0


def troubles(env: Path, *, running: bool) -> Iterator[str]:
    """Everything that is wrong, one line each."""
    for name in FILES:
        if not (ROOT / name).is_file():
            yield f"{ROOT / name}: no such file: it belongs to the project"
    try:
        values, odd = settings.read(env.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        yield f"{env}: is no UTF-8 text: save it as UTF-8"
        return
    except OSError as error:
        yield f"{env}: {error.strerror}: cp .env.example .env and edit it"
        return
    wrong = [*odd, *settings.troubles(values), *settings.overruled(values, os.environ)]
    yield from (f"{env}: {line}" for line in wrong)
    if wrong:
        return
    chosen = settings.with_defaults(values)
    own = os.geteuid() == 0
    folder = env.parent / chosen["HAKARU_SECRETS"]
    yield from secret_files.troubles(folder, own=own)
    if chosen["HAKARU_TLS"].startswith("/tls/"):
        yield from certificate.troubles(folder / "tls", chosen["HAKARU_SITE"], own=own)
    yield from _backups(env.parent / chosen["HAKARU_BACKUPS"], own=own)
    if not running:
        yield from _ports(chosen)
        yield from _networks(chosen)
    yield from _tools(env)


def _backups(folder: Path, *, own: bool) -> Iterator[str]:
    if not folder.is_dir():
        yield f"{folder}: no such folder (HAKARU_BACKUPS): sudo python3 -m deploy.prepare"
    elif own and folder.stat().st_uid != secret_files.HAKARU:
        yield f"{folder}: must belong to {secret_files.HAKARU}: sudo python3 -m deploy.prepare"


def _ports(chosen: Mapping[str, str]) -> Iterator[str]:
    """Ports that somebody has already."""
    for name, kind in (
        ("HAKARU_HTTPS_PORT", socket.SOCK_STREAM),
        ("HAKARU_HTTP_PORT", socket.SOCK_STREAM),
        ("HAKARU_RESPONDER_PORT", socket.SOCK_STREAM),
        ("HAKARU_STAMP_PORT", socket.SOCK_STREAM),
        ("HAKARU_STAMP_PORT", socket.SOCK_DGRAM),
    ):
        found = port_trouble("", int(chosen[name]), kind)
        if found is not None:
            yield f"{name}: {found}"


def port_trouble(host: str, port: int, kind: socket.SocketKind = socket.SOCK_STREAM) -> str | None:
    """Say why a port of this machine cannot be used; None: it can, as far as this user sees."""
    with socket.socket(socket.AF_INET, kind) as probe:
        if kind == socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EACCES:
                return None  # a low port: the engine may take it
            protocol = "TCP" if kind == socket.SOCK_STREAM else "UDP"
            said = "is taken already" if error.errno == errno.EADDRINUSE else str(error.strerror)
            return f"{protocol} port {port} {said}: stop who has it, or choose another"
    return None


def _networks(chosen: Mapping[str, str]) -> Iterator[str]:
    """Networks by which this machine already reaches others (Linux; elsewhere none is known)."""
    try:
        table = ROUTES.read_text(encoding="ascii")
    except OSError:
        return
    for name in ("HAKARU_FRONT_NETWORK", "HAKARU_MONITOR_NETWORK"):
        wanted = ipaddress.ip_network(chosen[name])
        for interface, network in routes(table):
            if network.overlaps(wanted):
                yield (
                    f"{name}: {wanted} lies in {network}, which this machine reaches by "
                    f"{interface}: choose another, and the address in it"
                )


def routes(table: str) -> Iterator[tuple[str, ipaddress.IPv4Network]]:
    """Interface and network of each line of /proc/net/route; not of the default, nor of engines."""
    for line in table.splitlines()[1:]:
        fields = line.split()
        # the kernel's 32 bits in this machine's order (proc_net(5))
        target, mask = (
            ipaddress.IPv4Address(int(fields[column], 16).to_bytes(4, sys.byteorder))
            for column in (1, 7)
        )
        if int(mask) and not fields[0].startswith(OF_ENGINES):
            yield fields[0], ipaddress.IPv4Network(f"{target}/{mask}")


def notes(root: Path = ROOT) -> Iterator[str]:
    """What is not wrong and will not do for long: lines that wait for somebody's own addresses."""
    for name in MARKED:
        lines = (root / name).read_text(encoding="utf-8").splitlines()
        left = [
            str(number)
            for number, (line, before) in enumerate(zip(lines, ["", *lines], strict=False), 1)
            if "CHANGE" in line + before and re.search(r"\bexample\b", line)
        ]
        if left:
            yield (
                f"note: {name}: still an example in line {', '.join(left)} (marked CHANGE): alerts "
                "reach nobody, and lead nowhere, until it is yours"
            )


def _tools(env: Path) -> Iterator[str]:
    """What the programs themselves say of their files, where they are installed."""
    for tool, arguments in TOOLS.items():
        program = shutil.which(tool)
        if program is None:
            continue
        words = [word.format(env=env.absolute()) for word in arguments]
        if tool == "docker" and _says(program, "compose", "version") is None:
            yield (
                "docker: has no Compose ('docker compose version' fails): install its plugin, "
                "version 2 (package docker-compose-plugin or docker-compose-v2)"
            )
            continue
        try:
            ran = subprocess.run(  # noqa: S603 - fixed words
                [program, *words],
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=TOOL_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            yield f"{tool} {' '.join(words)}: {error}"
            continue
        if ran.returncode != 0:
            said = (ran.stderr or ran.stdout).strip()[-TELL_CHARACTERS:]
            yield f"{tool} {' '.join(words)}: {said}"


def _says(program: str, *words: str) -> str | None:
    """What a program of others says; None where it fails."""
    try:
        ran = subprocess.run(  # noqa: S603 - fixed words
            [program, *words], capture_output=True, text=True, timeout=TOOL_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return ran.stdout if ran.returncode == 0 else None


if __name__ == "__main__":
    sys.exit(main())
