"""What the package takes: a disk of its own to count what reaches it, and the service's processes.

The disk is a file with ext4 behind a loop device. What the kernel writes to that device is what
flash would have to take: databases, the file system's own journal, and the lines of journald.
"""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.packaging.clean_debian import Machine

SECTOR_BYTES = 512
"""Of /sys/block/*/stat, whatever the device (Documentation/block/stat.rst)."""
TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Disk:
    """A mounted file system that nobody else uses."""

    folder: Path
    device: str

    def written_bytes(self) -> int:
        """What has reached the device since it is there, after everything was synced."""
        subprocess.run(["sync", "-f", str(self.folder)], check=True, timeout=60)
        fields = Path(f"/sys/block/{self.device}/stat").read_text().split()
        return int(fields[6]) * SECTOR_BYTES

    def used_bytes(self) -> int:
        """Blocks that are taken, after everything was synced."""
        subprocess.run(["sync", "-f", str(self.folder)], check=True, timeout=60)
        found = os.statvfs(self.folder)
        return (found.f_blocks - found.f_bfree) * found.f_frsize


@contextlib.contextmanager
def disk(folder: Path, size_bytes: int) -> Iterator[Disk]:
    """Make one in ``folder``; unmounted and removed afterwards."""
    image, mounted = folder / "disk.img", folder / "disk"
    with image.open("wb") as file:
        file.truncate(size_bytes)
    # tables are written now, not in the background while somebody counts
    subprocess.run(
        ["mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", str(image)], check=True
    )
    mounted.mkdir()
    found = subprocess.run(
        ["losetup", "--find", "--show", str(image)], check=True, capture_output=True, text=True
    )
    device = found.stdout.strip()
    try:
        subprocess.run(["mount", device, str(mounted)], check=True)
        try:
            yield Disk(mounted, Path(device).name)
        finally:
            subprocess.run(["umount", str(mounted)], check=True, timeout=60)
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)
        image.unlink()


@dataclass(frozen=True)
class Seen:
    """The processes of a unit at a moment."""

    processes: int
    resident_bytes: int
    """Sum of their resident memory: what they share counts for each."""
    proportional_bytes: int
    """The same with what is shared counted once (PSS)."""
    cpu_seconds: float
    """Of the first process and all its children that have ended."""


def look(main: int) -> Seen:
    """Read what the kernel knows of a process and its descendants (proc(5)); all may have ended."""
    resident = proportional = processes = 0
    for process in family(main):
        try:
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):
            continue
        figures = {name: int(rest.split()[0]) for name, _, rest in _pairs(lines)}
        resident += figures["Rss"] * 1024
        proportional += figures["Pss"] * 1024
        processes += 1
    times = Path(f"/proc/{main}/stat").read_text().rpartition(")")[2].split()[11:15]
    return Seen(processes, resident, proportional, sum(map(int, times)) * TICK_SECONDS)


def _pairs(lines: list[str]) -> Iterator[tuple[str, str, str]]:
    return (line.partition(":") for line in lines[1:])


def family(main: int) -> list[int]:
    """A process and its descendants; those that end meanwhile are left out."""
    found = [main]
    for process in found:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for task in Path(f"/proc/{process}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
    return found


def main_process(box: Machine, unit: str) -> int:
    """Number of a unit's first process as this machine counts. Raises AssertionError."""
    inside = int(box.ask("systemctl", "show", "--value", "-p", "MainPID", unit))
    assert inside, box.log(unit)
    for process in family(box.leader):
        status = Path(f"/proc/{process}/status").read_text()
        numbers = next(line for line in status.splitlines() if line.startswith("NSpid:")).split()
        if int(numbers[-1]) == inside:
            return process
    raise AssertionError(f"{unit}: process {inside} was not found from outside")
