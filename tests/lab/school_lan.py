"""A school's LAN in namespaces: a switch with the gateway on it, an appliance, pupils' devices.

::

    box ── p-box ┐
    pupil1 …     ├─ bridge ``lan`` in the namespace of the router (10.97.0.1)
    server       ┘

Pupils' devices have canaries as link addresses and host names, and say both as real ones do: DHCP
requests and mDNS.
"""

import contextlib
import os
import shutil
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agent.lan.leave import Rule, keep_approvals, keep_rule
from tests.lab.netns import Host
from tests.lab.owner import PREFIX, identity
from wire.approval import CHECKS, Approval

NETWORK = "10.97.0.0/24"
GATEWAY = "10.97.0.1"
SCHOOL = "A1"
CANARIES = (
    ("9e:5c:a7:d1:3b:61", "10.97.0.101", "zqxwtaro-tablet"),
    ("9e:5c:a7:d1:3b:62", "10.97.0.102", "zqxwhanako-tablet"),
    ("9c:5c:a7:d1:3b:63", "10.97.0.103", "zqxwjiro-phone"),
)
"""Link address, address, host name; the third is not locally administered."""
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Lan:
    """The hosts."""

    router: Host
    box: Host
    pupils: Sequence[Host]
    server: Host

    def sent_by_box(self) -> int:
        """Packets that left the appliance, by the kernel's count."""
        path = "/sys/class/net/eth0/statistics/tx_packets"
        return int(self.box.run("cat", path).stdout)


@contextlib.contextmanager
def school_lan() -> Iterator[Lan]:
    """Build the LAN; remove it at the end."""
    with identity() as owner:

        def host(role: str, address: str) -> Host:
            made = Host(f"{PREFIX}{owner}-{role}", address)
            _ip("netns", "add", made.name)
            made.run("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1",
                     "net.ipv6.conf.all.disable_ipv6=1")  # fmt: skip
            made.run("ip", "link", "set", "lo", "up")
            return made

        router = host("router", GATEWAY)
        router.run("ip", "link", "add", "lan", "type", "bridge", "mcast_snooping", "0")
        router.run("ip", "address", "add", f"{GATEWAY}/24", "dev", "lan")
        router.run("ip", "link", "set", "lan", "up")
        box, server = host("box", "10.97.0.2"), host("server", "10.97.0.3")
        pupils = [host(f"pupil{n}", address) for n, (_, address, _) in enumerate(CANARIES)]
        for each, role in ((box, "box"), (server, "server")):
            plug(router, each, f"p-{role}")
        for number, (each, canary) in enumerate(zip(pupils, CANARIES, strict=True)):
            plug(router, each, f"p-{number}", canary[0])
        box.run("ip", "route", "add", "default", "via", GATEWAY)
        yield Lan(router, box, pupils, server)


def plug(router: Host, host: Host, port: str, link_address: str | None = None) -> None:
    """Join a host's eth0 to the switch."""
    _ip("link", "add", "eth0", "netns", host.name, "type", "veth",
        "peer", "name", port, "netns", router.name)  # fmt: skip
    if link_address is not None:
        host.run("ip", "link", "set", "eth0", "address", link_address)
    host.run("ip", "address", "add", f"{host.address}/24", "dev", "eth0")
    host.run("ip", "link", "set", "eth0", "up")
    router.run("ip", "link", "set", port, "master", "lan", "up")


def approved(
    directory: Path, *approvals: Approval, rule: Rule | None = None, school: str = SCHOOL
) -> dict[str, str]:
    """Write what an appliance goes by; give the environment that names it."""
    directory.mkdir(exist_ok=True)
    keep_rule(directory, rule or Rule(), school)
    keep_approvals(directory, approvals)
    return {"HAKARU_STATE": str(directory)}


def approval(
    school: str = SCHOOL, network: str = NETWORK, days: tuple[int, int] = (-1, 1)
) -> Approval:
    """A record for all checks."""
    now = datetime.now(UTC)
    return Approval(
        number=7,
        school=school,
        checks=CHECKS,
        networks=(network,),
        valid_from=now + timedelta(days=days[0]),
        valid_until=now + timedelta(days=days[1]),
    )


