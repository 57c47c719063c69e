"""What ``make stack`` makes of docker-compose.yml: every place of a container has one here."""

import json
import re
import shlex
import socket
from pathlib import Path

import pytest

from collector.cli import main as collector_command
from deploy.loopback import __main__ as stack
from deploy.loopback import compose, configs, health, programs, real_test, shown
from deploy.loopback.places import PORTS, Places, Unplaced
from deploy.loopback.running import StackFailed

PLACES = Places(Path("/tmp/hakaru-stack-x"), 100)
STARTED = (
    "postgres", "collector", "prometheus", "alertmanager", "responder", "slot-keys", "backup",
    "simulated-agents",
)  # fmt: skip


@pytest.mark.parametrize("name", STARTED)
def test_each_command_is_that_of_compose_with_places_of_this_machine(name: str) -> None:
    """As many words, the same options, nothing of a container left."""
    there = compose.services()[name]["command"]
    here = compose.command(name, PLACES)
    assert [word.split("=")[0] for word in here] == [word.split("=")[0] for word in there]
    text = " ".join([*here, *compose.environment(name, PLACES).values()])
    assert not re.search(r"\$\{|0\.0\.0\.0|/run/secrets|(collector|postgres|prometheus):\d", text)
    ports = {int(port) for port in re.findall(r"127\.0\.0\.1:(\d+)", text)}
    assert ports <= {PLACES.port(port) for port in PORTS}


@pytest.mark.parametrize(
    "word", ["--listen=0.0.0.0:8081", "http://grafana:3000", "--out=/var/lib/other", "/etc/other"]
)
def test_a_place_that_nobody_named_is_told(word: str) -> None:
    """Else a service would be started half on this machine."""
    with pytest.raises(Unplaced, match="is a place in a container"):
        PLACES.place(word)


def test_every_service_of_compose_is_started_or_left_out_with_a_reason() -> None:
    """A service that is added has to be decided on."""
    once = {"grafana-rights", "proxy"}
    assert set(compose.services()) == {*STARTED, *once, *programs.LEFT_OUT}


def test_notices_lead_nowhere() -> None:
    """Mail server and webhooks of Alertmanager's file: a trial tells nobody."""
    text = (
        "global:\n  smtp_smarthost: mail.example:587   # CHANGE\n"
        "      - url: https://chat.example/hooks/hakaru\n        url: http://other.example:81/x\n"
    )
    assert configs.to_nowhere(text) == (
        "global:\n  smtp_smarthost: 127.0.0.1:9   # CHANGE\n"
        "      - url: http://127.0.0.1:9/hooks/hakaru\n        url: http://127.0.0.1:9/x\n"
    )


def test_the_projects_own_notices_lead_nowhere() -> None:
    """No address of another machine is left in the file that is laid."""
    text = configs.to_nowhere((configs.ROOT / "configs/alertmanager/alertmanager.yml").read_text())
    addresses = re.findall(
        r"^\s*-?\s*(?:url|smtp_smarthost|[a-z_]*_url): *(\S+)", text, re.MULTILINE
    )
    assert addresses
    assert all("127.0.0.1:9" in address for address in addresses)


@pytest.mark.parametrize(
    ("installed", "pinned", "said"),
    [
        ("17.10", "17.10", "same release"),
        ("17.4", "17.10", "image: 17.10, same line of releases"),
        ("15.18", "17.10", "image: 17.10, another line of releases"),
        ("0.25.0", "0.34.1", "image: 0.34.1, another line of releases"),
    ],
)
def test_the_difference_between_package_and_image_is_named(
    installed: str, pinned: str, said: str
) -> None:
    """With the image's release."""
    assert programs.difference(installed, pinned) == said


def test_every_image_of_others_has_a_release_to_compare_with() -> None:
    """Those that run from packages, and the one that is left out."""
    assert set(compose.pinned()) == {*programs.PROGRAMS, *programs.LEFT_OUT}
    assert all(re.fullmatch(r"\d+(\.\d+)+", tag) for tag in compose.pinned().values())


def test_a_taken_port_stops_it_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is named with its service; no process was started and no folder is left."""
    monkeypatch.setattr(programs, "missing", lambda: iter(()))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        monkeypatch.setitem(PORTS, "prometheus", port)  # type: ignore[arg-type]
        monkeypatch.setattr(stack, "_run", lambda *_a, **_k: pytest.fail("it was begun"))
        assert stack.main(["--once"]) == 2
    assert f"prometheus: TCP port {port} is taken already" in capsys.readouterr().err


def test_a_missing_program_stops_it_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the package it is in."""
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(programs, "taken", lambda _places: iter(()))
    monkeypatch.setattr(stack, "_run", lambda *_a, **_k: pytest.fail("it was begun"))
    assert stack.main([]) == 2
    said = capsys.readouterr().err
    assert "caddy: not installed: scripts/system-packages caddy" in said
    assert "scripts/system-packages prometheus-alertmanager" in said


def test_tables_and_rates_read_well() -> None:
    """Columns line up; rates in Mbit/s."""
    assert shown.table([("a", "bb"), ("ccc", "d")]) == ["a    bb", "---  --", "ccc  d"]
    told = json.dumps({"values": {"download_bps": 1.5e9, "upload_bps": 2e6}})
    assert real_test.rates(told).startswith("1,500 Mbit/s down, 2 Mbit/s up")


class Commands:
    """Stands for the processes: every command is noted, the first measurement fails."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ran: list[str] = []

    def log(self, name: str) -> Path:
        """Where its output would be."""
        return self.folder / name

    def finish(self, name: str, _command: list[str], *_given: object, **_more: object) -> str:
        """Give what each would say."""
        self.ran.append(name)
        self.log(name).touch()
        if name != "measure":
            return "a-code"
        failure = {"code": "too_slow", "operation": "upload", "text": "3 samples"}
        if self.ran.count("measure") == 1:
            raise StackFailed("measure ended with 1:\n" + json.dumps({"failure": failure}))
        return json.dumps({"values": {"download_bps": 1e9, "upload_bps": 1e9}})


def test_a_measurement_that_gives_no_rates_is_tried_again(tmp_path: Path) -> None:
    """On a busy machine one may be too slow; the appliance is enrolled once all the same."""
    commands = Commands(tmp_path)
    tried = real_test.RealTest(commands, PLACES)  # type: ignore[arg-type]  # stands for Running
    check = health.Check("responder", "a real test", lambda: tried.measure("S001"))
    assert health.look(check) == (False, "too_slow during upload: 3 samples")
    assert health.look(check)[0] is True
    assert commands.ran == ["responder-add", "code", "enrol", "measure", "measure"]
    assert real_test.why("no record") == "no record"


def test_the_document_names_the_images() -> None:
    """docs/deployment.md: the release of each image, and how it is started here."""
    text = (configs.ROOT / "docs/deployment.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| (\w+) \| (\d[\d.]+) \| [^|]+ \| [^|]+ \|$", text, re.MULTILINE))
    assert rows == compose.pinned()


def test_how_to_sign_in_is_a_line_to_copy() -> None:
    """Of a run's own database, without a password in it, and the command knows every word."""
    line = shown.account("/opt/x y/hakaru-collector", compose.environment("collector", PLACES))
    command = line.partition(": ")[2]
    words = shlex.split(command)
    assert "HAKARU_DATABASE=postgresql://hakaru@127.0.0.1:15532/hakaru" in words
    at = words.index("/opt/x y/hakaru-collector")
    with pytest.raises(SystemExit) as ended:
        collector_command([*words[at + 1 :], "--help"])
    assert ended.value.code == 0
