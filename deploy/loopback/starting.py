"""Start the services in the order of docker-compose.yml, each when what it needs is ready."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import httpx

from collector.clock import Clock
from deploy.loopback import database
from deploy.loopback.compose import command, environment, services
from deploy.loopback.places import HOST, ROOT, SITE, Places
from deploy.loopback.programs import required
from deploy.loopback.running import Running, StackFailed

READY_SECONDS: Final = 90.0
LOOK_SECONDS: Final = 0.3
ASK_SECONDS: Final = 10.0
QUICK: Final = ("--result-seconds=15", "--push-seconds=5")
"""Simulated agents measure more often than in docker-compose.yml: a trial lasts minutes."""
Say = Callable[[str], None]
Ready = Callable[[], bool]


class Starter:
    """Starts one service after the other and waits for each."""

    def __init__(self, running: Running, places: Places, clock: Clock, say: Say) -> None:
        self._running = running
        self._places = places
        self._clock = clock
        self._say = say
        self._bin = Path(sys.executable).parent

    def start_all(self) -> None:
        """Start everything. Raises StackFailed."""
        running, places = self._running, self._places
        database.start(running, places)
        self._until("postgres", lambda: database.answers(places))
        database.set_up(running, places)
        self._monitoring()
        collector = environment("collector", places)
        self._start("collector", self._our("hakaru-collector"), collector)
        self._until("collector", self._http(f"http://{places.at('collector')}/v1/time"))
        running.finish(
            "grafana-rights", [required("psql"), *self._entry("grafana-rights")], collector
        )
        self._start("slot-keys", [sys.executable, str(ROOT / "deploy/slot_keys.py")])
        keys = places.folder / "keys" / "collector.keys"
        self._until("slot-keys", lambda: keys.is_file() and keys.stat().st_size > 0)
        self._start("responder", self._our("hakaru-agent"))
        self._proxy()
        self._start(
            "backup",
            [sys.executable, str(ROOT / "deploy/backups.py")],
            environment("backup", places),
            (f"--program={self._bin / 'hakaru-collector'}",),
        )
        agents = environment("simulated-agents", places)
        self._start("simulated-agents", self._our("hakaru-collector"), agents, QUICK)

    def _monitoring(self) -> None:
        places = self._places
        self._start(
            "prometheus",
            [required("prometheus")],
            more=(f"--web.listen-address={places.at('prometheus')}",),
        )
        self._start(
            "alertmanager",
            [required("prometheus-alertmanager")],
            more=(f"--web.listen-address={places.at('alertmanager')}",),
        )
        for name in ("prometheus", "alertmanager"):
            self._until(name, self._http(f"http://{places.at(name)}/-/ready"))

    def _proxy(self) -> None:
        places, folder = self._places, self._places.folder / "proxy"
        self._running.start(
            "proxy",
            [
                *(required("caddy"), "run", "--adapter", "caddyfile"),
                *("--config", str(ROOT / "deploy/caddy/Caddyfile")),
            ],
            {
                **environment("proxy", places),
                "XDG_DATA_HOME": str(folder),
                "XDG_CONFIG_HOME": str(folder),
                "HOME": str(folder),
                "HAKARU_SITE": SITE,
                "HAKARU_BIND": HOST,
                "HAKARU_PROXY_HTTP_PORT": str(places.port("http")),
                "HAKARU_PROXY_HTTPS_PORT": str(places.port("https")),
                "HAKARU_PROXY_HEALTH_PORT": str(places.port("proxy-health")),
                "HAKARU_SHOWN_PORT": str(places.port("https")),
                "HAKARU_COLLECTOR": places.at("collector"),
            },
        )
        answers = self._http(f"http://{places.at('proxy-health')}/")
        self._until("proxy", lambda: answers() and places.root_certificate.is_file())

    def _start(
        self,
        name: str,
        program: list[str],
        given: Mapping[str, str] | None = None,
        more: tuple[str, ...] = (),
    ) -> None:
        """Start a service with the words of docker-compose.yml, and ``more`` behind them."""
        self._running.start(name, [*program, *command(name, self._places), *more], given)

    def _entry(self, name: str) -> list[str]:
        """The words behind the program of a service with an entry point of its own."""
        return [self._places.place(str(word)) for word in services()[name]["entrypoint"][1:]]

    def _our(self, name: str) -> list[str]:
        return [str(self._bin / name)]

    def _http(self, url: str) -> Ready:
        def ready() -> bool:
            try:
                reply = httpx.get(url, timeout=ASK_SECONDS, trust_env=False)
            except httpx.HTTPError:
                return False
            return reply.status_code == httpx.codes.OK

        return ready

    def _until(self, name: str, ready: Ready) -> None:
        """Wait until a service is ready. Raises StackFailed."""
        begun = self._clock.monotonic_seconds()
        while not ready():
            if self._clock.monotonic_seconds() - begun > READY_SECONDS:
                raise StackFailed(
                    f"{name} was not ready within {READY_SECONDS:g} s:\n{self._running.tail(name)}"
                )
            self._running.wait(LOOK_SECONDS)
        self._say(f"{name}: ready")
