"""Nothing of pupils' devices leaves the school's LAN: canaries are looked for wherever it could.

An agent and its collector run for real in the appliance's namespace, under approvals, while pupils'
devices talk; all checks of the LAN are asked for. Then everything that either wrote, said or was
started with is searched. The control is a test whose target is a canary name: it is found in the
spool, the log and the collector's database, so the search would see others there too.
"""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from collector.clock import SystemClock
from collector.fleet.changes import FleetChanges
from collector.policy import approval as approvals
from collector.policy import measure_now
from collector.policy.change import Author
from collector.store import create_store
from tests.collector.conftest import a_school
from tests.lab.netns import Host
from tests.lab.school_lan import CANARIES, NETWORK, SCHOOL, Lan, dhcp_server, school_lan, talking
from wire.approval import CHECKS
from wire.planning.planned import Planned

pytestmark = [pytest.mark.lab, pytest.mark.beside, pytest.mark.timeout(180)]
ADDRESS = "127.0.0.1:8710"
CONTROL = "zqxwcontrol.example"
TESTS = (
    ("gateway", {"count": 3}),
    ("dhcp", {"seconds": 8.0}),  # dnsmasq pings an address for 3 s before it offers it
    ("lan_devices", {"packets_per_second": 100}),
    ("lan_listen", {"seconds": 5.0}),
)


def canaries() -> dict[str, "re.Pattern[bytes]"]:
    """What must be nowhere: names and link addresses with all their beginnings of 4 and more.

    A beginning is found where the shortest is. Link addresses are looked for as people and as
    programs write them; without separators from 8 digits on (4 digits come by chance in any
    UUID), as bytes from 4 on. Addresses whole: their beginnings are the network's.
    """
    found = {"host name": rb"(?i)zqxw"}
    for number, (link, address, _) in enumerate(CANARIES):
        raw = bytes.fromhex(link.replace(":", ""))
        found[f"link address {number}"] = b"(?i)" + b"|".join(
            [link[:4].encode(), link[:8].replace(":", "-").encode(), raw.hex()[:8].encode()]
        )
        found[f"bytes of link address {number}"] = re.escape(raw[:4])
        found[f"printed bytes of link address {number}"] = re.escape(repr(raw[:4])[2:-1].encode())
        found[f"address {number}"] = re.escape(address.encode()) + rb"(?![0-9])"
    return {name: re.compile(pattern, re.DOTALL) for name, pattern in found.items()}


def seen_in(content: bytes) -> list[str]:
    """Names of the canaries in it."""
    return [name for name, pattern in canaries().items() if pattern.search(content)]


@dataclass
class Scene:
    """What there was to search after the agent has run."""

    folder: Path
    arguments: set[str] = field(default_factory=set)
    results: list[dict[str, object]] = field(default_factory=list)

    def places(self) -> Iterator[tuple[str, bytes]]:
        """Every file of agent and collector, and what processes were started with."""
        for path in sorted(self.folder.rglob("*")):
            if path.is_file() and "outside" not in path.parts:
                yield str(path.relative_to(self.folder)), path.read_bytes()
        yield "arguments", "\n".join(sorted(self.arguments)).encode()
        yield "results", json.dumps(self.results).encode()


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Run agent and collector among talking pupils until all results are stored."""
    folder = tmp_path_factory.mktemp("canary")
    made = Scene(folder)
    outside = folder / "outside"
    outside.mkdir()
    with school_lan() as lan, dhcp_server(lan.server, outside, "10.97.0.150", "10.97.0.180"):
        code = prepare(folder)
        with contextlib.ExitStack() as talk:
            for pupil, (_, address, name) in zip(lan.pupils, CANARIES, strict=True):
                talk.enter_context(talking(pupil, "eth0", "pupil", address, name))
            talk.enter_context(talking(lan.box, "lo", "record", str(folder / "said.bin")))
            run(lan, made, code)
    yield made
    shutil.rmtree(folder)


def prepare(folder: Path) -> str:
    """A collector's database with approval, policy and commands; give the code to enrol with."""
    store = create_store(f"sqlite:///{folder}/collector.db")
    now = datetime.now(UTC)
    author = Author("cli:test", now)
    store.import_schools([a_school(SCHOOL)])
    wanted = approvals.Wanted(
        school_code=SCHOOL,
        approved_by="somebody",
        role="principal",
        checks=CHECKS,
        networks=(NETWORK,),
        valid_from=now - timedelta(minutes=1),
        valid_until=now + timedelta(days=1),
    )
    approvals.grant(store, wanted, author)
    random = Random(1)
    for probe, options in TESTS:
        planned = Planned(probe=probe, target="lan", options=options, deadline_seconds=40)
        measure_now.ask(store, SCHOOL, planned, author, random)
    control = Planned(probe="tcp_connect", target=f"{CONTROL}:443", deadline_seconds=10)
    measure_now.ask(store, SCHOOL, control, author, random)
    code = FleetChanges(store, SystemClock(), Random(2)).code_for(
        author.actor, SCHOOL, timedelta(days=1)
    )
    store.close()
    return code


