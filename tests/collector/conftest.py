"""Fixtures of the collector's tests: a store, records, and a real server in this process."""

import hashlib
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from collector import resources
from collector.app import create_app
from collector.clock import Clock
from collector.config import Listen, ServeConfig
from collector.judge.calendar_file import load_calendars
from collector.judge.criteria_file import load_criteria
from collector.judge.week import Week
from collector.operators import accounts, sessions
from collector.operators.model import Role
from collector.operators.sign_in import secret_sha256
from collector.operators.signed_in import form_token
from collector.schools.model import Kind, Line, School
from collector.server import address_of, bind, make_server
from collector.store import create_store
from collector.store.interface import Batch, NewRow, QuarantineRow, Store
from wire.failure import Outcome
from wire.measurement import Measurement

MONDAY = datetime(2026, 5, 11, tzinfo=UTC)
"""09:00 on a Monday in Tokyo, of week 2026-W20."""


def a_school(code: str = "A1", pupils: int = 316, **changes: Any) -> School:
    """A school of the fictional city."""
    given: dict[str, Any] = {
        "code": code,
        "name": f"学校{code}",
        "kind": Kind.ELEMENTARY,
        "region": "north",
        "pupils": pupils,
        "line": Line.BEST_EFFORT_PPPOE,
        "contracted_mbps": None,
        "sample": False,
        "latitude": None,
        "longitude": None,
        "aggregation_group": "",
    }
    return School(**given | changes)


class Maker:
    """Makes records and rows with their own identifiers, the same in every run."""

    def __init__(self) -> None:
        self._chance = random.Random(7)

    def uuid(self) -> str:
        """A new UUID."""
        return str(uuid.UUID(int=self._chance.getrandbits(128), version=4))

    def record(self, agent_id: str, **changes: Any) -> Measurement:
        """A measurement of an agent."""
        given: dict[str, Any] = {
            "result_id": self.uuid(),
            "agent_id": agent_id,
            "stream": "0b5e9a77-6a3f-4d5a-9f5d-0f4a55aa0001",
            "seq": 1,
            "probe": "throughput",
            "target": "centre.example:4443",
            "started_at": MONDAY,
            "boot_id": "0b5e9a77-6a3f-4d5a-9f5d-0f4a55aa0002",
            "monotonic_start_seconds": 12.5,
            "duration_seconds": 10.0,
            "outcome": Outcome.OK,
            "values": {"download_bps": 6e8, "flows_count": 4},
            "context": {"agent_version": "0.1.0"},
        }
        return Measurement(**given | changes)

    def row(self, **changes: Any) -> NewRow:
        """A row of school A1."""
        given: dict[str, Any] = {
            "result_id": self.uuid(),
            "agent_id": "agent-of-A1",
            "school_code": "A1",
            "stream": "stream",
            "seq": 1,
            "probe": "throughput",
            "target": "t",
            "segment": None,
            "started_at": MONDAY,
            "outcome": "ok",
            "failure_code": None,
            "failure_text": None,
            "download_bps": 6e8,
            "upload_bps": None,
            "cross_traffic_during_bps": None,
            "appliance_ceiling_bps": None,
            "agent_version": "0.1.0",
            "simulated": False,
            "record": b'{"raw": true}',
        }
        return NewRow(**given | changes)

    def batch(self, rows: list[NewRow], quarantine: list[QuarantineRow] | None = None) -> Batch:
        """A batch that arrived an hour after the Monday above."""
        agent_id = rows[0].agent_id if rows else "agent-of-A1"
        return Batch(agent_id, MONDAY + timedelta(hours=1), rows, quarantine or [])


