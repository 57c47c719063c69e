"""The plan of one school: what is measured in a round of each window, and all rounds of a case."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from benchmarks.causes.lab.cases import Case
from benchmarks.causes.lab.dates import Window, placed
from benchmarks.causes.lab.faults import Fault, planted
from benchmarks.causes.lab.school import LAN_ADDRESS, PORT, School
from benchmarks.causes.lab.services import FILE_HOST, FILE_PORT, OTHER_PAGE_HOST, PAGE_HOST, ZONE
from tests.lab.stolen import stolen_seconds
from wire.codec import from_json
from wire.ids import uuid4
from wire.measurement import Json, Measurement

Test = dict[str, Any]
SETTLE_SECONDS: Final = 1.0
"""For the crowd's connections to fill what they fill."""
SECONDS: Final = 2.0
LAN_ROUNDS: Final = 2
"""Rounds of mornings, and of lessons, in which the LAN is listened to and asked for an address."""
ECHOES: Final = {"count": 10, "interval_seconds": 0.1, "timeout_seconds": 1.0}


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What became of a case."""

    case: Case
    measurements: tuple[Measurement, ...]
    """With assigned dates, oldest first."""
    took_seconds: float
    stolen_seconds: float = 0.0
    """Of the machine's processors, by a hypervisor, meanwhile: figures of tests fall with it."""


def run(school: School, case: Case) -> Ran:
    """Plant, measure, take out again."""
    random, begin, stolen = Random(case.seed), time.monotonic(), stolen_seconds()
    agent_id = uuid4(random.getrandbits(128))
    found: list[Measurement] = []

    def rounds(window: Window, numbers: range, *, with_rare: bool = True) -> None:
        for number in numbers:
            groups = round_of(
                school,
                window,
                rare=with_rare and number == 0,
                lan=window != "evening" and number < LAN_ROUNDS,
                brief=case.brief,
            )
            made = school.measure(groups, ceiling=not found)
            measured = [from_json(one) for one in made]
            found.extend(placed(measured, window, number, agent_id, random))

    with planted(school, case.always, case.seed):
        rounds("morning", range(case.rounds))
        with _also(school, case.odd_run, case.seed):
            if case.odd_run:
                rounds("morning", range(case.rounds, case.rounds + 1))
        with _also(school, case.evening, case.seed):
            rounds("evening", range(case.rounds))
        with _also(school, case.lesson, case.seed):
            rounds("lesson", range(case.rounds))
        if case.update:
            with _also(school, case.update, case.seed):
                rounds("update", range(case.rounds), with_rare=False)
    found.sort(key=lambda made: made.started_at)
    return Ran(
        case=case,
        measurements=tuple(found),
        took_seconds=time.monotonic() - begin,
        stolen_seconds=stolen_seconds() - stolen,
    )


def round_of(
    school: School, window: Window, *, rare: bool, lan: bool = False, brief: bool = False
) -> list[list[Test]]:
    """Tests of one round, in groups.

    ``rare`` are those of once a window, ``lan`` the checks of the LAN that take some seconds.
    ``brief``: what is light at once, one download, and evenings have the download alone.
    """
    if brief:
        _, far = _downloads(school)
        light = [*_quiet(school, lan=False), *_services(school)]
        return [[far]] if window == "evening" else [light, [far]]
    return [
        _quiet(school, lan=lan),
        *([test] for test in _services(school)),
        *([test] for test in _heavy(school, window)),
        *([test] for test in (_rare(school, window) if rare else ())),
    ]  # fmt: skip


def _quiet(school: School, *, lan: bool) -> list[Test]:
    """At once: they disturb one another little."""
    echoes = [
        _test("gateway", "lan", "lan", **ECHOES),
        _test("latency", school.centre.address, "centre", **ECHOES),
        _test("latency", school.internet.address, "internet", **ECHOES),
    ]
    if not lan:
        return echoes
    return [
        *echoes,
        _test("dhcp", "lan", "lan", seconds=4.0),
        _test("lan_listen", "lan", "lan", seconds=4.0),
    ]


def _services(school: School) -> list[Test]:
    names = {"names": PAGE_HOST, "types": "A", "uncached_zone": ZONE, "count": 2,
             "timeout_seconds": 1.5}  # fmt: skip
    page = {"family": "4", "timeout_seconds": 4.0, "limit_seconds": 10.0}
    knock = {"count": 3, "interval_seconds": 0.1, "timeout_seconds": 1.5}
    return [
        _test("dns", school.internet.address, "internet", **names),
        _test("https", f"https://{PAGE_HOST}/", "internet", **page),
        _test("https", f"https://{OTHER_PAGE_HOST}/", "internet", **page),
        _test("tcp_connect", f"{school.internet.address}:443", "internet", **knock),
    ]


def _downloads(school: School) -> list[Test]:
    """Up to the centre, and beyond it."""
    options: Test = {"seconds": SECONDS, "direction": "download"}
    return [
        _test("throughput", f"{host.address}:{PORT}", segment, **options)
        for host, segment in ((school.centre, "centre"), (school.internet, "internet"))
    ]


def _heavy(school: School, window: Window) -> list[Test]:
    """One after the other. Mornings have uploads and a file, too; evenings the far end alone."""
    centre, far = _downloads(school)
    if window == "evening":
        return [far]
    if window != "morning":
        return [centre, far]
    centre["options"]["direction"] = "both"
    file = f"http://{FILE_HOST}:{FILE_PORT}/file.bin"
    return [
        centre,
        far,
        _test("http_download", file, "internet", seconds=SECONDS, allow_http=True, flows=1),
    ]


def _rare(school: School, window: Window) -> list[Test]:
    """Once a case, in its first round of mornings, or once in lessons, too."""
    far = f"{school.internet.address}:{PORT}"
    load = {"seconds": 2.5, "direction": "download"}
    bottleneck = _test("bottleneck", far, "internet", **load)
    if window == "lesson":
        return [bottleneck]
    if window != "morning":
        return []
    return [
        bottleneck,
        _test("path_mtu", school.internet.address, "internet", tcp_port=PORT, timeout_seconds=0.5),
        _test("traceroute", school.internet.address, "internet", flows=1, interval_seconds=0.01),
        _test("throughput", f"{school.pupils.address}:{PORT}", "lan", seconds=1.5,
              direction="download"),
        _test("snmp", LAN_ADDRESS, "lan", seconds=1.0),
    ]  # fmt: skip


def _test(probe: str, target: str, segment: str, **options: Json) -> Test:
    return {"probe": probe, "target": target, "segment": segment, "options": options}


@contextmanager
def _also(school: School, faults: tuple[Fault, ...], seed: int) -> Iterator[None]:
    with planted(school, faults, seed + 100):
        if faults:
            time.sleep(SETTLE_SECONDS)
        yield
