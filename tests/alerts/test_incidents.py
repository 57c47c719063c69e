"""Planted incidents raise exactly the expected alerts, by Prometheus' own engine."""

import re
import subprocess
from typing import Any

import pytest
import yaml

from tests.alerts.incidents import FILE, INCIDENTS, document
from tests.alerts.told import CONFIGS, RULES, TOLD, Told, rules

ROOT = CONFIGS.parent
PAGE = ROOT / "docs/alerts.md"
TOOLS = ("promtool ", "amtool ")
UNITS = ("%", "ms", "m ", "s)", "分", "秒", "時間", "校", "件", "個", "台")


def commands() -> list[str]:
    """What the page tells to type, in its shell blocks."""
    text = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.startswith(TOOLS)]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("command", commands())
def test_a_command_of_the_page_says_success_as_typed(command: str) -> None:
    """From the root of the sources; ``promtool test rules``: every incident raises what it is to.

    At each minute named these alerts, and no others, with these labels and texts.
    """
    done = subprocess.run(
        ["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUCCESS" in done.stdout


def test_the_page_names_every_check() -> None:
    """Rules, incidents, both configurations."""
    said = commands()
    assert f"promtool test rules {FILE.relative_to(ROOT)}" in said
    assert [line.split()[1] for line in said] == ["check", "test", "check", "check-config"]


def test_the_file_of_incidents_is_that_of_the_sources() -> None:
    """What somebody tries by hand is what is planted."""
    assert FILE.read_text(encoding="utf-8") == document(), (
        "write it anew: .venv/bin/python -m tests.alerts.incidents > tests/alerts/incidents.yml"
    )


def test_every_alert_is_told_word_for_word_in_some_incident() -> None:
    """None says what nobody has read."""
    assert {one.alert for one in TOLD} == rules().keys()
    assert {one.incident for one in TOLD} <= {one.name for one in INCIDENTS}


@pytest.mark.parametrize("told", TOLD, ids=lambda one: f"{one.alert} {one.minute}")
def test_a_number_in_a_text_has_its_unit(told: Told) -> None:
    """Japanese and English; what counts is said beside it. Addresses and names are none."""
    said = told.document()["exp_alerts"][0]["exp_annotations"]
    for key in ("summary", "action"):
        text = re.sub(r"\(\d\)|\d+(\.\d+){3}|UDP 123|100 Mbit/s", "", said[key])
        for found in re.finditer(r"(?<![A-Za-z\d.])\d[\d.]*", text):
            rest = text[found.end() :].lstrip()
            assert rest.startswith(UNITS), (text, found[0])


def test_every_alert_was_raised_by_some_incident() -> None:
    """None is only hoped to work."""
    raised = {
        one.split()[0]
        for incident in INCIDENTS
        for moment in incident.expected.values()
        for one in moment
    }
    assert raised == rules().keys()


@pytest.mark.parametrize("alert", rules().values(), ids=lambda alert: alert["alert"])
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
    """docs/alerts.md has a row for each with its severity, and no others."""
    rows = [
        [cell.strip(" `") for cell in line.split("|")]
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if line.startswith("| `Hakaru")
    ]
    severities = {name: rule["labels"]["severity"] for name, rule in rules().items()}
    assert {row[1]: row[2] for row in rows} == severities