def run(lan: Lan, made: Scene, code: str) -> None:
    """Serve, enrol, run the agent; look at the arguments of all processes meanwhile."""
    state = made.folder / "state"
    config = made.folder / "agent.toml"
    config.write_text('[policy]\nsource = "central"\n[push]\ninterval_seconds = 1\n')
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    logs = [(made.folder / name).open("wb") for name in ("collector.log", "agent.log")]
    serving = subprocess.Popen(
        lan.box.command(sys.executable, "-m", "collector.cli", "serve", "--verbose", "--database",
                        f"sqlite:///{made.folder}/collector.db", "--listen", ADDRESS),
        stdout=logs[0], stderr=logs[0], env=environment,
    )  # fmt: skip
    agent = (sys.executable, "-m", "agent.cli")
    running = None
    try:
        wait_for(lambda: b"listening on" in (made.folder / "collector.log").read_bytes())
        enrol = lan.box.command(*agent, "enrol", "--collector", f"http://{ADDRESS}",
                                "--code", "-", "--state", str(state))  # fmt: skip
        subprocess.run(enrol, check=True, input=code, text=True, capture_output=True,
                       env=environment, timeout=60)  # fmt: skip
        running = subprocess.Popen(
            lan.box.command(*agent, "run", "--config", str(config), "--state", str(state),
                            "--debug"),
            stdout=logs[1], stderr=logs[1], env=environment,
        )  # fmt: skip

        def all_there() -> bool:
            made.arguments |= arguments(lan.box)
            keep_spool(state, made.folder)
            made.results = stored(made.folder / "collector.db")
            return len(made.results) >= len(TESTS) + 1

        wait_for(all_there, 90)
        told = subprocess.run(lan.box.command(*agent, "status", "--state", str(state)),
                              check=False, capture_output=True, env=environment,
                              timeout=60)  # fmt: skip
        (made.folder / "status.txt").write_bytes(told.stdout + told.stderr)
    finally:
        for process in filter(None, (running, serving)):
            process.terminate()
            process.wait(20)
        for log in logs:
            log.close()


def keep_spool(state: Path, folder: Path) -> None:
    """Copy the files of the spool: what is delivered goes from it."""
    number = len(list(folder.glob("copy-*")))
    for path in state.glob("spool.db*"):
        shutil.copy(path, folder / f"copy-{number}-{path.name}")


def stored(database: Path) -> list[dict[str, object]]:
    """Records as the collector keeps them."""
    store = create_store(f"sqlite:///{database}")
    try:
        return [json.loads(one.record) for one in store.latest_results(SCHOOL, limit=50)]
    finally:
        store.close()


def arguments(host: Host) -> set[str]:
    """Command lines of all processes in the namespace."""
    found = set()
    for pid in host.run("ip", "netns", "pids", host.name).stdout.split():
        try:
            found.add(Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue  # it has ended
    return found


def wait_for(ready: object, seconds: float = 40) -> None:
    """Wait until it is so."""
    assert callable(ready)
    ends_at = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < ends_at
        time.sleep(0.3)


def test_all_checks_came_to_a_result(scene: Scene) -> None:
    """Under the approval, and pupils' devices were there to be seen: else nothing was searched."""
    by_probe = {str(one["probe"]): one for one in scene.results}
    for probe, _ in TESTS:
        assert by_probe[probe]["outcome"] == "ok", by_probe[probe]["failure"]
    values = {probe: by_probe[probe]["values"] for probe, _ in TESTS}
    assert values["lan_devices"]["devices_count"] == 5  # type: ignore[index, call-overload]
    assert values["lan_listen"]["broadcast_per_second"] > 5  # type: ignore[index, call-overload]
    assert (scene.folder / "state" / "lan-devices.json").is_file()


def test_no_canary_is_anywhere(scene: Scene) -> None:
    """Not in results, spool, log, status, heartbeat, database, key or table, nor as an argument."""
    for place, content in scene.places():
        plain = re.sub(rb"(?i)zqxwcontrol", b"", content)
        assert seen_in(plain) == [], place


def test_the_search_finds_what_is_there(scene: Scene) -> None:
    """The control's name is in each kind of place; link addresses are found however written."""
    found = {place for place, content in scene.places() if "host name" in seen_in(content)}
    wanted = {"results", "agent.log", "collector.db", "said.bin"}
    assert wanted - found == set()
    assert any(place.startswith("copy-") for place in found)
    link, address, name = CANARIES[0]
    raw = bytes.fromhex(link.replace(":", ""))
    for planted in (
        link, link.upper(), link[:4], link.replace(":", "-"), raw.hex(), raw.hex()[:8], name[:4],
        repr(raw), f"({address})", json.dumps({"seen": [link]}),
    ):  # fmt: skip
        assert seen_in(b"before " + planted.encode() + b" after"), planted
    assert seen_in(b"\0\1" + raw[:4])
    assert seen_in(b"9e5b:7d1 10.97.0.10 10.97.0.1011 zqx") == []
