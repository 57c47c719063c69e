"""Delivery against a scripted peer: what leaves the spool, and what never does."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from agent.delivery import DeliveryState
from agent.identity import Enrolment, TransportRefused
from agent.push import STOPPED_RETRY_SECONDS, Pusher, PushSettings, new_client
from agent.reply import Action, Verdict
from agent.spool import Spool
from tests.agent.spooling import FakeClock, measurement, open_spool
from tests.agent.stub import Collector, Got, Stub, acknowledge, http

TOKEN = "canary-token-0123456789abcdef0123456789"
SETTINGS = PushSettings(interval_seconds=1, batch_records=8)


def deliver(spool: Spool, url: str, rounds: int = 1) -> tuple[Verdict | None, Pusher]:
    """Drain the spool to ``url``, some times over."""

    async def work() -> tuple[Verdict | None, Pusher]:
        async with new_client(SETTINGS) as client:
            enrolment = Enrolment(collector=url, token=TOKEN)
            pusher = Pusher(spool, enrolment, SETTINGS, client, FakeClock(), Random(3))
            failure = None
            for _ in range(rounds):
                failure = await pusher.drain()
            return failure, pusher

    return asyncio.run(work())


def filled(directory: Path, count: int) -> tuple[Spool, list[str]]:
    """A spool with results, and their ids."""
    spool = open_spool(directory)
    stored = [spool.accept(measurement(mark=mark)) for mark in range(count)]
    return spool, [each.result_id for each in stored if each is not None]


def test_everything_is_delivered_once_with_the_token_as_bearer(tmp_path: Path) -> None:
    """Three batches of at most eight; each result once; the header carries the token."""
    spool, names = filled(tmp_path, 20)
    collector = Collector()
    with Stub(collector) as stub:
        failure, pusher = deliver(spool, stub.url)
    assert failure is None
    assert sorted(collector.stored) == sorted(names)
    assert set(collector.sent_count.values()) == {1}
    assert [len(got.ids) for got in stub.got] == [8, 8, 4]
    assert {got.headers["authorization"] for got in stub.got} == {f"Bearer {TOKEN}"}
    assert stub.got[0].line.startswith("POST /v1/measurements ")
    assert spool.counts().waiting_count == 0
    assert pusher.delivery.state is DeliveryState.OK


@pytest.mark.parametrize(
    ("reply", "action"),
    [
        (http(200, "<html>blocked</html>", "Content-Type: text/html"), Action.INTERCEPTED),
        (http(200, "{}"), Action.INTERCEPTED),
        (http(204), Action.INTERCEPTED),
        (http(302, "", "Location: http://login.example/"), Action.INTERCEPTED),
        (http(403, "<html>blocked</html>"), Action.INTERCEPTED),
        (http(400, "<html>bad request</html>"), Action.INTERCEPTED),
        (http(403, {"detail": "revoked"}), Action.STOP),
        (http(401, {"detail": "who?"}), Action.REAUTHENTICATE),
        (http(503, ""), Action.KEEP),
        (http(200, b"x" * 3_000_000), Action.INTERCEPTED),
        (b"\x00\x01 not http at all", Action.KEEP),
        (None, Action.KEEP),
    ],
)
def test_no_reply_but_an_acknowledgement_removes_anything(
    tmp_path: Path, reply: bytes | None, action: Action
) -> None:
    """Block page, login page, empty reply, errors and silence leave the queue as it is."""
    spool, _ = filled(tmp_path, 5)
    with Stub(lambda _: reply) as stub:
        failure, _ = deliver(spool, stub.url)
    assert failure is not None
    assert failure.action is action
    assert spool.counts().waiting_count == 5
    assert spool.refused() == []
    assert len(stub.got) == 1


def test_redirect_is_never_followed_with_the_token(tmp_path: Path) -> None:
    """The place that a redirect names gets no request."""
    spool, _ = filled(tmp_path, 1)
    with (
        Stub(Collector()) as elsewhere,
        Stub(lambda _: http(307, "", f"Location: {elsewhere.url}/v1/measurements")) as stub,
    ):
        deliver(spool, stub.url)
    assert elsewhere.got == []


def limited(most: int) -> Callable[[Got], bytes]:
    """A collector that takes at most ``most`` records at once."""

    def answer(got: Got) -> bytes:
        if len(got.ids) > most:
            return http(413, {"detail": "too large"})
        return acknowledge(got.ids)

    return answer


def test_batch_that_is_too_large_is_halved_until_it_fits(tmp_path: Path) -> None:
    """413: the same results in smaller batches; nothing is quarantined."""
    spool, _ = filled(tmp_path, 16)
    with Stub(limited(2)) as stub:
        failure, _ = deliver(spool, stub.url)
    assert failure is None
    assert spool.counts().waiting_count == 0
    assert spool.refused() == []
    assert max(len(got.ids) for got in stub.got) == 8


def test_single_record_too_large_is_quarantined_after_three_tries(tmp_path: Path) -> None:
    """The collector's own 413 for one record alone, three times over."""
    spool, names = filled(tmp_path, 1)
    with Stub(lambda got: limited(0)(got) if got.ids == names else acknowledge(got.ids)) as stub:
        failure, _ = deliver(spool, stub.url, rounds=2)
        assert failure is not None
        assert spool.refused() == []
        deliver(spool, stub.url, rounds=3)
    assert [name for name, _ in spool.refused()] == names


