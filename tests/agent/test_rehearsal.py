"""Taking part in a rehearsal: rounds at the told moments, and an end at a word."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent.clock import SystemClock
from agent.rehearsal import Rehearsals
from agent.slot import Leave, NotNow
from wire.failure import Failure, FailureCode, Operation
from wire.heartbeat import Command, Reply
from wire.measurement import Fields
from wire.parsing import Refused
from wire.planning.planned import Planned
from wire.rehearsal import ID, KIND, ROUND, read_plan

NOW = datetime(2026, 5, 11, tzinfo=UTC)
NAME = "5ad9503e-0000-4000-8000-00000000000a"
DETAILS: dict[str, Any] = {
    "target": "centre.example:4443",
    "starts_in_seconds": 0.2,
    "ends_in_seconds": 20.0,
    "period_seconds": 5.0,
    "seconds": 1.0,
    "flows": 4,
    "direction": "download",
}


@dataclass
class Around:
    """A collector and a runner that note what happens."""

    answer: Leave | NotNow = field(default_factory=lambda: Leave("token", NAME))
    forbidden: Failure | None = None
    unaffordable: str = ""
    rounds: list[int] = field(default_factory=list)
    asked: list[str | None] = field(default_factory=list)
    recorded: list[Failure] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    failed: list[BaseException] = field(default_factory=list)
    happened: asyncio.Event = field(default_factory=asyncio.Event)

    async def ask(
        self, _planned: Planned, _fastest: float, rehearsal: str | None = None
    ) -> Leave | NotNow:
        """A desk."""
        self.asked.append(rehearsal)
        return self.answer

    def why_not_now(self, _planned: Planned) -> Failure | None:
        """What forbids."""
        return self.forbidden

    def why_unaffordable(self, _planned: Planned) -> str:
        """The budget."""
        return self.unaffordable

    async def run_with(self, _planned: Planned, context: Fields, _leave: Leave) -> None:
        """A test of a moment."""
        assert context[ID] == NAME
        number = context[ROUND]
        assert isinstance(number, int)
        self.rounds.append(number)
        self.happened.set()
        await asyncio.sleep(0.01)

    async def record(self, _planned: Planned, failure: Failure, _context: Fields) -> None:
        """A test that was not run."""
        self.recorded.append(failure)
        self.happened.set()

    def end_heavy(self, reason: str) -> None:
        """Ended."""
        self.ended.append(reason)

    def fail(self, error: BaseException) -> None:
        """What nobody foresaw."""
        self.failed.append(error)
        self.happened.set()


def reply(*commands: Command) -> Reply:
    """A heartbeat's reply."""
    return Reply(server_time=NOW, commands=commands)


def command(**changes: Any) -> Command:
    """The command of a rehearsal."""
    return Command(
        id=NAME, kind=KIND, expires_at=NOW + timedelta(minutes=5), details={**DETAILS, **changes}
    )


def play(around: Around, script: Callable[[Rehearsals], Awaitable[None]]) -> None:
    """Run a script with rehearsals."""

    async def run() -> None:
        taking_part = Rehearsals(around, around, SystemClock(), 1e9)  # type: ignore[arg-type] # a desk
        await script(taking_part)
        if left := taking_part.end():
            await asyncio.wait(left, timeout=10.0)

    asyncio.run(run())


def test_rounds_until_told_no_more() -> None:
    """It begins when told to, once however often it is told, and ends when it is told no more."""
    around = Around()

    async def script(taking_part: Rehearsals) -> None:
        for _ in range(3):
            await taking_part.hear(reply(command()))
        await around.happened.wait()
        await taking_part.hear(reply())
        await asyncio.sleep(0.1)

    play(around, script)
    assert around.rounds == [0]
    assert around.asked == [NAME]
    assert around.ended == ["the rehearsal was stopped"]


def test_joins_a_running_one_at_the_next_round() -> None:
    """One that hears late takes part from the next common moment on."""
    around = Around()

    async def script(taking_part: Rehearsals) -> None:
        await taking_part.hear(reply(command(starts_in_seconds=-9.8)))
        await around.happened.wait()

    play(around, script)
    assert around.rounds == [2]


def test_the_last_round_ends_in_time() -> None:
    """No round begins that would not end before the rehearsal does; nothing was asked then."""
    around = Around()

    async def script(taking_part: Rehearsals) -> None:
        await taking_part.hear(reply(command(ends_in_seconds=1.0)))
        await asyncio.sleep(0.5)

    play(around, script)
    assert around.asked == []


@pytest.mark.parametrize(
    ("around", "code"),
    [
        (Around(answer=NotNow("the rehearsal was stopped")), FailureCode.NO_SLOT),
        (Around(answer=Leave()), FailureCode.NO_SLOT),
        (
            Around(forbidden=Failure(FailureCode.SUPPRESSED, Operation.PREPARE, "an exam")),
            FailureCode.SUPPRESSED,
        ),
        (Around(unaffordable="day: 0 bytes left"), FailureCode.BUDGET_SPENT),
    ],
)
def test_what_ends_it(around: Around, code: FailureCode) -> None:
    """A refused slot, no token, suppression and the byte budget end it, with one result."""

    async def script(taking_part: Rehearsals) -> None:
        await taking_part.hear(reply(command()))
        await around.happened.wait()
        await asyncio.sleep(0.05)

    play(around, script)
    assert [failure.code for failure in around.recorded] == [code]
    assert around.rounds == []


@pytest.mark.parametrize(
    "changes",
    [
        {"target": 5},
        {"target": ""},
        {"direction": "both"},
        {"period_seconds": 0},
        {"ends_in_seconds": 1e9},
        {"seconds": "8"},
        {"flows": True},
    ],
)
def test_bad_commands(changes: dict[str, Any]) -> None:
    """A command that cannot be read is left, and nothing is asked."""
    with pytest.raises(Refused):
        read_plan({**DETAILS, **changes})
    around = Around()

    async def script(taking_part: Rehearsals) -> None:
        await taking_part.hear(reply(command(**changes)))
        await asyncio.sleep(0.3)

    play(around, script)
    assert around.asked == []


def test_an_error_that_nobody_foresaw_is_told_at_once() -> None:
    """Not when the agent stops, a week later."""
    around, odd = Around(), ValueError("odd")

    async def ask(*_: Any, **__: Any) -> Leave:
        raise odd

    around.ask = ask  # type: ignore[method-assign] # a desk that breaks

    async def script(taking_part: Rehearsals) -> None:
        await taking_part.hear(reply(command()))
        async with asyncio.timeout(10.0):
            await around.happened.wait()

    play(around, script)
    assert around.failed == [odd]


def test_a_round_under_way_is_waited_for_also_when_it_is_told_no_more() -> None:
    """The centre ends a rehearsal and the agent is stopped a moment later: its result is kept."""
    around = Around()
    kept = asyncio.Event()

    async def run_with(*_: Any) -> None:
        around.happened.set()
        await asyncio.sleep(0.2)
        kept.set()

    around.run_with = run_with  # type: ignore[method-assign] # a test that takes its time

    async def script(taking_part: Rehearsals) -> None:
        await taking_part.hear(reply(command()))
        async with asyncio.timeout(10.0):
            await around.happened.wait()
        await taking_part.hear(reply())

    play(around, script)
    assert kept.is_set()
