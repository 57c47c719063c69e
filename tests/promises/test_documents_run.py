"""What the documents tell to type is typed: in a folder of its own, on a city that does not exist.

Each command of a shell block runs as written, one document after the other; only places differ
(:data:`PLACES`). What cannot run here stands in :data:`ELSEWHERE` with the reason.
"""

import contextlib
import io
import os
import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path

import pytest

from tests.conftest import CityCopy
from tests.promises.test_documents import DOCUMENTS, MODULES, ROOT

MONDAY = datetime(2026, 6, 8, 1, 0, tzinfo=UTC)
"""After the week that the documents name."""
PASSWORD = "correct horse battery staple"
DATABASE = "sqlite:///hakaru.db"
BLOCK = re.compile(r"```(sh|console)\n(.*?)```", re.DOTALL)
CODE = re.compile(r"^([A-Z0-9]{4}-){2}[A-Z0-9]{4}$", re.MULTILINE)
"""A code of enrolment, as it is printed."""
PORTS = ("collector", "responder", "metrics", "nobody")
LAN = "sends into a school's LAN: tests/lab does it in a laboratory"
ELSEWHERE = {
    "hakaru-agent doctor*": "five seconds each: tests/agent/test_doctor.py, make test-deb",
    "hakaru-agent enrol": "asks at a terminal: tests/agent/test_enrol.py, make test-deb",
    "hakaru-agent measure gateway *": LAN,
    "hakaru-agent measure lan_devices *": LAN,
    "hakaru-agent measure dhcp *": LAN,
    "hakaru-agent measure lan_listen *": LAN,
    "hakaru-agent measure wifi_scan *": LAN,
    "hakaru-agent measure snmp *": "asks a device: tests/lab/test_snmp_lab.py",
    "hakaru-collector serve --database postgresql:*": "wants PostgreSQL: make stack",
    "hakaru-collector policy measure-now *": "waits for an agent: collector/test_policy_pages.py",
    "hakaru-collector simulate *": "an hour of 84 agents: make stack",
    "hakaru-collector audit verify --head *": "the head is one that was written down",
    "hakaru-collector report deliver *": "sends mail: collector/report/test_report_delivery.py",
    "hakaru-collector report diff *": "wants two revisions: collector/report/test_report_issue.py",
    "hakaru-collector topology diff *": "wants two kept weeks: collector/topology/test_kept.py",
}
"""The form of a command that does not run here, and where it does."""
NOT_OURS = {
    "make": "tests/promises/test_documents.py: the target exists; CI runs most of them",
    "export": "sets what the test sets",
    "curl": "asks a collector that runs: tests/collector/test_pages.py bounds the same",
    "docker": "no engine here: tests/deploy checks the file, make stack runs its services",
    "for": "enrol-code 84 times, which is typed for one school",
    "git": "fetches a release",
    "apt-get": "make test-deb",
    "systemctl": "make test-deb",
    "mkdir": "make test-deb",
    "adduser": "makes a user of this machine: make test-deb",
    "cp": "make test-deb, tests/deploy",
    "promtool": "tests/alerts",
    "amtool": "tests/alerts",
    "python": "tests/dashboards",
    "python3": "tests/deploy",
}
"""First words of commands that are not ours, and who runs them."""
GOES_ON = {
    "hakaru-agent responder ": r"ndt7 on \S+ port \d+",
    "hakaru-collector serve ": r"listening on \S+",
    "hakaru-agent run ": r"runs with \d+ tests",
}
"""How a program begins that goes on, and what it says when it is ready."""
READY_SECONDS = 60.0
PLACES = {
    "/etc/hakaru/agent.toml": "configs/examples/agent.toml",
    "sqlite:////var/lib/hakaru-collector/hakaru.db": DATABASE,
    "postgresql://hakaru@db/hakaru": DATABASE,
    "/var/backups/hakaru/2026-05-11": "copy",
    "192.0.2.10:4443": "127.0.0.1:{responder}",
    "192.0.2.10": "127.0.0.1",
    "--listen 127.0.0.1:8080": "--listen 127.0.0.1:{collector}",
    "--remote-write": "--listen 127.0.0.1:{collector} --remote-write",
    "http://127.0.0.1:9090/": "http://127.0.0.1:{nobody}/",
    "https://hakaru.city.example": "http://127.0.0.1:{collector}",
    "--metrics 127.0.0.1:9273": "--metrics 127.0.0.1:{metrics}",
    "--group north": "--group centre-1",
}
OTHER_CITY = {"docs/plans.md": "sqlite:///takasaki.db"}
"""Whose figures are not those of the fictional city: they run on a database of their own."""


class Terminal(io.StringIO):
    """Where somebody sits who is asked for a password."""

    def isatty(self) -> bool:
        """Somebody does."""
        return True


def lines(document: str) -> Iterator[tuple[int, list[str]]]:
    """What a document tells to type: number of the block, words."""
    text = (ROOT / document).read_text(encoding="utf-8")
    for number, (kind, block) in enumerate(BLOCK.findall(text.replace("\\\n", " "))):
        for line in block.splitlines():
            if kind == "console" and not line.startswith("$ "):
                continue  # what the program answers
            words = shlex.split(line.removeprefix("$ "), comments=True)
            if words[:1] == ["sudo"]:
                words = words[1:]
            if words:
                yield number, words


