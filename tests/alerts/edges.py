"""Incidents just short of an alert, or just enough: what a rule counts and what it leaves."""

from tests.alerts.city import (
    BEGINS,
    GROUPS,
    SCHOOLS,
    Course,
    agent,
    always,
    away,
    cut_off,
    dns,
    every,
    from_to,
    ok,
    today,
    value,
)
from tests.alerts.incident import Incident


def towards(school: str, target: str, probe: str = "tcp_connect", segment: str = "line") -> str:
    """Whether live tests of a school towards a target were good."""
    labels = f'probe="{probe}",segment="{segment}",target="{target}"'
    return f"hakaru_live_result_ok{{{agent(school)},{labels}}}"


def info(school: str, group: str) -> str:
    """What is known of a school."""
    grouped = f',group="{group}"' if group else ""
    return f'hakaru_school_info{{school="{school}",name="学校{school}"{grouped}}}'


def never(_: int) -> None:
    """No sample."""


def beside_the_line(school: str, target: str, course: Course) -> dict[str, Course]:
    """Tests that say nothing of the line: inside the school, and of a device."""
    return {
        towards(school, target, segment="lan"): course,
        towards(school, target, probe="snmp"): course,
    }


FAILS, GOOD = always(0), always(1)
BROKEN = "a line comes and goes; others fail seldom, too few, on a holiday"
DEAD_DNS = (
    "a resolver is dead though the line is up; others fail twice, on a holiday, for one of two"
)
HALF = "snmp_ports_half_duplex_count"

