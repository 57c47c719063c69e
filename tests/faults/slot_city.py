"""A city's days in simulated time: real planner, real deferral, real granting, real admission.

Only the line and the clock are made up. Every test that runs is noted by the model itself, from
outside of all bookkeeping: when, on which upstream, towards which responder, how many bytes.
"""

import asyncio
import heapq
import itertools
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

from agent.config import Config
from agent.heavy import HeavyTests
from agent.ration import Ration
from agent.responder.tokens import NotAdmitted, Tokens
from agent.responder.uses import UsedTokens
from agent.slot import Leave, NotNow, _meant
from agent.slot_request import request_for
from collector.schools.model import School
from collector.slots import rows
from collector.slots.decide import Responder
from collector.slots.grant import Desk, upstream_of
from collector.slots.keys import SlotKeys, public_keys
from collector.store.interface import Store
from tests.agent.spooling import measurement
from wire.failure import Failure
from wire.ids import uuid4
from wire.measurement import Fields, Measurement
from wire.planning.cost import HEADER_FACTOR, Budget
from wire.planning.planned import Planned
from wire.planning.schedule import Slot, plan
from wire.planning.timetable import Blackout, Timetable, Window
from wire.slot_token import write_key

TOKYO = ZoneInfo("Asia/Tokyo")
FIRST = date(2026, 6, 1)
"""A Monday."""
CENTRE = Responder(
    name="centre", target="centre.example:4443", capacity_bps=3_000_000_000, capacity_tests=2
)
SCHOOL_DAYS = frozenset(range(5))
FASTEST_BPS = 200e6


def _window(start: str, end: str, runs: int, days: frozenset[int] = SCHOOL_DAYS) -> Window:
    first, last = (int(text[:2]) * 3600 + int(text[3:]) * 60 for text in (start, end))
    return Window(days=days, from_seconds=first, to_seconds=last, runs=runs)


TESTS = (
    Planned(
        probe="throughput",
        target=CENTRE.target,
        windows=(
            _window("06:00", "08:00", 2),
            _window("08:55", "09:30", 2),
            _window("09:50", "10:20", 2),
            _window("10:50", "11:25", 2),
            _window("13:55", "14:15", 1),
            _window("16:30", "21:00", 2, frozenset(range(7))),
        ),
    ),
)
BUDGET = Budget(day_bytes=3_000_000_000, month_bytes=50_000_000_000, fastest_bps=FASTEST_BPS)


def exams(days: int) -> tuple[Blackout, ...]:
    """Three mornings without tests in each four weeks, from the second day on."""
    first = [FIRST + timedelta(days=shift) for shift in (1, 15, 16) if shift < days]
    return tuple(
        Blackout(first=day, last=day, from_seconds=8 * 3600, to_seconds=12 * 3600, reason="exam")
        for day in first
    )


@dataclass(frozen=True, slots=True)
class Ran:
    """One test that ran."""

    agent: int
    upstream: str
    start: datetime
    end: datetime
    line_bytes: int


@dataclass
class Simulated:
    """Simulated time, and what happened in it."""

    now: datetime
    ran: list[Ran] = field(default_factory=list)
    deferred: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)
    planned: int = 0
    missed: int = 0
    refused: int = 0
    waits: list[float] = field(default_factory=list)
    seconds: float = 0.0
    _events: list[tuple[datetime, int, "asyncio.Future[None]"]] = field(default_factory=list)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    async def until(self, moment: datetime) -> None:
        """Wait in simulated time."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._events, (moment, next(self._numbers), future))
        await future

    async def run(self, end: datetime) -> None:
        """Let events happen in their order."""
        await _settled()
        while self._events and self._events[0][0] <= end:
            moment, _, future = heapq.heappop(self._events)
            self.seconds += (moment - self.now).total_seconds()
            self.now = moment
            future.set_result(None)
            await _settled()


async def _settled() -> None:
    """Let every task go on until it waits for simulated time again."""
    for _ in range(12):
        await asyncio.sleep(0)


@dataclass
class Clock:
    """The responder's clock."""

    simulated: Simulated
    late_seconds: float = 0.0

    def now(self) -> datetime:
        """Wall clock."""
        return self.simulated.now - timedelta(seconds=self.late_seconds)

    def monotonic_seconds(self) -> float:
        """Monotonic clock."""
        return self.simulated.seconds

    def boot_id(self) -> str:
        """One boot."""
        return uuid4(1)