def elsewhere(line: str) -> bool:
    """Whether a command does not run here."""
    return any(fnmatchcase(line, form) for form in ELSEWHERE)


TYPED = [
    (document, number, shlex.join(words))
    for document in DOCUMENTS
    for number, words in lines(document)
    if words[0] in MODULES
]
FIRST = {line: document for document, _, line in reversed(TYPED)}
"""What several documents tell to type is typed once, where it stands first."""
HERE = [
    (document, number, line)
    for document, number, line in TYPED
    if FIRST[line] == document and not elsewhere(line)
]


class Programs:
    """Those that go on: each is started, waited for, and stopped after the next block."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: list[tuple[str, int, str, subprocess.Popen[bytes]]] = []

    def start(self, document: str, number: int, line: str, ready: str) -> tuple[int, str]:
        """Start one; 0 and its output once it is ready."""
        program, *words = shlex.split(line)
        log = self._folder / f"program-{len(list(self._folder.glob('program-*')))}"
        command = [sys.executable, "-m", MODULES[program], *words]
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        self._running.append((document, number, line, process))
        deadline = time.monotonic() + READY_SECONDS
        while not re.search(ready, said := log.read_text("utf-8")):
            if process.poll() is not None or time.monotonic() > deadline:
                return process.poll() or 1, said
            time.sleep(0.05)
        return 0, said

    def stop_before(self, document: str, number: int) -> list[str]:
        """Stop those of other documents and of blocks before the last; what did not end well."""
        going, ending = [], []
        for one in self._running:
            stays = one[0] == document and one[1] >= number - 1
            (going if stays else ending).append(one)
        self._running = going
        for *_, process in ending:
            process.terminate()
        return [
            f"{place}: {line}\n  stopped with exit code {process.returncode}"
            for place, _, line, process in ending
            if process.wait(READY_SECONDS) != 0
        ]


@pytest.fixture(scope="module")
def place(city_copy: CityCopy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the project's configuration and a database of the fictional city."""
    folder = tmp_path_factory.mktemp("typed")
    (folder / "configs").symlink_to(ROOT / "configs")
    city_copy(folder)
    (folder / "city.db").rename(folder / "hakaru.db")
    before = Path.cwd()
    os.chdir(folder)
    yield folder
    os.chdir(before)


@pytest.fixture
def ports() -> dict[str, int]:
    """Free ports of loopback by what they are for; at ``nobody`` nobody listens."""
    held = {name: socket.create_server(("127.0.0.1", 0)) for name in PORTS}
    numbers = {name: one.getsockname()[1] for name, one in held.items()}
    for one in held.values():
        one.close()
    return numbers


def here(line: str, ports: dict[str, int]) -> str:
    """A command with the places of this test."""
    for there, place in PLACES.items():
        line = line.replace(there, place.format(**ports))
    return line


def type_in(line: str) -> tuple[int, str]:
    """Type a command, here and now; its exit code and what it said."""
    program, *words = shlex.split(line)
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            code = import_module(MODULES[program]).main(words)
        except SystemExit as end:
            code = int(end.code or 0)
    return code, said.getvalue()


@pytest.mark.timeout(600)
def test_commands_in_the_documents_run_as_written(
    place: Path, ports: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the order of each document, on one database; what fails is named with its message."""
    monkeypatch.setenv("HAKARU_STATE", str(place / "state"))
    monkeypatch.setattr("getpass.getpass", lambda _question: PASSWORD)
    failed, times, programs, code_of_school = [], {}, Programs(place), ""
    try:
        for document, number, line in HERE:
            failed += programs.stop_before(document, number)
            monkeypatch.setenv("HAKARU_DATABASE", OTHER_CITY.get(document, DATABASE))
            monkeypatch.setattr("sys.stdin", Terminal(f"{code_of_school}\n"))
            before = time.monotonic()
            ready = next((GOES_ON[one] for one in GOES_ON if line.startswith(one)), "")
            if ready:
                code, said = programs.start(document, number, here(line, ports), ready)
            else:
                code, said = type_in(here(line, ports))
            times[line] = time.monotonic() - before
            if found := CODE.search(said):
                code_of_school = found[0]
            if code != 0:
                failed.append(f"{document}: {line}\n  exit {code}: {said[-400:]}")
    finally:
        failed += programs.stop_before("", 0)
    slowest = max(times, key=lambda line: times[line])
    print(f"\n{len(HERE)} commands in {sum(times.values()):.1f} s, slowest {slowest}")
    assert not failed, "\n".join(failed)


def test_every_command_is_typed_or_named_with_its_reason() -> None:
    """No reason for a command that nobody is told to type, none missing, none twice."""
    typed = {line for _, _, line in TYPED}
    others = {words[0] for one in DOCUMENTS for _, words in lines(one)} - set(MODULES)
    assert others == set(NOT_OURS)
    for form in ELSEWHERE:
        assert any(fnmatchcase(line, form) for line in typed), form
    for line in typed:
        assert sum(fnmatchcase(line, form) for form in ELSEWHERE) <= 1, line
    assert not any(elsewhere(line) for _, _, line in HERE)
    for beginning in GOES_ON:
        assert any(line.startswith(beginning) for _, _, line in HERE), beginning