@contextlib.contextmanager
def dhcp_server(host: Host, folder: Path, first: str, last: str, *words: str) -> Iterator[Path]:
    """Run dnsmasq in ``host`` with a pool; gives its file of leases. It pings as usual."""
    if shutil.which("dnsmasq") is None:
        raise RuntimeError("dnsmasq is missing: scripts/system-packages dnsmasq-base")
    leases = folder / f"leases-{host.name}"
    leases.touch()
    leases.chmod(0o666)
    log = (folder / f"dnsmasq-{host.name}").open("wb")
    process = subprocess.Popen(
        host.command(
            "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--user=root",
            f"--dhcp-range={first},{last},255.255.255.0,1h", f"--dhcp-leasefile={leases}",
            "--dhcp-authoritative", "--log-facility=-", f"--pid-file={folder}/pid-{host.name}",
            *words,
        ),
        stderr=log,
    )  # fmt: skip
    try:
        _wait_for(lambda: ":0043 " in host.run("cat", "/proc/net/udp").stdout)
        yield leases
    finally:
        process.terminate()
        process.wait(10)
        log.close()


@contextlib.contextmanager
def talking(host: Host, *words: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Have a host send frames (see :func:`main`) until the end."""
    command = host.command(sys.executable, "-m", "tests.lab.school_lan", *words)
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
                               stdout=subprocess.PIPE)  # fmt: skip
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"sending\n"
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def _wait_for(ready: object, seconds: float = 20) -> None:
    ends_at = time.monotonic() + seconds
    assert callable(ready)
    while not ready():
        assert time.monotonic() < ends_at
        time.sleep(0.05)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


# --- the sending process ------------------------------------------------------------------------


def main(words: Sequence[str]) -> None:
    """Send frames from an interface until the end, or write down all that it carries.

    ``INTERFACE PER_SECOND HEX…`` sends each frame in turn, ``INTERFACE different PER_SECOND``
    another broadcast each time, ``INTERFACE pupil ADDRESS NAME`` what a device says,
    ``INTERFACE record FILE`` nothing.
    """
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    if words[1] == "record":
        sock.bind((words[0], 0x0003))
        record(sock, Path(words[2]))
    sock.bind((words[0], 0))
    link_address = sock.getsockname()[4]
    if words[1] == "pupil":
        frames, per_second = pupil_frames(link_address, words[2], words[3]), 10.0
    elif words[1] == "different":
        per_second = float(words[2])
        frames = [_udp(link_address, n % 250 + 1, n.to_bytes(8)) for n in range(20_000)]
    else:
        per_second = float(words[1])
        frames = [bytes.fromhex(word) for word in words[2:]]
    print("sending", flush=True)
    began, count = time.monotonic(), 0
    while True:
        due = int((time.monotonic() - began) * per_second)
        for number in range(count, due):
            sock.send(frames[number % len(frames)])
        count = due
        time.sleep(0.002)


def record(sock: socket.socket, file: Path) -> None:
    """Write down every frame."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
    with file.open("wb", buffering=0) as out:
        print("sending", flush=True)
        while True:
            out.write(sock.recv(1 << 17))


def pupil_frames(link_address: bytes, address: str, name: str) -> list[bytes]:
    """What a pupil's device says: DHCP with its host name, mDNS, who has the gateway."""
    own = socket.inet_aton(address)
    options = b"\x63\x82\x53\x63\x35\x01\x01" + bytes((12, len(name))) + name.encode() + b"\xff"
    dhcp = struct.pack("!BBBBIHH16s16s192s", 1, 1, 6, 0, 77, 0, 0x8000, b"", link_address, b"")
    label = bytes((len(name),)) + name.encode() + b"\x05local\x00"
    mdns = struct.pack("!HHHHHH", 0, 0x8400, 0, 1, 0, 0) + label
    mdns += struct.pack("!HHIH", 1, 0x8001, 120, 4) + own
    who = struct.pack("!HHHBBH6s4s6s4s", 0x0806, 1, 0x0800, 6, 4, 1, link_address, own, b"",
                      socket.inet_aton(GATEWAY))  # fmt: skip
    return [
        _udp(link_address, 255, dhcp + options, ports=(68, 67)),
        _udp(link_address, 251, mdns, ports=(5353, 5353), to="01005e0000fb"),
        b"\xff" * 6 + link_address + who,
    ]


def _udp(
    link_address: bytes,
    last: int,
    payload: bytes,
    ports: tuple[int, int] = (5000, 5001),
    to: str = "ffffffffffff",
) -> bytes:
    udp = struct.pack("!HHHH", *ports, 8 + len(payload), 0)
    parts = [0x4500, 28 + len(payload), int.from_bytes(payload[-2:]), 0, 0x0111, 0,
             0x0A61, last, 0xFFFF, 0xFFFF]  # fmt: skip
    parts[5] = ~(sum(parts) % 0xFFFF) & 0xFFFF  # a bridge may drop what has a wrong checksum
    head = struct.pack("!10H", *parts)
    return bytes.fromhex(to) + link_address + b"\x08\x00" + head + udp + payload


if __name__ == "__main__":
    main(sys.argv[1:])
