"""Whether a slot is granted: never too many, and nobody starves."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.slots.decide import Ask, Held, Place, Responder, Wait, decide

NOW = datetime(2026, 5, 11, tzinfo=UTC)
CENTRE = Responder(name="centre", target="centre.example:4443", capacity_bps=1000, capacity_tests=2)


def ask(agent: str, upstream: str, bps: int = 100, responder: Responder = CENTRE) -> Ask:
    """A wish."""
    return Ask(
        agent_id=agent, upstream=upstream, responder=responder, reserved_bps=bps, likely_seconds=30
    )


def held(upstream: str, bps: int = 100, seconds: float = 20, responder: str = "centre") -> Held:
    """A slot that somebody has."""
    return Held(
        upstream=upstream,
        responder=responder,
        reserved_bps=bps,
        likely_until=NOW + timedelta(seconds=seconds),
    )


def place(number: int, agent: str, upstream: str, bps: int = 100) -> Place:
    """A place in the line."""
    return Place(
        number=number,
        agent_id=agent,
        upstream=upstream,
        responder="centre",
        reserved_bps=bps,
        likely_seconds=30,
    )


@pytest.mark.parametrize(
    ("holding", "line", "wish", "seconds"),
    [
        ([], [], ask("a", "u"), None),
        ([held("v")], [], ask("a", "u"), None),
        # the upstream is taken: until it is likely to be free, then behind those before
        ([held("u")], [], ask("a", "u"), 20),
        ([held("u")], [place(1, "b", "u")], ask("a", "u"), 50),
        ([held("u")], [place(1, "b", "u"), place(2, "a", "u")], ask("a", "u"), 50),
        ([held("u")], [place(1, "a", "u"), place(2, "b", "u")], ask("a", "u"), 20),
        ([], [place(1, "b", "u")], ask("a", "u"), 30),
        ([], [place(1, "a", "u"), place(2, "b", "u")], ask("a", "u"), None),
        # an upstream counts at every responder
        ([held("u", responder="elsewhere")], [], ask("a", "u"), 20),
        # what should have ended is expected to end soon
        ([held("u", seconds=-5)], [], ask("a", "u"), 10),
        # the responder is full: by number, and by bits a second
        ([held("v"), held("w", seconds=40)], [], ask("a", "u"), 20),
        ([held("v", bps=950)], [], ask("a", "u"), 20),
        ([held("v", bps=900)], [], ask("a", "u"), None),
        # room is kept for who came first and could run now, not for who is blocked anyway
        ([held("v")], [place(1, "b", "w")], ask("a", "u"), 20),
        ([held("v")], [place(1, "b", "v")], ask("a", "u"), None),
        ([held("v")], [place(1, "b", "w"), place(2, "a", "u")], ask("a", "u"), 20),
        ([held("v")], [place(1, "a", "u"), place(2, "b", "w")], ask("a", "u"), None),
        ([held("v", bps=500)], [place(1, "b", "w", bps=600)], ask("a", "u"), 20),
    ],
)
def test_decided(holding: list[Held], line: list[Place], wish: Ask, seconds: float | None) -> None:
    """Each rule by an example: granted (None), or how long to wait."""
    found = decide(wish, holding, line, NOW)
    if seconds is None:
        assert found is None
    else:
        assert isinstance(found, Wait)
        assert (found.until - NOW).total_seconds() == seconds


@dataclass
class City:
    """Agents that come back when they were told, and one responder."""

    responder: Responder
    groups: list[int]
    lengths: list[int]
    rates: list[int]
    now: datetime = NOW
    running: dict[int, datetime] = field(default_factory=dict)
    line: dict[int, tuple[int, datetime]] = field(default_factory=dict)
    """Number and moment of the next visit of those who wait."""
    numbers: int = 0
    passed: dict[int, int] = field(default_factory=dict)
    """How many of later number and the same upstream went before each that waits."""

    def visit(self, agent: int) -> None:
        """Ask once."""
        wish = ask(str(agent), f"u{self.groups[agent]}", self.rates[agent], self.responder)
        holding = [
            Held(
                upstream=f"u{self.groups[one]}",
                responder="centre",
                reserved_bps=self.rates[one],
                likely_until=until,
            )
            for one, until in self.running.items()
        ]
        line = [
            place(number, str(one), f"u{self.groups[one]}", self.rates[one])
            for one, (number, _) in self.line.items()
        ]
        found = decide(wish, holding, line, self.now)
        if found is None:
            own = self.line.pop(agent, (self.numbers + 1, self.now))[0]
            for one, (number, _) in self.line.items():
                overtaken = number < own and self.groups[one] == self.groups[agent]
                self.passed[one] = self.passed.get(one, 0) + overtaken
            self.running[agent] = self.now + timedelta(seconds=self.lengths[agent])
        else:
            assert found.until > self.now
            if agent not in self.line:
                self.numbers += 1
            self.line[agent] = (self.line.get(agent, (self.numbers, NOW))[0], found.until)

    def check(self) -> None:
        """Never more than may be."""
        groups = [self.groups[one] for one in self.running]
        assert len(groups) == len(set(groups)), "two on one upstream"
        assert len(groups) <= self.responder.capacity_tests
        assert sum(self.rates[one] for one in self.running) <= self.responder.capacity_bps


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_nobody_starves_and_nothing_is_too_much(data: st.DataObject) -> None:
    """Whoever keeps coming as told is served, though newcomers never stop coming.

    Cities of up to 12 agents with any groups, lengths and rates; every agent but the first comes
    again as soon as its test has ended. Never are there two on an upstream or too many on the
    responder, nobody of the same upstream overtakes, and the first is served within the time that
    all the others together need once each.
    """
    count = data.draw(st.integers(2, 12))
    city = City(
        Responder(
            name="centre",
            target="t",
            capacity_bps=1000,
            capacity_tests=data.draw(st.integers(1, 4)),
        ),
        groups=data.draw(st.lists(st.integers(0, 4), min_size=count, max_size=count)),
        lengths=data.draw(st.lists(st.integers(5, 60), min_size=count, max_size=count)),
        rates=data.draw(
            st.lists(st.sampled_from([100, 600, 1000]), min_size=count, max_size=count)
        ),
    )
    for agent in range(1, count):
        city.visit(agent)
    city.visit(0)
    steps = sum(city.lengths) * 3 + 60 * count
    for _ in range(steps):
        if 0 in city.running:
            break
        city.now += timedelta(seconds=1)
        ended = [one for one, until in city.running.items() if until <= city.now]
        for agent in ended:
            del city.running[agent]
        back = [one for one, (_, at) in city.line.items() if at <= city.now]
        for agent in data.draw(st.permutations(back + ended)) if back or ended else []:
            if agent not in city.running:
                city.visit(agent)
        city.check()
    assert 0 in city.running, "the one that waits was never served"
    assert not any(city.passed.values()), "somebody was overtaken on the same upstream"
