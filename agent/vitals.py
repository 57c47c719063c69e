"""What a heartbeat says of this appliance, gathered from small files. Reading only."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from agent import __version__
from agent.appliance import CpuTimes, cpu_times, utilisation_ratio
from agent.clock import Clock
from agent.clock_watch import ClockWatch
from agent.delivery import Delivery, DeliveryState
from agent.spool import Spool
from agent.surroundings import Surroundings
from wire.heartbeat import ClockReport, Heartbeat, PolicyReport, SpoolReport

_TOLD: Final = {
    DeliveryState.INTERCEPTED: "delivery_intercepted",
    DeliveryState.UNAUTHORISED: "delivery_unauthorised",
    DeliveryState.STOPPED: "delivery_stopped",
}


@dataclass(slots=True, kw_only=True)
class Vitals:
    """Gathers heartbeats. ``life_id``: a UUID made for this run of the program."""

    clock: Clock
    life_id: str
    state_dir: Path
    spool: Spool
    delivery: Callable[[], Delivery]
    surroundings: Surroundings
    watch: ClockWatch | None = None
    policy: Callable[[], PolicyReport] = PolicyReport
    """The policy in force; whoever applies policies sets it."""
    last_good_test_at: datetime | None = None
    """Set after each test that gave a result."""
    hints: set[str] = field(default_factory=set)
    """What else the collector should know."""
    _began_seconds: float = field(init=False)
    _cpu: CpuTimes | None = field(init=False)

    def __post_init__(self) -> None:
        self._began_seconds = self.clock.monotonic_seconds()
        self._cpu = cpu_times()

    def gather(self) -> Heartbeat:
        """Make the heartbeat of this moment. Blocks for small files and the spool's lock."""
        counts = self.spool.counts()
        before, self._cpu = self._cpu, cpu_times()
        delivery = self.delivery().state
        seconds = self.clock.monotonic_seconds()
        return Heartbeat(
            agent_version=__version__,
            boot_id=self.clock.boot_id(),
            life_id=self.life_id,
            sent_at=self.clock.now(),
            uptime_seconds=seconds,
            life_seconds=seconds - self._began_seconds,
            spool=SpoolReport(
                waiting_count=counts.waiting_count,
                used_bytes=counts.used_bytes,
                dropped_count=counts.account.dropped_count,
            ),
            clock=self._clock_report(),
            disk_free_bytes=disk_free_bytes(self.state_dir),
            cpu_utilisation_ratio=utilisation_ratio(before, self._cpu),
            memory_bytes=resident_bytes(),
            last_good_test_at=self.last_good_test_at,
            policy=self.policy(),
            network=self.surroundings.look(),
            hints=tuple(sorted({*self.hints, *([_TOLD[delivery]] if delivery in _TOLD else [])})),
        )

    def _clock_report(self) -> ClockReport:
        if self.watch is None:
            return ClockReport()
        stand = self.watch.standing_now()
        return ClockReport(
            state=stand.state.value,
            source=stand.source,
            offset_seconds=stand.offset_seconds,
            error_seconds=stand.error_seconds,
        )


def resident_bytes(statm: Path = Path("/proc/self/statm")) -> int | None:
    """Resident memory of this program (proc(5)); None: not known."""
    try:
        return int(statm.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None


def disk_free_bytes(directory: Path) -> int | None:
    """Room that is left for this program where the state is; None: not known."""
    try:
        found = os.statvfs(directory)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize
