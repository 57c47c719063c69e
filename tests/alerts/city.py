"""A city of five schools, minute by minute, and what may happen in it, as promtool reads them."""

from collections.abc import Callable

MINUTES = 300
GROUPS = {"A": "east", "B": "east", "C": "east", "F": "", "G": "west"}
SCHOOLS = tuple(GROUPS)
RESPONDER = "responder.example"
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


def pause(course: Course, end: int) -> Course:
    """The same, but for no sample from the beginning of incidents up to a minute."""
    return lambda minute: None if BEGINS <= minute < end else course(minute)


def risen(a_minute: float, end: int = 150) -> Course:
    """A counter that rises from the beginning of incidents up to a minute, in whole numbers."""
    return lambda minute: float(int(a_minute * (min(max(minute, BEGINS), end) - BEGINS) + 1e-9))


def agent(school: str) -> str:
    """Labels of the school's agent."""
    return f'agent="agent-{school}",school="{school}"'


def state(school: str, name: str) -> str:
    """Its state."""
    return f'hakaru_fleet_state{{{agent(school)},state="{name}"}}'


def silence(school: str) -> str:
    """Seconds since it was heard."""
    return f"hakaru_fleet_silence_seconds{{{agent(school)}}}"


def waiting(school: str) -> str:
    """Results that wait on its agent."""
    return f"hakaru_fleet_spool_results{{{agent(school)}}}"


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
