"""Rehearsals: who may begin one, what agents hear, how it ends, what it shows."""

import json
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from collector import resources
from collector.cli import main
from collector.judge.calendar import Calendars
from collector.judge.calendar_file import load_calendars
from collector.operators.audit import newest
from collector.slots import rehearsals, rows
from collector.slots.bottleneck import Share, Verdict, judge
from collector.slots.decide import Responder
from collector.slots.grant import Desk
from collector.slots.keys import SlotKeys
from collector.slots.rehearse import (
    RehearsalProvider,
    RehearsalRefused,
    Wanted,
    begin,
    groups,
    stop_all,
)
from collector.slots.seen import seen
from collector.store.interface import Agent, Store
from tests.collector.conftest import MONDAY, Maker, Serve, a_school
from wire.rehearsal import ID, KIND, ROUND, read_plan
from wire.slot_token import open_envelope, read_claims
from wire.slots import SlotRequest

ON_SQLITE = pytest.mark.parametrize("url", ["sqlite"], indirect=True)
"""The database is not what these are about."""
EVENING = MONDAY + timedelta(hours=10)
"""19:00 in Tokyo."""
CENTRE = Responder(
    name="centre", target="centre.example:4443", capacity_bps=10**9, capacity_tests=9
)
NORTH = [a_school(code, aggregation_group="north") for code in ("N1", "N2", "N3")]
ASKED = SlotRequest(
    request_id="5ad9503e-0000-4000-8000-00000000000a",
    target=CENTRE.target,
    kinds=("download",),
    flows=4,
    seconds=16,
    quota_bytes=10**9,
)


def number(count: int) -> str:
    """An id."""
    return f"5ad9503e-0000-4000-8000-{count:012x}"


@pytest.fixture
def calendars() -> Calendars:
    """The packaged calendar."""
    return load_calendars(resources.default_calendar())


@pytest.fixture
def city(store: Store) -> Store:
    """Three schools behind one upstream, one alone, and a responder."""
    store.import_schools([*NORTH, a_school("S1", aggregation_group="south")])
    store.write(lambda sql: rows.save_responder(sql, CENTRE, MONDAY))
    return store


def started(
    store: Store, calendars: Calendars, now: datetime = EVENING, **changes: Any
) -> rehearsals.Rehearsal:
    """A rehearsal of the north."""
    wanted = replace(Wanted(group="north"), **changes)
    return begin(store, calendars, wanted, "operator:aoi", now, Random(1))


@ON_SQLITE
@pytest.mark.parametrize(
    ("changes", "now", "reason"),
    [
        ({"minutes": 0}, EVENING, "minutes"),
        ({"minutes": 16}, EVENING, "minutes"),
        ({"group": "south"}, EVENING, "group"),
        ({"group": "nowhere"}, EVENING, "group"),
        ({"responder": "other"}, EVENING, "responder"),
        ({}, MONDAY, "lessons"),  # 09:00 on a Monday
        # in five minutes lessons begin
        ({}, MONDAY.replace(hour=23, minute=50) - timedelta(days=1), "lessons"),
    ],
)
def test_refused(
    changes: dict[str, Any], now: datetime, reason: str, city: Store, calendars: Calendars
) -> None:
    """What must not be begun is refused with its reason, and nothing is begun."""
    with pytest.raises(RehearsalRefused) as raised:
        started(city, calendars, now, **changes)
    assert raised.value.reason == reason
    assert city.read(lambda sql: rehearsals.newest(sql, 5)) == []


@ON_SQLITE
def test_lessons_may_be_confirmed(city: Store, calendars: Calendars) -> None:
    """In lesson hours it takes a word of its own."""
    assert started(city, calendars, MONDAY, in_lessons=True).upstream == "north"


@ON_SQLITE
def test_never_two_nor_too_many(city: Store, calendars: Calendars) -> None:
    """A second one of the same group is refused, and a responder that is too small."""
    started(city, calendars)
    with pytest.raises(RehearsalRefused, match="stop it first"):
        started(city, calendars)
    stop_all(city, "operator:aoi", EVENING)
    small = replace(CENTRE, capacity_tests=2)
    city.write(lambda sql: rows.save_responder(sql, small, EVENING))
    with pytest.raises(RehearsalRefused, match="takes 2 tests at once, the group has 3"):
        started(city, calendars)
    assert groups(city.schools()) == {"north": 3}


