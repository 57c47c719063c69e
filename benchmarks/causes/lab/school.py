"""A school and what is beyond it, in network namespaces.

    appliance ─┐
    pupils   ──┴ switch in the router ── line ── carrier ── centre ── internet
     host 0              host 1                  host 2     host 3    host 4

The router's LAN side is a bridge with a port for the appliance and one for the pupils' host, which
also carries the responder in the school. A second responder stands at the centre, a third on the
internet, beside the services (:mod:`benchmarks.causes.lab.services`). Other schools are a host of
their own behind the centre. The delay is on the link between carrier and centre.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import trustme

from agent.clock import SystemClock
from agent.lan.leave import Rule, keep_approvals, keep_rule
from benchmarks.causes.lab.services import FILE_HOST, ORDERS, OTHER_PAGE_HOST, PAGE_HOST
from tests.lab.netns import Chain, Host, Link, Tcp, branch, chain
from tests.lab.owner import PREFIX, namespaces
from wire.approval import CHECKS, Approval

ROOT: Final = Path(__file__).parents[3]
NAMES: Final = Path("/etc/netns")
PORT: Final = 4443
LAN_ADDRESS: Final = "10.99.0.2"
"""Of the router; the gateway."""
PUPILS_ADDRESS: Final = "10.99.0.10"
WAN_DEVICE: Final = "far1"
START_SECONDS: Final = 30
CODE: Final = "laboratory"
"""Of the school."""
LEASES: Final = 100
"""Addresses that the router gives away."""
_PASSWORD: Final = "of the laboratory alone"


class School:
    """Hosts and processes of one school; faults are planted by others."""

    def __init__(self, hosts: Chain, folder: Path, stack: contextlib.ExitStack, seed: int) -> None:
        self.appliance, self.router, self.carrier, self.centre, self.internet = hosts
        self.chain = hosts
        self.folder = folder
        self._stack = stack
        self.pupils = self._switch()
        self.others = branch(self.centre, self.internet, 0, None)
        self._name_hosts()
        self._services = self._started(
            self.internet, "serving", "-m", "benchmarks.causes.lab.services",
            str(folder / "server.pem"), self.internet.address, str(seed),
        )  # fmt: skip
        for host in (self.pupils, self.centre, self.internet):
            self._respond(host)
        self._snmp()
        self._approve()
        self._dhcp = self._serve_addresses(LEASES)
        self.measurer = self._child(seed)

    def order(self, **orders: float) -> None:
        """Tell the services what to do from now on."""
        said = _ask(self._services, json.dumps({**ORDERS, **orders}))
        assert said == "done", said

    def measure(
        self, groups: Sequence[Sequence[dict[str, Any]]], *, ceiling: bool = False
    ) -> list[dict[str, Any]]:
        """Have the appliance measure; gives its records. ``ceiling``: its own first."""
        order = {"groups": groups, "ceiling": ceiling}
        records: list[dict[str, Any]] = json.loads(_ask(self.measurer, json.dumps(order)))
        return records

    @contextlib.contextmanager
    def beside(self, host: Host, *words: str) -> Iterator["subprocess.Popen[str]"]:
        """A Python program in a host as long as the context lasts; it says a line when ready."""
        with subprocess.Popen(
            host.command(sys.executable, *words), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, cwd=ROOT,
        ) as process:  # fmt: skip
            try:
                assert process.stdout is not None
                if not process.stdout.readline():
                    raise RuntimeError(f"{words}: ended before it was ready")
                yield process
            finally:
                process.kill()

    def _switch(self) -> Host:
        """Make the router's LAN side a switch and plug the pupils' host in."""
        router, lan = self.router, "lan0"
        pupils = Host(f"{router.name.rpartition('-')[0]}-pupils", PUPILS_ADDRESS)
        cubic = ("congctl", Tcp().congestion)
        self._run("ip", "netns", "add", pupils.name)
        self._run("ip", "link", "add", "far0", "netns", pupils.name, "type", "veth",
                  "peer", "name", "pupils0", "netns", router.name)  # fmt: skip
        router.run("ip", "link", "add", lan, "type", "bridge")
        router.run("ip", "address", "flush", "dev", "near0")
        for port in ("near0", "pupils0"):
            router.run("ip", "link", "set", port, "master", lan, "up")
        router.run("ip", "address", "add", f"{LAN_ADDRESS}/24", "dev", lan, "noprefixroute")
        router.run("ip", "link", "set", lan, "up")
        router.run("ip", "route", "replace", "10.99.0.0/24", "dev", lan, *cubic)
        for words in (
            ("ip", "link", "set", "lo", "up"),
            ("ip", "address", "add", f"{PUPILS_ADDRESS}/24", "dev", "far0"),
            ("ip", "link", "set", "far0", "up"),
            ("ip", "route", "add", "default", "via", LAN_ADDRESS, *cubic),
        ):
            pupils.run(*words)
        self.appliance.run("ip", "route", "add", "default", "via", LAN_ADDRESS, *cubic)
        return pupils

    def _name_hosts(self) -> None:
        """A resolver and names for the appliance: ip-netns(8) puts these files over /etc."""
        _remove_stale_files()
        files = NAMES / self.appliance.name
        files.mkdir(parents=True)
        self._stack.callback(shutil.rmtree, files)
        (files / "hosts").write_text("127.0.0.1 localhost\n")
        (files / "resolv.conf").write_text(
            f"nameserver {self.internet.address}\noptions timeout:2 attempts:2\n"
        )
        for name, authority in (("server", "ca"), ("inspecting", "other")):
            signer = trustme.CA(organization_name=f"{name} of the laboratory")
            signer.cert_pem.write_to_path(str(self.folder / f"{authority}.pem"))
            issued = signer.issue_cert(PAGE_HOST, OTHER_PAGE_HOST, FILE_HOST)
            issued.private_key_and_cert_chain_pem.write_to_path(str(self.folder / f"{name}.pem"))

    def _respond(self, host: Host) -> None:
        self._started(
            host, "ndt7 on", "-m", "agent.cli", "responder",
            "--listen", f"{host.address}:{PORT}", "--open",
            said_on="stderr",
        )  # fmt: skip

    def _snmp(self) -> None:
        """A real snmpd in the router, and the appliance's access file for it."""
        config, access = self.folder / "snmpd.conf", self.folder / "snmp.toml"
        config.write_text(
            f'agentAddress udp:161\ncreateUser reader SHA-256 "{_PASSWORD}" AES "{_PASSWORD}"\n'
            "rouser reader priv\n"
        )
        process = subprocess.Popen(
            self.router.command(
                "snmpd", "-f", "-C", "-c", str(config), "-Lf", str(self.folder / "snmpd.log"),
                "-p", str(self.folder / "pid"),
            ),
            env={**os.environ, "SNMP_PERSISTENT_DIR": str(self.folder)},
        )  # fmt: skip
        self._stack.callback(_end, process)
        access.write_text(
            f'[[access]]\nnetworks = ["{LAN_ADDRESS}"]\nversion = "3"\nuser = "reader"\n'
            f'auth = "sha256"\nauth_password = "{_PASSWORD}"\nprivacy = "aes128"\n'
            f'privacy_password = "{_PASSWORD}"\n'
        )
        access.chmod(0o600)

    def _approve(self) -> None:
        """The school's record for the checks of its LAN, as the collector would give it."""
        state, now = self.folder / "state", SystemClock().now()
        state.mkdir()
        keep_rule(state, Rule(), CODE)
        approval = Approval(
            number=1, school=CODE, checks=CHECKS, networks=("10.99.0.0/24",),
            valid_from=now - timedelta(days=1), valid_until=now + timedelta(days=1),
        )  # fmt: skip
        keep_approvals(state, [approval])

    @contextlib.contextmanager
    def addresses(self, count: int) -> Iterator[None]:
        """The router's DHCP server has so many, and has given all of them away."""
        _end(self._dhcp)
        try:
            self._dhcp = self._serve_addresses(count, given=count)
            yield
        finally:
            _end(self._dhcp)
            self._dhcp = self._serve_addresses(LEASES)

    def _serve_addresses(self, count: int, given: int = 0) -> "subprocess.Popen[str]":
        """A dnsmasq in the router. Devices of the laboratory have made up link addresses."""
        leases, ends = self.folder / "leases", round(SystemClock().now().timestamp()) + 3600
        leases.write_text(
            "".join(
                f"{ends} 02:00:00:00:01:{number:02x} 10.99.0.{100 + number} * *\n"
                for number in range(given)
            )
        )
        process = subprocess.Popen(
            self.router.command(
                "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0",
                "--interface=lan0", "--bind-interfaces", "--no-ping", "--user=root",
                f"--dhcp-range=10.99.0.100,10.99.0.{99 + count},255.255.255.0,1h",
                f"--dhcp-leasefile={leases}", f"--log-facility={self.folder / 'dnsmasq.log'}",
                f"--pid-file={self.folder / 'dnsmasq.pid'}",
            ),
            text=True,
        )  # fmt: skip
        self._stack.callback(_end, process)
        return process

    def _child(self, seed: int) -> "subprocess.Popen[str]":
        words = (sys.executable, "-m", "benchmarks.causes.lab.appliance", str(seed))
        process = subprocess.Popen(
            self.appliance.command(*words), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, cwd=ROOT,
            env={
                **os.environ,
                "SSL_CERT_FILE": str(self.folder / "ca.pem"),
                "HAKARU_STATE": str(self.folder / "state"),
                "HAKARU_SNMP": str(self.folder / "snmp.toml"),
            },
        )  # fmt: skip
        self._stack.callback(_end, process)
        return process

    def _started(
        self, host: Host, ready: str, *words: str, said_on: str = "stdout"
    ) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            host.command(sys.executable, "-u", *words), stdin=subprocess.PIPE, text=True, cwd=ROOT,
            **{said_on: subprocess.PIPE},  # type: ignore[call-overload] # one of two names
        )  # fmt: skip
        self._stack.callback(_end, process)
        stream = getattr(process, said_on)
        ends_at = time.monotonic() + START_SECONDS
        while ready not in (line := stream.readline()):
            if not line or time.monotonic() > ends_at:
                raise RuntimeError(f"{words}: not ready: {line!r}")
        return process  # type: ignore[no-any-return] # as above

    def _run(self, *words: str) -> None:
        subprocess.run(words, check=True, capture_output=True, timeout=START_SECONDS)


@contextlib.contextmanager
def school(rtt_seconds: float, seed: int) -> Iterator[School]:
    """Build one; nothing of it is left at the end."""
    links = [Link(), Link(), Link(delay_seconds=rtt_seconds / 2), Link()]
    with (
        tempfile.TemporaryDirectory(prefix="hakaru-school-") as folder,
        chain(links) as hosts,
        contextlib.ExitStack() as stack,
    ):
        yield School(hosts, Path(folder), stack, seed)


def _remove_stale_files() -> None:
    """Remove what schools left that were killed: their namespaces are gone."""
    if NAMES.is_dir():
        for folder in set(NAMES.glob(f"{PREFIX}*")) - {NAMES / name for name in namespaces()}:
            shutil.rmtree(folder, ignore_errors=True)


def _ask(process: "subprocess.Popen[str]", line: str) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()
    answer = process.stdout.readline()
    if not answer:
        raise RuntimeError(f"{process.args!r} ended with {process.wait(START_SECONDS)}")
    return answer.strip()


def _end(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()
