"""A chain that is built once and made into one case after the other."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.localise.cases import LINKS, Case, Cross, Odd
from tests.lab.netns import Chain, Host, Link, Rate, chain, shape

ROOT = Path(__file__).parents[2]
FOLDER = Path(__file__).parent
PORT = 4443
RTT_SECONDS = 0.010
RUN_SECONDS = 90


@contextlib.contextmanager
def place(*, delayed: bool) -> Iterator["Place"]:
    """A chain of six links with an open responder at its end."""
    last = Link(delay_seconds=RTT_SECONDS / 2) if delayed else Link()
    with chain([*(Link() for _ in range(LINKS - 1)), last]) as hosts:
        far = f"{hosts[-1].address}:{PORT}"
        words = ("-m", "agent.cli", "responder", "--listen", far, "--open")
        with subprocess.Popen(
            hosts[-1].command(sys.executable, *words), stderr=subprocess.PIPE, text=True, cwd=ROOT
        ) as process:
            assert process.stderr is not None
            assert "ndt7 on" in process.stderr.readline()
            try:
                yield Place(hosts, far)
            finally:
                process.kill()


class Place:
    """One chain."""

    def __init__(self, hosts: Chain, far: str) -> None:
        self._hosts = hosts
        self._far = far

    def run(self, case: Case) -> dict[str, Any]:
        """Make the chain into the case, run the probe, and undo it; gives what the child said."""
        with contextlib.ExitStack() as stack:
            for link in range(LINKS):
                rate = _rate(case, link)
                if rate is not None:
                    stack.enter_context(self._shaped(link, rate))
            for number, cross in enumerate(case.cross):
                stack.enter_context(self._crossed(cross, case.seed + number))
            if case.odd is not None:
                stack.enter_context(_made_odd(self._hosts[case.odd.hop], case.odd, case.seed))
            return self._measured(case)

    def _measured(self, case: Case) -> dict[str, Any]:
        options = {} if case.load_bps is None else {"rate_mbps": case.load_bps / 1e6}
        words = (self._far, str(case.seed), json.dumps(options))
        ended = subprocess.run(
            self._hosts[0].command(sys.executable, "-m", "benchmarks.localise.child", *words),
            check=False, capture_output=True, text=True, timeout=RUN_SECONDS, cwd=ROOT,
        )  # fmt: skip
        if ended.returncode:
            raise RuntimeError(f"{case}: {ended.stderr[-600:]}")
        said: dict[str, Any] = json.loads(ended.stdout)
        return said

    @contextlib.contextmanager
    def _shaped(self, link: int, rate: Rate) -> Iterator[None]:
        ends = ((self._hosts[link], f"far{link}"), (self._hosts[link + 1], f"near{link}"))
        for host, device in ends:
            shape(host.name, device, rate)
        try:
            yield
        finally:
            for host, device in ends:
                host.run("tc", "qdisc", "del", "dev", device, "root", check=False)

    @contextlib.contextmanager
    def _crossed(self, cross: Cross, seed: int) -> Iterator[None]:
        near, far = self._hosts[cross.link], self._hosts[cross.link + 1]
        with contextlib.ExitStack() as stack:
            for host, to in (
                (near, f"10.99.{cross.link}.2"),
                (far, f"10.99.{cross.link}.1"),
            ):
                words = (str(FOLDER / "cross.py"), to, str(cross.mean_bps), str(seed))
                stack.enter_context(_beside(host, *words))
            yield


def _rate(case: Case, link: int) -> Rate | None:
    """What a link of the case has."""
    if case.narrow is None or link == case.narrow:
        return Rate(case.rate_bps, queue_seconds=case.queue_seconds)
    if any(cross.link == link for cross in case.cross):
        return Rate(case.beside_bps, queue_seconds=case.queue_seconds)
    return None


@contextlib.contextmanager
def _made_odd(host: Host, odd: Odd, seed: int) -> Iterator[None]:
    if odd.how in ("no echo", "mute"):
        rule = (
            ("INPUT", "-p", "icmp", "--icmp-type", "echo-request", "-j", "DROP")
            if odd.how == "no echo"
            else ("OUTPUT", "-p", "icmp", "-j", "DROP")
        )
        host.run("iptables", "-I", *rule)
        try:
            yield
        finally:
            host.run("iptables", "-D", *rule)
        return
    host.run("sysctl", "-qw", "net.ipv4.icmp_echo_ignore_all=1")
    how = odd.how.replace(" ", "-")
    words = (str(FOLDER / "slow_hop.py"), how, f"{odd.seconds:.4f}", str(seed))
    try:
        with _beside(host, *words):
            yield
    finally:
        host.run("sysctl", "-qw", "net.ipv4.icmp_echo_ignore_all=0")


@contextlib.contextmanager
def _beside(host: Host, *words: str) -> Iterator[None]:
    """A Python program in a host as long as the context lasts."""
    with subprocess.Popen(
        host.command(sys.executable, "-S", "-E", *words), stdout=subprocess.DEVNULL
    ) as process:
        try:
            yield
        finally:
            process.kill()
