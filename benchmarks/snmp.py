"""Polling 20 devices x 48 ports x 8 columns: ours beside pysnmp, gufo-snmp and net-snmp's CLI.

``python -m benchmarks.snmp`` (make bench-snmp). Devices are processes of the tests' own agent; what
they cost is not counted. Every client asks known OIDs, 48 a question, all devices at once (net-snmp
four at once), and must come back with all 7,680 values. Then: what a school of 20 devices polled
every minute costs with the agent's own polling process, whole readings included, and what a latency
probe sees of it.
"""

import argparse
import asyncio
import contextlib
import ipaddress
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

ROOT = Path(__file__).parents[1]
DEVICES, PORTS, VALUES_PER_QUESTION = 20, 48, 48
COLUMNS = (
    (1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 6),
    (1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 10),
    (1, 3, 6, 1, 2, 1, 2, 2, 1, 8),
    (1, 3, 6, 1, 2, 1, 2, 2, 1, 13),
    (1, 3, 6, 1, 2, 1, 2, 2, 1, 14),
    (1, 3, 6, 1, 2, 1, 2, 2, 1, 19),
    (1, 3, 6, 1, 2, 1, 2, 2, 1, 20),
    (1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 15),
)
OIDS = [(*column, port) for port in range(1, PORTS + 1) for column in COLUMNS]
PASSWORDS = ("correct horse", "battery staple")
CLIENTS = ("plain pysnmp", "ours, pysnmp", "ours, direct", "gufo-snmp", "net-snmp CLI")


def questions() -> list[list[tuple[int, ...]]]:
    """The OIDs of one device, in questions."""
    return [OIDS[at : at + VALUES_PER_QUESTION] for at in range(0, len(OIDS), VALUES_PER_QUESTION)]


def recording() -> str:
    """A switch with 48 ports, as snmpsim writes it."""
    lines = ["1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.99999.1", "1.3.6.1.2.1.1.3.0|67|123456789"]
    for port in range(1, PORTS + 1):
        lines += [f"1.3.6.1.2.1.2.2.1.{column}.{port}|2|1" for column in (7, 8)]
        lines += [f"1.3.6.1.2.1.2.2.1.2.{port}|4|GigabitEthernet0/{port}"]
        lines += [f"1.3.6.1.2.1.2.2.1.3.{port}|2|6"]
        lines += [f"1.3.6.1.2.1.2.2.1.{column}.{port}|65|{port * 7}" for column in (13, 14, 19, 20)]
        lines += [
            f"1.3.6.1.2.1.31.1.1.1.{column}.{port}|70|{port * 123_456_789_012}"
            for column in (6, 7, 10, 11)
        ]
        lines += [f"1.3.6.1.2.1.31.1.1.1.15.{port}|66|1000"]
    return "\n".join(lines) + "\n"


@contextlib.contextmanager
def devices(folder: Path) -> Iterator[list[int]]:
    """Serve 20 of them; give their ports."""
    path = folder / "switch.snmprec"
    path.write_text(recording())
    command = [sys.executable, "-m", "tests.agent.snmp.responder", str(path), "--count", "20"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)
    assert process.stdout is not None
    try:
        yield [int(process.stdout.readline()) for _ in range(DEVICES)]
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


# --- clients, each in a process of its own ------------------------------------------------------


async def plain_pysnmp(ports: list[int], version: str) -> int:
    """As its manual shows it."""
    from pysnmp.hlapi.v3arch import asyncio as h  # noqa: PLC0415

    engine = h.SnmpEngine()
    data = h.CommunityData("public") if version == "2c" else h.UsmUserData(
        "reader", *PASSWORDS, authProtocol=h.USM_AUTH_HMAC192_SHA256,
        privProtocol=h.USM_PRIV_CFB128_AES,
    )  # fmt: skip

    async def one(port: int) -> int:
        target = await h.UdpTransportTarget.create(("127.0.0.1", port), timeout=5, retries=1)
        count = 0
        for oids in questions():
            wanted = [h.ObjectType(h.ObjectIdentity(oid)) for oid in oids]
            trouble, status, _, rows = await h.get_cmd(
                engine, data, target, h.ContextData(), *wanted
            )
            assert not trouble
            assert not status
            count += len(rows)
        return count

    return sum(await asyncio.gather(*map(one, ports)))


