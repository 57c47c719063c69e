"""Renewal of an agent's secret: both sides real, killed at every step, never locked out."""

import asyncio
import contextlib
import json
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent import identity
from agent.identity import Enrolment, Identity, sha256_of
from agent.renewal import CONFIRM, OFFER, Renewal, Step
from collector.fleet import flags, renewal
from collector.fleet.enrolment import Asked, code_key, enrol, new_code
from collector.store import create_store
from collector.store.interface import Store
from tests.collector.conftest import MONDAY, a_school
from wire.heartbeat import IdentityHints, Reply

AGENT = "5ad9503e-0000-4000-8000-000000000001"
pytestmark = pytest.mark.parametrize("url", ["sqlite"], indirect=True)


class Killed(BaseException):
    """The program died here."""


class Centre:
    """The collector's side over its real store; may die before or after its commit."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.now = MONDAY
        self.dies: list[str] = []
        self.tokens_made = 0

    def client(self) -> httpx.AsyncClient:
        """A client that reaches this side."""
        return httpx.AsyncClient(transport=httpx.MockTransport(self.answer))

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Answer as the routes do."""
        fate = self.dies.pop() if self.dies else ""
        if fate == "before":
            raise httpx.ConnectError("the collector died before it committed")
        reply = self._decide(request)
        if fate == "after":
            raise httpx.ReadError("the collector died after it committed")
        return reply

    def _decide(self, request: httpx.Request) -> httpx.Response:
        hashed = sha256_of(request.headers["authorization"].removeprefix("Bearer "))
        if request.url.path == CONFIRM:
            done = self.store.write(lambda sql: renewal.confirm(sql, hashed, self.now))
            if isinstance(done, renewal.Refusal):
                status = 409 if done is renewal.Refusal.CLONED else 401
                return httpx.Response(status, json={"detail": "no"})
            return httpx.Response(200, json={"agent_id": done})
        assert request.url.path == OFFER
        agent = self.store.agent_by_token(hashed)
        if agent is None:
            return httpx.Response(401, json={"detail": "no"})
        offered = json.loads(request.content)["token_sha256"]
        refused = self.store.write(
            lambda sql: renewal.offer(sql, agent.agent_id, offered, self.now)
        )
        if refused is not None:
            return httpx.Response(409, json={"detail": "no"})
        return httpx.Response(200, json={"agent_id": agent.agent_id})

    def make_token(self) -> str:
        """A new secret of the box."""
        self.tokens_made += 1
        return f"secret-number-{self.tokens_made}-of-this-box"


def enrolled(store: Store, directory: Path) -> Identity:
    """An appliance with its first secret."""
    code = new_code(store, "A1", MONDAY + timedelta(days=9), random.Random(5))
    who = Identity(
        agent_id=AGENT,
        active=Enrolment(collector="https://collector.example", token="first-secret-of-the-box"),
    )
    identity.save(directory, who)
    assert who.active is not None
    asked = Asked(code=code, agent_id=AGENT, token_sha256=who.active.token_sha256())
    key = code_key(store)
    store.write(lambda sql: enrol(sql, key, asked, MONDAY))
    return who


def alive(centre: Centre, directory: Path, dies_at: Step | None) -> Renewal:
    """One life of the agent, from what is on its disk."""
    who = identity.load(directory)
    assert who is not None

    def at(step: Step) -> None:
        if step is dies_at:
            raise Killed

    return Renewal(directory, who, centre.client(), centre.make_token, lambda _: None, at)


def is_known(centre: Centre, enrolment: Enrolment) -> bool:
    """Whether the secret in force on the box is the one at the collector."""
    return centre.store.agent_by_token(enrolment.token_sha256()) is not None


async def beat(centre: Centre, box: Renewal, *, renew: bool) -> bool:
    """What a heartbeat leads to: heard, or refused and tried otherwise."""
    if is_known(centre, box.active):
        await box.heard(Reply(server_time=centre.now, identity=IdentityHints(renew=renew)))
    else:
        await box.unauthorised()
    return is_known(centre, box.active)


