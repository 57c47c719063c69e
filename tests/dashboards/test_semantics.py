"""What panels of series say of planted series, by Prometheus' own engine: promtool."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.dashboards import lint
from deploy.dashboards.__main__ import FOLDER
from tests.dashboards.engines import Chosen

MINUTES = 60
NOW = datetime(2026, 6, 1, tzinfo=UTC)
CHOSEN = Chosen(
    NOW - timedelta(minutes=MINUTES),
    NOW,
    {
        "region": ("north",), "band": ("<=60",), "line": ("other",), "network": ("-",),
        "school": "A", "leave_out": "true",
    },
)  # fmt: skip
ALWAYS = f"1x{MINUTES}"
KNOWN = {
    f'hakaru_school_info{{school="{one}",name="学校{one}",region="north",band="<=60",line="other",'
    'network="-"}': ALWAYS
    for one in "AB"
}  # fmt: skip
Series = Mapping[str, str]
Said = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Case:
    """What is planted, and what one query of a panel says at the end of the hour."""

    name: str
    board: str
    panel: str
    series: Series
    said: Said
    number: int = 0
    """Which of the panel's queries."""


def state(agent: str, name: str, school: str = "A") -> str:
    """Of an agent."""
    return f'hakaru_fleet_state{{agent="{agent}",school="{school}",state="{name}"}}'


def device(agent: str, field: str, school: str = "A") -> str:
    """What a device said, asked by an agent."""
    labels = f'agent="{agent}",school="{school}",probe="snmp",segment="lan",target="192.0.2.1"'
    return f"hakaru_snmp_{field}{{{labels}}}"


def outcomes(school: str, probe: str, segment: str) -> str:
    """Whether they were good."""
    labels = f'agent="{school}",school="{school}",probe="{probe}",segment="{segment}",target="t"'
    return f"hakaru_result_ok{{{labels}}}"


HALF = "半二重のポートのある学校"
SERVED = {state("new", "healthy"): ALWAYS, state("b", "healthy", "B"): ALWAYS}
REFUSED, TAKEN = "hakaru_ingest_refused_total", "hakaru_ingest_committed_total"
ROSE = f"0+60x{MINUTES}"
CASES = (
    Case("no device was ever asked: nothing, not none", "devices", HALF, SERVED, {}),
    Case(
        "devices answer and are well: none",
        "devices",
        HALF,
        SERVED | {device("new", "ports_half_duplex_count"): f"0x{MINUTES}"},
        {"": 0},
    ),
    Case(
        "one of two schools",
        "devices",
        HALF,
        SERVED
        | {
            device("new", "ports_half_duplex_count"): f"0x20 2x{MINUTES}",
            device("b", "ports_half_duplex_count", "B"): f"0x{MINUTES}",
        },
        {"": 1},
    ),
    Case(
        "what an appliance that was replaced said last is over",
        "devices",
        HALF,
        SERVED
        | {
            device("old", "ports_half_duplex_count"): "2x20",
            device("new", "ports_half_duplex_count"): f"_x20 0x{MINUTES}",
        },
        {"": 0},
    ),
    Case(
        "an agent that changed its state two minutes ago is one agent",
        "fleet",
        "状態の推移",
        {
            state("new", "healthy"): "1x57",
            state("new", "silent"): "_x58 1x10",
            state("b", "healthy", "B"): ALWAYS,
        },
        {'state="healthy"': 1, 'state="silent"': 1},
    ),
    Case("no collector was heard: nothing is known of refusals", "centre", "断った送信", {}, {}),
    Case("none was refused", "centre", "断った送信", {TAKEN: ROSE}, {'reason="-"': 0}),
    Case(
        "refused for one reason",
        "centre",
        "断った送信",
        {TAKEN: ROSE, f'{REFUSED}{{reason="busy"}}': ROSE},
        {'reason="busy"': 1},
    ),
    Case("nothing is written: nothing", "centre", "書き出した値", {}, {}, 2),
    Case(
        "no write failed",
        "centre",
        "書き出した値",
        {'hakaru_export_samples_total{store="s"}': ROSE},
        {"": 0},
        2,
    ),
    Case(
        "tests of a school that all fail, and those inside it that are good",
        "path",
        "失敗した測定",
        {
            outcomes("A", "latency", "line"): f"0x{MINUTES}",
            outcomes("A", "latency", "lan"): ALWAYS,
            outcomes("A", "snmp", "line"): ALWAYS,
            outcomes("B", "latency", "line"): ALWAYS,
        },
        {'name="学校A", school="A"': 1, 'name="学校B", school="B"': 0},
    ),
)


def query(case: Case) -> str:
    """As Grafana sends it."""
    board: dict[str, Any] = json.loads((FOLDER / "ja" / f"{case.board}.json").read_text("utf-8"))
    (panel,) = (one for one in lint.shown(board) if one["title"] == case.panel)
    return CHOSEN.in_promql(panel["targets"][case.number]["expr"])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_panel_says_what_is_planted(case: Case, tmp_path: Path) -> None:
    """These series with these values, and no others."""
    planted = {
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    {"series": name, "values": values}
                    for name, values in (KNOWN | dict(case.series)).items()
                ],
                "promql_expr_test": [
                    {
                        "expr": query(case),
                        "eval_time": f"{MINUTES}m",
                        "exp_samples": [
                            {"labels": f"{{{labels}}}", "value": value}
                            for labels, value in case.said.items()
                        ],
                    }
                ],
            }
        ]
    }
    file = tmp_path / "planted.yml"
    file.write_text(yaml.safe_dump(planted, allow_unicode=True), "utf-8")
    ran = subprocess.run(
        ["promtool", "test", "rules", str(file)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
