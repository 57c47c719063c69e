"""What the appliance can vouch for: parsing, grades, and the command itself."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from agent import appliance, doctor
from agent.appliance import Appliance, CpuTimes, ceiling_bps, parse_stat, utilisation_ratio
from agent.clock import SystemClock
from agent.clock_check import ClockState, Standing
from agent.doctor import Grade, Line
from agent.network_card import Card, card_towards, parse_card, parse_if_inet6, read_card
from tests.agent.spooling import FakeClock, measurement
from wire.measurement import Measurement

GIGABIT = Card(name="eth0", speed_bps=1e9, duplex="full")


@pytest.mark.parametrize(
    ("speed", "duplex", "card"),
    [
        ("1000\n", "full\n", GIGABIT),
        ("100\n", "half\n", Card(name="eth0", speed_bps=1e8, duplex="half")),
        ("-1\n", "unknown\n", Card(name="eth0")),
        ("4294967295\n", "", Card(name="eth0")),
        ("", "", Card(name="eth0")),
    ],
)
def test_link_speed_is_what_the_kernel_tells_or_unknown(
    speed: str, duplex: str, card: Card
) -> None:
    """-1, 2^32-1 and an unreadable file are 'not known', never a speed."""
    assert parse_card("eth0", speed, duplex, wireless=False) == card


def test_a_link_carries_its_speed_less_headers() -> None:
    """1 Gbit/s Ethernet: 941.5 Mbit/s of TCP goodput with timestamps."""
    assert GIGABIT.goodput_bps == pytest.approx(941.48e6, rel=1e-4)
    assert Card(name="x").goodput_bps is None


def test_cards_are_read_from_sysfs(tmp_path: Path) -> None:
    """Speed, duplex and wireless; a folder that is not there is an unknown card."""
    folder = tmp_path / "wlan0"
    (folder / "wireless").mkdir(parents=True)
    (folder / "speed").write_text("300\n")
    assert read_card("wlan0", tmp_path) == Card(name="wlan0", speed_bps=3e8, wireless=True)
    assert read_card("none", tmp_path) == Card(name="none")


def test_loopback_is_reached_through_lo() -> None:
    """The routing table decides; a name that does not resolve gives none."""
    card = card_towards("127.0.0.1:4443")
    assert card is not None
    assert card.name == "lo"
    assert card_towards("no-such-host.invalid:1") is None


def test_addresses_of_version_6_are_read() -> None:
    """/proc/net/if_inet6: 32 hexadecimal digits and the name last."""
    text = "00000000000000000000000000000001 01 80 10 80       lo\nnonsense\n"
    assert parse_if_inet6(text) == {"::1": "lo"}


def test_processor_time_is_read_without_idle_and_waiting() -> None:
    """proc(5): user nice system idle iowait irq softirq steal."""
    assert parse_stat("cpu  10 0 5 100 20 1 1 3 9 9\ncpu0 1 1 1 1\n") == CpuTimes(20, 140)
    assert parse_stat("nothing") is None
    assert utilisation_ratio(CpuTimes(0, 0), CpuTimes(50, 200)) == 0.25
    assert utilisation_ratio(CpuTimes(0, 5), CpuTimes(0, 5)) is None
    assert utilisation_ratio(None, CpuTimes(0, 5)) is None


@pytest.mark.parametrize(
    ("loopback", "card", "bound"),
    [
        (5e9, GIGABIT, 941.48e6),
        (4e8, GIGABIT, 4e8),
        (5e9, Card(name="x"), 5e9),
        (5e9, None, 5e9),
        (None, None, None),
    ],
)
def test_the_ceiling_is_the_lower_of_loopback_and_link(
    loopback: float | None, card: Card | None, bound: float | None
) -> None:
    """What is not known does not bound."""
    found = ceiling_bps(loopback, card)
    assert found == (None if bound is None else pytest.approx(bound, rel=1e-4))


@pytest.mark.parametrize(
    ("line", "grade"),
    [
        (doctor.privileges(datagram=True, raw=False, group_range="0 1"), Grade.OK),
        (doctor.privileges(datagram=False, raw=False, group_range="1 0"), Grade.WARN),
        (doctor.clock(Standing(ClockState.WRONG, 7200.0, 0.1, "x"), kernel_synchronised=False),
         Grade.WARN),
        (doctor.clock(Standing(ClockState.WRONG), kernel_synchronised=False), Grade.WARN),
        (doctor.clock(Standing(ClockState.GOOD, 0.1, 0.1, "x"), kernel_synchronised=True),
         Grade.OK),
        (doctor.clock(Standing(ClockState.UNKNOWN), kernel_synchronised=False), Grade.WARN),
        (doctor.link(GIGABIT, "x:1"), Grade.OK),
        (doctor.link(None, "x:1"), Grade.FAIL),
        (doctor.link(None, None), Grade.WARN),
        (doctor.link(Card(name="e", speed_bps=1e8, duplex="half"), "x:1"), Grade.WARN),
        (doctor.link(Card(name="w", wireless=True), "x:1"), Grade.WARN),
        (doctor.processor(2, 0.9), Grade.WARN),
        (doctor.processor(2, None), Grade.OK),
        (doctor.memory(100 << 20), Grade.WARN),
        (doctor.memory(None), Grade.WARN),
        (doctor.memory(1 << 30), Grade.OK),
        (doctor.disk(1 << 30, 0, 64 << 20, "/x"), Grade.OK),
        (doctor.disk(10 << 20, 0, 64 << 20, "/x"), Grade.WARN),
        (doctor.disk(10 << 20, 60 << 20, 64 << 20, "/x"), Grade.WARN),
        (doctor.disk(None, 0, 64 << 20, "/x"), Grade.FAIL),
        (doctor.ceiling(5e9, GIGABIT, 784e6), Grade.OK),
        (doctor.ceiling(5e9, GIGABIT, 785e6), Grade.FAIL),
        (doctor.ceiling(None, GIGABIT, None), Grade.FAIL),
        (doctor.reach("collector", None, None), Grade.WARN),
        (doctor.reach("responder", "x:1", "refused"), Grade.FAIL),
        (doctor.reach("responder", "x:1", None), Grade.OK),
    ],
)  # fmt: skip
def test_each_finding_has_its_grade_and_advice_where_it_is_not_good(
    line: Line, grade: Grade
) -> None:
    """Whatever is not ok says what to do; 941 Mbit/s vouch for 784, not for 785."""
    assert line.grade is grade
    assert bool(line.advice) is (grade is not Grade.OK)
    assert doctor.exit_code([line]) == (grade is Grade.FAIL)


def test_the_self_test_measures_this_machine_once_a_boot(tmp_path: Path) -> None:
    """A rate from our own responder; the next start of the same boot reads it from the file."""
    path = tmp_path / "appliance.json"
    clock = SystemClock()
    first = Appliance(path, clock, Random(1), look=lambda _: 0.1)
    first.prepare(threading.Event())
    assert first.loopback_bps is not None
    assert first.loopback_bps > 1e7
    assert Appliance(path, clock, Random(1)).loopback_bps == first.loopback_bps
    context = first.context("127.0.0.1:9")
    assert context["appliance_ceiling_bps"] == first.loopback_bps
    assert context["link_interface"] == "lo"
    assert first.context("https://x.invalid/") == {"appliance_ceiling_bps": first.loopback_bps}


def _self_test(rates: list[float]) -> Callable[..., Measurement]:
    """A self-test that gives one rate after the other."""

    def measure(*_: object) -> Measurement:
        return replace(measurement("throughput"), values={"download_bps": rates.pop(0)})

    return measure


def test_a_ceiling_measured_under_load_is_measured_again(tmp_path: Path) -> None:
    """Before a heavy test, not more often than every ten minutes, until nobody else is busy."""
    path, clock, busy, rates = tmp_path / "a.json", FakeClock(), [0.9, 0.1] * 2, [1e9, 4e9, 2e9]
    box = Appliance(path, clock, Random(1), _self_test(rates), lambda _: busy.pop(0))
    box.prepare(threading.Event())
    assert box.context("https://x.invalid/") == {
        "appliance_ceiling_bps": 1e9, "appliance_ceiling_under_load": True,
    }  # fmt: skip
    assert Appliance(path, clock, Random(1)).under_load  # a new start knows it too
    clock.forward(599)
    assert box.context("https://x.invalid/")["appliance_ceiling_bps"] == 1e9
    clock.forward(2)
    assert box.context("https://x.invalid/")["appliance_ceiling_bps"] == 4e9
    busy[:] = [0.0, 0.2]
    clock.forward(601)
    # 2e9 now, but it has carried 4e9
    assert box.context("https://x.invalid/") == {"appliance_ceiling_bps": 4e9}
    clock.forward(6000)
    assert box.context("https://x.invalid/") == {"appliance_ceiling_bps": 4e9}
    assert rates == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"boot_id": "other", "loopback_bps": 1e9}',
        '{"boot_id": 1}',
        '{"loopback_bps": 1}',
    ],
)
def test_another_boot_or_a_spoilt_file_is_measured_anew(tmp_path: Path, text: str) -> None:
    """Nothing is taken over from another boot."""
    path = tmp_path / "appliance.json"
    path.write_text(text)
    assert Appliance(path, SystemClock(), Random(1)).loopback_bps is None


def test_a_self_test_that_cannot_start_is_a_reason_not_a_crash() -> None:
    """A missing program, and one that ends at once."""
    for command in (("/nonexistent/x",), (sys.executable, "-c", "pass")):
        found = appliance.loopback_result(SystemClock(), Random(1), threading.Event(), command)
        assert found == "our own responder did not start"


def agent(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "agent.cli", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def test_doctor_says_each_thing_and_fails_for_a_dead_responder(tmp_path: Path) -> None:
    """Exit 1 with the reason; the requirement is compared with what this machine carries."""
    ran = agent(
        "doctor", "--json", "--target", "127.0.0.1:9", "--required-mbps", "1", "--state",
        str(tmp_path),
    )  # fmt: skip
    assert ran.returncode == 1, ran.stderr
    lines = {line["name"]: line for line in json.loads(ran.stdout)["lines"]}
    assert list(lines) == [
        "privileges", "clock", "link", "processor", "memory", "disk", "ceiling", "collector",
        "responder",
    ]  # fmt: skip
    assert lines["responder"]["grade"] == "fail"
    assert "connection_refused" in lines["responder"]["text"]
    assert lines["ceiling"]["grade"] == "ok"


def test_doctor_refuses_targets_that_are_none(tmp_path: Path) -> None:
    """Exit 2 and what is allowed."""
    ran = agent("doctor", "--target", "0x7f000001:1", "--state", str(tmp_path))
    assert ran.returncode == 2
    assert "allowed is an IPv4 address as four decimal numbers" in ran.stderr
