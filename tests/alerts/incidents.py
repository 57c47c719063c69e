"""Planted incidents in a city of five schools, minute by minute.

Example: .venv/bin/python -m tests.alerts.incidents > tests/alerts/incidents.yml
"""

import os
import sys
from pathlib import Path

import yaml

from tests.alerts import edges, medians
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
    pause,
    risen,
    silence,
    state,
    today,
    until,
    value,
    waiting,
)
from tests.alerts.incident import Incident
from tests.alerts.told import RULES

FILE = Path(__file__).with_suffix(".yml")
ORDER = ["hakaru-standing", "hakaru-live", "hakaru-centre", "hakaru-group", "hakaru-school"]

NOTHING: Raised = frozenset()
SLOW = every(15, from_to(BEGINS, 200, 0.4, 0.02))

DOWN = frozenset({"HakaruCollectorDown"})
BEHIND = frozenset({"HakaruExportBehind"})
REFUSES = frozenset({"HakaruIngestRefusing"})
FAILS = frozenset({"HakaruJudgingFails"})
CLONED = away(("C",), "HakaruAgentIdentity")
INTERCEPTED = away(("A",), "HakaruAgentIntercepted")
CLOCK_AND_SPOOL = away(("B",), "HakaruAgentClockWrong") | away(("A",), "HakaruSpoolGrowing")
SAYS = {
    state("A", "healthy"): from_to(BEGINS, 150, None, 1),
    state("A", "intercepted"): from_to(BEGINS, 150, 1, None),
    state("B", "healthy"): from_to(BEGINS, 150, None, 1),
    state("B", "clock_wrong"): from_to(BEGINS, 150, 1, None),
    state("C", "healthy"): from_to(BEGINS, 150, None, 1),
    state("C", "cloned"): from_to(BEGINS, 150, 1, None),
    waiting("C"): lambda minute: 600.0 + minute,
    waiting("A"): lambda minute: (  # some go now and then, more come
        1200.0 + 4 * (minute - BEGINS) - 60 * (minute % 20 >= 10) if 60 <= minute < 150 else 100
    ),
    waiting("G"): lambda minute: 500.0 if minute < BEGINS else max(2000.0 - 20 * (minute - 60), 0),
}
"""What agents say of themselves from an hour on, and no longer after half past two."""
PORTS = {
    value("A", "snmp_sessions_max_ratio", "r"): every(15, from_to(BEGINS, 300, 0.95, 0.4)),
    value("A", "snmp_cpu_max_ratio", "r"): every(15, always(0.3)),
    value("A", "snmp_port_error_max_ratio", "s"): every(15, always(2e-4)),
    value("A", "snmp_ports_half_duplex_count", "s"): every(15, always(1)),
}
MILES = {
    value("A", "latency_loss_ratio", RESPONDER): every(10, always(0.06)),
    value("A", "latency_rtt_median_seconds", RESPONDER): every(10, always(0.2)),
}

