"""Planted incidents in a city of five schools, minute by minute, as promtool reads them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

MINUTES = 300
GROUPS = {"A": "east", "B": "east", "C": "east", "F": "", "G": "west"}
SCHOOLS = tuple(GROUPS)
RESPONDER = "responder.example"
FIRING = 'alertstate="firing"'
BEGINS = 60
"""Minute at which every incident begins."""

Course = Callable[[int], float | None]
"""Value at a minute; None: no sample."""
Raised = frozenset[str]
"""``Alert school`` of everything that fires."""


def always(value: float) -> Course:
    """The same all the time."""
    return lambda _: value


def every(minutes: int, course: Course) -> Course:
    """Only now and then: a test."""
    return lambda minute: None if minute % minutes else course(minute)


def from_to(begin: int, end: int, inside: float | None, outside: float | None) -> Course:
    """One value from a minute to another, else another value."""
    return lambda minute: inside if begin <= minute < end else outside


def until(course: Course, end: int = BEGINS) -> Course:
    """The same, up to a minute; then the series ends."""
    return lambda minute: course(minute) if minute < end else None


@dataclass(frozen=True)
class Incident:
    """What is planted, and exactly what fires at some minutes."""

    name: str
    expected: Mapping[int, Raised]
    changes: Mapping[str, Course] = field(default_factory=dict)
    """Series as promtool writes them; of a calm city where they are the same."""

    def document(self, alone: str = "") -> dict[str, Any]:
        """One test of promtool; ``alone``: of this alert only."""
        series = calm() | dict(self.changes)
        of_one = f',alertname="{alone}"' if alone else ""
        return {
            "name": self.name,
            "interval": "1m",
            "external_labels": {"hakaru_url": "https://hakaru.city.example"},
            "input_series": [
                {"series": name, "values": written(course)} for name, course in series.items()
            ],
            "promql_expr_test": [
                {
                    "expr": f"count by (alertname, school) (ALERTS{{{FIRING}{of_one}}})",
                    "eval_time": f"{minute}m",
                    "exp_samples": [
                        {"labels": labels_of(one), "value": 1}
                        for one in sorted(raised)
                        if alone in ("", one.split()[0])
                    ],
                }
                for minute, raised in self.expected.items()
            ],
        }


def labels_of(raised: str) -> str:
    """``HakaruLineDown A`` as labels."""
    alert, *school = raised.split()
    own = f', school="{school[0]}"' if school else ""
    return f'{{alertname="{alert}"{own}}}'


def written(course: Course) -> str:
    """Values in the notation of promtool, each minute one."""
    values = (course(minute) for minute in range(MINUTES))
    return " ".join("_" if value is None else f"{value:g}" for value in values)


def agent(school: str) -> str:
    """Labels of the school's agent."""
    return f'agent="agent-{school}",school="{school}"'


def state(school: str, name: str) -> str:
    """Its state."""
    return f'hakaru_fleet_state{{{agent(school)},state="{name}"}}'


def silence(school: str) -> str:
    """Seconds since it was heard."""
    return f"hakaru_fleet_silence_seconds{{{agent(school)}}}"


def ok(school: str, probe: str = "latency", target: str = RESPONDER) -> str:
    """Whether live tests of a probe were good."""
    segment = "lan" if probe == "snmp" else "line"
    return (
        f'hakaru_live_result_ok{{{agent(school)},probe="{probe}",'
        f'segment="{segment}",target="{target}"}}'
    )


def value(school: str, name: str, target: str) -> str:
    """A value of live tests."""
    return f'hakaru_live_{name}{{{agent(school)},target="{target}"}}'


def dns(school: str) -> str:
    """Time of the first answer."""
    return value(school, "dns_first_median_seconds", "system")


def today(school: str) -> str:
    """Whether it is a school day."""
    return f'hakaru_school_day{{school="{school}"}}'


def maintenance(school: str) -> str:
    """Whether it is told to measure nothing."""
    return f'hakaru_school_maintenance{{school="{school}"}}'


def calm() -> dict[str, Course]:
    """Nothing is wrong."""
    found: dict[str, Course] = {'up{job="hakaru-collector",instance="c1"}': always(1)}
    for school, group in GROUPS.items():
        grouped = f',group="{group}"' if group else ""
        info = f'hakaru_school_info{{school="{school}",name="学校{school}"{grouped}}}'
        found[info] = always(1)
        found[today(school)] = always(1)
        found[maintenance(school)] = always(0)
        found[state(school, "healthy")] = always(1)
        found[silence(school)] = always(30)
        found[ok(school)] = every(10, always(1))
        found[ok(school, "dns", "system")] = every(15, always(1))
        found[dns(school)] = every(15, always(0.02))
        found[ok(school, "snmp", "192.0.2.1")] = every(15, always(1))
    return found


def cut_off(schools: tuple[str, ...], end: int = MINUTES) -> dict[str, Course]:
    """The lines of schools are down: they are not heard, and nothing of them arrives live."""
    found: dict[str, Course] = {}
    for school in schools:
        found[silence(school)] = lambda minute: (
            60 * (minute - BEGINS) + 30 if BEGINS <= minute < end else 30
        )
        found[state(school, "healthy")] = from_to(BEGINS + 5, end, None, 1)
        found[state(school, "late")] = from_to(BEGINS + 5, BEGINS + 30, 1, None)
        found[state(school, "silent")] = from_to(BEGINS + 30, end, 1, None)
        for probe, target, minutes in (
            ("latency", RESPONDER, 10),
            ("dns", "system", 15),
            ("snmp", "192.0.2.1", 15),
        ):
            found[ok(school, probe, target)] = every(minutes, from_to(BEGINS, end, None, 1))
        found[dns(school)] = every(15, from_to(BEGINS, end, None, 0.02))
    return found


def failing(school: str, end: int) -> dict[str, Course]:
    """The appliance is heard, but nothing gets through to the internet."""
    return {
        ok(school): every(10, from_to(BEGINS, end, 0, 1)),
        ok(school, "dns", "system"): every(15, from_to(BEGINS, end, 0, 1)),
        dns(school): every(15, from_to(BEGINS, end, None, 0.02)),
    }


def away(schools: tuple[str, ...], *names: str) -> Raised:
    """Alerts of several schools."""
    return frozenset(f"{name} {school}" for school in schools for name in names)


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
