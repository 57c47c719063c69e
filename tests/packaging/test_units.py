"""The units of the appliance: how exposed they are, and what they promise. Nothing is started."""

import argparse
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from agent.config import load
from collector.commands import serve

ROOT = Path(__file__).parents[2]
UNITS = ROOT / "packaging/systemd"
DEBIAN = ROOT / "packaging/debian"
RAW = "raw-sockets.conf"


def exposure(folder: Path, unit: str) -> float:
    """Overall exposure by ``systemd-analyze security``, 0 (none) to 10."""
    ran = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(folder / unit)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", ran.stdout)
    assert found is not None, ran.stderr
    return float(found[1])


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize(
    ("unit", "raw", "most"),
    [
        ("hakaru-agent.service", False, 2.0),
        ("hakaru-agent.service", True, 2.5),
        ("hakaru-responder.service", False, 2.0),
        ("hakaru-collector.service", False, 2.0),
    ],
)
def test_a_unit_is_less_exposed_than(tmp_path: Path, unit: str, raw: bool, most: float) -> None:
    """Below the bound; and the figure in docs/appliance.md is the one that comes out."""
    shutil.copy(UNITS / unit, tmp_path)
    if raw:
        (tmp_path / f"{unit}.d").mkdir()
        shutil.copy(UNITS / RAW, tmp_path / f"{unit}.d")
    found = exposure(tmp_path, unit)
    print(f"\n{unit}{' with raw sockets' if raw else ''}: exposure {found}")
    assert 0 < found < most
    name = f"{unit}` with `{RAW}" if raw else unit
    if unit == "hakaru-collector.service":
        assert f"exposure {found}" in (ROOT / "docs/operations.md").read_text()
    else:
        assert f"| `{name}` | {found} |" in (ROOT / "docs/appliance.md").read_text()


def settings(name: str) -> dict[str, list[str]]:
    """Every setting of a unit with its values in order."""
    found: dict[str, list[str]] = {}
    for line in (UNITS / name).read_text(encoding="utf-8").splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


SERVICES = ["hakaru-agent.service", "hakaru-responder.service", "hakaru-collector.service"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_a_user_a_state_directory_and_no_secret(name: str) -> None:
    """Not root, one directory to write to, logs to the journal, nothing secret in arguments."""
    unit = settings(name)
    assert unit["User"] == ["hakaru-collector" if "collector" in name else "hakaru"]
    assert unit["StateDirectoryMode"] == ["0700"]
    assert unit["ProtectSystem"] == ["strict"]
    assert "ReadWritePaths" not in unit
    assert unit["CapabilityBoundingSet"] == [""]
    assert unit["StandardError"] == ["journal"]
    words = " ".join([*unit["ExecStart"], *unit.get("Environment", [])])
    assert not re.search(r"token|\bcode\b|secret|password|community", words, re.IGNORECASE)


def test_what_alerts_and_documents_call_a_unit_is_one() -> None:
    """Whoever reads `systemctl status NAME` finds a unit of that name."""
    rules = sorted((ROOT / "configs/prometheus/rules").glob("alerting*.yml"))
    told = [*rules, *(ROOT / "docs").glob("*.md")]
    said = "\n".join(one.read_text(encoding="utf-8") for one in told)
    form = r"(?:systemctl (?:status|restart|start|stop|enable --now)|journalctl -u)\s+(hakaru-\w+)"
    named = set(re.findall(form, said))
    assert named >= {"hakaru-agent", "hakaru-collector", "hakaru-responder"}
    assert named <= {path.stem for path in UNITS.glob("*.service")}


def test_the_collectors_arguments_are_accepted() -> None:
    """`serve` takes what collector.env gives it."""
    lines = (UNITS / "collector.env").read_text(encoding="utf-8").splitlines()
    given = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert given["HAKARU_DATABASE"] == "sqlite:////var/lib/hakaru-collector/hakaru.db"
    parser = argparse.ArgumentParser()
    serve.configure(parser)
    options = parser.parse_args(given["COLLECTOR_OPTIONS"].split())
    assert options.behind_tls_proxy == "127.0.0.1"


def test_raw_sockets_are_one_capability_and_nothing_else() -> None:
    """The drop-in gives CAP_NET_RAW, without a user namespace that would take it away again."""
    unit = settings(RAW)
    assert unit["CapabilityBoundingSet"] == unit["AmbientCapabilities"] == ["CAP_NET_RAW"]
    assert unit["PrivateUsers"] == ["no"]
    assert set(unit) == {
        "CapabilityBoundingSet", "AmbientCapabilities", "PrivateUsers", "RestrictAddressFamilies",
    }  # fmt: skip


@pytest.mark.parametrize("script", ["postinst", "prerm", "postrm", "hakaru-agent", "60-hakaru"])
def test_scripts_are_posix_shell(script: str) -> None:
    """Debian's sh, which is dash, reads them."""
    path = DEBIAN / script
    ran = subprocess.run(["sh", "-n", str(path)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert path.stat().st_mode & 0o111


def test_the_configuration_that_is_installed_is_accepted() -> None:
    """A fresh appliance runs with it as it is."""
    config = load(DEBIAN / "agent.toml")
    assert config.tests == ()
    assert config.policy_source == "central"
    assert "snmp.toml" not in (DEBIAN / "conffiles").read_text()
