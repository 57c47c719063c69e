"""Planted incidents raise exactly the expected alerts, by Prometheus' own engine."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.alerts.incidents import INCIDENTS, Incident

CONFIGS = Path(__file__).parents[2] / "configs"
RULES = [CONFIGS / f"prometheus/rules/{name}.yml" for name in ("recording", "alerting")]
ORDER = ["hakaru-standing", "hakaru-live", "hakaru-centre", "hakaru-group", "hakaru-school"]


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a tool and give what it says."""
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def alerts() -> list[dict[str, Any]]:
    """Every alert of the rules."""
    groups = yaml.safe_load(RULES[1].read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_the_configuration_is_what_its_own_tools_accept() -> None:
    """Rules and where they are named."""
    done = run("promtool", "check", "config", CONFIGS / "prometheus/prometheus.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 rule files found" in done.stdout


@pytest.mark.parametrize("incident", INCIDENTS, ids=lambda one: one.name)
def test_an_incident_raises_exactly_the_expected_alerts(incident: Incident, tmp_path: Path) -> None:
    """At each minute named: these, and no others."""
    document = {
        "rule_files": [str(path) for path in RULES],
        "evaluation_interval": "2m",
        "group_eval_order": ORDER,
        "tests": [incident.document()],
    }
    path = tmp_path / "incident.yml"
    path.write_text(json.dumps(document), encoding="utf-8")
    done = run("promtool", "test", "rules", path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_was_raised_by_some_incident() -> None:
    """None is only hoped to work."""
    raised = {
        one.split()[0]
        for incident in INCIDENTS
        for moment in incident.expected.values()
        for one in moment
    }
    assert raised == {alert["alert"] for alert in alerts()}


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_an_alert_says_what_to_do_and_where_to_look(alert: dict[str, Any]) -> None:
    """In both languages; of a school with its page, its name, and silent on holidays."""
    said = alert["annotations"]
    assert set(said) == {"summary", "action", "summary_en", "action_en", "page"}
    for key in ("summary", "action"):
        assert any("ぁ" <= sign <= "ん" for sign in said[key]), said[key]
        assert said[f"{key}_en"].isascii(), said[f"{key}_en"]
    assert said["page"].startswith("{{ $externalLabels.hakaru_url }}/")
    if alert["labels"]["scope"] == "school":
        assert said["page"].endswith("/schools/{{ $labels.school }}")
        assert "$labels.name" in said["summary"]
        assert alert["alert"] == "HakaruAgentIdentity" or "hakaru:school_quiet" in alert["expr"]


def test_no_alert_goes_by_what_may_come_late() -> None:
    """Live and standing series, the collector's own and what is recorded from them: no history."""
    groups = [
        rule
        for path in RULES
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
    ]
    words = {
        word.strip("(){}[],")
        for rule in groups
        for word in rule["expr"].replace("(", " ").replace("{", " ").replace("[", " ").split()
        if word.startswith("hakaru_")
    }
    allowed = ("live_", "fleet_", "school_", "export_", "ingest_", "judge_")
    odd = {word for word in words if not word.removeprefix("hakaru_").startswith(allowed)}
    assert words
    assert not odd


def test_every_alert_is_documented() -> None:
    """docs/alerts.md has a row for each, and no others."""
    text = (CONFIGS.parent / "docs/alerts.md").read_text(encoding="utf-8")
    rows = {line.split("`")[1] for line in text.splitlines() if line.startswith("| `Hakaru")}
    assert rows == {alert["alert"] for alert in alerts()}