async def ours(ports: list[int], version: str, engine: str) -> int:
    """The agent's client."""
    from agent.clock import SystemClock  # noqa: PLC0415
    from agent.snmp.access import Access, AccessFile  # noqa: PLC0415
    from agent.snmp.client import Client  # noqa: PLC0415
    from agent.snmp.exchange import Version  # noqa: PLC0415
    from agent.snmp.limits import Limits  # noqa: PLC0415
    from agent.snmp.session import Engine, open_exchange  # noqa: PLC0415
    from agent.snmp.usm import Auth, Privacy  # noqa: PLC0415

    limits, clock = Limits(pdu_seconds=5, device_seconds=60), SystemClock()

    async def one(port: int) -> int:
        networks = (ipaddress.ip_network("127.0.0.1"),)
        way = Access(networks=networks, version=Version.V2C, community="public", port=port)
        if version == "3":
            way = Access(
                networks=networks, version=Version.V3, user="reader", auth=Auth.SHA256,
                auth_password=PASSWORDS[0], privacy=Privacy.AES128,
                privacy_password=PASSWORDS[1], port=port,
            )  # fmt: skip
        file = AccessFile(accesses=(way,))
        found = open_exchange(Engine(engine), file, "127.0.0.1", limits, clock, Random(port))
        client = Client(found, limits, clock)
        try:
            return len(await client.get(OIDS))
        finally:
            client.close()

    return sum(await asyncio.gather(*map(one, ports)))


async def gufo(ports: list[int], version: str) -> int:
    """gufo-snmp's own session."""
    from gufo.snmp import Aes128Key, Sha256Key, User  # noqa: PLC0415
    from gufo.snmp.aio import SnmpSession  # noqa: PLC0415

    async def one(port: int) -> int:
        user = None
        if version == "3":
            first, second = (word.encode() for word in PASSWORDS)
            user = User("reader", auth_key=Sha256Key(first), priv_key=Aes128Key(second))
        count = 0
        async with SnmpSession(
            addr="127.0.0.1", port=port, community="public", user=user, timeout=5
        ) as session:
            for oids in questions():
                count += len(await session.get_many([".".join(map(str, oid)) for oid in oids]))
        return count

    return sum(await asyncio.gather(*map(one, ports)))


def net_snmp(ports: list[int], version: str) -> int:
    """snmpget, one process a question."""
    way = ["-v2c", "-c", "public"] if version == "2c" else [
        "-v3", "-l", "authPriv", "-u", "reader", "-a", "SHA-256", "-A", PASSWORDS[0],
        "-x", "AES", "-X", PASSWORDS[1],
    ]  # fmt: skip

    def one(port: int) -> int:
        count = 0
        for oids in questions():
            words = [".".join(map(str, oid)) for oid in oids]
            ran = subprocess.run(
                ["snmpget", "-On", "-Oq", "-m", "", *way, "-t", "5", f"127.0.0.1:{port}", *words],
                capture_output=True, check=True, text=True,
            )  # fmt: skip
            count += len(ran.stdout.splitlines())
        return count

    with ThreadPoolExecutor(4) as pool:
        return sum(pool.map(one, ports))


def run_client(name: str, version: str, ports: list[int]) -> None:
    """Poll twice in this process; print the second: everything is imported and known then."""
    told = {}
    for _ in range(2):
        before, began = _cpu_seconds(), time.monotonic()
        if name == "plain pysnmp":
            count = asyncio.run(plain_pysnmp(ports, version))
        elif name == "gufo-snmp":
            count = asyncio.run(gufo(ports, version))
        elif name == "net-snmp CLI":
            count = net_snmp(ports, version)
        else:
            count = asyncio.run(ours(ports, version, name.rpartition(" ")[2]))
        told = {
            "count": count,
            "wall": time.monotonic() - began,
            "cpu": _cpu_seconds() - before,
        }
        assert count == DEVICES * len(OIDS), count
    print(json.dumps(told))


def _cpu_seconds() -> float:
    both = (resource.getrusage(kind) for kind in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in both)


# --- a school, minute by minute -----------------------------------------------------------------


@contextlib.contextmanager
def polling(folder: Path, ports: list[int], version: str, step: float) -> Iterator[int]:
    """The agent's polling process with 20 devices; gives its process id.

    All devices are on one port number in the file, so each has an address of its own in 127/8.
    """
    del ports
    way = 'version = "2c"\ncommunity = "public"\n' if version == "2c" else (
        f'version = "3"\nuser = "reader"\nauth = "sha256"\nauth_password = "{PASSWORDS[0]}"\n'
        f'privacy = "aes128"\nprivacy_password = "{PASSWORDS[1]}"\n'
    )  # fmt: skip
    addresses = [f"127.0.7.{number}" for number in range(1, DEVICES + 1)]
    recorded = folder / "switch.snmprec"
    servers = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.agent.snmp.responder", str(recorded), "--host", address,
             "--port", "16161"],
            stdout=subprocess.PIPE, cwd=ROOT,
        )
        for address in addresses
    ]  # fmt: skip
    for server in servers:
        assert server.stdout is not None
        server.stdout.readline()
    path = folder / f"{version}.toml"
    path.write_text(
        f"devices = {json.dumps(addresses)}\n[[access]]\n"
        f'networks = ["127.0.0.0/8"]\nport = 16161\n{way}'
    )
    path.chmod(0o600)
    process = subprocess.Popen(
        [sys.executable, "-m", "agent.snmp.child"],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, cwd=ROOT, start_new_session=True,
        env={**os.environ, "HAKARU_SNMP": str(path)},
    )  # fmt: skip
    assert process.stdin is not None
    order = {"poll_seconds": step, "report_seconds": 15 * step, "device_seconds": 25}
    process.stdin.write(json.dumps(order).encode() + b"\n")
    process.stdin.flush()
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        for server in servers:
            server.kill()
            server.wait()
            assert server.stdout is not None
            server.stdout.close()


