"""docker-compose.yml: valid, closed up, and of one mind with the settings and secrets.

No engine is here: what was tried is ``docker-compose config`` of the Debian package and the
specification's schema that the package carries (scripts/system-packages docker-compose).
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from deploy import check, secret_files, settings
from tests.deploy import compose_file

ROOT = compose_file.ROOT
DOCUMENT = compose_file.document()
SERVICES: dict[str, dict[str, Any]] = DOCUMENT["services"]
ONE_SHOT = {"grafana-rights", "simulated-agents"}
EXAMPLE = {"HAKARU_SITE": "hakaru.city.example"}
each_service = pytest.mark.parametrize("name", sorted(SERVICES))
with_compose = pytest.mark.skipif(
    shutil.which("docker-compose") is None, reason="scripts/system-packages docker-compose"
)


@with_compose
def test_compose_reads_it_and_fills_in_every_value() -> None:
    """With nothing set but what has to be; demo profile included."""
    ran = compose_file.config(EXAMPLE | {"COMPOSE_PROFILES": "demo"})
    assert ran.returncode == 0, ran.stderr
    assert set(yaml.safe_load(ran.stdout)["services"]) == set(SERVICES)
    assert "${" not in ran.stdout
    assert ran.stderr == ""


@with_compose
def test_compose_refuses_to_go_on_without_a_name() -> None:
    """And says which setting is missing, and what for."""
    ran = compose_file.config({})
    assert ran.returncode != 0
    assert "HAKARU_SITE" in ran.stderr
    assert "the name that schools and people open" in ran.stderr


@with_compose
def test_compose_names_a_wrong_key(tmp_path: Path) -> None:
    """Before anything starts."""
    spoilt = tmp_path / "docker-compose.yml"
    spoilt.write_text(compose_file.TEXT.replace("mem_limit: 1g", "memlimit: 1g"), encoding="utf-8")
    ran = compose_file.config(EXAMPLE, spoilt)
    assert ran.returncode != 0
    assert "'memlimit'" in ran.stderr


def test_what_services_name_is_declared() -> None:
    """Networks, secrets, volumes and other services: an older Compose finds out only at `up`."""
    for name, service in SERVICES.items():
        assert set(service.get("networks", [])) <= set(DOCUMENT["networks"]), name
        assert set(service.get("depends_on", {})) <= set(SERVICES), name
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source.startswith((".", "$")) or source in DOCUMENT["volumes"], (name, source)


@with_compose
def test_the_specification_allows_every_line() -> None:
    """The schema of the compose specification."""
    schema = json.loads(compose_file.SCHEMA.read_text(encoding="utf-8"))
    wrong = [
        f"{'/'.join(map(str, error.absolute_path))}: {error.message}"
        for error in jsonschema.Draft7Validator(schema).iter_errors(DOCUMENT)
    ]
    assert wrong == []


@each_service
def test_each_service_is_closed_up(name: str) -> None:
    """No root, nothing writable but what is named, no capability, limits on everything."""
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert int(service["user"].split(":")[0]) > 0
    assert {"mem_limit", "cpus", "pids_limit", "logging", "init"} <= set(service)
    assert service["logging"]["options"]["max-size"]
    assert not {"privileged", "cap_add", "devices", "pid", "ipc", "extra_hosts"} & set(service)
    assert not any("docker.sock" in str(volume) for volume in service.get("volumes", []))


@each_service
def test_each_service_tells_whether_it_is_well(name: str) -> None:
    """But those that end by themselves."""
    service = SERVICES[name]
    assert ("healthcheck" in service) != (name in ONE_SHOT)
    assert service["restart"] == ("no" if name in ONE_SHOT else "unless-stopped")


@each_service
def test_each_image_is_pinned(name: str) -> None:
    """By a tag that is a release; those built here by their number."""
    image = SERVICES[name]["image"]
    assert re.search(r":(v?\d+\.\d+|\$\{HAKARU_VERSION:-\d)", image)


def test_base_images_are_pinned() -> None:
    """A patch release each."""
    text = (ROOT / "deploy/images/Dockerfile").read_text()
    bases = dict(re.findall(r"^ARG (\w+)=(\S+)$", text, re.MULTILINE))
    assert all(re.match(r"\d+\.\d+\.\d+", tag) for tag in bases.values())
    froms = re.findall(r"^FROM (\S+) AS", text, re.MULTILINE)
    assert {image for image in froms if image != "base"} == {"python:${PYTHON}", "caddy:${CADDY}"}


def test_the_networks_keep_apart_what_need_not_meet() -> None:
    """Whose port is published, who reaches the database, who reaches the outside."""
    members: dict[str, set[str]] = {}
    for name, service in SERVICES.items():
        for network in service.get("networks", []):
            members.setdefault(network, set()).add(name)
    assert members == {
        "public": {"proxy", "responder"},
        "outbound": {"collector", "alertmanager"},
        "front": {"proxy", "collector", "grafana", "slot-keys"},
        "data": {"postgres", "collector", "grafana", "grafana-rights", "backup"},
        "monitor": {"prometheus", "alertmanager", "collector", "grafana"},
    }
    inside = {name for name, network in DOCUMENT["networks"].items() if network.get("internal")}
    assert inside == {"front", "data", "monitor"}
    assert {name for name, service in SERVICES.items() if "ports" in service} == members["public"]


def test_settings_and_compose_agree() -> None:
    """The same names, the same defaults."""
    used = compose_file.variables()
    known = {setting.name: setting.default for setting in settings.SETTINGS}
    assert set(used) == set(known)
    for name, defaults in used.items():
        assert defaults == ({known[name]} if known[name] else set()), name


def test_secrets_belong_to_the_user_who_reads_them() -> None:
    """Compose mounts a file as it lies: another owner could not read it, or too many could."""
    files = {file.name: file for file in secret_files.FILES}
    assert set(DOCUMENT["secrets"]) == set(files)
    for name, service in SERVICES.items():
        user, group = map(int, service["user"].split(":"))
        for secret in service.get("secrets", []):
            file = files[secret["source"] if isinstance(secret, dict) else secret]
            by_group = secret_files.group_of(file) == group and secret_files.mode_of(file) & 0o040
            assert file.user_id == user or by_group, f"{name} cannot read {file.name}"


def test_no_secret_is_a_value() -> None:
    """Only files are named."""
    for name, service in SERVICES.items():
        for variable, value in (service.get("environment") or {}).items():
            if re.search("PASS|SECRET|TOKEN|KEY", variable):
                assert str(value).startswith(("/run/secrets", "${HAKARU_SECRETS")), (name, variable)


def test_what_is_mounted_is_there() -> None:
    """The engine would make an empty folder in its place."""
    for name, service in SERVICES.items():
        for volume in service.get("volumes", []):
            if volume.startswith("./"):
                source, target, mode = volume.split(":")
                assert (ROOT / source).exists(), f"{name}: {source}"
                assert mode == "ro", f"{name}: {target} could be written"
    for file in check.FILES:
        assert (ROOT / file).is_file(), file


@pytest.mark.parametrize("name", ["collector", "responder", "backup", "slot-keys"])
def test_our_programs_know_the_options_they_are_given(name: str) -> None:
    """The command line of the file, against the help of the program."""
    service = SERVICES[name]
    programs = {
        "collector": ["-m", "collector.cli", "serve"],
        "responder": ["-m", "agent.cli", "responder"],
        "backup": [str(ROOT / "deploy/backups.py")],
        "slot-keys": [str(ROOT / "deploy/slot_keys.py")],
    }
    ran = subprocess.run(
        [sys.executable, *programs[name], "--help"],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    words = [*service["command"], *service["healthcheck"]["test"]]
    options = {word.split("=")[0] for word in words if word.startswith("--")}
    assert options
    assert {option for option in options if f"{option} " not in ran.stdout} == set()


def test_the_images_are_built_from_files_that_are_sent() -> None:
    """Every COPY names what is in the tree and let through by .dockerignore; pip checks hashes."""
    text = (ROOT / "deploy/images/Dockerfile").read_text().replace("\\\n", " ")
    sent = [
        line[1:]
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    ]
    lines = re.findall(r"^COPY (.+) \S+$", text, re.MULTILINE)
    copied = [word for line in lines for word in line.split()]
    assert copied
    for source in copied:
        assert (ROOT / source).exists(), source
        assert any(Path(source).match(pattern) for pattern in sent), source
    for line in re.findall(r"pip install .*", text):
        assert "--require-hashes" in line or "--no-index" in line
    targets = set(re.findall(r"^FROM \S+ AS (\S+)$", text, re.MULTILINE))
    assert {s["build"]["target"] for s in SERVICES.values() if "build" in s} <= targets


def test_the_wheel_of_the_image_needs_no_other_file() -> None:
    """What pyproject.toml reads while building is copied before it is built."""
    text = (ROOT / "deploy/images/Dockerfile").read_text()
    before = text[: text.index("RUN hatchling")]
    for needed in ("README.md", "LICENSE", "configs", "agent", "collector", "wire"):
        assert re.search(rf"^COPY .*\b{re.escape(needed)}\b", before, re.MULTILINE), needed
