"""A fleet: agents enrolled, living, and what came of it."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random
from typing import Final

import httpx

from collector.clock import Clock
from collector.simulate.agent import TIMEOUT, Delivery, SimulatedAgent, Surroundings
from collector.simulate.enrolling import enrol
from collector.simulate.heartbeat import Heartbeats
from collector.simulate.life import Habits, Life
from collector.simulate.pace import Pace
from collector.simulate.tally import Outage, Return, Tally, percentile, return_of

ENROL_AT_ONCE: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is simulated. Times are simulated."""

    url: str
    agents: int
    seed: int = 2026
    length_seconds: float = 3600.0
    speed: float = 1.0
    skip_idle: bool = False
    """Jump over time in which nobody talks with the collector, at any speed."""
    habits: Habits = field(default_factory=Habits)
    delivery: Delivery = field(default_factory=Delivery)
    outages: Sequence[Outage] = ()
    heartbeats: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What came of a simulation."""

    agents: int
    made: int
    acknowledged: int
    refused: int
    waiting: int
    requests: int
    statuses: dict[str, int]
    shed_without_retry_after: int
    heartbeats: int
    restarts: int
    lines_lost: int
    simulated_seconds: float
    real_seconds: float
    latency_p50_seconds: float | None
    latency_p95_seconds: float | None
    latency_p99_seconds: float | None
    returns: tuple[Return, ...]
    stored: int | None = None
    """Of the results made: those found in the database, where one was named."""
    lost: int | None = None
    """Acknowledged, and not in the database."""
    duplicates: int | None = None


Progress = Callable[[float, int, int, int], None]
"""Simulated seconds, results made, acknowledged, requests."""


class Fleet:
    """N agents; ``run`` once."""

    def __init__(self, plan: Plan, clock: Clock, started_at: datetime | None = None) -> None:
        self._plan = plan
        self._clock = clock
        self.tally = Tally()
        begun = started_at or self._start_so_that_it_ends_now()
        self._lives = [Life(plan.seed, n, plan.habits, begun) for n in range(plan.agents)]

    async def run(self, codes: Sequence[str], progress: Progress | None = None) -> Summary:
        """Enrol, live, deliver. Raises :class:`EnrolmentFailed`."""
        plan = self._plan
        async with contextlib.AsyncExitStack() as stack:
            verify = httpx.create_ssl_context()  # one for all: making it takes 10 ms
            clients = [
                await stack.enter_async_context(
                    httpx.AsyncClient(timeout=TIMEOUT, trust_env=False, verify=verify)
                )
                for _ in self._lives
            ]
            tokens = await self._enrol(clients, codes)
            began = self._clock.monotonic_seconds()
            pace = Pace(self._clock.monotonic_seconds, plan.speed)
            pace.skipping = plan.skip_idle
            around = Surroundings(
                url=plan.url,
                pace=pace,
                tally=self.tally,
                delivery=plan.delivery,
                outages=plan.outages,
                length_seconds=plan.length_seconds,
                clock=self._clock,
            )
            agents = [
                # chance of its own: how the collector answers changes no result
                SimulatedAgent(life, token, client, around, Random(f"{plan.seed}:{n}:send"))  # noqa: S311 - no secret
                for n, (life, token, client) in enumerate(
                    zip(self._lives, tokens, clients, strict=True)
                )
            ]
            await self._live(agents, around, clients, tokens, progress)
            took = self._clock.monotonic_seconds() - began
            return self._summary(agents, pace.now_seconds(), took)

    async def _live(
        self,
        agents: Sequence[SimulatedAgent],
        around: Surroundings,
        clients: Sequence[httpx.AsyncClient],
        tokens: Sequence[str],
        progress: Progress | None,
    ) -> None:
        async with asyncio.TaskGroup() as group:  # what fails in or beside an agent ends all
            aside = [group.create_task(around.pace.run())]
            if progress is not None:
                aside.append(group.create_task(self._tell(around.pace, progress)))
            if self._plan.heartbeats:
                beats = Heartbeats(around, Random(f"{self._plan.seed}:beats"), self._clock)  # noqa: S311 - no secret
                aside += [
                    group.create_task(beats.beat(agent, client, token))
                    for agent, client, token in zip(agents, clients, tokens, strict=True)
                ]
            await asyncio.gather(*(group.create_task(agent.live()) for agent in agents))
            for task in aside:
                task.cancel()

    async def _enrol(
        self, clients: Sequence[httpx.AsyncClient], codes: Sequence[str]
    ) -> Sequence[str]:
        at_once = asyncio.Semaphore(ENROL_AT_ONCE)

        async def one(client: httpx.AsyncClient, life: Life, code: str) -> str:
            async with at_once:
                return await enrol(client, self._plan.url, life.agent_id, code)

        return await asyncio.gather(
            *(one(*each) for each in zip(clients, self._lives, codes, strict=False))
        )

    async def _tell(self, pace: Pace, progress: Progress) -> None:
        while True:
            await asyncio.sleep(1.0)
            made = sum(map(len, self.tally.made.values()))
            requests = len(self.tally.request_at_seconds)
            progress(pace.now_seconds(), made, self.tally.acknowledged, requests)

    def _start_so_that_it_ends_now(self) -> datetime:
        """Accelerated agents must not date their results in the future."""
        plan = self._plan
        if plan.speed == 1.0 and not plan.skip_idle:
            return self._clock.now()
        length = plan.length_seconds + plan.delivery.settle_seconds
        return self._clock.now() - timedelta(seconds=length)

    def _summary(
        self, agents: Sequence[SimulatedAgent], simulated_seconds: float, real_seconds: float
    ) -> Summary:
        tally = self.tally
        ordered = sorted(tally.latency_seconds)
        p50, p95, p99 = (
            percentile(ordered, share) if ordered else None for share in (0.5, 0.95, 0.99)
        )
        return Summary(
            agents=len(agents),
            made=sum(map(len, tally.made.values())),
            acknowledged=tally.acknowledged,
            refused=sum(tally.refused.values()),
            waiting=sum(agent.waiting_count for agent in agents),
            requests=len(tally.request_at_seconds),
            statuses=dict(tally.statuses),
            shed_without_retry_after=tally.shed_without_retry_after,
            heartbeats=tally.heartbeats,
            restarts=tally.restarts,
            lines_lost=tally.lines_lost,
            simulated_seconds=simulated_seconds,
            real_seconds=real_seconds,
            latency_p50_seconds=p50,
            latency_p95_seconds=p95,
            latency_p99_seconds=p99,
            returns=tuple(
                return_of(tally, n, outage, sum(n in agent.backlogs for agent in agents))
                for n, outage in enumerate(self._plan.outages)
            ),
        )


def with_database(summary: Summary, made: dict[str, list[str]], stored: Sequence[str]) -> Summary:
    """Compare what was made with the ids found in the database."""
    found = set(stored)
    missing = sum(name not in found for names in made.values() for name in names)
    kept = sum(map(len, made.values())) - missing
    return replace(
        summary,
        stored=kept,
        lost=max(0, summary.acknowledged - kept),
        duplicates=len(stored) - len(found),
    )