def test_its_life(city: Store, calendars: Calendars, tmp_path: Path) -> None:
    """Short tokens for all members at once while it runs, none before, after or to others."""
    keys = SlotKeys(tmp_path / "keys")
    keys.ensure(city, "test", MONDAY)
    desk = Desk(city, keys, Random(1))
    made = started(city, calendars)
    asked = 100

    def ask(school_code: str, now: datetime, *, rehearsal: bool = True) -> Any:
        nonlocal asked
        asked += 1
        request = replace(
            ASKED,
            request_id=number(asked),
            rehearsal=made.rehearsal_id if rehearsal else None,
        )
        school = city.school(school_code)
        assert school is not None
        return desk.ask(number(ord(school_code[-1])), school, request, now)

    early = ask("N1", EVENING)
    assert (early.status, early.wait_seconds) == ("wait", 150.0)
    assert ask("N1", EVENING, rehearsal=False).reason == "a rehearsal runs"
    running = made.starts_at + timedelta(seconds=1)
    tokens = [ask(code, running) for code in ("N1", "N2", "N3")]
    for reply in tokens:
        assert reply.token is not None
        claims = read_claims(open_envelope(reply.token).payload)
        assert (claims.purpose, claims.quota_seconds, claims.group) == ("rehearsal", 10, "north")
    assert "another group" in ask("S1", running).reason
    assert ask("S1", running, rehearsal=False).status == "wait"  # the responder is taken
    last = ask("N1", made.ends_at - timedelta(seconds=4))
    assert read_claims(open_envelope(last.token).payload).quota_seconds == 4
    assert ask("N1", made.ends_at).reason == "the rehearsal is over"
    assert stop_all(city, "operator:aoi", running + timedelta(seconds=20)) == 1
    assert stop_all(city, "operator:aoi", running + timedelta(seconds=21)) == 0
    stopped = ask("N2", running + timedelta(seconds=30))
    assert (stopped.status, stopped.reason) == ("refused", "the rehearsal was stopped")
    actions = [(one.actor, one.action) for one in city.read(lambda sql: newest(sql, 2))]
    assert actions == [("operator:aoi", "rehearsal.stop"), ("operator:aoi", "rehearsal.start")]


@ON_SQLITE
def test_told_with_the_heartbeat(city: Store, calendars: Calendars) -> None:
    """Agents of the group hear of it with each heartbeat until it is stopped; others never do."""
    provider: Any = RehearsalProvider(city)

    def told(school: str, now: datetime) -> list[Any]:
        agent = Agent(
            agent_id=number(1),
            school_code=school,
            enrolled_at=MONDAY,
            last_seen_at=None,
            agent_version=None,
        )
        return list(provider(agent, None, now).get("commands", ()))

    assert told("N1", EVENING) == []
    made = started(city, calendars)
    (command,) = told("N2", EVENING + timedelta(seconds=60))
    assert (command.id, command.kind, command.expires_at) == (made.rehearsal_id, KIND, made.ends_at)
    plan = read_plan(command.details)
    assert (plan.starts_in_seconds, plan.ends_in_seconds) == (90.0, 390.0)
    assert told("S1", EVENING) == []
    assert told("N2", made.ends_at) == []
    stop_all(city, "operator:aoi", EVENING + timedelta(seconds=70))
    assert told("N2", EVENING + timedelta(seconds=80)) == []


# --- what it shows ------------------------------------------------------------------------------


def share(code: str, alone: float | None, *rates: float) -> Share:
    """A school and its rates in the rounds from the first on, in Mbit/s."""
    return Share(
        code=code,
        name=code,
        rates={count: rate * 1e6 for count, rate in enumerate(rates) if rate},
        alone_bps=None if alone is None else alone * 1e6,
    )


@pytest.mark.parametrize(
    ("shares", "verdict", "sum_mbps"),
    [
        # three schools of 40 Mbit/s through 60: flat, half of what they are alone
        ([share("a", 40, 20, 21), share("b", 40, 20, 19), share("c", 40, 19, 20)], "shared", 59.5),
        ([share("a", 40, 40, 39), share("b", 40, 38, 40)], "none", 78.5),
        ([share("a", 40, 10, 30), share("b", 40, 10, 25)], "not_flat", 37.5),
        ([share("a", 900, 480, 470), share("b", 900, 470, 480)], "responder", 950),
        # one round, one school in most, or nothing known of one alone
        ([share("a", 40, 20), share("b", 40, 20)], "too_little", 40),
        ([share("a", 40, 20, 20), share("b", 40), share("c", 40)], "too_little", 20),
        ([share("a", 40, 20, 20), share("b", None, 20, 20)], "too_little", 40),
        ([share("a", 40), share("b", 40)], "too_little", None),
        ([], "too_little", None),
        # a round that one missed does not count
        (
            [share("a", 40, 20, 20, 20), share("b", 40, 0, 20, 20), share("c", 40, 20, 20, 20)],
            "shared",
            60,
        ),
    ],
)
def test_bottleneck(shares: list[Share], verdict: str, sum_mbps: float | None) -> None:
    """Each verdict by an example."""
    found = judge(shares, 10**9)
    assert found.verdict is Verdict(verdict)
    assert found.sum_bps == (None if sum_mbps is None else pytest.approx(sum_mbps * 1e6))