def process_cpu_seconds(pid: int) -> float:
    """User and system time (proc(5))."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def school(folder: Path, version: str, step: float) -> tuple[float, float]:
    """Share of one core at a poll a minute, and resident MiB: 15 turns, one whole reading."""
    with polling(folder, [], version, step) as pid:
        time.sleep(2.5 * step)
        before = process_cpu_seconds(pid)
        time.sleep(15 * step)
        used = process_cpu_seconds(pid) - before
        status = Path(f"/proc/{pid}/status").read_text()
    resident = int(status.partition("VmRSS:")[2].split()[0]) / 1_024
    return used / (15 * 60), resident


def latency(seconds: float) -> dict[str, float]:
    """A train of the agent's latency probe over loopback."""
    ran = subprocess.run(
        [sys.executable, "-m", "agent.cli", "measure", "latency", "--target", "127.0.0.1",
         "--count", str(int(seconds / 0.1)), "--interval-seconds", "0.1", "--json"],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    found = json.loads(ran.stdout)["values"]
    return {name: found[f"{name}_seconds"] * 1e6 for name in ("rtt_median", "rtt_p95", "jitter")}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--client", choices=CLIENTS)
    parser.add_argument("--version", choices=("2c", "3"), default="2c")
    parser.add_argument("--ports", default="")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--step", type=float, default=4.0, help="seconds between turns, scaled")
    options = parser.parse_args()
    if options.client:
        run_client(options.client, options.version, [int(one) for one in options.ports.split()])
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _compare(folder, options.rounds)
        print("\na school of 20 devices, a poll a minute, a whole reading and a report in 15:")
        for version in ("2c", "3"):
            share, resident = school(folder, version, options.step)
            print(f"  v{version}: {share:.2%} of one core, {resident:.0f} MiB")
        _jitter(folder, options.rounds)


def _compare(folder: Path, rounds: int) -> None:
    print(f"{DEVICES} devices x {PORTS} ports x {len(COLUMNS)} columns, medians of {rounds} runs:")
    print(f"  {'client':16} {'v2c CPU s':>10} {'wall s':>8} {'v3 CPU s':>10} {'wall s':>8}")
    with devices(folder) as ports:
        runs: dict[tuple[str, str], list[dict[str, float]]] = {}
        for _ in range(rounds):
            for client in CLIENTS:
                for version in ("2c", "3"):
                    ran = subprocess.run(
                        [sys.executable, "-m", "benchmarks.snmp", "--client", client, "--version",
                         version, "--ports", " ".join(map(str, ports))],
                        capture_output=True, text=True, check=True, cwd=ROOT,
                    )  # fmt: skip
                    runs.setdefault((client, version), []).append(json.loads(ran.stdout))
                    print(f"    {client} v{version}: {ran.stdout.strip()}", file=sys.stderr)
    for client in CLIENTS:
        figures = [
            statistics.median(run[what] for run in runs[client, version])
            for version in ("2c", "3")
            for what in ("cpu", "wall")
        ]
        print("  {:16} {:10.3f} {:8.2f} {:10.3f} {:8.2f}".format(client, *figures))


def _jitter(folder: Path, rounds: int) -> None:
    runs: dict[bool, list[dict[str, float]]] = {False: [], True: []}
    for _ in range(rounds):
        runs[False].append(latency(20))
        with polling(folder, [], "3", 60.0):
            time.sleep(5)
            runs[True].append(latency(20))
    print(
        f"\na latency probe over loopback, medians of {rounds} runs of 200 packets, microseconds:"
    )
    for polled, told in runs.items():
        figures = {name: statistics.median(one[name] for one in told) for name in told[0]}
        shown = "  ".join(f"{name} {figure:6.0f}" for name, figure in figures.items())
        print(f"  {'with polling (v3)' if polled else 'without':18} {shown}")


if __name__ == "__main__":
    main()
