"""Results in words: every figure with its unit, none rounded to nothing."""

from dataclasses import replace

import pytest

from agent.describe import describe, figure, one_line
from tests.agent.spooling import measurement
from wire.failure import Outcome
from wire.measurement import Json


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("download_bps", 1.20067e10, "12,006.70 Mbit/s"),
        ("download_bps", 412_500_000, "412.50 Mbit/s"),
        ("download_bps", 64_000.0, "64.0 kbit/s"),
        ("download_bps", 0.0, "0.00 Mbit/s"),
        ("rtt_median_seconds", 1.5, "1.50 s"),
        ("rtt_median_seconds", 0.0123, "12.30 ms"),
        ("rtt_median_seconds", 0.000345, "345.0 us"),
        ("rtt_median_seconds", 0.0000423, "42.30 us"),
        ("jitter_seconds", 0.0000004, "0.40 us"),
        ("jitter_seconds", 0.0, "0 s"),
        ("clock_offset_seconds", -5.0, "-5.00 s"),
        ("clock_offset_seconds", -0.00005, "-50.00 us"),
        ("body_bytes", 1_234_567, "1,234,567 bytes"),
        ("loss_ratio", 0.0125, "1.25 %"),
        ("sent_count", 20, "20"),
        ("verdict", "met", "met"),
        ("nxdomain_rewritten", True, "True"),
    ],
)
def test_every_figure_has_its_unit_and_its_digits(name: str, value: float | str, text: str) -> None:
    """By the suffix of its name; what is small keeps digits, what is negative its size."""
    assert figure(name, value) == text


def test_a_list_of_things_has_a_line_each() -> None:
    """Hops of a path, one below the other, every figure with its unit."""
    hops: list[Json] = [
        {"hop_count": 1, "address": "192.0.2.1", "rtt_min_seconds": 0.0012},
        {"hop_count": 2},
    ]
    lines = describe(replace(measurement(), values={"hops": hops})).splitlines()
    assert lines[1:4] == [
        "  hops",
        "    hop_count 1, address 192.0.2.1, rtt_min_seconds 1.20 ms",
        "    hop_count 2",
    ]


def test_both_forms_show_figures_alike() -> None:
    """``measure`` and ``run --once`` say the same of the same value."""
    values: dict[str, Json] = {
        "download_bps": 1.20067e10,
        "upload_limited_by": "network",
        "met": True,
    }
    result = replace(measurement(probe="throughput"), values=values)
    assert "download_bps" in describe(result)
    assert "12,006.70 Mbit/s" in describe(result)
    line = one_line(result)
    assert line == (f"throughput to 192.0.2.1: download_bps 12,006.70 Mbit/s [{result.result_id}]")


def test_a_failure_is_its_reason_and_no_figure() -> None:
    """On one line, with the id to look it up by."""
    result = replace(measurement(outcome=Outcome.FAILED), values={"sent_count": 3})
    assert one_line(result).startswith("latency to 192.0.2.1: failed: no_reply during receive")
    assert "sent_count" not in one_line(result)
    assert "partial, not a result" in describe(result)
