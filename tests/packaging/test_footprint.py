"""What the package takes of an appliance: room, memory, processor time, writes to flash.

An installed and enrolled appliance on a disk of its own, with a collector that answers. Each figure
has a bound, and docs/appliance.md has what was measured.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.packaging.centre import Centre, enrol, serving
from tests.packaging.clean_debian import Machine, base, booted
from tests.packaging.footprint import Disk, Seen, disk, look, main_process

pytestmark = pytest.mark.packaging

MIB = 1 << 20
UNIT = "hakaru-agent.service"
SETTLE_SECONDS = 20.0
"""After a start, before anything is counted."""
PHASE_SECONDS = float(os.environ.get("FOOTPRINT_SECONDS", "120"))
"""How long it is watched idle, and how long with many small results; at least one heartbeat."""
TEST_SECONDS = 260.0
"""In which one throughput test is sure to begin and end."""
DAY_SECONDS = 86_400.0
RESULTS_OF_EXAMPLE = 107
"""Of a school day of configs/examples/policy.toml: 9 throughput, 84 latency, 14 DNS."""
RESULTS_A_DAY = 3_000
"""More than a school's policy asks for; docs/reliability.md G1 counts by the same."""
INSTALLED_MIB = 75.0
IDLE_MIB = 50.0
TEST_MIB = 90.0
IDLE_CPU_RATIO = 0.002
DAY_BYTES = 500e6
GENERAL = '[policy]\nsource = "local"\n'
"""All else as it is by default: a delivery a minute, where there is anything."""
NOTHING = """[[tests]]
probe = "latency"
target = "127.0.0.1"
windows = [{ days = "mon-sun", from = "00:00", to = "24:00", runs = 1 }]
[[blackouts]]
first = 2020-01-01
last = 2099-12-31
"""
"""Idle: nothing is ever due, everything else as in a school."""
SMALL = """[[tests]]
probe = "latency"
target = "127.0.0.1"
options = { count = 5 }
windows = [{ days = "mon-sun", from = "00:00", to = "24:00", runs = 4900 }]
"""
"""One about every 18 s."""
HEAVY = """[[tests]]
probe = "throughput"
target = "127.0.0.1:4443"
options = { seconds = 5 }
deadline_seconds = 40
windows = [{ days = "mon-sun", from = "00:00", to = "24:00", runs = 1400 }]
"""


@dataclass(frozen=True)
class Phase:
    """A time in which the appliance was watched."""

    seconds: float
    looks: tuple[Seen, ...]
    written_bytes: int
    results: int

    @property
    def cpu_ratio(self) -> float:
        """Processor time of the agent and its children, as a share of one processor."""
        return (self.looks[-1].cpu_seconds - self.looks[0].cpu_seconds) / self.seconds

    def most(self, what: Callable[[Seen], int]) -> float:
        """The greatest of a figure in bytes, in MiB."""
        return max(map(what, self.looks)) / MIB


@dataclass(frozen=True)
class Appliance:
    """One that is installed and enrolled."""

    box: Machine
    disk: Disk
    centre: Centre
    installed_bytes: int

    def watch(self, tests: str, until: Callable[[int, float], bool]) -> Phase:
        """Restart with these tests, let it settle, look until ``until(results, seconds)``."""
        (self.box.root / "etc/hakaru/agent.toml").write_text(GENERAL + tests)
        self.box.run("systemctl", "restart", UNIT)
        main = main_process(self.box, UNIT)
        time.sleep(SETTLE_SECONDS)
        known = len(self.centre.delivered())
        looks = [look(main)]
        begun, written, results = time.monotonic(), self.disk.written_bytes(), 0
        while not until(results, seconds := time.monotonic() - begun):
            time.sleep(0.2)
            looks.append(look(main))
            results = len(self.centre.delivered()) - known
        return Phase(seconds, tuple(looks), self.disk.written_bytes() - written, results)


