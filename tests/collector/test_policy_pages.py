"""From the page to the agent and back: policy, suppression, measuring now, over real HTTP."""

import json
from datetime import timedelta
from typing import Any

import pytest

from collector import resources
from collector.judge.calendar_file import load_calendars
from collector.policy import change, measure_now, table
from collector.policy.change import Author
from collector.policy.effective import Policies
from collector.policy.model import CITY
from collector.store.interface import NewRow
from tests.collector.conftest import MONDAY, Desk, Maker, Serving
from tests.collector.test_heartbeat_api import a_beat, send
from tests.wire.policies import POLICY, changed
from wire.codec import encode
from wire.heartbeat import PolicyReport, PolicyState
from wire.heartbeat_codec import decode_reply
from wire.policy import parse, read, sha256_of

TOML = """
[timetable]
quiet = [{ days = "mon-fri", from = "06:00", to = "08:00" }]
[[tests]]
probe = "latency"
target = "centre.example"
runs = { quiet = 4 }
"""


@pytest.fixture
def desk(serving: Serving) -> Desk:
    """The browser of an operator."""
    return serving.desk("operator")


def heard(serving: Serving, **report: Any) -> Any:
    """What an agent hears with its next heartbeat."""
    reply = send(serving, a_beat(policy=PolicyReport(**report)))
    assert reply.status_code == 200, reply.text
    return decode_reply(reply.content)


def laid_down(desk: Desk, text: str = TOML, **more: str) -> Any:
    """Lay a policy down for the city from the page."""
    return desk.send("/policy", scope="city", document=text, note="first", do="set", **more)


def test_a_policy_goes_from_the_page_to_the_agent(serving: Serving, desk: Desk) -> None:
    """Offered with hash and version until the agent says that it is in force."""
    assert heard(serving).policy is None
    assert laid_down(desk).status_code == 200
    offer = heard(serving).policy
    assert offer.version == f"1-{offer.sha256[:8]}"
    assert sha256_of(offer.document) == offer.sha256
    assert [one.probe for one in read(parse(offer.document)).tests] == ["latency"]
    assert heard(serving, state=PolicyState.IN_FORCE, version=offer.version).policy is None
    rejected = {"state": PolicyState.REJECTED, "version": None, "text": "1-x: tests[0].target"}
    assert heard(serving, **rejected).policy == offer
    page = desk.get("/schools/A1/policy?lang=en")
    assert offer.version in page.text
    assert "rejected a policy" in page.text
    assert "1-x: tests[0].target" in page.text


def test_checking_keeps_nothing_and_setting_refuses_mistakes(serving: Serving, desk: Desk) -> None:
    """The difference is shown first; a mistake is shown with its path and what was typed stays."""
    checked = desk.send("/policy", scope="city", document=TOML, do="check")
    assert checked.status_code == 200
    assert "+" in checked.text
    assert "centre.example" in checked.text
    assert heard(serving).policy is None
    wrong = laid_down(desk, TOML.replace("latency", "latancy"))
    assert wrong.status_code == 422
    assert "tests[0].probe: found latancy" in wrong.text
    assert "latancy&#34;" in wrong.text
    elsewhere = desk.send("/policy", scope="planet", document=TOML, do="set")
    assert elsewhere.status_code == 422
    laid_down(desk)
    off = desk.send("/policy", scope="school:A1", document="tests = []", do="set")
    assert off.status_code == 422
    assert "to switch off on purpose, suppress" in off.text


def test_the_school_page_previews_its_policy(desk: Desk) -> None:
    """Runs in each window of the coming days, bytes, whole document, where each part is from."""
    laid_down(desk)
    page = desk.get("/schools/A1/policy?lang=en")
    assert page.status_code == 200
    assert "06:00-08:00 quiet: Latency × 4" in page.text
    assert "timetable.quiet" in page.text
    told = desk.get("/v1/schools/A1/policy?days=1").json()
    assert told["sources"]["tests"] == ["city"]
    assert [one["planned_count"] for one in told["preview"][0]["windows"]] == [4]
    everything = desk.get("/v1/policies").json()
    assert everything["layers"][0]["note"] == "first"
    assert everything["history"][0]["set_by"] == f"operator:{desk.name}"


def test_suppression_is_heard_with_the_next_heartbeat_and_shown(
    serving: Serving, desk: Desk
) -> None:
    """Set and lifted from the page; the school's own pages say so."""
    sent = desk.send(
        "/policy/suppress", scope="school:A1", school="A1", until="2026-05-20T12:30", reason="試験"
    )
    assert sent.status_code == 303
    assert sent.headers["location"] == "/schools/A1/policy"
    told = heard(serving).suppress
    assert told.reason == "試験"
    assert told.until.isoformat() == "2026-05-20T03:30:00+00:00"
    for path in ("/schools/A1", "/schools/A1/policy", "/policy"):
        assert "試験" in desk.get(path).text
    assert "試験" not in desk.get("/schools/B1").text
    assert desk.send("/policy/lift", scope="school:A1").status_code == 303
    assert heard(serving).suppress is None
    late = desk.send("/policy/suppress", scope="city", until="2020-01-01T00:00", reason="x")
    assert late.status_code == 422
    assert desk.send("/policy/suppress", scope="city", until="", reason="x").status_code == 422


