"""Heartbeats of simulated agents, each a minute of simulated time after the other.

They are dated by the real clock plus the agent's own error also where time is accelerated: the
collector compares them with its own clock.
"""

from datetime import timedelta
from random import Random
from typing import Final

import httpx

from collector.clock import Clock
from collector.simulate.agent import SimulatedAgent, Surroundings
from wire.heartbeat import EVERY_SECONDS, PATH, ClockReport, Heartbeat, SpoolReport
from wire.heartbeat_codec import encode_request
from wire.ids import uuid4

NOT_THERE: Final = (404, 405)
"""An older collector: it is not asked again."""
MIB: Final = 1 << 20


class Heartbeats:
    """Heartbeats of a whole fleet."""

    def __init__(self, around: Surroundings, random: Random, clock: Clock) -> None:
        self._around = around
        self._random = random
        self._clock = clock

    async def beat(self, agent: SimulatedAgent, client: httpx.AsyncClient, token: str) -> None:
        """Send until cancelled, or until the collector says that it knows no heartbeats."""
        pace, random = self._around.pace, self._random
        life_id, boot_id = uuid4(random.getrandbits(128)), agent.life.boot_id
        await pace.sleep(random.uniform(0.0, EVERY_SECONDS))
        while True:
            if boot_id != agent.life.boot_id:
                life_id, boot_id = uuid4(random.getrandbits(128)), agent.life.boot_id
            if not agent.is_cut_off(pace.now_seconds()):
                status = await self._send(client, token, self._heartbeat(agent, life_id))
                if status in NOT_THERE:
                    return
            await pace.sleep(EVERY_SECONDS * random.uniform(0.9, 1.1))

    async def _send(self, client: httpx.AsyncClient, token: str, body: bytes) -> int | None:
        around = self._around
        at_seconds, began = around.pace.now_seconds(), around.clock.monotonic_seconds()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        try:
            with around.pace.working():
                reply = await client.post(around.url + PATH, content=body, headers=headers)
        except httpx.HTTPError as error:
            took = around.clock.monotonic_seconds() - began
            around.tally.request(at_seconds, took, type(error).__name__)
            return None
        if reply.status_code not in NOT_THERE:
            took = around.clock.monotonic_seconds() - began
            around.tally.request(at_seconds, took, str(reply.status_code))
            around.tally.heartbeats += reply.status_code == 200
        return reply.status_code

    def _heartbeat(self, agent: SimulatedAgent, life_id: str) -> bytes:
        life, random = agent.life, self._random
        now_seconds = self._around.pace.now_seconds()
        offset = timedelta(seconds=life.clock_offset_seconds)
        return encode_request(
            Heartbeat(
                agent_version="simulated",
                boot_id=life.boot_id,
                life_id=life_id,
                sent_at=self._clock.now() + offset,
                uptime_seconds=max(0.0, now_seconds - life.booted_at_seconds),
                life_seconds=max(0.0, now_seconds - max(0.0, life.booted_at_seconds)),
                spool=SpoolReport(
                    waiting_count=agent.waiting_count, used_bytes=700 * agent.waiting_count
                ),
                clock=ClockReport(
                    state="good" if abs(life.clock_offset_seconds) < 1 else "wrong",
                    source="collector",
                    offset_seconds=-life.clock_offset_seconds,
                    error_seconds=0.05,
                ),
                disk_free_bytes=random.randrange(2_000, 20_000) * MIB,
                cpu_utilisation_ratio=round(random.uniform(0.01, 0.2), 3),
                memory_bytes=random.randrange(40, 60) * MIB,
            )
        )
