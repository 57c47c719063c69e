"""A clean Debian that boots in a container with its own network, where only loopback is."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
CACHE = ROOT / "build/debian"
INCLUDE = "adduser,dbus,python3,systemd,systemd-sysv"
READY_SECONDS = 90.0
ENVIRONMENT = (
    "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
    "DEBIAN_FRONTEND=noninteractive",
    "LC_ALL=C.UTF-8",
)


class Trouble(Exception):
    """The container did not come up; the text has its console."""


def base(suite: str = "bookworm") -> Path:
    """A root made by debootstrap, once in this checkout (build/debian)."""
    root = CACHE / suite
    if not (root / "etc/hakaru-base").exists():
        shutil.rmtree(root, ignore_errors=True)
        CACHE.mkdir(parents=True, exist_ok=True)
        mirror = [os.environ["DEBIAN_MIRROR"]] if "DEBIAN_MIRROR" in os.environ else []
        subprocess.run(
            ["debootstrap", "--variant=minbase", f"--include={INCLUDE}", suite, str(root), *mirror],
            stdout=subprocess.DEVNULL, check=True, timeout=500,
        )  # fmt: skip
        (root / "etc/hakaru-base").touch()
    return root


class Machine:
    """One booted container."""

    def __init__(self, root: Path, leader: int) -> None:
        self.root = root
        self.leader = leader

    def run(
        self, *words: str, given: str = "", check: bool = True, seconds: float = 300.0
    ) -> subprocess.CompletedProcess[str]:
        """Run a command inside, as root; fails with what it said."""
        ran = subprocess.run(
            ["nsenter", "-t", str(self.leader), "-a", "--", "env", "-i", *ENVIRONMENT, *words],
            input=given, capture_output=True, text=True, timeout=seconds, check=False,
        )  # fmt: skip
        if check and ran.returncode:
            raise Trouble(f"{' '.join(words)}: exit {ran.returncode}\n{ran.stdout}{ran.stderr}")
        return ran

    def ask(self, *words: str) -> str:
        """What a command says, whatever its exit code."""
        return self.run(*words, check=False).stdout.strip()

    def wait(self, state: str, unit: str, seconds: float = 60.0) -> None:
        """Wait until ``systemctl is-active`` says so."""
        ends = time.monotonic() + seconds
        while (found := self.ask("systemctl", "is-active", unit)) != state:
            if time.monotonic() > ends:
                raise Trouble(f"{unit} is {found}, not {state}\n{self.log(unit)}")
            time.sleep(0.3)

    def log(self, unit: str) -> str:
        """What the journal has of a unit."""
        return self.ask("journalctl", "--no-pager", "-o", "cat", "-u", unit)

    def outside(self, *words: str) -> list[str]:
        """Words of a command of this checkout that runs in the container's network."""
        return ["nsenter", "-t", str(self.leader), "-n", "--", *words]


@contextlib.contextmanager
def booted(base: Path, root: Path, *binds: str) -> Iterator[Machine]:
    """Copy a base to ``root``, boot it, give it; afterwards it is shut down and removed."""
    subprocess.run(["cp", "-a", "--reflink=auto", f"{base}/.", str(root)], check=True)
    console = root.with_suffix(".console")
    with console.open("wb") as out:
        process = subprocess.Popen(
            ["systemd-nspawn", "-q", "-b", "-D", str(root), "--register=no", "--keep-unit",
             "--private-network", f"--machine=hakaru-test-{os.getpid()}", *binds],
            stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        yield Machine(root, _ready(process, console))
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(root, ignore_errors=True)
        console.unlink(missing_ok=True)


def _ready(process: "subprocess.Popen[bytes]", console: Path) -> int:
    ends = time.monotonic() + READY_SECONDS
    while time.monotonic() < ends and process.poll() is None:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        if children:
            leader = int(children[0])
            machine = Machine(Path("/"), leader)
            if machine.ask("systemctl", "is-system-running") in ("running", "degraded"):
                return leader
        time.sleep(0.5)
    raise Trouble(console.read_text(errors="replace")[-3000:])
