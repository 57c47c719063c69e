"""The programs of Debian packages that stand for the images, and what is missing."""

import re
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.check import port_trouble
from deploy.loopback.places import HOST, PORTS, Places

VERSION_SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True)
class Program:
    """One program."""

    name: str
    package: str
    version_of: tuple[str, ...]
    """Arguments that make it say its version."""


PROGRAMS: Final[Mapping[str, Program]] = {
    "postgres": Program("postgres", "postgresql", ("--version",)),
    "prometheus": Program("prometheus", "prometheus", ("--version",)),
    "alertmanager": Program("prometheus-alertmanager", "prometheus-alertmanager", ("--version",)),
    "proxy": Program("caddy", "caddy", ("version",)),
}
"""By service of docker-compose.yml."""
LEFT_OUT: Final[Mapping[str, str]] = {
    "grafana": "is in no Debian package; its rights in the database are tried",
}
"""Services that are not started here, and why."""


def path_of(name: str) -> Path | None:
    """Where a program is; those of PostgreSQL lie in a folder of their version, newest first."""
    found = shutil.which(name)
    if name in ("postgres", "initdb"):
        versions = Path("/usr/lib/postgresql").glob(f"*/bin/{name}")
        newest = max(versions, key=lambda path: int(path.parts[-3]), default=None)
        return newest or (Path(found) if found else None)
    return Path(found) if found else None


def required(name: str) -> str:
    """The path of a program that :func:`missing` has found."""
    path = path_of(name)
    assert path is not None
    return str(path)


def missing() -> Iterator[str]:
    """Say which programs are not there and how they come."""
    for program in (
        *PROGRAMS.values(),
        Program("initdb", "postgresql", ()),
        Program("psql", "postgresql", ()),
        Program("pg_dump", "postgresql", ()),
    ):
        if path_of(program.name) is None:
            yield f"{program.name}: not installed: scripts/system-packages {program.package}"


def taken(places: Places) -> Iterator[str]:
    """Say which ports somebody has already."""
    for name in PORTS:
        kinds = [socket.SOCK_STREAM] + [socket.SOCK_DGRAM] * (name == "stamp")
        for kind in kinds:
            found = port_trouble(HOST, places.port(name), kind)
            if found is not None:
                yield f"{name}: {found} (OFFSET=100 moves all of them)"


def version(service: str) -> str:
    """The release that is installed: ``15.18``; '?' where the program does not say."""
    program = PROGRAMS[service]
    ran = subprocess.run(  # noqa: S603 - fixed words
        [required(program.name), *program.version_of],
        capture_output=True,
        text=True,
        timeout=VERSION_SECONDS,
        check=False,
    )
    found = re.search(r"\d+(\.\d+)+", ran.stdout + ran.stderr)
    return found[0] if found else "?"


def difference(installed: str, pinned: str) -> str:
    """How a release here and that of the image differ, in a word or two; pure."""
    if installed == pinned:
        return "same release"
    same = _line(installed) == _line(pinned)
    return f"image: {pinned}, {'same' if same else 'another'} line of releases"


def _line(release: str) -> list[str]:
    """The number that stands for compatibility: the first, but 0.25 where that is 0."""
    parts = release.split(".")
    return parts[:2] if parts[0] == "0" else parts[:1]
