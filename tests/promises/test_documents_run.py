"""What the documents tell to type is typed: in a folder of its own, on a city that does not exist.

Each command of a shell block runs as written, one document after the other; only places differ
(:data:`PLACES`). What cannot run here stands in :data:`ELSEWHERE` with the reason.
"""

import contextlib
import io
import os
import shlex
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from random import Random

import pytest

from collector import resources
from collector.demo.fill import fill
from collector.judge.calendar_file import load_calendars
from collector.judge.criteria_file import load_criteria
from collector.store import create_store
from tests.promises.test_documents import DOCUMENTS, FENCE, MODULES, ROOT

MONDAY = datetime(2026, 6, 8, 1, 0, tzinfo=UTC)
"""After the week that the documents name."""
PASSWORD = "correct horse battery staple"
DATABASE = "sqlite:///hakaru.db"
LIVE = "a program that goes on: make demo and make stack start it"
LAN = "sends into a school's LAN: tests/lab does it in a laboratory"
ELSEWHERE = {
    "hakaru-agent responder": LIVE,
    "hakaru-agent run": LIVE,
    "hakaru-collector serve": LIVE,
    "hakaru-agent enrol": "asks a collector: tests/agent/test_enrol.py, make stack",
    "hakaru-agent measure throughput": "asks a responder: make stack",
    "hakaru-agent measure gateway": LAN,
    "hakaru-agent measure lan_devices": LAN,
    "hakaru-agent measure dhcp": LAN,
    "hakaru-agent measure lan_listen": LAN,
    "hakaru-agent measure wifi_scan": LAN,
    "hakaru-agent measure snmp": "asks a device: tests/lab/test_snmp_lab.py",
    "hakaru-agent doctor": "says how this machine is: tests/agent/test_doctor.py, make test-deb",
    "hakaru-agent status": "of an enrolled agent: make test-deb",
    "hakaru-collector policy measure-now": "waits for an agent: collector/test_policy_pages.py",
    "hakaru-collector simulate": "an hour of 84 agents: make stack",
    "hakaru-collector audit verify --head": "the head is one that was written down",
    "hakaru-collector report deliver ": "sends mail: collector/report/test_report_delivery.py",
    "hakaru-collector report diff": "wants two revisions: collector/report/test_report_issue.py",
    "hakaru-collector topology diff": "wants two kept weeks: collector/topology/test_kept.py",
}
"""How a command begins that does not run here, and where it does."""
PLACES = {
    "/etc/hakaru/agent.toml": "configs/examples/agent.toml",
    "sqlite:////var/lib/hakaru/hakaru.db": DATABASE,
    "postgresql://hakaru@db/hakaru": DATABASE,
    "/var/backups/hakaru/2026-05-11": "copy",
    "192.0.2.10": "127.0.0.1",
    "--group north": "--group centre-1",
}
OTHER_CITY = {"docs/plans.md": "sqlite:///takasaki.db"}
"""Whose figures are not those of the fictional city: they run on a database of their own."""


class Terminal(io.StringIO):
    """Where somebody sits who is asked for a password."""

    def isatty(self) -> bool:
        """Somebody does."""
        return True


def typed(document: str) -> Iterator[str]:
    """Our commands in a document's shell blocks."""
    text = (ROOT / document).read_text(encoding="utf-8")
    for block in FENCE.findall(text.replace("\\\n", " ")):
        for line in block.splitlines():
            words = shlex.split(line, comments=True)
            if words and words[0] in MODULES:
                yield shlex.join(words)


TYPED = [(document, line) for document in DOCUMENTS for line in typed(document)]
FIRST = {line: document for document, line in reversed(TYPED)}
"""What several documents tell to type is typed once, where it stands first."""
HERE = [
    (document, line)
    for document, line in TYPED
    if FIRST[line] == document and not line.startswith(tuple(ELSEWHERE))
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the project's configuration and a database of the fictional city."""
    folder = tmp_path_factory.mktemp("typed")
    (folder / "configs").symlink_to(ROOT / "configs")
    store = create_store(f"sqlite:///{folder / 'hakaru.db'}")
    chance = Random(4)
    fill(
        store,
        load_criteria(resources.default_criteria()),
        load_calendars(resources.default_calendar()),
        resources.configs_folder() / "demo",
        now=MONDAY,
        new_secret=lambda: str(chance.getrandbits(128)),
    )
    store.close()
    before = Path.cwd()
    os.chdir(folder)
    yield folder
    os.chdir(before)


def type_in(line: str) -> tuple[int, str]:
    """Type a command, here and now; its exit code and what it said."""
    for there, here in PLACES.items():
        line = line.replace(there, here)
    program, *words = shlex.split(line)
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            code = import_module(MODULES[program]).main(words)
        except SystemExit as end:
            code = int(end.code or 0)
    return code, said.getvalue()


@pytest.mark.timeout(300)
def test_commands_in_the_documents_run_as_written(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the order of each document, on one database; what fails is named with its message."""
    monkeypatch.setenv("HAKARU_STATE", str(place / "state"))
    monkeypatch.setattr("getpass.getpass", lambda _question: PASSWORD)
    monkeypatch.setattr("sys.stdin", Terminal())
    failed, times = [], {}
    for document, line in HERE:
        monkeypatch.setenv("HAKARU_DATABASE", OTHER_CITY.get(document, DATABASE))
        before = time.monotonic()
        code, said = type_in(line)
        times[line] = time.monotonic() - before
        if code != 0:
            failed.append(f"{document}: {line}\n  exit {code}: {said[-400:]}")
    slowest = max(times, key=lambda line: times[line])
    print(f"\n{len(HERE)} commands in {sum(times.values()):.1f} s, slowest {slowest}")
    assert not failed, "\n".join(failed)


def test_what_does_not_run_here_is_in_the_documents() -> None:
    """No reason for a command that nobody is told to type."""
    for beginning in ELSEWHERE:
        assert any(line.startswith(beginning) for _, line in TYPED), beginning