@pytest.fixture(scope="module")
def appliance(
    packages: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Appliance]:
    """A booted Debian on its own disk, with the package installed and enrolled."""
    if os.geteuid() != 0:
        pytest.fail("make test-deb needs root")
    folder = tmp_path_factory.mktemp("disk")
    with disk(folder, 3 << 30) as own, booted(base(), own.folder / "root") as box:
        shutil.copy(packages["new"], box.root / "root/new.deb")
        before = own.used_bytes()
        box.run("dpkg", "-i", "/root/new.deb")
        installed = own.used_bytes() - before
        options = "--listen 127.0.0.1:4443 --open"
        (box.root / "etc/hakaru/responder.env").write_text(f'RESPONDER_OPTIONS="{options}"\n')
        box.run("systemctl", "start", "hakaru-responder.service")
        with serving(box, tmp_path_factory.mktemp("collector")) as centre:
            enrol(box, centre)
            yield Appliance(box, own, centre, installed)


@pytest.fixture(scope="module")
def idle(appliance: Appliance) -> Phase:
    """Nothing to measure; it beats."""
    return appliance.watch(NOTHING, lambda _results, seconds: seconds > PHASE_SECONDS)


@pytest.fixture(scope="module")
def busy(appliance: Appliance) -> Phase:
    """A small result about every 18 s, delivered once a minute: more than a policy asks for."""
    return appliance.watch(SMALL, lambda _results, seconds: seconds > PHASE_SECONDS)


def test_room_on_the_disk(appliance: Appliance) -> None:
    """All blocks that the installation took, what Python compiles included."""
    box = appliance.box
    said = int(box.ask("dpkg-query", "-W", "-f", "${Installed-Size}", "hakaru-agent")) / 1024
    found = appliance.installed_bytes / MIB
    print(f"\ninstalled: {found:.1f} MiB on the disk; dpkg says {said:.1f} MiB before compiling")
    assert said <= found < INSTALLED_MIB


def test_memory_and_processor_when_idle(idle: Phase) -> None:
    """One process, and hardly ever awake."""
    memory = idle.most(lambda seen: seen.resident_bytes)
    shared = idle.most(lambda seen: seen.proportional_bytes)
    print(
        f"\nidle for {idle.seconds:.0f} s: {memory:.1f} MiB resident ({shared:.1f} MiB with what "
        f"is shared counted once), processor {idle.cpu_ratio:.3%} of one"
    )
    assert {one.processes for one in idle.looks} == {1}
    assert idle.results == 0
    assert memory < IDLE_MIB
    assert 0 < idle.cpu_ratio < IDLE_CPU_RATIO


def test_memory_during_a_throughput_test(appliance: Appliance) -> None:
    """The agent and the processes that measure, together, at their most."""
    tested = appliance.watch(HEAVY, lambda results, seconds: results > 0 or seconds > TEST_SECONDS)
    assert tested.results > 0, appliance.box.log(UNIT)
    memory = tested.most(lambda seen: seen.resident_bytes)
    shared = tested.most(lambda seen: seen.proportional_bytes)
    most = max(one.processes for one in tested.looks)
    print(
        f"\nthroughput test: {memory:.1f} MiB resident in {most} processes ({shared:.1f} MiB with "
        "what is shared counted once)"
    )
    assert most > 1, "the test was not seen"
    assert memory < TEST_MIB


def test_writes_to_flash(idle: Phase, busy: Phase) -> None:
    """What reached the disk, the file system's journal and the log included, as a day."""
    a_second = idle.written_bytes / idle.seconds
    assert busy.results >= 3
    assert busy.written_bytes > busy.results * 4096, "the disk does not count"
    each = max(busy.written_bytes - a_second * busy.seconds, 0.0) / busy.results
    day = {
        many: DAY_SECONDS * a_second + each * many
        for many in (0, RESULTS_OF_EXAMPLE, 1_000, RESULTS_A_DAY)
    }
    said = ", ".join(f"of {many} results {written / 1e6:.0f} MB" for many, written in day.items())
    print(f"\nto flash: {each / 1024:.0f} KiB a result ({busy.results} seen); a day {said}")
    assert day[RESULTS_A_DAY] < DAY_BYTES