def result_for(serving: Serving, make: Maker, command: Any) -> NewRow:
    """The result that the agent of A1 sends for a command."""
    record = make.record(
        serving.agent_id,
        probe="latency",
        started_at=serving.clock.now(),
        values={"rtt_median_seconds": 0.012},
        context={"command_id": command.id},
    )
    return make.row(
        result_id=record.result_id,
        agent_id=serving.agent_id,
        probe="latency",
        started_at=record.started_at,
        download_bps=None,
        record=encode(record),
    )


def test_measuring_now_comes_back_to_the_page(serving: Serving, desk: Desk, make: Maker) -> None:
    """Asked, given to the agent until its result is there, then shown; nobody else gets it."""
    laid_down(desk)
    asked = desk.send("/schools/A1/measure", test="0")
    assert asked.status_code == 303
    (command,) = heard(serving).commands
    assert (command.kind, command.details["probe"]) == ("measure", "latency")
    assert heard(serving).commands == (command,)  # a lost reply loses nothing
    page = desk.get("/schools/A1/policy?lang=en").text
    assert f'data-command="/v1/schools/A1/commands/{command.id}"' in page
    follow = f"/v1/schools/A1/commands/{command.id}"
    assert desk.get(follow).json()["state"] == "given"
    batch = make.batch([result_for(serving, make, command)])
    serving.store.submit(batch).result(30)
    assert desk.get(follow).json()["state"] == "done"
    assert heard(serving).commands == ()
    shown = desk.get("/schools/A1/policy?lang=en").text
    assert "12.0 ms" in shown
    assert "data-command" not in shown
    assert desk.get(f"/v1/schools/B1/commands/{command.id}").status_code == 404


def test_a_result_of_another_agent_ends_no_command(
    serving: Serving, desk: Desk, make: Maker
) -> None:
    """Whoever names a command without having been given it is not believed."""
    laid_down(desk)
    desk.send("/schools/A1/measure", test="0")
    (command,) = heard(serving).commands
    forged = result_for(serving, make, command)
    forged.agent_id = "another"
    forged.record = json.dumps({"context": {"command_id": command.id}}).encode()
    serving.store.submit(make.batch([forged])).result(30)
    assert desk.get(f"/v1/schools/A1/commands/{command.id}").json()["state"] == "given"


def test_a_command_expires_and_a_crowd_is_refused(serving: Serving, desk: Desk) -> None:
    """After ten minutes nobody waits any more; five at once are enough."""
    laid_down(desk)
    for _ in range(measure_now.MOST_WAITING):
        assert desk.send("/schools/A1/measure", test="0").status_code == 303
    assert desk.send("/schools/A1/measure", test="0").status_code == 409
    assert desk.send("/schools/A1/measure", test="7").status_code == 422
    assert desk.send("/schools/Z9/measure", test="0").status_code == 404
    later = serving.clock.now() + measure_now.EXPIRES_AFTER + timedelta(seconds=1)
    given = measure_now.for_agent(serving.store, "A1", serving.agent_id, later)
    assert given == []
    (first, *_) = serving.store.read(lambda sql: measure_now.newest(sql, "A1", 1))
    assert first.stage(later) is measure_now.Stage.EXPIRED


def test_layers_that_no_longer_fit_leave_the_agent_with_what_it_has(
    serving: Serving, desk: Desk
) -> None:
    """A layer written past all checks offers nothing, and the page says why."""
    broken = changed("tests", [])
    serving.store.write(lambda sql: table.add_version(sql, CITY, broken, "", "x", MONDAY))
    assert heard(serving).policy is None
    assert "no run in any week" in desk.get("/schools/A1/policy?lang=en").text
    assert desk.get("/v1/schools/A1/policy").json()["mistakes"]


def test_names_from_elsewhere_are_inert_in_the_pages(desk: Desk) -> None:
    """Markup in reasons, notes and targets stays text."""
    evil = "<script>alert(1)</script>"
    desk.send("/policy/suppress", scope="city", until="2026-05-20T12:30", reason=evil)
    document = changed("blackouts.0.reason", evil)
    desk.send("/policy", scope="city", document=_toml(document), note=evil, do="set")
    for path in ("/policy", "/schools/A1/policy", "/schools/A1"):
        page = desk.get(path).text
        assert evil not in page
        assert "&lt;script&gt;" in page


def _toml(document: dict[str, Any]) -> str:
    """A policy as TOML, inline."""

    def value(one: Any) -> str:
        if isinstance(one, dict):
            return "{ " + ", ".join(f"{key} = {value(each)}" for key, each in one.items()) + " }"
        if isinstance(one, list):
            return "[" + ", ".join(map(value, one)) + "]"
        return json.dumps(one)

    return "\n".join(f"{key} = {value(each)}" for key, each in document.items())


def test_what_the_page_writes_is_what_the_command_reads(serving: Serving, desk: Desk) -> None:
    """One set of versions, whoever changed it."""
    desk.send("/policy", scope="city", document=_toml(POLICY), do="set")
    policies = Policies(load_calendars(resources.default_calendar()))
    hours = {"format": 1, "zone": "UTC"}
    layer = change.set_layer(serving.store, policies, CITY, hours | POLICY, Author("x", MONDAY))
    assert layer.revision == 2
    assert desk.get("/policy").text.count('<td class="number">2</td>') == 2