class Appliance:
    """One school's agent: the real heavy tests, around them what a runner gives."""

    def __init__(self, number: int, school: School, city: "City") -> None:
        self.number, self.school, self._city = number, school, city
        self.agent_id = uuid4(1000 + number)
        self._chance = Random(number)
        timetable = Timetable(
            tasks=tuple(one.task() for one in TESTS), zone=TOKYO, blackouts=city.blackouts
        )
        config = Config(tests=TESTS, zone=TOKYO, blackouts=city.blackouts, budget=BUDGET)
        self.timetable = timetable
        self._today: tuple[date, tuple[Slot, ...]] = (date.min, ())
        ration = Ration(BUDGET, TESTS, timetable, self.agent_id, None)
        self.heavy = HeavyTests(config, ration, self, None, self._chance)
        self.heavy.slots = self  # type: ignore[assignment] # it asks and releases

    # --- what heavy tests need of a runner

    def now(self) -> datetime:
        """Simulated time."""
        return self._city.time.now

    def clock_is_usable(self) -> bool:
        """Always."""
        return True

    def stopping(self) -> bool:
        """Never."""
        return False

    async def stopped_within(self, _seconds: float) -> bool:
        """Never asked here."""
        return False

    def why_suppressed(self) -> str | None:
        """Never."""
        return None

    def why_not_now(self, _planned: Planned) -> Failure | None:
        """Never asked here."""
        return None

    def miss(self, count: int, _why: str) -> None:
        """Slots that passed."""
        self._city.time.missed += count

    def planned_today(self) -> tuple[Slot, ...]:
        """The plan of the local day."""
        today = self.now().astimezone(TOKYO).date()
        if self._today[0] != today:
            self._today = (today, plan(today, self.timetable, self.agent_id).slots)
        return self._today[1]

    async def appliance_context(self, _target: str) -> Fields:
        """Nothing."""
        return {}

    async def record(self, _planned: Planned, failure: Failure, _context: Fields) -> None:
        """A test that was not run."""
        self._city.time.deferred[failure.code] += 1

    async def measure(
        self, planned: Planned, _context: Fields, token: str | None = None
    ) -> Measurement | None:
        """Run under a token, as long as chance and the responder say, within its byte limit."""
        time = self._city.time
        await time.until(time.now + timedelta(seconds=self._chance.uniform(0.3, 4.0)))
        try:
            uses = [
                self._city.tokens.admit(f"Bearer {token}", kind)
                for kind in ("download", "upload")
                for _ in range(4)
            ]
        except NotAdmitted:
            time.refused += 1
            return None
        wanted = self._chance.uniform(6.0, 22.0) if self._chance.random() > 0.02 else 900.0
        start, lasts = time.now, min(wanted, float(uses[0].token.quota_seconds))
        rate = self._chance.uniform(0.2, 1.0) * FASTEST_BPS
        most = planned.options.get("max_bytes")
        wanted_bytes = int(rate * min(lasts, 20.0) / 8)
        moved = uses[0].take(min(wanted_bytes, most) if isinstance(most, int) else wanted_bytes)
        await time.until(start + timedelta(seconds=lasts))
        line_bytes = round(HEADER_FACTOR * moved)
        time.ran.append(Ran(self.number, upstream_of(self.school), start, time.now, line_bytes))
        return replace(measurement("throughput"), values={"download_bytes": moved})

    # --- what they need of a desk

    async def ask(self, planned: Planned, fastest_bps: float) -> Leave | NotNow:
        """Ask the collector's own code."""
        request_id = uuid4(self._chance.getrandbits(128))
        request = request_for(planned, fastest_bps, request_id)
        reply = self._city.desk.ask(self.agent_id, self.school, request, self.now())
        self._city.time.asked[reply.status] += 1
        return _meant(reply)

    async def release(self, leave: Leave) -> None:
        """Give back; one in thirty is never given back."""
        if leave.slot_id is not None and self._chance.random() > 1 / 30:
            self._city.desk.release(self.agent_id, leave.slot_id, self.now())

    # --- its days

    async def live(self, days: int) -> None:
        """Run every slot of every day."""
        time, running = self._city.time, set()
        for shift in range(days):
            day = FIRST + timedelta(days=shift)
            for slot in plan(day, self.timetable, self.agent_id).slots:
                time.planned += 1
                await time.until(slot.at)
                running.add(asyncio.create_task(self._slot(slot)))
        for task in running:
            await task

    async def _slot(self, slot: Slot) -> None:
        """Run one slot, and again when it was put off."""
        planned_at = slot.at
        while True:
            before = len(self._city.time.ran)
            await self.heavy.run_slot(slot)
            mine = [one for one in self.heavy.retries if one.until == slot.until]
            if not mine:
                ran = [one for one in self._city.time.ran[before:] if one.agent == self.number]
                self._city.time.waits += [(one.start - planned_at).total_seconds() for one in ran]
                return
            self.heavy.retries = [one for one in self.heavy.retries if one is not mine[0]]
            slot = mine[0]
            await self._city.time.until(slot.at)