INCIDENTS = (
    *medians.INCIDENTS,
    *edges.INCIDENTS,
    Incident(
        "a calm day, on which agents are heard every four minutes",
        {30: NOTHING, 90: NOTHING, 150: NOTHING},
        {silence(school): always(240) for school in SCHOOLS},
    ),
    Incident(
        "a line goes down and comes back",
        {
            88: NOTHING,
            94: away(("A",), "HakaruLineDown"),
            110: away(("A",), "HakaruLineDown"),
            165: away(("A",), "HakaruLineDown"),
            168: NOTHING,
        },
        failing("A", 160),
    ),
    Incident(
        "an agent falls silent and is heard again",
        {
            91: NOTHING,
            93: away(("F",), "HakaruAgentSilent"),
            185: away(("F",), "HakaruAgentSilent"),
            188: NOTHING,
        },
        cut_off(("F",), 180),
    ),
    Incident(
        "slow DNS",
        {150: away(("A",), "HakaruDnsSlow")},
        {dns("A"): SLOW},
    ),
    Incident(
        "values about the threshold for hours: raised once, not again and again",
        {minute: away(("A",), "HakaruDnsSlow") for minute in range(130, 200, 10)},
        {dns("A"): every(15, lambda minute: 0.16 if minute % 30 else 0.145 + minute / 1e4)},
    ),
    Incident(
        "lines that come and go have tests that are good",
        dict.fromkeys(range(60, 130, 10), NOTHING),
        {ok(school): every(10, lambda minute: float(minute % 20 == 0)) for school in SCHOOLS},
    ),
    Incident(
        "the centre is down: every series ends",
        {61: NOTHING, 80: frozenset({"HakaruCentreDown"}), 120: frozenset({"HakaruCentreDown"})},
        {
            name: (from_to(BEGINS, MINUTES, 0, 1) if name.startswith("up") else until(course))
            for name, course in calm().items()
        }
        | {'up{job="node",instance="n"}': always(1)},
    ),
    Incident(
        "the centre's line is down: one alert before those of schools, which it silences",
        {
            66: NOTHING,
            72: frozenset({"HakaruCentreUnreachable", "HakaruGroupUnreachable"}),
            100: frozenset({"HakaruCentreUnreachable", "HakaruGroupUnreachable"})
            | away(SCHOOLS, "HakaruAgentSilent"),
            125: frozenset({"HakaruCentreUnreachable", "HakaruGroupUnreachable"})
            | away(SCHOOLS, "HakaruAgentSilent"),
            128: NOTHING,
        },
        cut_off(SCHOOLS, 120),
    ),
    Incident(
        "the router of one group is down",
        {
            66: NOTHING,
            72: frozenset({"HakaruGroupUnreachable"}),
            100: frozenset({"HakaruGroupUnreachable"}) | away(("A", "B", "C"), "HakaruAgentSilent"),
            125: frozenset({"HakaruGroupUnreachable"}) | away(("A", "B", "C"), "HakaruAgentSilent"),
            128: NOTHING,
        },
        cut_off(("A", "B", "C"), 120),
    ),
    Incident(
        "a holiday: appliances switched off, slow DNS, a device that is off",
        dict.fromkeys(range(60, 150, 20), NOTHING),
        cut_off(SCHOOLS)
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
        dict.fromkeys(range(60, 150, 20), NOTHING),
        {
            f'hakaru_result_ok{{{agent("A")},probe="latency",target="{RESPONDER}"}}': always(0),
            f'hakaru_dns_first_median_seconds{{{agent("A")},target="system"}}': always(3),
            f'hakaru_latency_loss_ratio{{{agent("A")},target="{RESPONDER}"}}': always(0.5),
        },
    ),
    Incident(
        "a responder is down: no line of a school is blamed",
        {
            80: NOTHING,
            115: frozenset({"HakaruTargetDown"}),
            140: frozenset({"HakaruTargetDown"}),
        },
        {ok(school): every(10, from_to(BEGINS, 300, 0, 1)) for school in "ABCF"}
        | {
            ok("A", "dns", "system"): every(20, from_to(BEGINS, 300, 0, 1)),
            ok("G", "dns", "system"): every(15, from_to(BEGINS, 300, 0, 1)),
        },
    ),
    Incident(
        "a switch of a school is off; others answer every other time, or are seldom asked",
        {
            80: NOTHING,
            83: NOTHING,
            85: away(("A",), "HakaruDeviceSilent"),
            160: away(("A",), "HakaruDeviceSilent"),
            168: NOTHING,
        },
        {
            ok("A", "snmp", "192.0.2.1"): every(15, from_to(BEGINS, 150, 0, 1)),
            ok("F", "snmp", "192.0.2.2"): every(40, always(0)),
            ok("G", "snmp", "192.0.2.2"): every(15, lambda minute: float(minute % 30 == 0)),
        },
    ),
    Incident(
        "sessions of a router at their limit, errors and half duplex at a port",
        {
            150: away(
                ("A",), "HakaruDeviceOverloaded", "HakaruDevicePortErrors", "HakaruDeviceHalfDuplex"
            )
        },
        PORTS,
    ),
    Incident(
        "loss and long round trips",
        {100: away(("A",), "HakaruLossHigh", "HakaruLatencyHigh")},
        MILES,
    ),
    Incident(
        "what an agent says of itself",
        {
            64: NOTHING,
            68: CLONED,
            72: CLONED | INTERCEPTED,
            88: CLONED | INTERCEPTED,
            92: CLONED | INTERCEPTED | CLOCK_AND_SPOOL,
            140: CLONED | INTERCEPTED | CLOCK_AND_SPOOL,
            158: CLONED | INTERCEPTED | CLOCK_AND_SPOOL,
            164: CLONED | CLOCK_AND_SPOOL,
            178: CLONED | CLOCK_AND_SPOOL,
            184: NOTHING,
        },
        SAYS,
    ),
    Incident(
        "a holiday: nothing but an appliance with two places is told",
        {105: CLONED, 120: CLONED},
        SAYS
        | PORTS
        | MILES
        | {name: course for name, course in failing("G", 300).items() if name != dns("G")}
        | {dns("G"): every(15, always(0.4))}
        | {today(school): always(0) for school in SCHOOLS},
    ),
    Incident(
        "nothing of schools is written: that is told, and nothing of schools",
        {
            72: NOTHING,
            80: frozenset({"HakaruBlind"}),
            121: frozenset({"HakaruBlind"}),
            124: NOTHING,
        },
        {
            name: pause(course, 120)
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
            64: NOTHING,
            68: DOWN,
            72: DOWN | BEHIND,
            76: DOWN | BEHIND,
            80: DOWN | BEHIND | REFUSES,
            88: DOWN | BEHIND | REFUSES,
            92: DOWN | BEHIND | REFUSES | FAILS,
            140: DOWN | BEHIND | REFUSES | FAILS,
            154: DOWN | BEHIND | REFUSES | FAILS,
            158: BEHIND | REFUSES | FAILS,
            162: REFUSES | FAILS,
            170: REFUSES | FAILS,
            174: FAILS,
            176: FAILS,
            180: NOTHING,
        },
        {
            'up{job="hakaru-collector",instance="c2"}': from_to(BEGINS, 150, 0, 1),
            'up{job="node",instance="n"}': always(0),
            'hakaru_export_behind_seconds{instance="c1",store="s"}': from_to(BEGINS, 150, 1000, 0),
            'hakaru_export_behind_seconds{instance="c3",store="s"}': always(600),
            'hakaru_ingest_refused_total{instance="c1",reason="store_busy"}': risen(2),
            'hakaru_ingest_refused_total{instance="c1",reason="unauthorised"}': risen(10),
            'hakaru_ingest_refused_total{instance="c3",reason="busy"}': float,
            'hakaru_judge_failures_total{instance="c1"}': risen(1 / 6),
            'hakaru_judge_failures_total{instance="c3"}': lambda minute: minute // 10,
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
        "# Written by: .venv/bin/python -m tests.alerts.incidents > tests/alerts/incidents.yml\n"
        "# Try it: promtool test rules tests/alerts/incidents.yml\n" + text
    )


if __name__ == "__main__":
    sys.stdout.write(document())
