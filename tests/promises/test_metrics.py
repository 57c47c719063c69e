"""docs/metrics.md lists every series that is exported, and none that is not."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent.metrics import AgentMetrics
from collector.export import sender, series
from collector.metrics import Metrics
from tests.agent.spooling import FakeClock
from tests.agent.test_metrics import STATUS, result

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(hakaru_[A-Za-z0-9_]+)` \| (\w+) \|([^|]*)\|", re.MULTILINE)


def documented(heading: str) -> dict[str, tuple[str, set[str]]]:
    """Type and labels by series, of one section."""
    section = TEXT.split(f"## {heading}")[1].split("\n## ")[0]
    return {
        name: (kind, set(re.findall(r"`(\w+)`", labels)))
        for name, kind, labels in ROW.findall(section)
    }


def exported(families: Any) -> dict[str, tuple[str, set[str]]]:
    """The same of what a registry holds."""
    found = {}
    for family in families:
        ending = {"counter": "_total", "info": "_info"}.get(family.type, "")
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        found[family.name + ending] = (family.type, labels)
    return found


def test_every_series_of_the_collector_is_documented() -> None:
    """Name, type and labels, both ways."""
    metrics = Metrics(lambda: 0)
    metrics.refused.labels("no_batch").inc()
    metrics.export_wrote("s", 1)
    metrics.export_skipped("s", "r", 1)
    metrics.export_failed("s")
    metrics.export_behind("s", 1.0)
    for figure, status in [("quiet_capacity", "met")]:
        metrics._verdicts.labels(figure, status).set(1)
    assert exported(metrics._registry.collect()) == documented("Collector")


def test_every_series_of_an_appliance_is_documented() -> None:
    """Name, type and labels, both ways; values of probes by their rule."""
    metrics = AgentMetrics(FakeClock())
    metrics.take_result(result(started_at=datetime(2026, 5, 11, tzinfo=UTC)))
    metrics.take_status(STATUS)
    found = exported(metrics.collect())
    rule = found.pop("hakaru_throughput_download_bps")
    expected = documented("Appliance")
    assert expected.pop("hakaru_PROBE_FIELD") == rule
    assert found == expected


@pytest.mark.parametrize(
    "reason", [series.FUTURE, series.PAST, series.UNREADABLE, sender.TOO_OLD, sender.REFUSED]
)
def test_every_reason_for_leaving_out_is_documented(reason: str) -> None:
    """A label that is counted can be looked up."""
    assert f"| `{reason}` |" in TEXT


def test_what_is_written_and_its_context_is_documented() -> None:
    """Series that are no probe's, and the fields of the context."""
    for name in ("result_ok", "result_duration_seconds", *series.CONTEXT):
        assert name in TEXT