FATES = st.lists(
    st.tuples(st.sampled_from([None, *Step]), st.lists(st.sampled_from(["before", "after", ""]))),
    max_size=8,
)


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(FATES)
def test_killed_at_any_step_on_either_side_it_gets_back_in(
    tmp_path_factory: pytest.TempPathFactory, url: str, fates: list[tuple[Step | None, list[str]]]
) -> None:
    """After any sequence of deaths, two quiet heartbeats later box and collector agree."""
    del url
    directory = tmp_path_factory.mktemp("box")
    store = create_store(f"sqlite:///{directory}/store.db")
    try:
        store.import_schools([a_school("A1")])
        enrolled(store, directory)
        centre = Centre(store)

        async def lives() -> None:
            for dies_at, centre_dies in fates:
                centre.dies = list(centre_dies)
                try:
                    await beat(centre, alive(centre, directory, dies_at), renew=True)
                except Killed:
                    continue
            centre.dies = []
            box = alive(centre, directory, None)
            await beat(centre, box, renew=False)
            assert await beat(centre, box, renew=False)
            assert not box.active.next_token

        asyncio.run(lives())
    finally:
        store.close()


@pytest.mark.parametrize("step", list(Step))
@pytest.mark.parametrize("centre_dies", [[], ["after"], ["before"], ["after", ""], ["before", ""]])
def test_each_step_alone(store: Store, tmp_path: Path, step: Step, centre_dies: list[str]) -> None:
    """One death at each step, with each death of the collector: in force again, and renewed."""
    first = enrolled(store, tmp_path)
    centre = Centre(store)
    centre.dies = list(centre_dies)

    async def lives() -> Renewal:
        with contextlib.suppress(Killed):
            await beat(centre, alive(centre, tmp_path, step), renew=True)
        centre.dies = []
        box = alive(centre, tmp_path, None)
        await beat(centre, box, renew=True)
        await beat(centre, box, renew=False)
        return box

    box = asyncio.run(lives())
    assert is_known(centre, box.active)
    assert first.active is not None
    assert box.active.token != first.active.token
    assert not is_known(centre, first.active)


def test_old_secret_is_valid_until_the_new_one_is_confirmed(store: Store, tmp_path: Path) -> None:
    """Offered is not in force: until the box has come with it, the old one is the only one."""
    who = enrolled(store, tmp_path)
    assert who.active is not None
    centre = Centre(store)

    async def cut_off() -> Renewal:
        box = alive(centre, tmp_path, Step.OFFERED)
        with pytest.raises(Killed):
            await box.renew()
        return box

    box = asyncio.run(cut_off())
    assert is_known(centre, who.active)
    assert store.agent_by_token(sha256_of(box.active.next_token)) is None


def test_a_401_never_wipes_an_identity(store: Store, tmp_path: Path) -> None:
    """Refused for weeks, with and without others to try, every secret is still on the disk."""
    who = enrolled(store, tmp_path)
    assert who.active is not None
    centre = Centre(store)

    async def refused(box: Renewal) -> None:
        for _ in range(50):
            await box.unauthorised()

    refuse = httpx.AsyncClient(
        transport=httpx.MockTransport(lambda _: httpx.Response(401, json={"detail": "who?"}))
    )
    for given_next, given_previous in (("", ""), ("the-next-secret", "the-previous-secret")):
        active = replace(who.active, next_token=given_next, previous_token=given_previous)
        identity.save(tmp_path, replace(who, active=active))
        asyncio.run(
            refused(
                Renewal(
                    tmp_path, replace(who, active=active), refuse, centre.make_token, lambda _: None
                )
            )
        )
        kept = identity.load(tmp_path)
        assert kept is not None
        assert kept.agent_id == AGENT
        assert kept.active is not None
        held = {kept.active.token, kept.active.next_token, kept.active.previous_token}
        assert held == {who.active.token, given_next, given_previous}


