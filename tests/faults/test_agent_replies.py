"""Replies that break off: nothing is removed that a whole acknowledgement has not named."""

import asyncio
import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from agent.identity import Enrolment
from agent.push import Pusher, PushSettings, new_client
from agent.spool import Spool
from tests.agent.spooling import FakeClock, measurement, open_spool
from tests.agent.stub import Collector, Got, Stub

SETTINGS = PushSettings(interval_seconds=1, batch_records=10)


def push_once(spool: Spool, url: str) -> None:
    """One pass of delivery."""

    async def work() -> None:
        async with new_client(SETTINGS) as client:
            enrolment = Enrolment(collector=url, token="canary-token-0123456789")
            await Pusher(spool, enrolment, SETTINGS, client, FakeClock(), Random(1)).drain()

    asyncio.run(work())


def framed(framing: str, body: bytes) -> bytes:
    """A whole reply in one of the three framings of HTTP/1.1."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
    if framing == "length":
        return head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    if framing == "chunked":
        chunks = [body[at : at + 16] for at in range(0, len(body), 16)]
        encoded = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
        return head + b"Transfer-Encoding: chunked\r\n\r\n" + encoded + b"0\r\n\r\n"
    return head + b"\r\n" + body


@pytest.mark.faults
@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_reply_cut_at_every_byte_removes_nothing(tmp_path: Path, framing: str, case: Any) -> None:
    """Only a reply whose JSON is whole removes, and only what it names."""
    spool = open_spool(tmp_path)
    for mark in range(3):
        spool.accept(measurement(mark=mark))
    names = [each.result_id for each in spool.take(10, 10**6)]
    body = json.dumps({"committed": names[:2], "quarantined": []}).encode()
    whole = framed(framing, body)
    complete_from = whole.index(b"\r\n\r\n") + 4 + len(body) if framing != "chunked" else len(whole)
    cuts = removed_early = 0
    with Stub(lambda _: b"") as stub:
        for length in range(complete_from):
            stub.answer = lambda _, length=length: whole[:length]  # type: ignore[misc]
            push_once(spool, stub.url)
            cuts += 1
            removed_early += spool.counts().waiting_count != 3
        assert removed_early == 0
        assert spool.refused() == []
        stub.answer = lambda got: whole if len(got.ids) == 3 else None
        push_once(spool, stub.url)
    assert [each.result_id for each in spool.take(10, 10**6)] == names[2:]
    case("B2", f"reply cut at every byte, {framing}", runs=cuts, lost=removed_early)


@pytest.mark.faults
def test_connection_killed_after_the_commit_is_sent_again_and_stored_once(
    tmp_path: Path, case: Any
) -> None:
    """The collector has stored, the agent does not know: resent, recognised, then removed."""
    collector = Collector()
    silent = [True]

    def answer(got: Got) -> bytes | None:
        reply = collector(got)
        return None if silent[0] else reply

    spool = open_spool(tmp_path)
    for mark in range(20):
        spool.accept(measurement(mark=mark))
    with Stub(answer) as stub:
        for _ in range(5):
            push_once(spool, stub.url)
        assert spool.counts().waiting_count == 20
        silent[0] = False
        push_once(spool, stub.url)
    assert spool.counts().waiting_count == 0
    assert len(collector.stored) == 20
    assert max(collector.sent_count.values()) == 6
    case("B1", "connection killed between commit and reply", runs=5, lost=0, duplicates=0)