@pytest.mark.parametrize("position", range(8))
def test_unnamed_culprit_is_found_and_the_others_delivered(tmp_path: Path, position: int) -> None:
    """A collector that only says 422 for the batch: seven arrive, one is quarantined."""
    spool, names = filled(tmp_path, 8)
    culprit = names[position]
    collector = Collector()

    def answer(got: Got) -> bytes | None:
        return http(422, {"detail": "no"}) if culprit in got.ids else collector(got)

    with Stub(answer) as stub:
        deliver(spool, stub.url, rounds=4)
    results = {name for name, each in collector.stored.items() if each["probe"] != "spool"}
    assert results == set(names) - {culprit}
    assert [name for name, _ in spool.refused()] == [culprit]


def test_record_named_by_the_collector_is_quarantined_and_reported(tmp_path: Path) -> None:
    """Quarantined in the acknowledgement: kept apart, not sent again, counted in the account."""
    spool, names = filled(tmp_path, 4)
    collector = Collector()

    def answer(got: Got) -> bytes:
        good = [name for name in got.ids if name != names[2]]
        collector.store(got)
        return acknowledge(good, {names[2]: "bad"} if names[2] in got.ids else {})

    with Stub(answer) as stub:
        assert deliver(spool, stub.url)[0] is None
    assert spool.refused() == [(names[2], "bad")]
    assert collector.sent_count[names[2]] == 1
    (report,) = [each for each in collector.stored.values() if each["probe"] == "spool"]
    assert report["values"] == {"refused_count": 1}


def test_partial_acknowledgement_removes_only_what_it_names(tmp_path: Path) -> None:
    """One of a batch is acknowledged at a time; all arrive in the end."""
    spool, names = filled(tmp_path, 5)
    collector = Collector()

    def answer(got: Got) -> bytes:
        collector.store(got)
        return acknowledge(got.ids[:1])

    with Stub(answer) as stub:
        assert deliver(spool, stub.url)[0] is None
    assert sorted(collector.stored) == sorted(names)
    assert len(stub.got) == 5


def test_state_and_wait_follow_the_failure(tmp_path: Path) -> None:
    """run() shows unauthorised and stopped with their slow retries, and keeps everything."""
    for number, (reply, state, least) in enumerate(
        (
            (http(401, {"detail": "who?"}), DeliveryState.UNAUTHORISED, 600.0),
            (http(403, {"detail": "revoked"}), DeliveryState.STOPPED, 0.7 * STOPPED_RETRY_SECONDS),
            (http(200, "<html>"), DeliveryState.INTERCEPTED, 0.0),
            (http(503, "", "Retry-After: 40"), DeliveryState.BACKING_OFF, 40.0),
        )
    ):
        directory = tmp_path / str(number)
        directory.mkdir()
        spool, _ = filled(directory, 2)
        clock = FakeClock()

        async def work(spool: Spool, url: str, clock: FakeClock) -> Pusher:
            stop = asyncio.Event()
            async with new_client(SETTINGS) as client:
                pusher = Pusher(
                    spool,
                    Enrolment(collector=url, token=TOKEN),
                    SETTINGS,
                    client,
                    clock,
                    Random(1),
                    stop.set,
                )
                await pusher.run(stop)
                return pusher

        with Stub(lambda _, reply=reply: reply) as stub:  # type: ignore[misc]
            pusher = asyncio.run(work(spool, stub.url, clock))
        assert pusher.delivery.state is state
        assert pusher.delivery.retry_at is not None
        assert (pusher.delivery.retry_at - clock.now()).total_seconds() >= least
        assert spool.counts().waiting_count == 2


def test_token_is_not_sent_in_the_clear_over_a_network(tmp_path: Path) -> None:
    """Http to an address that is not loopback is refused before any connection."""
    spool, _ = filled(tmp_path, 1)
    with pytest.raises(TransportRefused, match="nothing was sent"):
        deliver(spool, "http://192.0.2.1:8000")


def test_environment_does_not_divert_the_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy named in the environment is not asked; the collector is reached directly."""
    spool, _ = filled(tmp_path, 1)
    with Stub(Collector()) as proxy, Stub(Collector()) as stub:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        assert deliver(spool, stub.url)[0] is None
    assert proxy.got == []
    assert len(stub.got) == 1
