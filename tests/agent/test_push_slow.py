"""Sizes of batches on a slow line: smaller after a 408, not larger after a slow success."""

import asyncio
from pathlib import Path
from random import Random

import pytest

from agent.identity import Enrolment
from agent.push import QUICK_SECONDS, Pusher, PushSettings, new_client
from tests.agent.spooling import FakeClock, measurement, open_spool
from tests.agent.stub import Got, Stub, acknowledge, http


@pytest.mark.parametrize(
    ("takes_seconds", "sizes"),
    [(QUICK_SECONDS + 1, [16, 8, 8, 8, 8]), (1.0, [16, 8, 16, 8])],
    ids=["slow", "quick"],
)
def test_a_batch_that_did_not_arrive_in_time_is_halved_and_grows_only_where_quick(
    tmp_path: Path, takes_seconds: float, sizes: list[int]
) -> None:
    """408 to the first of 16; then each reply takes its time by the agent's clock."""
    clock = FakeClock()
    spool = open_spool(tmp_path)
    for mark in range(32):
        assert spool.accept(measurement(mark=mark)) is not None
    seen: list[int] = []

    def answer(got: Got) -> bytes:
        seen.append(len(got.ids))
        clock.forward(takes_seconds)
        return http(408, {"detail": "slow"}) if len(seen) == 1 else acknowledge(got.ids)

    settings = PushSettings(interval_seconds=1, batch_records=16)

    async def deliver(url: str) -> None:
        async with new_client(settings) as client:
            pusher = Pusher(
                spool, Enrolment(collector=url, token="token-of-the-test"), settings, client,
                clock, Random(1),
            )  # fmt: skip
            while await pusher.drain() is not None:
                pass

    with Stub(answer) as stub:
        asyncio.run(deliver(stub.url))
    spool.close()
    assert seen == sizes
