"""A real Alertmanager on loopback with the project's configuration, a mail server and a webhook."""

import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import yaml
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope

from tests.alerts.told import CONFIGS, DURATION, PERCENTAGE, WHOLE, filled, rules

SMTP_PASSWORD = "a password of the mail server"
WEBHOOK_TOKEN = "a token of the webhook"
SHOWN = {DURATION: "400ms", PERCENTAGE: "100%", WHOLE: "2500", "$value": "5"}
BEGAN = datetime.now(UTC) - timedelta(minutes=5)


def free_port() -> int:
    """A port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


class Mailbox:
    """A mail server that keeps what it takes."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.passwords: set[bytes] = set()
        self._server = Controller(
            self,
            hostname="127.0.0.1",
            port=free_port(),
            auth_require_tls=False,
            authenticator=self._authenticate,
            auth_exclude_mechanism=["LOGIN"],  # its challenge is worded in a way others do not know
        )
        self._server.start()
        self.port: int = self._server.port

    def _authenticate(
        self, _server: Any, _session: Any, _envelope: Any, _how: str, data: Any
    ) -> Any:
        self.passwords.add(data.password)
        return AuthResult(success=True)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Envelope) -> str:  # noqa: N802
        """Take a mail."""
        assert isinstance(envelope.content, bytes)
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"

    def close(self) -> None:
        """End it."""
        self._server.stop()


class Hook:
    """A webhook that keeps what it is told."""

    def __init__(self) -> None:
        told: list[dict[str, Any]] = []
        tokens: set[str | None] = set()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                tokens.add(self.headers["Authorization"])
                told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.told, self.tokens = told, tokens
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Alertmanager:
    """The process, its mail server and webhook; only addresses and waits differ from the file."""

    def __init__(self, folder: Path) -> None:
        self.mailbox, self.hook = Mailbox(), Hook()
        self.port = free_port()
        config = yaml.safe_load((CONFIGS / "alertmanager/alertmanager.yml").read_text("utf-8"))
        config["global"]["smtp_smarthost"] = f"127.0.0.1:{self.mailbox.port}"
        config["global"]["smtp_require_tls"] = False
        config["templates"] = [str(CONFIGS / "alertmanager/templates/*.tmpl")]
        for route in (config["route"], *config["route"]["routes"]):
            route |= {"group_wait": "1s", "group_interval": "1s"}
        for receiver in config["receivers"]:
            for hook in receiver.get("webhook_configs", ()):
                hook["url"] = f"http://127.0.0.1:{self.hook.port}/"
        secrets = folder / "secrets"
        secrets.mkdir()
        for name, secret in (("smtp-password", SMTP_PASSWORD), ("webhook-token", WEBHOOK_TOKEN)):
            (secrets / name).write_text(secret)
            (secrets / name).chmod(0o600)
        path = folder / "alertmanager.yml"
        path.write_text(json.dumps(config), "utf-8")
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    "prometheus-alertmanager",
                    f"--config.file={path}",
                    f"--storage.path={folder}/data",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                    "--cluster.listen-address=",
                ],
                stdout=log,
                stderr=log,
                cwd=folder,
                env=os.environ | {"TZ": "America/New_York"},  # mails name Japan's time anywhere
            )
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", trust_env=False)
        self.wait(self._is_ready, "ready")

    def _is_ready(self) -> bool:
        try:
            return self.client.get("/-/ready").status_code == 200
        except httpx.HTTPError:
            return False

    def wait(self, until: Callable[[], bool], what: str, seconds: float = 20) -> None:
        """Wait until something is so."""
        ends = time.monotonic() + seconds
        while not until():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < ends, f"not {what}: {self.log.read_text()}"
            time.sleep(0.05)

    def tell(self, *alerts: dict[str, Any]) -> None:
        """As Prometheus tells it."""
        self.client.post("/api/v2/alerts", json=list(alerts)).raise_for_status()

    def told(self) -> set[str]:
        """``Alert school`` of what is not held back."""
        return {name for name, state in self.states().items() if state == "active"}

    def states(self) -> dict[str, str]:
        """``Alert school``: whether it is told (active) or held back (suppressed)."""
        found = {}
        for one in self.client.get("/api/v2/alerts").json():
            labels = one["labels"]
            name = " ".join(filter(None, (labels["alertname"], labels.get("school"))))
            found[name] = one["status"]["state"]
        return found

    def close(self) -> None:
        """Leave nothing behind."""
        self.process.terminate()
        self.process.wait(20)
        self.client.close()
        self.mailbox.close()
        self.hook.close()


def fired(name: str, /, *, over: bool = False, **labels: str) -> dict[str, Any]:
    """An alert with the texts of its rule, as Prometheus fills them in."""
    rule = rules()[name]
    made: dict[str, Any] = {
        "labels": {"alertname": name, **rule["labels"], **labels},
        "annotations": {
            key: filled(text, labels, SHOWN) for key, text in rule["annotations"].items()
        },
        "startsAt": BEGAN.isoformat(),
        "endsAt": (datetime.now(UTC) + timedelta(minutes=-1 if over else 60)).isoformat(),
    }
    return made
