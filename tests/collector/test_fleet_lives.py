"""One identity on two machines: told apart from every life that one machine can lead."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from collector.fleet.lives import KEPT_LIVES, Judged, Life, judge

NOON = datetime(2026, 5, 11, 3, 0, tzinfo=UTC)


@dataclass
class Ledger:
    """Keeps lives as the database does."""

    lives: list[Life]

    def take(self, life_id: str, boot_id: str, age: float, at: float) -> Judged:
        """Take a heartbeat that arrives ``at`` seconds after noon."""
        judged = judge(self.lives, life_id, boot_id, age, NOON + timedelta(seconds=at))
        rest = [life for life in self.lives if life.life_id != life_id]
        self.lives = sorted([judged.life, *rest], key=lambda life: life.last_order, reverse=True)
        self.lives = self.lives[:KEPT_LIVES]
        return judged


@dataclass(frozen=True)
class Beat:
    """One heartbeat under way."""

    arrives: float
    life_id: str
    boot_id: str
    age: float


def machine(
    name: str, seed: int, start: float, until: float, drift: float, patience: float
) -> list[Beat]:
    """A machine that restarts its agent and itself as it likes; messages are under way a while."""
    chance = random.Random(seed)
    beats, now, life, boot = [], start, 0, 0
    while now < until:
        life += 1
        boot += chance.random() < 0.5
        began = now
        ends = now + chance.choice([1.0, 30.0, 600.0, 7200.0, 86400.0]) * chance.uniform(0.2, 1.5)
        while now < min(ends, until):
            delay = chance.choice([0.01, 0.3, patience * chance.random()])
            age = (now - began) * (1 + drift)
            beats.append(Beat(now + delay, f"{name}-{life}", f"{name}-boot-{boot}", age))
            now += max(0.5, delay) if delay > 5 else chance.uniform(48, 72)
        now = max(now, ends) + chance.uniform(0.1, 60.0)
    return beats


def flagged(beats: list[Beat]) -> list[Judged]:
    """What is flagged when the heartbeats arrive in their order."""
    ledger = Ledger([])
    ordered = sorted(beats, key=lambda beat: beat.arrives)
    taken = [ledger.take(each.life_id, each.boot_id, each.age, each.arrives) for each in ordered]
    return [judged for judged in taken if judged.overlaps]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1 << 30), st.floats(-200e-6, 200e-6))
def test_one_machine_is_never_taken_for_two(seed: int, drift: float) -> None:
    """Two days of reboots, restarts and slow lines are one machine, whatever its crystal."""
    assert flagged(machine("a", seed, 0.0, 2 * 86400.0, drift, 30.0)) == []


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1 << 30), st.floats(0.0, 7200.0))
def test_two_machines_are_found(seed: int, later: float) -> None:
    """Two machines that each beat for twenty minutes beside each other are found, with both."""
    quiet = [
        [Beat(60.0 * n, "a-1", "a", 60.0 * n + 5_000) for n in range(200)],
        [Beat(later + 60.0 * n + seed % 59, "b-1", "b", 60.0 * n + 7) for n in range(20)],
    ]
    found = flagged([*quiet[0], *quiet[1]])
    assert found
    first = found[0]
    assert {first.life.boot_id, first.overlaps[0].boot_id} == {"a", "b"}


def test_a_battery_of_reboots_is_no_clone() -> None:
    """Fifty boots in ten minutes, each heard once: one machine."""
    beats = [Beat(12.0 * n, f"life-{n}", f"boot-{n}", 3.0) for n in range(50)]
    assert flagged(beats) == []


def test_a_message_held_up_by_a_proxy_is_no_clone() -> None:
    """The last heartbeat of a life that arrives a minute into the next says nothing new."""
    beats = [
        Beat(0.0, "a", "boot-a", 600.0),
        Beat(70.0, "b", "boot-b", 5.0),
        Beat(119.0, "a", "boot-a", 630.0),
        Beat(130.0, "b", "boot-b", 65.0),
    ]
    assert flagged(beats) == []


def test_a_copy_in_the_same_boot_is_found() -> None:
    """Two containers of one host share the boot id; their lives tell them apart."""
    beats = [Beat(60.0 * n, "a", "boot", 60.0 * n + 300) for n in range(10)]
    beats += [Beat(60.0 * n + 30, "b", "boot", 60.0 * n + 300) for n in range(10)]
    assert flagged(beats)


def test_a_copy_of_a_running_machine_is_found() -> None:
    """A snapshot that runs twice has the same life at two ages."""
    beats = [Beat(60.0 * n, "a", "boot", 60.0 * n + 9_000) for n in range(5)]
    beats += [Beat(60.0 * n + 30, "a", "boot", 60.0 * n + 300) for n in range(5)]
    assert flagged(beats)


def test_a_step_of_the_collectors_clock_is_no_clone() -> None:
    """Arrivals that jump by hours, either way, across a reboot: one machine."""
    for jump in (-7200.0, 7200.0, -86400.0 * 400):
        old = 86400.0 * 500
        beats = [(60.0 * n, "a", 60.0 * n + old) for n in range(5)]
        beats += [(60.0 * n + jump + 400, "b", 60.0 * n) for n in range(5)]
        ledger = Ledger([])
        assert not any(ledger.take(life, life, age, at).overlaps for at, life, age in beats)
