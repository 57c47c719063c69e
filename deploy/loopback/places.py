"""Where each service of docker-compose.yml is on this machine: ports, folders, words for them.

Pure. In a container a service has a name (``collector:8080``) and folders of its own
(``/var/lib/hakaru``); here it has a port of 127.0.0.1 and a folder below that of the run.
"""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy import settings

ROOT: Final = Path(__file__).parents[2]
HOST: Final = "127.0.0.1"
SITE: Final = "localhost"
PORTS: Final[Mapping[str, int]] = {
    "https": 18443,
    "http": 18080,
    "proxy-health": 18081,
    "collector": 18088,
    "postgres": 15432,
    "prometheus": 19090,
    "alertmanager": 19093,
    "responder": 14443,
    "stamp": 14862,
}
"""Not the usual ones: a Debian package may run its own service there."""
NOWHERE: Final = "127.0.0.1:9"
"""Port discard: where notices go that have nowhere to go."""
_VARIABLE: Final = re.compile(r"\$\{(\w+)(?::[-?][^}]*)?\}")
_ELSEWHERE: Final = re.compile(
    r"(?<![\w.])(collector|postgres|prometheus|alertmanager|grafana):\d+|0\.0\.0\.0|172\.31\."
    r"|(?<![\w.])/(run|var/lib|keys|backups|prometheus|alertmanager|etc)(/|\b)"
)


class Unplaced(ValueError):
    """A word of docker-compose.yml still names a place in a container; the text says which."""


@dataclass(frozen=True, slots=True)
class Places:
    """Ports and folders of one run."""

    folder: Path
    offset: int = 0
    """Added to every port."""

    def port(self, name: str) -> int:
        """The port of a service."""
        return PORTS[name] + self.offset

    def at(self, name: str) -> str:
        """HOST:PORT of a service."""
        return f"{HOST}:{self.port(name)}"

    @property
    def site(self) -> str:
        """What people open."""
        return f"https://{SITE}:{self.port('https')}"

    @property
    def root_certificate(self) -> Path:
        """The certificate of the proxy's own authority."""
        return self.folder / "proxy" / "caddy" / "pki" / "authorities" / "local" / "root.crt"

    def words(self) -> Mapping[str, str]:
        """What stands in docker-compose.yml, and what stands for it here."""
        at, folder = self.at, str(self.folder)
        return {
            "--listen=0.0.0.0:8080": f"--listen={at('collector')}",
            "--listen=0.0.0.0:4443": f"--listen={at('responder')}",
            "--stamp-listen=0.0.0.0:4862": f"--stamp-listen={at('stamp')}",
            "127.0.0.1:8080": at("collector"),
            "collector:8080": at("collector"),
            "postgres:5432": at("postgres"),
            "prometheus:9090": at("prometheus"),
            "alertmanager:9093": at("alertmanager"),
            "/var/lib/hakaru/slot-keys": f"{folder}/collector/slot-keys",
            "/var/lib/hakaru/tokens.used": f"{folder}/responder/tokens.used",
            "/opt/hakaru/": f"{ROOT}/deploy/",
            "/etc/hakaru/": f"{ROOT}/deploy/postgres/",
            "/etc/postgresql/": f"{folder}/config/",
            "/etc/prometheus/": f"{folder}/config/prometheus/",
            "/etc/alertmanager/": f"{folder}/config/alertmanager/",
            "/run/secrets": f"{folder}/secrets",
            "/keys/": f"{folder}/keys/",
            "=/backups": f"={folder}/backups",
            "=/prometheus": f"={folder}/prometheus",
            "=/alertmanager": f"={folder}/alertmanager",
        }

    def settings(self) -> dict[str, str]:
        """The values of ``.env`` for this run."""
        return settings.with_defaults(
            {
                "HAKARU_SITE": SITE,
                "HAKARU_PROXY_ADDRESS": HOST,
                "HAKARU_PROMETHEUS_ADDRESS": HOST,
            }
        )

    def place(self, word: str) -> str:
        """A word of docker-compose.yml for this machine. Raises :class:`Unplaced`."""
        values = self.settings()
        filled = _VARIABLE.sub(lambda match: values[match[1]], word)
        here = self.words()
        there = re.compile("|".join(map(re.escape, sorted(here, key=len, reverse=True))))
        placed = there.sub(lambda match: here[match[0]], filled)
        left = _ELSEWHERE.search(
            placed.replace(str(self.folder), "here").replace(str(ROOT), "here")
        )
        if left is not None:
            raise Unplaced(f"{word!r}: {left[0]!r} is a place in a container: name it in words()")
        return placed


def command_of(service: Mapping[str, object]) -> list[str]:
    """The words of ``command``, which may be a list or one line."""
    command = service.get("command", [])
    if isinstance(command, str):
        return shlex.split(command)
    assert isinstance(command, list)
    return [str(word) for word in command]
