"""docker-compose.yml as data."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
TEXT = FILE.read_text(encoding="utf-8")
SCHEMA = Path("/usr/lib/python3/dist-packages/compose/config/compose_spec.json")
"""The compose specification's JSON schema as the Debian package docker-compose carries it."""


def document() -> dict[str, Any]:
    """What Compose reads, before it fills in values."""
    found: dict[str, Any] = yaml.safe_load(TEXT)
    return found


def variables() -> dict[str, set[str]]:
    """Every ``${NAME:-default}`` of the file: its defaults; nothing where it has none."""
    found: dict[str, set[str]] = {}
    for name, _, default in re.findall(r"\$\{(\w+)(:-([^}]*))?[^}]*\}", TEXT):
        found.setdefault(name, set()).update({default} if default else set())
    return found


def config(environment: Mapping[str, str], file: Path = FILE) -> subprocess.CompletedProcess[str]:
    """Run ``docker-compose config``: no engine is asked."""
    return subprocess.run(
        ["docker-compose", "--project-directory", str(ROOT), "-f", str(file), "config"],
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", **environment},
        cwd=file.parent, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
