"""Planted incidents in a city of five schools, minute by minute.

Example: python -m tests.alerts.incidents > tests/alerts/incidents.yml   (for promtool test rules)
"""

import os
import sys
from pathlib import Path

import yaml

from tests.alerts.city import (
    BEGINS,
    MINUTES,
    RESPONDER,
    SCHOOLS,
    Raised,
    agent,
    always,
    away,
    calm,
    cut_off,
    dns,
    every,
    failing,
    from_to,
    maintenance,
    ok,
    state,
    today,
    until,
    value,
)
from tests.alerts.incident import Incident
from tests.alerts.told import RULES

FILE = Path(__file__).with_suffix(".yml")
ORDER = ["hakaru-standing", "hakaru-live", "hakaru-centre", "hakaru-group", "hakaru-school"]

NOTHING: Raised = frozenset()
SLOW = every(15, from_to(BEGINS, 200, 0.4, 0.02))

INCIDENTS = (
    Incident("a calm day", {30: NOTHING, 90: NOTHING, 150: NOTHING}),
    Incident(
        "a line goes down and comes back",
        {85: NOTHING, 110: away(("A",), "HakaruLineDown"), 175: NOTHING},
        failing("A", 160),
    ),
    Incident(
        "an agent falls silent and is heard again",
        {85: NOTHING, 95: away(("F",), "HakaruAgentSilent"), 190: NOTHING},
        cut_off(("F",), 180),
    ),
    Incident(
        "slow DNS: the middle of three tests, then better but not well, then well",
        {
            80: NOTHING,
            150: away(("A",), "HakaruDnsSlow"),
            240: away(("A",), "HakaruDnsSlow"),
        },
        {dns("A"): every(15, from_to(BEGINS, 150, 0.4, 0.12))},
    ),
    Incident(
        "slow DNS ends",
        {150: away(("A",), "HakaruDnsSlow"), 280: NOTHING},
        {dns("A"): every(15, from_to(BEGINS, 150, 0.4, 0.02))},
    ),
    Incident(
        "DNS that was slow for three tests of eleven",
        dict.fromkeys(range(100, 170, 5), NOTHING),
        {dns("A"): every(15, from_to(BEGINS, 100, 0.4, 0.02))},
    ),
    Incident(
        "values about the threshold for hours: raised once, not again and again",
        {minute: away(("A",), "HakaruDnsSlow") for minute in range(130, 240, 10)},
        {dns("A"): every(15, lambda minute: 0.16 if minute % 30 else 0.145 + minute / 1e4)},
    ),
    Incident(
        "a line that comes and goes has tests that are good",
        dict.fromkeys(range(60, 180, 10), NOTHING),
        {ok("A"): every(10, lambda minute: float(minute % 20 == 0))},
    ),
    Incident(
        "the centre is down: every series ends",
        {61: NOTHING, 80: frozenset({"HakaruCentreDown"}), 120: frozenset({"HakaruCentreDown"})},
        {
            name: (from_to(BEGINS, MINUTES, 0, 1) if name.startswith("up") else until(course))
            for name, course in calm().items()
        },
    ),
    Incident(
        "the centre's line is down: one alert before those of schools, which it silences",
        {
            66: NOTHING,
            72: frozenset({"HakaruCentreUnreachable", "HakaruGroupUnreachable"}),
            100: frozenset({"HakaruCentreUnreachable", "HakaruGroupUnreachable"})
            | away(SCHOOLS, "HakaruAgentSilent"),
        },
        cut_off(SCHOOLS),
    ),
    Incident(
        "the router of one group is down",
        {
            72: frozenset({"HakaruGroupUnreachable"}),
            100: frozenset({"HakaruGroupUnreachable"}) | away(("A", "B", "C"), "HakaruAgentSilent"),
        },
        cut_off(("A", "B", "C")),
    ),
    Incident(
        "a holiday: appliances switched off, slow DNS, a device that is off",
        dict.fromkeys(range(60, 180, 20), NOTHING),
        cut_off(("F", "G"))
        | {dns("A"): SLOW, ok("B", "snmp", "192.0.2.1"): every(15, from_to(BEGINS, 300, 0, 1))}
        | {today(school): always(0) for school in SCHOOLS},
    ),
    Incident(
        "maintenance of one school says nothing of another",
        {150: away(("G",), "HakaruAgentSilent")},
        cut_off(("F", "G")) | {maintenance("F"): from_to(BEGINS - 5, MINUTES, 1, 0)},
    ),
    Incident(
        "results of an outage that come later: of yesterday, and of the last half hour",
        dict.fromkeys(range(60, 180, 20), NOTHING),
        {
            f'hakaru_result_ok{{{agent("A")},probe="latency",target="{RESPONDER}"}}': always(0),
            f'hakaru_dns_first_median_seconds{{{agent("A")},target="system"}}': always(3),
            f'hakaru_latency_loss_ratio{{{agent("A")},target="{RESPONDER}"}}': always(0.5),
        },
    ),
    Incident(
        "a responder is down: no line of a school is blamed",
        {115: frozenset({"HakaruTargetDown"}), 140: frozenset({"HakaruTargetDown"})},
        {ok(school): every(10, from_to(BEGINS, 300, 0, 1)) for school in SCHOOLS},
    ),
    Incident(
        "a switch of a school is off",
        {80: NOTHING, 110: away(("A",), "HakaruDeviceSilent")},
        {ok("A", "snmp", "192.0.2.1"): every(15, from_to(BEGINS, 300, 0, 1))},
    ),
    Incident(
        "sessions of a router at their limit, errors and half duplex at a port",
        {
            150: away(
                ("A",), "HakaruDeviceOverloaded", "HakaruDevicePortErrors", "HakaruDeviceHalfDuplex"
            )
        },
        {
            value("A", "snmp_sessions_max_ratio", "r"): every(15, from_to(BEGINS, 300, 0.95, 0.4)),
            value("A", "snmp_cpu_max_ratio", "r"): every(15, always(0.3)),
            value("A", "snmp_port_error_max_ratio", "s"): every(15, always(2e-4)),
            value("A", "snmp_ports_half_duplex_count", "s"): every(15, always(1)),
        },
    ),
    Incident(
        "loss and long round trips",
        {100: away(("A",), "HakaruLossHigh", "HakaruLatencyHigh")},
        {
            value("A", "latency_loss_ratio", RESPONDER): every(10, always(0.06)),
            value("A", "latency_rtt_median_seconds", RESPONDER): every(10, always(0.2)),
        },
    ),
    Incident(
        "what an agent says of itself",
        {
            150: away(("A",), "HakaruAgentIntercepted")
            | away(("B",), "HakaruAgentClockWrong")
            | away(("C",), "HakaruAgentIdentity")
            | away(("F",), "HakaruSpoolGrowing")
        },
        {
            state("A", "healthy"): from_to(BEGINS, 300, None, 1),
            state("A", "intercepted"): from_to(BEGINS, 300, 1, None),
            state("B", "healthy"): from_to(BEGINS, 300, None, 1),
            state("B", "clock_wrong"): from_to(BEGINS, 300, 1, None),
            state("C", "healthy"): from_to(BEGINS, 300, None, 1),
            state("C", "cloned"): from_to(BEGINS, 300, 1, None),
            f"hakaru_fleet_spool_results{{{agent('F')}}}": lambda minute: 10.0 * minute + 1000,
        },
    ),
    Incident(
        "nothing of schools is written: that is told, and nothing of schools",
        {61: NOTHING, 80: frozenset({"HakaruBlind"})},
        {
            name: until(course)
            for name, course in calm().items()
            if name.startswith(("hakaru_school", "hakaru_fleet"))
        },
    ),
    Incident(
        "an appliance was moved on a holiday",
        {90: away(("G",), "HakaruAgentIdentity")},
        {today(school): always(0) for school in SCHOOLS}
        | {
            state("G", "healthy"): from_to(BEGINS, 300, None, 1),
            state("G", "wrong_place"): from_to(BEGINS, 300, 1, None),
        },
    ),
    Incident(
        "the collector's own health",
        {
            150: frozenset(
                {
                    "HakaruCollectorDown",
                    "HakaruExportBehind",
                    "HakaruIngestRefusing",
                    "HakaruJudgingFails",
                }
            )
        },
        {
            'up{job="hakaru-collector",instance="c2"}': from_to(BEGINS, 300, 0, 1),
            'hakaru_export_behind_seconds{instance="c1",store="s"}': always(2000),
            'hakaru_ingest_refused_total{instance="c1",reason="store_busy"}': lambda m: 5.0 * m,
            'hakaru_judge_failures_total{instance="c1"}': float,
        },
    ),
)


def document() -> str:
    """All of them as a file for promtool; series that are the same stand in it once."""
    shared: dict[tuple[str, str], dict[str, str]] = {}
    tests = [incident.document() for incident in INCIDENTS]
    for test in tests:
        series = test["input_series"]
        test["input_series"] = [
            shared.setdefault((one["series"], one["values"]), one) for one in series
        ]
    asked = {
        "rule_files": [os.path.relpath(path, FILE.parent) for path in RULES],
        "evaluation_interval": "2m",
        "group_eval_order": ORDER,
        "tests": tests,
    }
    text = yaml.safe_dump(asked, allow_unicode=True, sort_keys=False, width=10_000)
    return (
        "# Written by: python -m tests.alerts.incidents > tests/alerts/incidents.yml\n"
        "# Try it: promtool test rules tests/alerts/incidents.yml\n" + text
    )


if __name__ == "__main__":
    sys.stdout.write(document())