@dataclass
class Shown:
    """Results of a rehearsal in a store."""

    store: Store
    make: Maker
    made: rehearsals.Rehearsal
    count: int = field(default=0)

    def result(self, code: str, at: datetime, mbps: float, number: int | None = None) -> None:
        """A result of a school, of a round where one is given."""
        context = {} if number is None else {ID: self.made.rehearsal_id, ROUND: number}
        row = self.make.row(
            school_code=code,
            agent_id=f"agent-of-{code}",
            started_at=at,
            download_bps=mbps * 1e6,
            record=json.dumps({"context": context}).encode(),
        )
        batch = replace(self.make.batch([row]), received_at=at + timedelta(minutes=1))
        self.store.submit(batch).result(30)


def filled(store: Store, make: Maker, calendars: Calendars) -> Shown:
    """Single tests of the day before, then two rounds together."""
    shown = Shown(store, make, started(store, calendars))
    for code in ("N1", "N2", "N3"):
        shown.result(code, EVENING - timedelta(days=1), 40)
        for count in range(2):
            shown.result(code, shown.made.starts_at + timedelta(seconds=15 * count), 20, count)
    return shown


def test_seen_in_the_store(city: Store, make: Maker, calendars: Calendars) -> None:
    """Rounds and single rates are read from the stored results, and kept apart."""
    shown = filled(city, make, calendars)
    shown.result("N1", shown.made.starts_at, 999)  # a test of its own in the same minutes
    shares, together = seen(city, shown.made)
    assert [(one.code, one.middle_bps, one.alone_bps) for one in shares] == [
        (code, 20e6, 40e6) for code in ("N1", "N2", "N3")
    ]
    assert (together.verdict, together.sum_bps) == (Verdict.SHARED, 60e6)


@ON_SQLITE
def test_page(serve: Serve, city: Store, make: Maker, calendars: Calendars) -> None:
    """Viewers see rates, sum and bottleneck; operators begin and stop; others may not."""
    serving = serve()
    filled(city, make, calendars)
    viewer, operator = serving.desk("viewer"), serving.desk("operator")
    page = viewer.get("/rehearsals?lang=en").text
    assert "Shared bottleneck: what the schools of north share carries about 60.0" in page
    assert page.count("20.0") >= 3
    assert "共有区間が上限です" in viewer.get("/rehearsals?lang=ja").text
    assert 'action="/rehearsals' not in page
    for path in ("/rehearsals", "/rehearsals/stop"):
        assert viewer.send(path, group="north").status_code == 403
    stop_all(city, "operator:aoi", EVENING + timedelta(seconds=1))
    fields = {"group": "north", "responder": "centre", "minutes": "5", "in_lessons": "yes"}
    assert operator.send("/rehearsals", **fields).status_code == 303
    waiting = operator.get("/rehearsals?lang=en")
    assert "waiting to begin" in waiting.text
    assert waiting.headers["refresh"] == "10"
    again = operator.send("/rehearsals", **fields)
    assert again.status_code == 409
    assert operator.send("/rehearsals/stop").status_code == 303
    assert "stopped" in operator.get("/rehearsals?lang=en").text
    for bad in (
        {"minutes": "x"},
        {"minutes": "²"},
        {"minutes": "9" * 5_000},
        {"group": "<script>"},
        {"responder": "no"},
    ):
        assert operator.send("/rehearsals", **(fields | bad)).status_code == 409


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Begun, shown and stopped by command; refusals are named."""
    url = f"sqlite:///{tmp_path}/hakaru.db"

    def command(*words: str) -> tuple[int, str]:
        code = main([*words, "--database", url])
        said = capsys.readouterr()
        return code, said.out + said.err

    command("migrate")
    from collector.store import create_store  # noqa: PLC0415 - after the command made it

    with_schools = create_store(url)
    with_schools.import_schools(NORTH)
    with_schools.close()
    start = ("rehearsal", "start", "--group", "north", "--in-lessons")
    assert "which responder" in command(*start)[1]
    add = ("slot", "responder", "add", "centre", "--target", "centre.example:4443")
    command(*add, "--mbps", "1000", "--tests", "9")
    code, said = command(*start)
    assert code == 0, said
    found = json.loads(command("rehearsal", "status", "--json")[1])["rehearsals"]
    assert [(one["group"], one["state"], one["verdict"]) for one in found] == [
        ("north", "waiting", "too_little")
    ]
    assert command("rehearsal", "stop")[0] == 0
    assert command("rehearsal", "stop")[0] == 1
    assert "stopped" in command("rehearsal", "status")[1]
