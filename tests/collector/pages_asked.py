"""A browser that asks the pages in this process, and cities made for it."""

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from random import Random
from typing import Any

import httpx
from fastapi import FastAPI

from collector import resources
from collector.api.ingest import sort_out
from collector.app import create_app
from collector.compliance import ensure_week, judge_dirty
from collector.demo.fill import DELIVERED_AT
from collector.demo.simulator import moment_of
from collector.judge.calendar_file import load_calendars
from collector.judge.criteria_file import load_criteria
from collector.judge.week import Week
from collector.schools.model import Kind, Line, School
from collector.store.interface import Agent, Batch, Store
from wire.codec import encode
from wire.failure import Failure, FailureCode, Operation, Outcome
from wire.ids import uuid4, uuid7
from wire.measurement import Measurement
from wire.messages import encode_batch

CRITERIA = load_criteria(resources.default_criteria())
CALENDARS = load_calendars(resources.default_calendar())
NOW = datetime(2026, 6, 8, 1, 0, tzinfo=UTC)


class FixedClock:
    """A clock that stands still."""

    def now(self) -> datetime:
        """Monday morning after the week of the demo."""
        return NOW

    def monotonic_seconds(self) -> float:
        """Never moves."""
        return 1.0


class Browser:
    """Asks the application in this process, as a browser with a cookie jar would."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self.cookies = httpx.Cookies()

    def get(
        self,
        path: str,
        params: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """Ask for a page."""

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://test", cookies=self.cookies
            ) as client:
                response = await client.get(path, params=params, headers=headers)
                self.cookies.update(client.cookies)
                return response

        return asyncio.run(ask())


def browser_of(store: Store) -> Browser:
    """A browser of a collector with this store."""
    # no lifespan: nothing judges in the background of these tests
    return Browser(create_app(store, CRITERIA, CALENDARS, clock=FixedClock()))


def school_of(code: str, name: str) -> School:
    """A school; its region and group are called as it is."""
    return School(
        code=code,
        name=name,
        kind=Kind.ELEMENTARY,
        region=name,
        pupils=120,
        line=Line.OTHER,
        contracted_mbps=None,
        sample=False,
        latitude=None,
        longitude=None,
        aggregation_group=name,
    )


def enrolled(store: Store, code: str) -> Agent:
    """An agent at the school."""
    chance = Random(code)
    agent_id, token = uuid4(chance.getrandbits(128)), f"{chance.getrandbits(256):064x}"
    store.add_enrolment_code(code, token, NOW + timedelta(days=1))
    store.enrol(code_sha256=token, agent_id=agent_id, token_sha256=token, now=NOW)
    agent = store.agent_by_token(token)
    assert agent is not None
    return agent


def measured(
    agent: Agent, started_at: datetime, seq: int, bps: float | None, text: str = "stopped"
) -> Measurement:
    """A test of the line; without ``bps`` one that failed, with ``text`` as its detail."""
    chance = Random(f"{agent.agent_id}{seq}")
    failure = None
    if bps is None:
        failure = Failure(FailureCode.STALLED, Operation.DOWNLOAD, text)
    return Measurement(
        result_id=uuid7(int(started_at.timestamp() * 1000), chance.getrandbits(74)),
        agent_id=agent.agent_id,
        stream=uuid4(7),
        seq=seq,
        probe="throughput",
        target="centre.example:4443",
        started_at=started_at,
        boot_id="boot",
        monotonic_start_seconds=seq,
        duration_seconds=10.0,
        outcome=Outcome.FAILED if bps is None else Outcome.OK,
        failure=failure,
        values={} if bps is None else {"download_bps": bps, "upload_bps": bps / 2},
    )


def deliver(store: Store, agent: Agent, measurements: list[Measurement]) -> None:
    """Have results taken on Friday, and judged."""
    found = sort_out(encode_batch(map(encode, measurements)), "", agent)
    assert not found.quarantine
    received_at = moment_of("2026-W23", 4, DELIVERED_AT)
    store.submit(Batch(agent.agent_id, received_at, found.rows)).result(30)
    judge_dirty(store, CRITERIA, CALENDARS, now=NOW)
    ensure_week(store, CRITERIA, CALENDARS, week=Week(2026, 23), simulated=False, now=NOW)


def text_of(html: str) -> str:
    """What a reader of the page sees."""
    parts: list[str] = []

    class Reader(HTMLParser):
        def handle_data(self, data: str) -> None:
            parts.append(data)

    Reader().feed(html)
    return re.sub(r"\s+", " ", " ".join(parts))


def chart_of(html: str) -> dict[str, Any]:
    """The data of the chart."""
    raw = re.search(
        r'<script type="application/json" id="chart-data">(.*?)</script>', html, re.DOTALL
    )
    assert raw is not None
    found: dict[str, Any] = json.loads(raw[1])
    return found