class City:
    """All agents with one collector and one responder."""

    def __init__(
        self, store: Store, schools: tuple[School, ...], directory: Path, days: int
    ) -> None:
        self.days = days
        self.blackouts = exams(days)
        midnight = datetime.combine(FIRST, datetime.min.time(), TOKYO)
        self.time = Simulated(midnight)
        keys = SlotKeys(directory / "keys")
        keys.ensure(store, "test", midnight)
        store.write(lambda sql: rows.save_responder(sql, CENTRE, midnight))
        self.desk = Desk(store, keys, Random(1))
        public = directory / "collector.keys"
        public.write_text("".join(write_key(one.public) for one in store.read(public_keys)))
        self.used = UsedTokens(directory / "used")
        # its clock is as late as is tolerated: tokens live longest there
        self.tokens = Tokens(public, CENTRE.name, self.used, Clock(self.time, late_seconds=29.0))
        self.agents = [Appliance(number, school, self) for number, school in enumerate(schools)]

    def run(self) -> None:
        """Live through the days."""

        async def all_days() -> None:
            lives = [asyncio.create_task(agent.live(self.days)) for agent in self.agents]
            await self.time.run(self.time.now + timedelta(days=self.days + 1))
            for life in lives:
                await life

        asyncio.run(all_days())
        self.used.close()

    # --- what is found, from the tests that ran alone

    def most_at_once(self, name: str = "") -> int:
        """Most tests at one moment on the worst upstream; ``centre``: towards the responder."""
        worst = 0
        lanes: dict[str, list[tuple[datetime, int]]] = {}
        for one in self.time.ran:
            key = name or one.upstream
            lanes.setdefault(key, []).extend([(one.start, 1), (one.end, -1)])
        for changes in lanes.values():
            count = 0
            for _, change in sorted(changes):  # an end before a beginning at the same moment
                count += change
                worst = max(worst, count)
        return worst

    def in_blackouts(self) -> int:
        """Tests that overlapped an exam."""
        found = 0
        for one in self.time.ran:
            local = [moment.astimezone(TOKYO) for moment in (one.start, one.end)]
            for dark in self.blackouts:
                begin = datetime.combine(dark.first, datetime.min.time(), TOKYO)
                first, last = (
                    begin + timedelta(seconds=seconds)
                    for seconds in (dark.from_seconds, dark.to_seconds)
                )
                found += local[0] < last and local[1] > first
        return found

    def over_budget(self) -> int:
        """Days and months of agents in which more bytes moved than they may."""
        assert BUDGET.day_bytes is not None
        assert BUDGET.month_bytes is not None
        days: Counter[tuple[int, date]] = Counter()
        months: Counter[tuple[int, int]] = Counter()
        for one in self.time.ran:
            day = one.start.astimezone(TOKYO).date()
            days[one.agent, day] += one.line_bytes
            months[one.agent, day.month] += one.line_bytes
        return sum(spent > BUDGET.day_bytes for spent in days.values()) + sum(
            spent > BUDGET.month_bytes for spent in months.values()
        )