def test_a_restored_database_knows_the_secret_before(store: Store, tmp_path: Path) -> None:
    """Where the collector went back to a backup, the box comes with the one it had then."""
    first = enrolled(store, tmp_path)
    assert first.active is not None
    old_sha256 = first.active.token_sha256()
    centre = Centre(store)

    async def live() -> None:
        box = alive(centre, tmp_path, None)
        assert await box.renew()
        store.write(lambda sql: sql.execute("UPDATE agent SET token_sha256 = ?", (old_sha256,)))
        store.write(lambda sql: sql.execute("DELETE FROM agent_old_secret"))
        assert not is_known(centre, box.active)
        assert await beat(centre, box, renew=False)
        assert box.active.token_sha256() == old_sha256

    asyncio.run(live())


def test_a_new_enrolment_is_taken_over(store: Store, tmp_path: Path) -> None:
    """What ``enrol`` writes while the agent runs is used after the 401, and not written over."""
    who = enrolled(store, tmp_path)
    assert who.active is not None
    anew = replace(who.active, token="a-secret-of-another-enrolment")
    used: list[Enrolment] = []
    refuse = httpx.AsyncClient(
        transport=httpx.MockTransport(lambda _: httpx.Response(401, json={}))
    )
    box = Renewal(tmp_path, who, refuse, lambda: "x" * 40, used.append)
    identity.save(tmp_path, replace(who, active=anew))
    assert asyncio.run(box.unauthorised())
    assert used == [anew]
    assert identity.load(tmp_path) == replace(who, active=anew)


def test_a_cloned_identity_is_not_renewed(store: Store, tmp_path: Path) -> None:
    """The first of two machines to renew would win in silence: neither may, nor is it asked to."""
    who = enrolled(store, tmp_path)
    assert who.active is not None
    centre = Centre(store)
    later = MONDAY + timedelta(days=40)

    def due(now: datetime) -> bool:
        return store.read(lambda sql: renewal.due(sql, AGENT, MONDAY, now))

    assert not due(MONDAY + timedelta(days=29))
    assert due(later)
    store.write(lambda sql: flags.raise_flag(sql, AGENT, flags.CLONED, MONDAY, "two"))
    assert not due(later)
    box = alive(centre, tmp_path, None)
    assert not asyncio.run(box.renew())
    assert is_known(centre, who.active)
    assert not box.active.next_token


@pytest.mark.parametrize(
    "page",
    [
        lambda _: httpx.Response(200, html="<html>login</html>"),
        lambda _: httpx.Response(200, json={"agent_id": "somebody else"}),
        lambda _: httpx.Response(302, headers={"location": "https://login.example"}),
        lambda _: httpx.Response(500, text="oops"),
    ],
)
def test_somebody_elses_answer_confirms_nothing(
    store: Store, tmp_path: Path, page: Callable[[httpx.Request], httpx.Response]
) -> None:
    """A block page with 200 does not put a secret in force that the collector never saw."""
    who = enrolled(store, tmp_path)
    assert who.active is not None
    client = httpx.AsyncClient(transport=httpx.MockTransport(page))
    box = Renewal(tmp_path, who, client, lambda: "y" * 40, lambda _: None)
    assert not asyncio.run(box.renew())
    assert box.active.token == who.active.token


def test_a_secret_that_was_somebodys_is_not_taken(store: Store, tmp_path: Path) -> None:
    """Neither one in use, nor one retired, nor one offered by another agent."""
    who = enrolled(store, tmp_path)
    assert who.active is not None
    mine = who.active.token_sha256()

    def offered(agent_id: str, hashed: str) -> renewal.Refusal | None:
        return store.write(lambda sql: renewal.offer(sql, agent_id, hashed, MONDAY))

    assert offered(AGENT, mine) is renewal.Refusal.TAKEN
    assert offered(AGENT, "1" * 64) is None
    assert offered(AGENT, "1" * 64) is None
    assert store.write(lambda sql: renewal.confirm(sql, "1" * 64, MONDAY)) == AGENT
    assert offered(AGENT, mine) is renewal.Refusal.TAKEN
    assert store.write(lambda sql: renewal.confirm(sql, mine, MONDAY)) is renewal.Refusal.UNKNOWN