INCIDENTS = (
    Incident(
        "targets that two schools measure, or three of five fail to reach",
        dict.fromkeys(
            (58, 110),
            # of A's and B's tests more than half are towards targets that they fail to reach
            away(("F",), "HakaruDeviceSilent") | away(("A", "B"), "HakaruTestsFail"),
        ),
        {
            towards("A", "two"): every(10, FAILS),
            towards("B", "two"): every(10, FAILS),
            towards("C", "two", segment="lan"): every(10, FAILS),
            towards("F", "two", probe="snmp"): every(10, FAILS),
            **{towards(school, "three of five"): every(10, FAILS) for school in "ABC"},
            **{towards(school, "three of five"): every(30, GOOD) for school in "FG"},
        },
    ),
    Incident(
        "a target that nobody reaches of those who still measure it",
        {
            88: frozenset(),
            91: frozenset({"HakaruTargetDown"}),
            158: frozenset({"HakaruTargetDown"}),
            162: frozenset(),
        },
        {
            **{towards(one, "t"): every(10, from_to(BEGINS, 150, 0, 1)) for one in "ABC"},
            **{towards(one, "t"): every(10, from_to(BEGINS, 300, None, 1)) for one in "FG"},
            **beside_the_line("F", "t", every(10, GOOD)),
            **beside_the_line("G", "t", every(10, GOOD)),
        },
    ),
    Incident(
        "lines with few tests, with some that are good, and with tests beside the line",
        dict.fromkeys((50, 108), away(("F",), "HakaruLineDown") | away(("C",), "HakaruTestsFail")),
        {
            **{ok(school, "dns", "system"): never for school in "BCFG"},
            ok("B"): every(20, FAILS),
            **beside_the_line("B", "switch", every(5, GOOD)),
            ok("C"): every(10, lambda minute: float(minute % 30 == 0)),
            ok("F"): every(10, FAILS),
            **beside_the_line("F", "switch", every(5, GOOD)),
            ok("G"): every(20, FAILS),
        },
    ),
    Incident(
        "one of two appliances of each school is silent",
        {100: away(SCHOOLS, "HakaruAgentSilent")},
        cut_off(SCHOOLS)
        | {
            f'hakaru_fleet_silence_seconds{{agent="second-{one}",school="{one}"}}': always(30)
            for one in SCHOOLS
        },
    ),
    Incident(
        "one of two appliances of a school is silent: what the other measures is told",
        {100: away(("A",), "HakaruAgentSilent", "HakaruLossHigh")},
        cut_off(("A",))
        | {
            'hakaru_fleet_silence_seconds{agent="second-A",school="A"}': always(30),
            value("A", "latency_loss_ratio", "t").replace("agent-A", "second-A"): every(
                10, always(0.06)
            ),
        },
    ),
    Incident(
        "three schools of no group are no group",
        {100: away(("A", "B", "F"), "HakaruAgentSilent")},
        cut_off(("A", "B", "F"))
        | {info(one, GROUPS[one]): never for one in "AB"}
        | {info(one, ""): always(1) for one in "AB"},
    ),
    Incident(
        "one school of the city and of its group of four is still reached",
        {72: frozenset({"HakaruCentreUnreachable", "HakaruGroupUnreachable"})},
        cut_off(("A", "B", "C", "F"))
        | {info("G", GROUPS["G"]): never, info("G", GROUPS["A"]): always(1)},
    ),
    Incident(
        "two of three schools of a group",
        {72: frozenset(), 100: away(("A", "B"), "HakaruAgentSilent")},
        cut_off(("A", "B")),
    ),
    Incident(
        "all of four schools and of a group of two: too few to blame what they share",
        {72: frozenset(), 100: away(("A", "B", "F", "G"), "HakaruAgentSilent")},
        cut_off(("A", "B", "F", "G")) | {today("C"): always(0)},
    ),
    Incident(
        "half duplex in every report, in two reports, until the cable is changed",
        {
            100: away(("C",), "HakaruDeviceHalfDuplex"),
            124: away(("C",), "HakaruDeviceHalfDuplex"),
            128: away(("C", "G"), "HakaruDeviceHalfDuplex"),
            134: away(("G",), "HakaruDeviceHalfDuplex"),
            144: away(("G",), "HakaruDeviceHalfDuplex"),
            152: away(("A", "G"), "HakaruDeviceHalfDuplex"),
        },
        {
            value("A", HALF, "s"): lambda minute: (
                0 if minute <= 20 else None if minute % 10 or minute < 40 else 1
            ),
            value("C", HALF, "s"): every(10, from_to(0, 61, 1, 0)),
            value("F", HALF, "s"): {0: 1.0, 66: 1.0, 125: 1.0}.get,
            value("G", HALF, "s"): {40: 1.0, 80: 1.0, 120: 1.0, 160: 1.0}.get,
        },
    ),
    Incident(
        BROKEN,
        {
            87: frozenset(),
            103: frozenset(),
            115: away(("A",), "HakaruTestsFail"),
            121: away(("A",), "HakaruTestsFail"),
            160: away(("A",), "HakaruTestsFail"),
            195: away(("A",), "HakaruTestsFail"),
            199: frozenset(),
        },
        {
            **{ok(school, "dns", "system"): never for school in "ABCF"},
            # good, bad, bad, and so on, until half past two
            ok("A"): every(10, lambda m: float(not BEGINS <= m < 150 or m % 30 == 0)),
            # two tests, and none before or after them for long
            ok("B"): {10: 1.0, 60: 0.0, 61: 1.0, 110: 1.0}.get,
            today("C"): always(0),
            ok("C"): every(10, lambda minute: float(minute % 30 == 0)),
            # bad for less than half an hour
            ok("F"): every(10, lambda minute: float(minute not in (60, 70))),
        },
    ),
    Incident(
        DEAD_DNS,
        {
            121: frozenset(),
            123: away(("C",), "HakaruDnsDown"),
            200: away(("C",), "HakaruDnsDown"),
            216: frozenset(),
            222: frozenset(),
            232: away(("A",), "HakaruDnsDown"),
            290: away(("A",), "HakaruDnsDown"),
        },
        {
            ok("A", "dns", "system"): every(15, from_to(BEGINS, 300, 0, 1)),
            dns("A"): every(15, from_to(BEGINS, 300, None, 0.02)),
            today("B"): always(0),
            ok("B", "dns", "system"): every(15, FAILS),
            dns("B"): never,
            ok("C", "dns", "192.0.2.1"): every(60, lambda minute: float(minute == 180)),
            ok("F", "dns", "192.0.2.1"): {10: 0.0, 120: 0.0, 250: 0.0}.get,
            ok("G", "dns", "system").replace("agent-G", "second-G"): every(15, FAILS),
        },
    ),
    Incident(
        "no dead resolver: a line down for hours, a resolver of many, tests that end",
        {
            56: frozenset({"HakaruTargetDown"}),
            112: away(("A",), "HakaruLineDown"),
            150: away(("A",), "HakaruLineDown"),
            168: away(("A",), "HakaruLineDown") | away(("B",), "HakaruDnsDown"),
            190: away(("A",), "HakaruLineDown") | away(("B", "C"), "HakaruDnsDown"),
            232: away(("A",), "HakaruLineDown") | away(("B", "C"), "HakaruDnsDown"),
            262: away(("B", "C"), "HakaruDnsDown"),
            298: away(("B", "C"), "HakaruDnsDown"),
        },
        {
            # asks once an hour, and not yet again when the line is back
            ok("A"): every(10, from_to(BEGINS, 250, 0, 1)),
            ok("A", "dns", "system"): every(60, from_to(BEGINS, 250, 0, 1)),
            # its line was down at first; its resolver is dead all the time
            ok("B"): every(10, from_to(0, 40, 0, 1)),
            ok("B", "dns", "system"): every(20, FAILS),
            # of three that asked it in vain one still does
            **{ok(one, "dns", "192.0.2.9"): every(15, from_to(0, BEGINS, 0, 1)) for one in "BF"},
            ok("C", "dns", "192.0.2.9"): every(15, FAILS),
            # its tests end before three hours are over
            ok("G"): every(10, from_to(180, 300, None, 1)),
            ok("G", "dns", "system"): every(
                15, lambda minute: None if minute >= 180 else float(minute < BEGINS)
            ),
        },
    ),
    Incident(
        "the collector is down, then unknown to Prometheus, then back",
        {
            61: frozenset(),
            64: frozenset({"HakaruCentreDown"}),
            120: frozenset({"HakaruCentreDown"}),
            141: frozenset({"HakaruCentreDown"}),
            144: frozenset(),
        },
        {
            'up{job="hakaru-collector",instance="c1"}': lambda minute: (
                None if 100 <= minute < 140 else float(not BEGINS <= minute < 100)
            ),
            'up{job="node",instance="n"}': always(1),
        },
    ),
)