@pytest.fixture
def make() -> Maker:
    """The maker of records and rows."""
    return Maker()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """Address of a SQLite database that does not exist yet."""
    return f"sqlite:///{tmp_path}/store.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """Address of an empty database: each test that asks for a store runs on both kinds.

    A test of one kind alone has ``@pytest.mark.parametrize("url", ["sqlite"], indirect=True)``;
    a file that the database does not matter to has a fixture ``url`` of its own.
    """
    if request.param == "sqlite":
        return str(request.getfixturevalue("sqlite_url"))
    return str(request.getfixturevalue("new_database")())


def everything_in(store: Store) -> str:
    """All rows of all tables, as text."""

    def ask(sql: Any) -> str:
        if sql.dialect == "sqlite":
            names = sql.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        else:
            names = sql.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return "\n".join(
            str(sql.execute(f'SELECT * FROM "{name}"').fetchall()) for (name,) in names.fetchall()
        )

    return store.read(ask)


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """A store with the schools A1 and B1."""
    opened = create_store(url)
    opened.import_schools([a_school("A1"), a_school("B1", 70)])
    yield opened
    opened.close()


@dataclass
class Serving:
    """A collector that serves, with an agent enrolled at A1."""

    base_url: str
    store: Store
    agent_id: str
    token: str
    client: httpx.Client
    app: FastAPI
    clock: Clock
    on_stop: list[Callable[[], None]] = field(default_factory=list)

    def desk(self, role: str, name: str = "") -> "Desk":
        """The browser of a signed-in operator with this role."""
        return desk_of(self, role, name)

    def headers(self, **more: str) -> dict[str, str]:
        """Headers of the agent."""
        return {"Authorization": f"Bearer {self.token}"} | more

    def post(self, content: bytes, **headers: str) -> httpx.Response:
        """Deliver a body as the agent."""
        return self.client.post(
            "/v1/measurements", content=content, headers=self.headers(**headers)
        )


@dataclass
class Desk:
    """The browser of an operator who has signed in."""

    name: str
    token: str
    client: httpx.Client

    def get(self, path: str) -> httpx.Response:
        """Ask for a page."""
        return self.client.get(path)

    def send(self, path: str, **fields: str) -> httpx.Response:
        """Send a form, as a page of this session would."""
        return self.client.post(path, data={"csrf": form_token(self.token)} | fields)


def desk_of(serving: Serving, role: str, name: str = "") -> Desk:
    """Sign an operator in without a password; the account is made where there is none.

    Their browser closes with the server.
    """
    name = name or f"the-{role}"
    token = f"session of {name} {uuid.uuid4()}"

    def sign_in(sql: Any) -> None:
        operator = accounts.by_name(sql, name)
        if operator is None:
            accounts.add(sql, str(uuid.uuid4()), name, Role(role), None, MONDAY)
            operator = accounts.require(sql, name)
        now = serving.clock.now()
        sessions.start(sql, operator.operator_id, secret_sha256(token), now)

    serving.store.write(sign_in)
    client = httpx.Client(
        base_url=serving.base_url,
        timeout=60,
        trust_env=False,
        verify=False,  # plain HTTP; loading certificates would cost each test 30 ms
        cookies={"hakaru_session": token},
    )
    serving.on_stop.append(client.close)
    return Desk(name, token, client)


class SpringClock:
    """Starts in the week after the Monday above, whatever today is, and goes as time does."""

    def __init__(self) -> None:
        self._started_seconds = time.monotonic()

    def now(self) -> datetime:
        """Wall clock."""
        return MONDAY + timedelta(days=7, seconds=self.monotonic_seconds() - self._started_seconds)

    def monotonic_seconds(self) -> float:
        """The clock of this machine."""
        return time.monotonic()


Serve = Callable[..., Serving]


@pytest.fixture
def serve(store: Store) -> Iterator[Serve]:
    """Start a server in a thread of this process on a free port of loopback."""
    stops: list[Callable[[], None]] = []

    def start(**options: Any) -> Serving:
        options = {"clock": SpringClock()} | options
        app = create_app(
            store,
            load_criteria(resources.default_criteria()),
            load_calendars(resources.default_calendar()),
            week=Week.parse("2026-W20"),
            **options,
        )
        config = ServeConfig(listen=Listen("127.0.0.1", 0))
        listener = bind(config)
        address = address_of(config, listener)
        ready = threading.Event()

        class Out:
            def write(self, _text: str) -> None:
                ready.set()

            def flush(self) -> None:
                """Nothing to flush."""

        server = make_server(app, config, address, Out())
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        assert ready.wait(60)
        client = httpx.Client(base_url=address, timeout=60, trust_env=False)

        def stop() -> None:
            client.close()
            server.should_exit = True
            thread.join()
            listener.close()

        stops.append(stop)
        agent_id, token = "5ad9503e-0000-4000-8000-000000000001", "a-token-of-the-agent-of-A1"
        enrol(store, agent_id, token)
        serving = Serving(address, store, agent_id, token, client, app, options["clock"])
        stops.append(lambda: [stop() for stop in serving.on_stop])
        return serving

    yield start
    for stop in stops:
        stop()


def enrol(store: Store, agent_id: str, token: str, school_code: str = "A1") -> None:
    """Bind an agent to a school, without HTTP."""
    store.add_enrolment_code(school_code, f"code of {agent_id}", MONDAY + timedelta(days=36500))
    store.enrol(
        code_sha256=f"code of {agent_id}",
        agent_id=agent_id,
        token_sha256=hashlib.sha256(token.encode()).hexdigest(),
        now=MONDAY,
    )


@pytest.fixture
def serving(serve: Serve) -> Serving:
    """A collector that serves."""
    return serve()
