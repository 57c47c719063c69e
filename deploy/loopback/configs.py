"""The configuration files of docker-compose.yml, laid into the folder of a run.

They are copies. What differs is written here: the targets of Prometheus, and in Alertmanager's file
the addresses of mail server and webhook, which lead nowhere, so that a trial tells nobody.
"""

import re
import shutil
from typing import Final

from deploy import secret_files
from deploy.loopback.places import NOWHERE, ROOT, Places

SITE_IN_FILES: Final = "https://hakaru.city.example"
"""How the files of the project name the pages; links in alerts lead there."""
_SMART_HOST: Final = re.compile(r"^(\s*smtp_smarthost:\s*)\S+", re.MULTILINE)
_WEBHOOK: Final = re.compile(r"^(\s*-?\s*url:\s*)https?://[^/\s]+", re.MULTILINE)


def lay(places: Places) -> None:
    """Make the folder's tree: configuration, secrets, empty folders for data. Raises OSError."""
    config = places.folder / "config"
    config.mkdir()
    shutil.copy(ROOT / "deploy/postgres/hakaru.conf", config / "hakaru.conf")
    shutil.copytree(ROOT / "configs/prometheus", config / "prometheus")
    for file in (config / "prometheus").glob("*.yml"):
        file.write_text(file.read_text("utf-8").replace(SITE_IN_FILES, places.site), "utf-8")
    for file in (ROOT / "deploy/prometheus/targets").iterdir():
        target = config / "prometheus" / "targets" / file.name
        target.write_text(in_words(file.read_text("utf-8"), places), encoding="utf-8")
    alertmanager = config / "alertmanager"
    shutil.copytree(ROOT / "configs/alertmanager", alertmanager)
    file = alertmanager / "alertmanager.yml"
    file.write_text(to_nowhere(file.read_text("utf-8")), encoding="utf-8")
    secrets = places.folder / "secrets"
    secret_files.prepare(secrets, own=False, address=f"127.0.0.1:{places.port('postgres')}")
    (alertmanager / "secrets").mkdir(mode=0o700)
    for name in secret_files.MAY_BE_EMPTY:
        shutil.copy(secrets / name, alertmanager / "secrets" / name.replace("_", "-"))
    for name in ("collector", "responder", "keys", "backups", "prometheus", "alertmanager"):
        (places.folder / name).mkdir()


def in_words(text: str, places: Places) -> str:
    """A file with the places of this machine."""
    for there, here in places.words().items():
        text = text.replace(there, here)
    return text


def to_nowhere(text: str) -> str:
    """Alertmanager's file, with mail and webhooks sent to a port where nobody listens."""
    text = _SMART_HOST.sub(rf"\g<1>{NOWHERE}", text)
    return _WEBHOOK.sub(rf"\g<1>http://{NOWHERE}", text)
